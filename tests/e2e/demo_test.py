#!/usr/bin/env python3
# timeout: 240
"""The demo shows what it says, without a terminal and with one, and what README.md says that it shows, and leaves nothing behind."""
import imaplib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ["HAIRPIN"]
ANN, PAT = "ann@company.test", "pat@partner.test"
ESTATE = (os.environ["HAIRPIN_RELEASE"], "demo", "--estate")


def nothing_left(tmp):
    assert os.listdir(tmp) == [], os.listdir(tmp)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                assert tmp not in f.read(), pid
        except OSError:
            pass


def tour(tmp):
    run = subprocess.run([PROGRAM, "demo"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "TMPDIR": tmp})
    assert run.returncode == 0, run.stdout + run.stderr
    assert "killed with -9" in run.stdout and run.stdout.count("301 different ones") == 2, run.stdout
    nothing_left(tmp)
    return run.stdout


def cut_short(tmp, signo, after, command=(PROGRAM, "demo")):
    """Whatever ends it: its output ends when all is tidied up."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": tmp},
                          # Whoever started the tests in the background had it ignored.
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as run:
        text = ""
        for line in run.stdout:
            text += line
            if after in line:
                break
        run.send_signal(signo)
        run.stdout.read()
        assert run.wait(30) == -signo, run.returncode
    nothing_left(tmp)
    return text


class Board:
    """The demo on a terminal of its own; what it writes is read all the time."""

    def __init__(self, tmp, command=(PROGRAM, "demo")):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TMPDIR=tmp, NO_COLOR="1", TERM="vt100")
            os.execv(command[0], command)
        self.text = ""

    def read(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until and select.select([self.fd], [], [], 0.2)[0]:
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                return

    def screen(self):
        """The newest one that is whole."""
        return self.text.split("\033[H\033[J")[-2:][0]

    def until(self, what, seconds=40):
        end = time.monotonic() + seconds
        while not what(self.screen()):
            self.read(0.5)
            assert time.monotonic() < end, self.text[-6000:]

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.read(0.2)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it doesn't end")


def row(n, *words):
    """Is that data centre's row there, with these words?"""
    def look(screen):
        line = next((line for line in screen.splitlines() if f" dc{n}  127." in line), "")
        return all(w in line for w in words)
    return look


def accepted(screen):
    found = re.search(r"(\d+) accepted", screen)
    return int(found[1]) if found else 0


def keys(tmp):
    b = Board(tmp)
    b.until(lambda s: row(1, "runs")(s) and row(2, "runs")(s) and row(3, "runs", "arbiter")(s) and accepted(s) > 5)
    b.press("1k")
    b.until(row(1, "killed"))
    before = accepted(b.screen())
    b.until(lambda s: row(2, "leader")(s) and accepted(s) > before + 5)
    b.press("h")
    b.until(row(1, "runs", "follower"))
    b.press("2f")
    b.until(lambda s: row(2, "frozen")(s) and row(1, "leader")(s))
    b.press("h")
    b.until(row(2, "runs", "follower"))
    b.press("c")
    b.until(row(2, "cut off"))
    b.press("h")
    b.until(row(2, "runs", "follower"))
    b.press("q")
    assert b.end() == 0, b.text[-3000:]
    counts = re.search(r"(\d+) mails were accepted, (\d+) of them are in", b.text)
    refused = int(re.findall(r"(\d+) refused or lost", b.text)[-1])
    # One may be on its way at the end; who got no answer may have been served all the same.
    assert counts and int(counts[1]) <= int(counts[2]) <= int(counts[1]) + 1 + refused, b.text[-1000:]
    nothing_left(tmp)


WAY_OUT = [("mail1", "taken in", r"submission 127\.0\.1\.1:\d+"), ("gw1", "taken in", r"filter 127\.0\.4\.1:\d+"),
           ("mail1", "taken in", r"reinject 127\.0\.1\.1:\d+"), ("partner", "taken in", r"mx 127\.0\.7\.1:\d+"),
           ("partner", "delivered", "INBOX, uid 1")]
WAY_IN = [("partner", "taken in", r"submission 127\.0\.7\.1:\d+"), ("mail[12]", "taken in", r"mx 127\.0\.[12]\.1:\d+"),
          ("gw1", "taken in", r"filter 127\.0\.4\.1:\d+"), ("mail1", "taken in", r"reinject 127\.0\.1\.1:\d+"),
          ("mail1", "delivered", "INBOX, uid 1")]
HANDED = [("mail[12]", "handed on", r"gw1\.company\.test\[127\.0\.4\.1\]:\d+"),
          ("gw1", "handed on", r"mail1\.company\.test\[127\.0\.1\.1\]:\d+")]
OUTSIDE = [("mail1", "sent", r"mx\.partner\.test\[127\.0\.7\.1\]:\d+")]
FROM_OUTSIDE = [("partner", "sent", r"mail[12]\.company\.test\[127\.0\.[12]\.1\]:\d+")]


def ways(text):
    """Of each that is printed its rows: (ms, node, event, where)."""
    for part in text.split("its way, as")[1:]:
        rows = []
        for line in part.splitlines()[1:]:
            found = re.match(r" +\+(\d+) ms  (\w+) +\w* +(taken in|\w+(?: on)?)  +(.*)$", line)
            if not found:
                break
            rows.append((int(found[1]), *found.groups()[1:]))
        yield rows


def passes(rows, steps):
    """The steps in this order, and each of them once in all."""
    at = []
    for step in steps:
        found = [i for i, row in enumerate(rows) if all(re.fullmatch(want, got) for want, got in zip(step, row[1:]))]
        assert len(found) == 1, (step, rows)
        at += found
    assert at == sorted(at), (steps, rows)


def created(text, who, kind):
    return re.search(rf"hairpin key create {who} --kind {kind}: certificate (\w{{16}})", text)[1]


def check_sealed(text, out, back):
    """Each key by its fingerprint, the same wherever it is named."""
    ann, pat = (created(text, who, "p256") for who in (ANN, PAT))
    for rows, want in (out, rf"to be encrypted \(the mode is must\), certificate {pat}, "), \
            (out, rf"signed: detached, sha-256, certificate {ann}$"), (out, "encrypted: AES-256-CBC, for 1 recipient"), \
            (back, rf"decrypted: AES-256-CBC, ECDH P-256, certificate {ann}, "), \
            (back, rf"signature: P-256, SHA-256, certificate {pat}: good"):
        assert any(row[2] == "filtered" and re.search(want, row[3]) for row in rows), (want, rows)
    for want in r"it waits: hairpin queue hops has key:pat@partner\.test\n.*hairpin cert add pat\.crt; what pat has .*\n" \
            r".*pkcs7-mime; smime-type=enveloped-data", r"pkcs7-mime; smime-type=enveloped-data", r"smime verify ann.crt:\n.*The offer stands at 4 million\.", \
            rf"Authentication-Results: gw\d\.company\.test;\n.*smime=pass \(P-256, SHA-256, certificate {pat}; decrypted", \
            r"smime-identifier=pat@partner\.test\n.* We take it\.":
        assert re.search(want, text), (want, text)


def check_sealed_pgp(text, out, back):
    """Its keys are named by their fingerprints' ends; the partner's program has the whole of Ann's."""
    text = text.partition("the same by OpenPGP:")[2]
    ann, pat = created(text, ANN, "openpgp"), created(text, PAT, "openpgp")
    signer, = re.findall(r"ms +\d{4}-\S+Z (\w{40}) \1 mode:binary\n", text)
    its = re.search(r"x-openpgp=pass \(Ed25519, SHA-512, key (\w{16}); decrypted, AES-256\)", text)[1]
    assert len({ann, pat, its, signer[-16:].lower()}) == 4, text
    for rows, want in (out, rf"to be encrypted \(the mode is must\), OpenPGP certificate {pat}, trust manual$"), \
            (out, rf"signed: OpenPGP, key {signer[-16:].lower()}$"), (out, "encrypted: OpenPGP, AES-256, for 1 recipient$"), \
            (back, r"decrypted: AES-256, Curve25519, OpenPGP key \w{16}, for 1 recipient$"), \
            (back, rf"OpenPGP signature: Ed25519, SHA-512, key {its}: good$"):
        assert any(row[2] == "filtered" and re.search(want, row[3]) for row in rows), (want, rows)
    for want in r'multipart/encrypted; protocol="application/pgp-encrypted";\n.*\n.* -----BEGIN PGP MESSAGE-----\n', \
            r"sop decrypt --verify-with=ann\.asc .*:\n.*The offer stands at 4 million\.\n", \
            r"sop encrypt --sign-with=pat\.pgp ann\.asc:\n", \
            r"Authentication-Results: gw\d\.company\.test;\n.*\n.*x-openpgp-identifier=pat@partner\.test\n.* We take it\.":
        assert re.search(want, text), (want, text)


def check_ways(text):
    there, back, *dead, sealed_out, sealed_in, pgp_out, pgp_in = ways(text)
    passes(there, WAY_OUT)
    passes(back, WAY_IN)
    for rows, more in (there, HANDED + OUTSIDE), (back, HANDED + FROM_OUTSIDE):
        for step in more:
            passes(rows, [step])
        assert rows[0][0] == 0, rows
    check_sealed(text, sealed_out, sealed_in)
    check_sealed_pgp(text, pgp_out, pgp_in)
    for rows in there, back, *dead, sealed_out, sealed_in, pgp_out, pgp_in:
        assert [r[0] for r in rows] == sorted(r[0] for r in rows), rows
    for rows in dead:
        assert any(row[1] in ("gw2", "mail2") and row[2] == "adopted" for row in rows), rows


def name_server_is_gone(text):
    address, port = re.search(r"name server at (\S+):(\d+)", text).groups()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, int(port)))


def estate(tmp):
    """The whole company: mail goes both ways through the hairpin, over the death of who has it in hand; then the
    board."""
    b = Board(tmp, ESTATE)
    b.until(lambda s: "Press Enter" in s or "did not hold" in s, 100)
    text = b.text.replace("\r", "")
    assert "all of it held" in text, text
    assert len(re.findall("(?:gw1|mail1) \\(leader\\) is killed with -9", text)) == 2, text
    assert text.count("120 of 120 were accepted") == 2, text
    for n, times in (61, 2), (121, 4):
        assert text.count(f" {n} of {n} different mails are in") == times, text
    assert len(re.findall("(?:mail|gw)1 and (?:mail|gw)2 hold the same", text)) == 2, text
    check_ways(text)
    b.press("\n")
    b.until(lambda s: "partner  127." in s and accepted(s) > 5)
    address, port = re.search(r"ann@company.test, password demo: IMAP at \S+ and ([\d.]+):(\d+)", b.screen()).groups()
    with imaplib.IMAP4(address, int(port)) as m:
        m.login("ann@company.test", "demo")
        assert int(m.select()[1][0]) >= 121
    b.press("4k")
    b.until(lambda s: re.search(r"> gw1 +127\S+ +killed +gateway", s))
    b.press("q")
    assert b.end() == 0, b.text[-3000:]
    for who in "pat@partner", "ann@company":
        counts = re.findall(r"(\d+) mails were accepted, (\d+) of them are in " + who, b.text)
        assert len(counts) == 1 and 0 < int(counts[0][0]) <= int(counts[0][1]), b.text[-1000:]
    nothing_left(tmp)
    name_server_is_gone(text)


with tempfile.TemporaryDirectory() as tmp:
    os.chmod(tmp, 0o755)
    shown_text = tour(tmp)
    estate(tmp)
    keys(tmp)
    cut_short(tmp, signal.SIGTERM, "in /")
    cut_short(tmp, signal.SIGINT, "dc2 at")
    name_server_is_gone(cut_short(tmp, signal.SIGKILL, "killed with -9", ESTATE))


def shape(line):
    """Without what differs from run to run."""
    return re.sub(r"\d+", "N", re.sub(r"queued as \w+", "queued as ID", re.sub(r"/\S+:", "FOLDER:", line))).strip()


with open(os.path.dirname(os.path.abspath(__file__)) + "/../../README.md") as readme:
    promised = re.findall(r"^ +\d+ ms .*", readme.read(), re.M)
shown = {shape(line) for line in shown_text.splitlines()}
assert len(promised) > 8
for line in promised:
    assert shape(line) in shown, (line, shown_text)
sys.exit(0)
