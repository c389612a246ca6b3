#!/usr/bin/env python3
# timeout: 300
"""A mail of 50 MB is never whole in anybody's memory: taken in by SMTP, delivered, fetched, searched, appended
and copied, it costs no process of the release program more than 2 MB of heap. Mails made of parts alone cost
a bounded amount too. Idle sessions are cheap."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
os.environ["HAIRPIN"] = os.environ["HAIRPIN_RELEASE"]
from hp import QUICK, Server, trust_all  # noqa: E402

HEAP_MAX_KIB = 2048
PARTS_MAX_KIB = 8192
IDLE, PLAIN_MAX_KIB, TLS_MAX_KIB = 200, 16, 48
LIMITS = "\n[limits]\nimap_connections_per_client = 1000\nconnections_per_client = 1000\n"
LINE = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"


def memory(pid, key):
    """In KiB."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key))
    except (OSError, StopIteration):
        return 0


class Peak:
    """The most that each process's anonymous memory grew by meanwhile."""

    def __init__(self, server):
        self.pids = server.pids()

    def __enter__(self):
        self.before = {name: memory(pid, "RssAnon:") for name, pid in self.pids.items()}
        self.most = dict(self.before)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(0.01):
            for name, pid in self.pids.items():
                self.most[name] = max(self.most[name], memory(pid, "RssAnon:"))

    def __exit__(self, kind, value, trace):
        self.done.set()
        self.thread.join()
        self.grown = {name: self.most[name] - self.before[name] for name in self.pids}


def big(size):
    """A mail whose only needle is at its very end."""
    head = b"Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    tail = b"needle at the end\r\n"
    return head + LINE * ((size - len(head) - len(tail)) // len(LINE)) + tail


def nested(depth):
    out = [b"Subject: nested\r\nMIME-Version: 1.0\r\n"]
    for n in range(depth):
        out.append(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n))
    out.append(b"Content-Type: text/plain\r\n\r\nneedle at the end\r\n")
    return b"".join(out)


def many(parts):
    return (b"Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
            b"--b\r\n\r\nx\r\n" * parts + b"--b--\r\n")


def send(s, mail):
    """As it is: smtplib would take seconds to look for lines that begin with a dot."""
    smtp = s.smtp()
    smtp.ehlo()
    assert smtp.mail("a@example.net")[0] == 250 and smtp.rcpt("u0@example.org")[0] == 250
    assert smtp.docmd("DATA")[0] == 354
    smtp.send(mail + b".\r\n")
    assert smtp.getreply()[0] == 250
    smtp.quit()


def append(m, mail):
    m.literal = mail
    return m.xatom("APPEND", "INBOX")[0]


def use(s, mail):
    """Every way that a mail goes: (session, its number, whether its last words were found)."""
    m = s.imap()
    before = int(m.select()[1][0])
    send(s, mail)
    s.wait(lambda: int(m.select()[1][0]) == before + 1, 60)
    number = str(before + 1)
    text = m.fetch(number, "(BODY.PEEK[])")[1][0][1]
    assert text.endswith(mail[-1000:]) and len(text) > len(mail)
    del text
    assert m.fetch(number, "(BODYSTRUCTURE ENVELOPE RFC822.SIZE)")[0] == "OK"
    found = number.encode() in m.search(None, number, "BODY", '"needle at the end"')[1][0].split()
    assert append(m, mail) == "OK"
    assert m.copy(number, "INBOX")[0] == "OK"
    return m, number, found


def a_mail_of_50_mb_costs_2_mb_at_most(s):
    mail = big(50_000_000)
    with Peak(s) as peak:
        m, number, found = use(s, mail)
        assert found
        part = m.fetch(number, f"(BODY.PEEK[TEXT]<{len(mail) - 200}.4000>)")[1][0][1]
        assert part.endswith(b"needle at the end\r\n")
        m.logout()
    assert max(peak.grown.values()) <= HEAP_MAX_KIB, peak.grown


def parts_without_end_cost_a_bounded_amount(s):
    for mail in nested(10_000), many(1_000_000):
        start = time.monotonic()
        with Peak(s) as peak:
            use(s, mail)[0].logout()
        assert max(peak.grown.values()) <= PARTS_MAX_KIB, peak.grown
        assert time.monotonic() - start < 40


def idle_session(s, tls):
    c = socket.create_connection(("127.0.0.1", s.base + (993 if tls else 143)), 30)
    c = trust_all().wrap_socket(c) if tls else c
    for line, last in ((b"", b"\r\n"), (b"a LOGIN u0@example.org pw\r\n", b"a OK"),
                       (b"b SELECT INBOX\r\n", b"b OK"), (b"c IDLE\r\n", b"+ ")):
        c.sendall(line)
        text = b""
        while last not in text:
            text += c.recv(65536)
    return c


def idle_sessions_are_cheap(s):
    imapds = [pid for name, pid in s.pids().items() if name.startswith("imapd")]

    def total():
        return sum(memory(pid, "VmRSS:") for pid in imapds)

    for tls, most in (False, PLAIN_MAX_KIB), (True, TLS_MAX_KIB):
        idle_session(s, tls).close()
        before = total()
        held = [idle_session(s, tls) for _ in range(IDLE)]
        # A moment later the pages that the logins touched are given back.
        s.wait(lambda: total() - before <= IDLE * most, 15)
        for c in held:
            c.close()


def main():
    with Server(QUICK + LIMITS) as s:
        s.imap().logout()  # the password's hash costs auth 19 MiB, once
        a_mail_of_50_mb_costs_2_mb_at_most(s)
        parts_without_end_cost_a_bounded_amount(s)
        idle_sessions_are_cheap(s)


main()
