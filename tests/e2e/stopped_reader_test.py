#!/usr/bin/env python3
"""A reader that is stopped (SIGSTOP) in the midst of a FETCH, while the store writes over what it was reading,
says what is true or ends cleanly; so does one whose message is expunged under its hands. Others go on, and no
process grows."""
import os
import random
import re
import signal
import sys
import threading
import time

os.environ["HAIRPIN"] = os.environ["HAIRPIN_RELEASE"]  # memory is watched: not with ASan's
sys.path.insert(0, sys.path[0])
from hp import QUICK, Server  # noqa: E402

READERS = 6
CONFIG = QUICK + f"\n[limits]\nconnection_rate_per_minute = 0\n[processes]\nimapd = {READERS + 1}\n"
MANY = 2000
GROWN_KIB = 200 << 10
FLOOR_PASSES_SEC = 4.5  # store/floor.h: seven ticks of half a second


class Watchdog:
    """Kills what grows, so that a fault costs a test and not the machine."""

    def __init__(self, server):
        self.server, self.grown, self.over = server, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.over.set()
        self.thread.join()
        assert not self.grown, self.grown

    def run(self):
        while not self.over.wait(0.05):
            for name, pid in self.server.pids().items():
                try:
                    with open(f"/proc/{pid}/status") as f:
                        kib = int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))
                except (OSError, AttributeError):
                    continue
                if kib > GROWN_KIB:
                    self.grown.append((name, kib))
                    os.kill(pid, signal.SIGKILL)


class Reader(threading.Thread):
    """Sends FETCHes, all at once, and takes what comes all the time: the process is busy reading for it."""

    def __init__(self, s, command, times):
        super().__init__()
        self.m = s.imap()
        assert self.m.select(readonly=True)[0] == "OK"
        self.pid = s.server_of(self.m.sock)[1]
        self.m.sock.settimeout(60)
        self.command, self.times = command, times
        self.text, self.answers = b"", []  # what wasn't cut up yet; (text, OK or NO or BYE)

    def run(self):
        self.m.sock.sendall((b"f " + self.command + b"\r\n") * self.times)
        while len(self.answers) < self.times:
            more = self.m.sock.recv(1 << 20)
            if not more:
                self.answers.append((self.text, "BYE"))
                break
            self.text += more
            self.cut()

    def cut(self):
        while True:
            end = re.search(rb"\r\nf (OK|NO)[^\r]*\r\n", self.text)
            if not end:
                return
            self.answers.append((self.text[:end.start() + 2], end.group(1).decode()))
            self.text = self.text[end.end():]

    def wait(self):
        self.join()
        assert self.answers and (len(self.answers) == self.times or self.answers[-1][1] == "BYE")
        return self.answers


def session(s, pids, among=False):
    """A session with a process that is not, or is, among these."""
    while True:
        m = s.imap()
        if (s.server_of(m.sock)[1] in pids) == among:
            m.select()
            return m


def readers(s, command, times):
    """One in each process but one; and a session with that one."""
    found = {}
    while len(found) < READERS:
        r = Reader(s, command, times)
        found.setdefault(r.pid, r)
    return found.values(), session(s, found)


def body(n):
    return f"Subject: {n}\r\n\r\n".encode() + f"{n} ".encode() * 300 + b"\r\n"


def assert_true_flags(text, known):
    """How many there are. Changes come in between: only the answers' own lines have a size."""
    line = re.compile(rb"\* (\d+) FETCH \(UID (\d+) FLAGS \(([\\A-Za-z ]*)\) RFC822.SIZE (\d+)\)")
    change = re.compile(rb"\* \d+ (EXISTS|EXPUNGE|FETCH \(FLAGS \([^)]*\) UID \d+\))")
    last = seen = 0
    for x in text.split(b"\r\n"):
        if b"RFC822.SIZE" in x:
            m = line.fullmatch(x)
            assert m, x
            number, uid, size = int(m.group(1)), int(m.group(2)), int(m.group(4))
            assert number > last and size == len(known[uid]), x
            assert m.group(3) in (b"", b"\\Answered", b"\\Seen \\Flagged"), x
            last, seen = number, seen + 1
        else:
            assert not x or change.fullmatch(x), x
    return seen


def assert_true_bodies(text, known):
    """How many there are, whole; a BYE may cut off the last."""
    at, seen = 0, 0
    head = re.compile(rb"\* \d+ FETCH \(UID (\d+) BODY\[\] \{(\d+)\}\r\n")
    while True:
        m = head.match(text, at)
        if not m:
            return seen
        uid, n = int(m.group(1)), int(m.group(2))
        got, end = text[m.end():m.end() + n], text[m.end() + n:m.end() + n + 3]
        if end != b")\r\n":
            got = got[:got.rfind(b"* BYE")]
            assert known[uid].startswith(got), f"UID {uid} is torn"
            return seen
        assert got == known[uid], f"UID {uid} is torn"
        at, seen = m.end() + n + 3, seen + 1


def churn(m, seconds=FLOOR_PASSES_SEC):
    """Rewrites much of the database, again and again, until the floor has passed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert m.store("1:*", "FLAGS.SILENT", "(\\Answered)")[0] == "OK"
        assert m.append("INBOX", None, None, body("churn"))[0] == "OK"
        assert m.store("*", "+FLAGS.SILENT", "(\\Deleted)")[0] == "OK"
        assert m.expunge()[0] == "OK"
        assert m.store("1:*", "FLAGS.SILENT", "(\\Seen \\Flagged)")[0] == "OK"


def stopped(s, command, times, meanwhile):
    """What readers say that are stopped somewhere in the midst of it."""
    all_readers, m = readers(s, command, times)
    for r in all_readers:
        r.start()
    time.sleep(random.uniform(0.02, 0.2))
    try:
        for r in all_readers:
            os.kill(r.pid, signal.SIGSTOP)
        meanwhile(m)
    finally:
        for r in all_readers:
            os.kill(r.pid, signal.SIGCONT)
    answers = [x for r in all_readers for x in r.wait()]
    for r in all_readers:
        assert r.answers[-1][1] == "BYE" or r.m.noop()[0] == "OK"
    return answers, m


def stop_in_fetches_of_flags(s, known, meanwhile):
    answers, m = stopped(s, b"FETCH 1:* (UID FLAGS RFC822.SIZE)", 30, meanwhile)
    for text, how in answers:
        seen = assert_true_flags(text, known)
        assert how != "OK" or seen == MANY, (how, seen)
    m.logout()


def stop_in_fetches_of_bodies(s, known, meanwhile):
    def expunge(m):
        m.store("501:600", "+FLAGS.SILENT", "(\\Deleted)")
        m.expunge()
        meanwhile(m)

    answers, m = stopped(s, b"FETCH 1:* (UID BODY.PEEK[])", 3, expunge)
    left = len(m.search(None, "ALL")[1][0].split())
    for text, how in answers:
        seen = assert_true_bodies(text, known)
        assert how != "OK" or seen >= left, (how, seen)
    m.logout()


def expunge_under_a_fetch(s, known):
    """A message of many parts goes while a slow client takes it: its connection ends, others don't."""
    m = s.imap()
    m.select()
    large = b"Subject: large\r\n\r\n" + b"0123456789abcd\r\n" * (2 << 20)
    assert m.append("INBOX", None, None, large)[0] == "OK"
    m.noop()
    uid = int(m.fetch("*", "(UID)")[1][0].split()[2].rstrip(b")"))
    slow = s.imap()
    slow.select(readonly=True)
    near = session(s, [s.server_of(slow.sock)[1]], among=True)
    slow.sock.sendall(b"f UID FETCH %d (BODY.PEEK[])\r\n" % uid)
    text = slow.sock.recv(10000)
    m.store("*", "+FLAGS.SILENT", "(\\Deleted)")
    m.expunge()
    near.sock.settimeout(10)
    assert near.noop()[0] == "OK"
    slow.sock.settimeout(30)
    while more := slow.sock.recv(1 << 20):
        text += more
    assert assert_true_bodies(text, known | {uid: large}) == 0
    assert len(text) < len(large)
    assert near.noop()[0] == "OK"


def fill(s):
    """UID -> body."""
    m = s.imap()
    for n in range(500):
        assert m.append("INBOX", None, None, body(n))[0] == "OK"
    m.select()
    for _ in range(2):
        assert m.copy("1:*", "INBOX")[0] == "OK"
        m.noop()
    assert len(m.fetch("1:*", "(UID)")[1]) == MANY
    m.logout()
    return {uid: body((uid - 1) % 500) for uid in range(1, MANY + 1)}


def main():
    with Server(extra=CONFIG) as s, Watchdog(s):
        known = fill(s)
        idle = s.imap()
        idle.select()

        def compact(m):
            churn(m, 0.1)
            s.cli("store", "compact")
            churn(m, 0.1)

        for stop in (stop_in_fetches_of_flags, stop_in_fetches_of_bodies):
            for meanwhile in (churn, compact):
                stop(s, known, meanwhile)
        expunge_under_a_fetch(s, known)
        assert idle.noop()[0] == "OK"
        report = s.json("store", "check")
        assert report["violations"] == [], report


main()
