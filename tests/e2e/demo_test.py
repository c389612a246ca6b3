#!/usr/bin/env python3
# timeout: 240
"""The demo shows what it says, without a terminal and with one, and what README.md says that it shows, and leaves nothing behind."""
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

PROGRAM, RELEASE = os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]


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


def estate(tmp):
    """The whole company: mail goes both ways through the hairpin, over the death of who has it in hand."""
    run = subprocess.run([RELEASE, "demo", "--estate"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "TMPDIR": tmp})
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(re.findall("(?:gw1|mail1) \\(leader\\) is killed with -9", run.stdout)) == 2, run.stdout
    assert run.stdout.count("120 of 120 were accepted") == 2, run.stdout
    for n, times in (61, 2), (121, 4):
        assert run.stdout.count(f" {n} of {n} different mails are in") == times, run.stdout
    assert len(re.findall("(?:mail|gw)1 and (?:mail|gw)2 hold the same", run.stdout)) == 2, run.stdout
    nothing_left(tmp)
    address, port = re.search(r"name server at (\S+):(\d+)", run.stdout).groups()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, int(port)))


def cut_short(tmp, signo, after):
    """Whatever ends it: its output ends when all is tidied up."""
    with subprocess.Popen([PROGRAM, "demo"], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": tmp}) as run:
        for line in run.stdout:
            if after in line:
                break
        run.send_signal(signo)
        run.stdout.read()
        assert run.wait(30) == -signo, run.returncode
    nothing_left(tmp)


class Board:
    """The demo on a terminal of its own; what it writes is read all the time."""

    def __init__(self, tmp):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TMPDIR=tmp, NO_COLOR="1", TERM="vt100")
            os.execv(PROGRAM, [PROGRAM, "demo"])
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


with tempfile.TemporaryDirectory() as tmp:
    os.chmod(tmp, 0o755)
    shown_text = tour(tmp)
    estate(tmp)
    keys(tmp)
    cut_short(tmp, signal.SIGTERM, "in /")
    cut_short(tmp, signal.SIGINT, "dc2 at")
    cut_short(tmp, signal.SIGKILL, "killed with -9")


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
