#!/usr/bin/env python3
# timeout: 240
"""Bad input by IMAP: each kind gets a clear answer or an end of its own connection, costs bounded
memory and time, ends no process, and disturbs nobody else."""
import os
import random
import re
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
from hp import QUICK, Server, trust_all  # noqa: E402
from imap_wire import Closed, Wire, fetched  # noqa: E402

LIMITS = "\n[limits]\nimap_connections_per_client = 500\n"
GONE = (Closed, ConnectionError, ssl.SSLError)


class Peace:
    """Around a case: a session of somebody else goes on, new ones are served, no process was replaced."""

    def __init__(self, server):
        self.server, self.pids = server, server.pids()
        self.other = Wire(server, "u1")
        self.other.ok("SELECT INBOX")

    def check(self, case):
        start = time.monotonic()
        self.other.ok("NOOP")
        with_name = Wire(self.server, "u1")
        with_name.ok("NOOP")
        with_name.close()
        took = time.monotonic() - start
        assert took < 10, f"after {case} others wait {took:.1f} s"
        assert self.server.pids() == self.pids, f"{case}: a process was replaced"


def reset(sock):
    """Goes away as a pulled cable does, without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def plain(server, port=143):
    return socket.create_connection(("127.0.0.1", server.base + port), 30)


def answered(w, octets):
    """Sends a command (tag x) and one behind it (tag y): what was said of the first. None: closed."""
    try:
        w.send(octets + b"y NOOP\r\n")
        _, said = w.finish(b"y")
        return b"\n".join(said)
    except GONE:
        return None


# --- commands ---

def endless_lines(server):
    for user in (None, "u0"):
        w = Wire(server, user)
        try:
            for _ in range(200):
                w.send(b"a" * 100_000)
            said = answered(w, b"\r\n")
        except GONE:
            continue
        assert said is None or b"BAD" in said, said
        w.close()


def literals_of_any_size(server):
    for size in (b"100000000", b"4294967296", b"18446744073709551616", b"9" * 4000, b"00000000000"):
        for command in (b"x LOGIN ", b"x CREATE ", b"x SELECT INBOX (", b"x APPEND INBOX ", b"x "):
            w = Wire(server, None if b"LOGIN" in command else "u0")
            w.send(command + b"{" + size + b"}\r\n")
            said = w.response()
            assert re.match(rb"(x|\*) (NO|BAD)|\+ ", said), (command, size[:30], said)
            if said.startswith(b"+"):
                w.send(b"\r\n")
                w.response()
            w.ok("NOOP")
            w.send(command + b"{" + size + b"+}\r\n")
            w.send(b"\r\n")
            if len(size) > 9:
                try:
                    said = w.response()
                    assert re.match(rb"\* BYE|(x|\*) (NO|BAD)", said), said
                except GONE:
                    pass
            w.close()
    w = Wire(server)
    said = answered(w, b"x SEARCH SUBJECT {30000000+}\r\n" + b"x" * 30_000_000 + b"\r\n")
    assert said is None or re.match(rb"x (NO|BAD)", said), said
    w = Wire(server)
    said = answered(w, b"x LIST " + b"{1+}\r\na " * 50_000 + b"\r\n")
    assert said is None or b"BAD" in said, said


COMMANDS = (
    b'x SELECT "INBOX" (CONDSTORE)', b"x FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (From)]<0.9>)",
    b'x SEARCH RETURN (ALL) CHARSET UTF-8 OR FROM "a" NOT SINCE 1-Feb-2020',
    b"x STORE 1:2,4 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\\Seen kw)", b'x COPY 1 "Trash"',
    b'x LIST (SUBSCRIBED RECURSIVEMATCH) "" (a% "b*") RETURN (CHILDREN STATUS (MESSAGES))',
    b'x STATUS INBOX (MESSAGES UIDNEXT)', b'x ID ("name" "a" "b" NIL)', b"x ENABLE CONDSTORE",
    b'x CREATE "t&AOQ-" (USE (\\Sent))', b'x GETQUOTAROOT "INBOX"', b"x UID EXPUNGE 900:*", b"x IDLE")


def odd_octets_everywhere(server):
    """NUL, 8 bit, CR, quotes, braces at each place of commands; and commands cut off at each place."""
    w = Wire(server)
    for command in COMMANDS:
        for at in range(1, len(command) + 1):
            tries = [command[:at] + odd + command[at:]
                     for odd in (b"\0", b"\xff", b"\xc3\xa4", b'"', b"\\", b"{", b"}", b"\r", b")", b"(")]
            tries.append(command[:at])
            w.send(b"".join(t + b"\r\nDONE\r\n" for t in tries) + b"y NOOP\r\n")
            _, said = w.finish(b"y")
            ends = [r for r in said if re.match(rb"\S+ (OK|NO|BAD)( |$)", r)]
            assert len(ends) >= len(tries), (command, at, said)
    w.close()


def deep_and_wide(server):
    w = Wire(server)
    w.ok("APPEND INBOX %s", b"Subject: x\r\n\r\ny\r\n")
    w.ok("SELECT INBOX")
    wide = [b"x SEARCH " + b"NOT " * 250_000 + b"ALL", b"x SEARCH " + b"(" * 1_000_000,
            b"x SEARCH " + b"(" * 30_000 + b"ALL" + b")" * 30_000, b"x SEARCH " + b"OR ALL " * 9_000 + b"ALL",
            b"x SEARCH " + b"NOT " * 63 + b"ALL", b"x SEARCH " + b"ALL " * 1000 + b"ALL",
            b"x SEARCH " + b'TEXT "xy" ' * 200 + b"ALL", b"x SEARCH TEXT " + b"q" * 60_000,
            b"x FETCH " + b"1," * 30_000 + b"1 UID", b"x UID FETCH 1:4294967295 UID",
            b"x UID FETCH " + b"4294967295:1," * 4_000 + b"* UID", b"x FETCH *:* UID",
            b"x UID SEARCH UID " + b"1:*," * 10_000 + b"1", b"x UID STORE 1:4294967295 +FLAGS (\\Seen)",
            b"x FETCH 1 (" + b"BODY.PEEK[] " * 5_000 + b"UID)", b"x FETCH 1 BODY[" + b"1." * 30_000 + b"1]",
            b"x FETCH 1 BODY[HEADER.FIELDS (" + b"a " * 30_000 + b"a)]", b'x LIST "" ' + b"*%" * 30_000,
            b'x LIST "" (' + b"* " * 20_000 + b"*)", b"x STORE 1 FLAGS (" + b"k " * 30_000 + b"k)",
            b"x ID (" + b'"a" "b" ' * 7_000 + b")", b"x ENABLE" + b" A" * 30_000]
    for big in (b"4294967296", b"9223372036854775808", b"18446744073709551616", b"9" * 60_000, b"-1", b"0x1", b"1e9"):
        wide += [b"x FETCH %s UID" % big, b"x UID FETCH 1:%s UID" % big, b"x FETCH 1 BODY[]<%s.1>" % big,
                 b"x FETCH 1 BODY[]<0.%s>" % big, b"x FETCH 1 BODY[%s]" % big, b"x SEARCH LARGER %s" % big,
                 b"x SEARCH MODSEQ %s" % big, b"x FETCH 1 UID (CHANGEDSINCE %s)" % big,
                 b"x STORE 1 (UNCHANGEDSINCE %s) FLAGS ()" % big, b"x SEARCH ON 1-Jan-%s" % big]
    for command in wide:
        start = time.monotonic()
        said = answered(w, command + b"\r\n")
        took = time.monotonic() - start
        assert said and re.search(rb"^(x|\*) (OK|NO|BAD) ", said, re.M), (command[:60], said and said[-200:])
        assert took < 10, (command[:60], took)
    # Keywords are the mailbox's, and the mailbox has room for so many.
    for i in range(300):
        said = answered(w, b"x STORE 1 +FLAGS.SILENT (kw%d)\r\n" % i)
        assert re.search(rb"^x (OK|NO) ", said, re.M), said
    w.close()


def names(server):
    """No name leads out of an account, and what LIST shows can be selected."""
    w, made = Wire(server), []
    for name in (b"..", b"../u1/INBOX", b"a/../../b", b"/etc/passwd", b"a//b", b"//", b"/", b".", b"a/./b",
                 b"", b"a\0b", b"&AAA-", b"&AAo-", b"&2AA-", b"&-&", b"&&", b"&U,BT", b"\xff", b"a\x01", b"a\x7f",
                 b"x" * 5_000, b"x/" * 500 + b"x", b"%", b"*", b"INBOX/..", b"inbox/&", b"#shared/x", b"~root",
                 b"\\", b'"', b"C:\\x", b"a\rb", b"con", b"|id", b"$(id)", b"%n%s"):
        for command in (b"CREATE %s", b"SELECT %s", b"RENAME %s zzz", b"RENAME Trash/no %s", b"SUBSCRIBE %s",
                        b"STATUS %s (MESSAGES)", b"DELETE %s", b"GETQUOTAROOT %s", b"LIST %s *"):
            said, _ = w.run(command, name)
            assert re.match(rb"(OK|NO|BAD) ", said), (command, name, said)
            if said.startswith(b"OK") and command.startswith(b"SELECT"):
                w.ok("UNSELECT")
        said, _ = w.run(b"CREATE %s", name)
        made += [name] * said.startswith(b"OK")
    assert not [n for n in made if b".." in n.split(b"/") or not n or b"\0" in n], made
    for r in w.ok('LIST "" *'):
        found = re.search(rb'"/" (?:"((?:[^"\\]|\\.)*)"|\{\d+\}\r\n(.*)|(\S+))$', r, re.S)
        name = re.sub(rb"\\(.)", rb"\1", found.group(1) or found.group(2) or found.group(3))
        w.ok(b"EXAMINE %s", name)
    other = Wire(server, "u1")
    assert not [r for r in other.ok('LIST "" *') if b"zzz" in r or b"passwd" in r]
    for x in (w, other):
        x.close()


# --- connections ---

def vanished(server):
    """In a command, in a literal, in the output: nothing of it stays, nobody hears of it."""
    mail = b"Subject: half\r\n\r\n" + b"x" * 300_000
    w = Wire(server)
    w.ok("CREATE Half")
    for sent in (b"x APPEND Half {%d}\r\n", b"x APPEND Half {%d+}\r\n", b"x APPEND Half {3+}\r\nabc {%d+}\r\n"):
        for cut in (0, 1, 70_000, len(mail)):
            v = Wire(server)
            v.send(sent % len(mail) + mail[:cut])
            if cut == 1 or cut == len(mail):
                v.close()
            else:
                reset(v.sock)
    for command in (b"x LOGIN u0@exa", b"x LOGIN {3+}\r\nu", b"x AUTHENTICATE PLAIN\r\nAHUw", b"x STARTTLS\r\n\x16\x03"):
        v = plain(server)
        v.sendall(command)
        reset(v)
    for command in (b"x IDLE\r\n", b"x IDLE\r\nDO", b"x SELECT Half\r\nx IDLE\r\n", b"x LOGOUT"):
        v = Wire(server)
        v.send(command)
        reset(v.sock)
    assert b"(MESSAGES 0)" in w.ok("STATUS Half (MESSAGES)")[0]
    w.close()


def closed_halfway(server):
    """A client that sends all and closes its writing side still reads every answer; what it left open ends."""
    w = Wire(server)
    w.ok("CREATE Half/way")
    mail = b"Subject: large\r\n\r\n" + b"x" * 3_000_000
    w.ok("APPEND Half/way %s %s", mail, mail)
    login = b"a LOGIN u0@example.org pw\r\n"
    for behind, end in ((b"b SELECT Half/way\r\nc FETCH 1:* BODY.PEEK[]\r\nd SEARCH BODY no\r\ne LOGOUT\r\n", b"e OK"),
                        (b"b SELECT Half/way\r\nc FETCH 1:* BODY.PEEK[]\r\nd NOOP\r\n", b"d OK"),
                        (b"b APPEND Half/way {1000+}\r\nabc", b"a OK"), (b"b IDLE\r\n", b"a OK"), (b"b NOO", b"a OK")):
        v = plain(server)
        v.sendall(login + behind)
        v.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: v.recv(1 << 20), b""))
        assert b"\r\n" + end + b" " in said, (behind, said[-200:])
        assert said.count(mail) == (2 if b"FETCH" in behind else 0)
        v.close()
    assert b"(MESSAGES 2)" in w.ok("STATUS Half/way (MESSAGES)")[0]
    w.ok("DELETE Half/way")
    w.close()


def slow(server):
    """A client that sends an octet now and then, beside quick ones."""
    v = plain(server)
    assert v.recv(1000).startswith(b"* OK")
    quick = Wire(server)
    for i in b"x LOGIN u0@example.org pw\r\n":
        v.sendall(bytes([i]))
        start = time.monotonic()
        quick.ok("NOOP")
        assert time.monotonic() - start < 5
    assert v.recv(1000).startswith(b"x OK")
    v.close()
    quick.close()


def tls_garbage(server):
    r = random.Random(7)
    hello = bytes.fromhex("16030100a5010000a10303") + bytes(32) + b"\x20" + bytes(32)
    noise = [r.randbytes(n) for n in (1, 5, 100, 5_000, 100_000)] + [
        b"GET / HTTP/1.1\r\n\r\n", b"a1 LOGIN u0@example.org pw\r\n" * 100, hello, hello[:6], hello + r.randbytes(9_000),
        b"\x16\x03\x01\xff\xff" + bytes(65_535), b"\x80\x2e\x01\x03\x01\x00\x15" + bytes(40), b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x17\x03\x03\x40\x00" + bytes(16_384), b"\x16\x03\x03\x00\x00" * 1_000, b""]
    for octets in noise:
        for port in (993, 143):
            v = plain(server, port)
            try:
                if port == 143:
                    assert v.recv(1000).startswith(b"* OK")
                    v.sendall(b"x STARTTLS\r\n")
                    assert v.recv(1000).startswith(b"x OK")
                v.sendall(octets)
                v.shutdown(socket.SHUT_WR)
                said = b"".join(iter(lambda: v.recv(65536), b""))
                assert b" OK" not in said and b"* " not in said, said[:200]
            except OSError as e:
                assert not isinstance(e, TimeoutError), "neither an answer nor an end"
            v.close()
    v = plain(server, 993)  # gone in the middle of a handshake
    v.sendall(hello)
    reset(v)
    w = Wire(server, port=993)
    w.ok("SELECT INBOX")
    reset(w.sock)


def injection(server):
    """What came in the clear behind STARTTLS is neither run nor kept, whole commands or halves."""
    for behind in (b"x2 CAPABILITY\r\n", b"x2 LOGIN u0@example.org pw\r\nx3 SELECT INBOX\r\n", b"x2 LOGIN u1@example",
                   b"x2 LOGIN {14+}\r\nu1@ex", b"x2 APPEND INBOX {100+}\r\n", b"x2 AUTHENTICATE PLAIN\r\nAAAA\r\n"):
        v = plain(server)
        v.recv(1000)
        v.sendall(b"x1 STARTTLS\r\n" + behind)
        said = v.recv(1000)
        assert said.startswith(b"x1 OK") and said.count(b"\r\n") == 1, said
        try:
            t = trust_all().wrap_socket(v)
        except (ssl.SSLError, ConnectionError):
            continue
        t.sendall(b"z1 NOOP\r\nz2 SELECT INBOX\r\n")
        said = b""
        while b"z2 " not in said:
            said += t.recv(1000)
        assert said.startswith(b"z1 OK") and b"\r\nz2 BAD" in said and b"x2" not in said, said
        t.close()


def no_login_in_the_clear(server):
    """A listener as shipped: no password without TLS, loopback or not."""
    server.stop()
    with open(server.conf) as f:
        text = f.read()
    with open(server.conf, "w") as f:
        f.write(text.replace("allow_plaintext_auth = yes\n", ""))
    server.start()
    w = Wire(server, None)
    assert b"LOGINDISABLED" in w.greeting and b"AUTH=" not in w.greeting, w.greeting
    assert b"LOGINDISABLED" in w.ok("CAPABILITY")[0]
    for command in ("LOGIN u0@example.org pw", "LOGIN u0@example.org wrong", "AUTHENTICATE PLAIN AHUwQGV4YW1wbGUub3JnAHB3"):
        said, _ = w.run(command)
        assert said.startswith(b"NO [PRIVACYREQUIRED]"), said
    w.ok("STARTTLS")
    w.sock = trust_all().wrap_socket(w.sock)
    assert b"LOGINDISABLED" not in w.ok("CAPABILITY")[0]
    w.ok("LOGIN u0@example.org pw")
    w.close()


# --- memory: of the release program ---

def memory(server):
    """KiB of heap of all imapd processes."""
    total = 0
    for name, pid in server.pids().items():
        if name.startswith("imapd/"):
            with open(f"/proc/{pid}/status") as f:
                total += int(re.search(r"^RssAnon:\s*(\d+)", f.read(), re.M).group(1))
    return total


def who_does_not_read_costs_little(server):
    """Clients that ask for much and read nothing: output waits in the mail store, not in memory."""
    w = Wire(server)
    w.ok("CREATE Big")
    w.ok("APPEND Big %s", b"Subject: big\r\n\r\n" + b"0123456789abcde\n" * 700_000)
    for _ in range(5):
        w.ok("APPEND Big %s", b"Subject: small\r\n\r\n" + b"x" * 5_000)
    before = memory(server)
    deaf = [Wire(server) for _ in range(20)]
    for i, v in enumerate(deaf):
        v.ok("SELECT Big")
        v.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        v.sock.settimeout(0.3)
        many = b"".join(b"x%d FETCH 1:* BODY[]\r\n" % n for n in range(2_000))
        try:
            v.send(many if i % 2 else b"x FETCH 1:* BODY[]\r\n" + b"x NOOP\r\n" * 5)
        except (socket.timeout, TimeoutError):
            pass
    start = time.monotonic()
    for _ in range(20):
        w.ok("NOOP")
    assert time.monotonic() - start < 5, "others wait"
    grown = memory(server) - before
    assert grown < 40_000, f"20 clients that don't read cost {grown} KiB"
    # What they asked for is there all the same, to the octet.
    v = deaf[0]
    v.sock.settimeout(60)
    said = []
    while sum(r.startswith(b"x ") for r in said) < 6:
        said.append(v.response())
    text = fetched(said)[1][b"BODY[]"]
    assert len(text) == 16 + 700_000 * 16 and text.count(b"0123456789abcde\n") == 700_000
    for v in deaf:
        reset(v.sock)
    server.wait(lambda: memory(server) - before < 20_000)
    w.close()
    return grown


def heavy_mail(server):
    """Mails made to cost much: answered in bounded time and memory."""
    def nest(n):
        return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n))
    mails = {"nested parts": nest(10_000) + b"\r\nx\r\n",
             "nested mails": b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"x\r\n",
             "many parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 1_000_000,
             "commas": b"From: " + b"," * 50_000 + b"\r\n\r\nx",
             "addresses": b"To: " + b"a@b.test, " * 50_000 + b"c@d.test\r\n\r\nx",
             "fields": b"X-A: b\r\n" * 200_000 + b"\r\nx", "one line": b"Subject: " + b"x" * 5_000_000 + b"\r\n\r\n",
             "comments": b"From: " + b"(" * 100_000 + b"\r\n\r\n", "words": b"Subject: " + b"=?utf-8?q?=41?= " * 100_000 + b"\r\n\r\n",
             "parameters": b"Content-Type: text/plain" + b"; a=b" * 100_000 + b"\r\n\r\nx",
             "continued": b"Content-Type: text/plain" + b"".join(b"; a*%d=b" % i for i in range(50_000)) + b"\r\n\r\nx"}
    w = Wire(server)
    w.ok("CREATE Heavy")
    before = memory(server)
    for n, (name, mail) in enumerate(mails.items(), 1):
        start = time.monotonic()
        w.ok("APPEND Heavy %s", mail)
        w.ok("SELECT Heavy")
        got = fetched(w.ok(f"FETCH {n} (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[1] BODY.PEEK[1.1.1.1])"))
        assert int(got[n][b"RFC822.SIZE"]) == len(mail)
        assert fetched(w.ok(f"FETCH {n} BODY.PEEK[]"))[n][b"BODY[]"] == mail, name
        for key in ("TEXT nowhere", "BODY nowhere", "FROM nowhere", "SUBJECT nowhere"):
            assert w.ok(f"SEARCH {n} {key}") == [b"* SEARCH"], (name, key)
        took = time.monotonic() - start
        assert took < 20, f"{name} took {took:.1f} s"
        grown = memory(server) - before
        assert grown < 60_000, f"{name}: imapd grew by {grown} KiB"
    w.close()


def main():
    with Server(extra=QUICK + LIMITS, users=("u0", "u1")) as server:
        peace = Peace(server)
        for case in (endless_lines, literals_of_any_size, odd_octets_everywhere, deep_and_wide, names, vanished,
                     closed_halfway, slow, tls_garbage, injection):
            start = time.monotonic()
            case(server)
            peace.check(case.__name__)
            print(f"{case.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        no_login_in_the_clear(server)
        assert "Sanitizer" not in server.log() and "runtime error" not in server.log()
        report = server.json("store", "check")
        assert not report["violations"], report
    hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]
    with Server(extra=QUICK + LIMITS, users=("u0", "u1")) as server:
        peace = Peace(server)
        for case in (who_does_not_read_costs_little, heavy_mail):
            start = time.monotonic()
            case(server)
            peace.check(case.__name__)
            print(f"{case.__name__}: {time.monotonic() - start:.1f} s", flush=True)


main()
