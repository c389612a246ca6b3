#!/usr/bin/env python3
# timeout: 400
"""The store is killed (-9) a hundred times at random moments while mail comes in by SMTP and by APPEND: what was
answered 250 or OK is there afterwards, exactly once, whole."""
import collections
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
from hp import QUICK, Server, bodies  # noqa: E402

# Few connections: a session that its process forgets to end is missed soon.
LIMITS = "\n[limits]\nconnections_per_client = 20\nimap_connections_per_client = 20\nconnection_rate_per_minute = 0\n"
KILLS = int(os.environ.get("KILLS", "100"))
SMTP, IMAP = 4, 2


class Load:
    def __init__(self, server):
        self.s = server
        self.over = threading.Event()
        self.accepted = set()        # SMTP: answered 250
        self.appended = set()        # IMAP: answered OK
        self.tried = set()           # IMAP: asked for
        self.attempts = 0
        self.lock = threading.Lock()

    def smtp(self, who):
        n = 0
        while not self.over.is_set():
            name = f"smtp-{who}-{n}"
            text = (f"From: a@outside.test\r\nMessage-ID: <{name}@outside.test>\r\nSubject: {name}\r\n\r\n"
                    + f"{name} ".encode().hex() * random.randrange(1, 800) + "\r\n").encode()
            if self.send(name, text):
                n += 1

    # The same mail again until it is taken: a lost 250 must not make two of it.
    def send(self, name, text):
        while True:
            try:
                with self.s.smtp() as c:
                    c.ehlo("client.test")
                    code = c.mail("a@outside.test")[0], c.rcpt("u0@example.org")[0]
                    if code == (250, 250) and c.data(text)[0] == 250:
                        with self.lock:
                            self.accepted.add(name)
                        return True
            except Exception:
                pass
            self.attempts += 1
            if self.over.is_set() and self.attempts > 10000:
                return False
            time.sleep(0.02)

    def imap(self, who):
        n = 0
        m = None
        while not self.over.is_set():
            n += 1
            name = f"imap-{who}-{n}"
            text = f"Subject: {name}\r\n\r\n" + "x" * random.choice([10, 5000, 200000]) + "\r\n"
            try:
                m = m or self.s.imap()
                with self.lock:
                    self.tried.add(name)
                if m.append("INBOX", None, None, text.encode())[0] == "OK":
                    with self.lock:
                        self.appended.add(name)
            except Exception:
                m = None
                time.sleep(0.05)


def subject(body):
    for line in body.split(b"\r\n"):
        if line.startswith(b"Subject: "):
            return line[9:].decode()
    raise AssertionError(body[:500])


def check(s, load):
    s.wait(lambda: s.json("queue", "list")["rows"] == [], 60)
    found = collections.Counter(subject(b) for b in bodies(s))
    twice = [n for n, times in found.items() if times > 1]
    assert not twice, f"more than once: {twice[:10]}"
    missing = [n for n in load.accepted | load.appended if n not in found]
    assert not missing, f"answered and lost: {missing[:10]} of {len(load.accepted) + len(load.appended)}"
    strange = [n for n in found if n not in load.accepted | load.tried]
    assert not strange, strange[:10]
    report = s.json("store", "check")
    assert report["violations"] == [], report


def main():
    with Server(extra=QUICK + LIMITS) as s:
        load = Load(s)
        threads = [threading.Thread(target=load.smtp, args=(i,)) for i in range(SMTP)]
        threads += [threading.Thread(target=load.imap, args=(i,)) for i in range(IMAP)]
        for t in threads:
            t.start()
        try:
            for _ in range(KILLS):
                time.sleep(random.random() ** 2 * 0.3)
                old = s.pids().get("store/0")
                if old:
                    os.kill(old, signal.SIGKILL)
                s.wait(lambda: s.pids().get("store/0") not in (None, old), 10)
        finally:
            load.over.set()
            for t in threads:
                t.join()
        print(f"{KILLS} kills, {len(load.accepted)} mails and {len(load.appended)} appends answered, "
              f"{load.attempts} attempts failed")
        assert len(load.accepted) > KILLS / 4 and len(load.appended) > KILLS / 10
        check(s, load)


main()
