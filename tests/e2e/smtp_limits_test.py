#!/usr/bin/env python3
# timeout: 200
"""Clients that are many, slow, noisy or gone: each is answered or left, and nobody else notices."""
import errno
import imaplib
import os
import signal
import smtplib
import socket
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import QUICK, Server, bodies, open_files, trust_all  # noqa: E402

LIMITS = """
[processes]
smtpd = 1
[limits]
connections_per_client = 8
connection_rate_per_minute = 0
command_timeout = 2s
session_time = 6s
min_bytes_per_second = 100
recipients = 1000
"""


def lines(sock):
    """All that comes until the server closes."""
    out = b""
    try:
        while True:
            got = sock.recv(65536)
            if not got:
                return out
            out += got
    except (ConnectionError, socket.timeout):
        return out


def connect(s, port=25):
    c = socket.create_connection(("127.0.0.1", s.base + port), 15)
    return c


def talk(c, text, until=b"\n"):
    if text:
        c.sendall(text.encode() if isinstance(text, str) else text)
    got = b""
    while until not in got:
        more = c.recv(65536)
        assert more, got
        got += more
    return got


def too_many_connections_of_one_client_are_told_so(s):
    held = [connect(s) for _ in range(8)]
    for c in held:
        assert c.recv(100).startswith(b"220 ")
    with connect(s) as c:
        assert lines(c).startswith(b"421 4.7.0 ")
    held.pop().close()
    s.wait(lambda: greeted(s))
    for c in held:
        c.close()
    time.sleep(0.3)


def greeted(s):
    with connect(s) as c:
        return c.recv(100).startswith(b"220 ")


def silence_ends_a_session(s):
    with connect(s) as c:
        start = time.monotonic()
        got = lines(c)
        assert got.startswith(b"220 ") and b"421 4.4.2 " in got, got
        assert 1.5 < time.monotonic() - start < 5
    with connect(s, 465) as c:  # a client that never begins its handshake holds a place, not a process
        assert greeted(s)


def a_dripping_client_is_not_waited_for(s):
    with connect(s) as c:
        talk(c, "EHLO c\r\n", b"250 HELP")
        talk(c, "MAIL FROM:<a@b.test>\r\n")
        talk(c, "RCPT TO:<u0@example.org>\r\n")
        talk(c, "DATA\r\n")
        start = time.monotonic()
        got = b""
        c.settimeout(0.3)
        while time.monotonic() - start < 12 and b"421" not in got:
            try:
                c.sendall(b"x")
                got += c.recv(1000)
            except socket.timeout:
                pass
            except ConnectionError:
                break
        assert b"421 4.4.2 " in got, got


def end_writing(c):
    """The server may have closed by now: then there is nothing left to end."""
    try:
        c.shutdown(socket.SHUT_WR)
    except OSError as e:
        if e.errno != errno.ENOTCONN:
            raise


def tls_garbage_and_half_handshakes_hurt_nobody(s):
    for junk in (b"\x16\x03\x01\xff\xff" + b"\x41" * 3000, b"EHLO c\r\n", b"\0" * 10000, os.urandom(5000)):
        with connect(s, 465) as c:
            c.sendall(junk)
            end_writing(c)
            lines(c)
    for _ in range(5):
        c = connect(s)
        c.recv(100)
        talk(c, "STARTTLS\r\n")
        c.sendall(b"\x16\x03\x01\x00\xf0\x01")
        c.close()
    with smtplib.SMTP_SSL("127.0.0.1", s.base + 465, context=trust_all(), timeout=10) as c:
        assert c.noop()[0] == 250


def a_thousand_recipients_are_taken_and_one_more_is_not(s):
    with connect(s) as c:
        talk(c, "EHLO c\r\n", b"250 HELP")
        talk(c, "MAIL FROM:<a@b.test>\r\n")
        text = "".join(f"RCPT TO:<u0+{i}@example.org>\r\n" for i in range(1001))
        c.sendall(text.encode())
        got = b""
        while got.count(b"\n") < 1001:
            got += c.recv(65536)
        assert got.count(b"250 2.1.5") == 1000 and got.count(b"452 4.5.3") == 1, got[-300:]
        talk(c, "DATA\r\n")
        assert talk(c, "Subject: to many\r\n\r\n.\r\n").startswith(b"250 ")
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(20)
        c.connect(s.data + "/run/lmtp.sock")
        c.recv(1000)
        talk(c, "LHLO c\r\n", b"250 HELP")
        talk(c, "MAIL FROM:<a@b.test>\r\n")
        for i in range(200):
            talk(c, f"RCPT TO:<u0+{i}@example.org>\r\n")
        talk(c, "DATA\r\n")
        c.sendall(b"Subject: to many\r\n\r\n.\r\n")
        got = b""
        while got.count(b"\n") < 200:
            got += c.recv(65536)
        assert got.count(b"250 2.0.0 Ok: queued as") == 200


def whoever_vanishes_leaves_nothing_in_the_spool(s):
    s.wait(lambda: s.json("queue", "list")["rows"] == [], 60)  # what earlier tests sent is there
    before = len(bodies(s))
    for _ in range(5):
        with connect(s) as c:
            talk(c, "EHLO c\r\n", b"250 HELP")
            talk(c, "MAIL FROM:<a@b.test>\r\n")
            talk(c, "RCPT TO:<u0@example.org>\r\n")
            talk(c, "DATA\r\n")
            c.sendall(b"Subject: lost\r\n\r\n" + b"x" * 300000)
    pid = s.pids()["smtpd/0"]
    s.wait(lambda: not [f for f in open_files(pid) if "spool" in f])
    assert os.listdir(s.data + "/spool") == []
    assert len(bodies(s)) == before


def bodies_if_any(s):
    """Of u1; none while keyd starts, which is no wrong password."""
    try:
        return bodies(s, "u1")
    except imaplib.IMAP4.error as e:
        assert "[UNAVAILABLE]" in str(e), e
        return []


def a_dead_store_or_filterd_means_try_again_and_nothing_lost(s):
    for role in ("store/0", "filterd/0", "keyd/0"):
        old = s.pids()[role]
        with s.smtp() as c:
            c.ehlo()
            os.kill(old, signal.SIGKILL)
            taken = False
            for _ in range(20):
                try:
                    c.sendmail("a@b.test", ["u1@example.org"], f"Subject: {role}\r\n\r\nx\r\n".encode())
                    taken = True
                    break
                except smtplib.SMTPResponseException as e:
                    assert 400 <= e.smtp_code < 500, e
                    time.sleep(0.2)
            assert taken, role
        s.wait(lambda: any(f"Subject: {role}".encode() in b for b in bodies_if_any(s)))


def shutting_down_says_so(s):
    with connect(s) as c:
        c.recv(1000)
        s.stop()
        assert lines(c).startswith(b"421 4.3.2 ")


TIGHT = """
[processes]
smtpd = 1
[limits]
connection_rate_per_minute = 6
message_size = 2048
recipients = 2
hops = 2
errors = 4
login_failures = 2
junk_commands = 3
"""


def deliver(c, text, rcpts=("u0",)):
    """The reply to the mail's end."""
    talk(c, "MAIL FROM:<a@b.test>\r\n")
    said = [talk(c, f"RCPT TO:<{r}@example.org>\r\n")[:3] for r in rcpts]
    talk(c, "DATA\r\n")
    return said, talk(c, text + ".\r\n")


def each_limit_is_where_the_configuration_puts_it(s):
    with connect(s) as c:
        assert b"250-SIZE 2048\r\n" in talk(c, "", b"220 ") + talk(c, "EHLO c\r\n", b"250 HELP")
        line = "x" * 62 + "\r\n"
        assert deliver(c, line * 32)[1].startswith(b"250 "), "2048 octets are too many"
        assert deliver(c, line * 32 + "x\r\n")[1].startswith(b"552 5.3.4 ")
        assert deliver(c, "\r\nx\r\n", ("u0", "u1", "u1"))[0] == [b"250", b"250", b"452"]
        hop = "Received: from a by b; Tue, 24 Nov 2026 14:52:33 +0000\r\n"
        assert deliver(c, hop * 2 + "\r\nx\r\n")[1].startswith(b"250 ")
        assert deliver(c, hop * 3 + "\r\nx\r\n")[1].startswith(b"554 5.4.6 ")
        assert deliver(c, "\r\nx\r\n")[1].startswith(b"250 ")
        # Three are free, the further ones are answered and counted.
        for _ in range(6):
            assert talk(c, "NOOP\r\n") == b"250 2.0.0 Ok\r\n"
        assert b"421 4.7.0 " in talk(c, "NOOP\r\n") + lines(c)
    with connect(s, 587) as c:
        talk(c, "", b"220 ")
        talk(c, "EHLO c\r\n", b"250 HELP")
        assert talk(c, "AUTH PLAIN AHUwAG5v\r\n").startswith(b"535 ")
        assert b"421 4.7.0 " in talk(c, "AUTH PLAIN AHUwAG5v\r\n") + lines(c)
    for _ in range(4):
        assert greeted(s)
    with connect(s) as c:
        assert lines(c).startswith(b"421 4.7.0 "), "the seventh in a minute"


def each_refusal_is_logged_once_with_its_sender(s):
    """What only follows from one that was told before is no line of its own."""
    before = len(s.log())
    for port, sender, rcpt in ((587, "eve@outside.test", "u0"), (25, "bob@outside.test", "nobody"),
                               (25, "big@outside.test> SIZE=99999999999 BODY=8BITMIME", "u0")):
        with connect(s, port) as c:
            end = "" if "SIZE" in sender else ">"
            c.sendall(f"EHLO name.test\r\nMAIL FROM:<{sender}{end}\r\nRCPT TO:<{rcpt}@example.org>\r\nDATA\r\nQUIT\r\n"
                      .encode())
            lines(c)
    rejects = s.wait(lambda: (lambda r: r if len(r) > 2 else None)(
        [x for x in s.log()[before:].splitlines() if "NOQUEUE: reject" in x]), 5)
    assert len(rejects) == 3, rejects
    assert "530 5.7.0 Authentication required; from=<>, to=<>, helo=<name.test>" in rejects[0], rejects
    assert "550 5.1.1" in rejects[1] and "from=<bob@outside.test>, to=<nobody@example.org>" in rejects[1], rejects
    assert "552 5.3.4" in rejects[2] and "from=<big@outside.test>, to=<>, helo=<name.test>" in rejects[2], rejects


def main():
    with Server(extra=QUICK + TIGHT, users=("u0", "u1")) as s:
        each_limit_is_where_the_configuration_puts_it(s)
    with Server(extra=QUICK + LIMITS, users=("u0", "u1")) as s:
        too_many_connections_of_one_client_are_told_so(s)
        each_refusal_is_logged_once_with_its_sender(s)
        silence_ends_a_session(s)
        a_dripping_client_is_not_waited_for(s)
        tls_garbage_and_half_handshakes_hurt_nobody(s)
        a_thousand_recipients_are_taken_and_one_more_is_not(s)
        whoever_vanishes_leaves_nothing_in_the_spool(s)
        a_dead_store_or_filterd_means_try_again_and_nothing_lost(s)
        shutting_down_says_so(s)
        assert "AddressSanitizer" not in s.log() and "runtime error" not in s.log(), s.log()[-3000:]


main()
