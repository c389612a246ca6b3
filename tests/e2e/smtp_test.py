#!/usr/bin/env python3
"""SMTP to mailbox: what is accepted arrives once, whole; what may not be is refused with the right words."""
import smtplib
import socket
import sys

sys.path.insert(0, sys.path[0])
from hp import Server, bodies, trust_all  # noqa: E402

HEAD = "From: Ann <ann@outside.test>\r\nTo: u0@example.org\r\nMessage-ID: <{}@outside.test>\r\nSubject: {}\r\n\r\n"


def mail(n, text="hello\r\n"):
    return (HEAD.format(n, n) + text).encode()


def refusal(call, *args):
    try:
        call(*args)
    except smtplib.SMTPResponseException as e:
        return e.smtp_code
    except smtplib.SMTPRecipientsRefused as e:
        return list(e.recipients.values())[0][0]
    raise AssertionError(f"{args[:2]} was accepted")


def arrived(s, n, user="u0", mailbox="INBOX"):
    return s.wait(lambda: len(bodies(s, user, mailbox)) >= n and bodies(s, user, mailbox))


def a_mail_arrives_whole(s):
    text = "line\r\n..dot\r\n.\r\n\r\nend without newline?\r\n" + "x" * 900 + "\r\n"
    with s.smtp() as c:
        c.ehlo("client.test")
        c.sendmail("ann@outside.test", ["u0@example.org"], mail("whole", text))
    got = arrived(s, 1)[0]
    assert got.endswith(mail("whole", text)), got
    head = got[:-len(mail("whole", text))]
    assert head.startswith(b"Delivered-To: u0@example.org\r\nReturn-Path: <ann@outside.test>\r\n"), head
    assert b"Received: from client.test" in head and b"by mail.example.org" in head, head


def strangers_may_not_relay_and_unknown_users_are_refused(s):
    with s.smtp() as c:
        assert refusal(c.sendmail, "a@outside.test", ["nobody@example.org"], mail(1)) == 550
        assert refusal(c.sendmail, "a@outside.test", ["x@elsewhere.test"], mail(1)) in (550, 554)
        c.docmd("RSET")
        assert c.docmd("MAIL FROM:<a@outside.test> SIZE=999999999")[0] == 552
        assert c.docmd("RCPT TO:<u0@example.org>")[0] == 503
        assert c.docmd("NONSENSE")[0] in (500, 502)


def users_submit_with_their_own_address(s):
    with s.smtp(587) as c:
        c.starttls(context=trust_all())
        assert refusal(c.sendmail, "u0@example.org", ["u1@example.org"], mail(2)) == 530
        assert refusal(c.login, "u0@example.org", "wrong") == 535
        assert refusal(c.login, "nobody@example.org", "wrong") == 535
        c.login("u0@example.org", "pw")
        assert refusal(c.sendmail, "u1@example.org", ["u1@example.org"], mail(2)) in (550, 553)
        c.sendmail("u0@example.org", ["u1@example.org"], b"From: u0@example.org\r\nSubject: no id\r\n\r\nhi\r\n")
    got = arrived(s, 1, "u1")[0]
    assert b"Message-ID: <" in got and b"Date: " in got and b"ESMTPSA" in got, got
    with smtplib.SMTP_SSL("127.0.0.1", s.base + 465, context=trust_all()) as c:
        c.login("u1@example.org", "pw")
        c.sendmail("u1+x@example.org", ["u1+detail@example.org"], mail("detail"))
    assert b"Delivered-To: u1+detail@example.org" in arrived(s, 2, "u1")[1]


def nobody_is_reached_twice(s):
    s.cli("alias", "add", "info@example.org", "u2@example.org")
    s.cli("group", "set", "all@example.org", "u2@example.org", "info@example.org", "all@example.org", "x@out.test")
    with s.smtp() as c:
        c.sendmail("a@outside.test", ["all@example.org", "info@example.org", "u2@example.org"], mail("group"))
    arrived(s, 1, "u2")
    # The member outside waits visibly.
    rows = s.wait(lambda: [r for r in s.json("queue", "list")["rows"]
                           if [x["stage"] for x in r["recipients"]] == ["relay"]])
    assert rows[0]["recipients"][0]["address"] == "x@out.test", rows
    assert len(bodies(s, "u2")) == 1
    s.cli("queue", "delete", rows[0]["id"])
    assert s.json("queue", "list")["rows"] == []


def what_fails_comes_back_to_a_local_sender(s):
    s.cli("alias", "add", "old@example.org", "gone@example.org")
    with s.smtp(587) as c:
        c.starttls(context=trust_all())
        c.login("u3@example.org", "pw")
        c.sendmail("u3@example.org", ["old@example.org"], mail("bounced"))
    got = arrived(s, 1, "u3")[0]
    assert b"multipart/report" in got and b"Status: 5.1.1" in got and b"gone@example.org" in got, got
    head = got.partition(b"\r\n\r\n")[0]  # the mail that comes back has its own
    assert b"Return-Path: <>" in head or b"Return-Path" not in head, got


def repeats_are_one_and_equal_mails_are_two(s):
    def send_and_vanish():
        with socket.create_connection(("127.0.0.1", s.base + 25)) as k:
            f = k.makefile("rb")
            f.readline()
            for line in ("HELO x", "MAIL FROM:<r@outside.test>", "RCPT TO:<u4@example.org>", "DATA"):
                k.sendall(line.encode() + b"\r\n")
                f.readline()
            k.sendall(mail("repeat") + b".\r\n")
            return f.readline()  # and never says another word

    first, second = send_and_vanish(), send_and_vanish()
    assert first.startswith(b"250") and first == second, (first, second)
    arrived(s, 1, "u4")
    with s.smtp() as c:
        for _ in range(2):
            c.sendmail("r@outside.test", ["u4@example.org"], mail("wanted"))
            c.noop()
    arrived(s, 3, "u4")
    assert len(bodies(s, "u4")) == 3


def bare_line_ends_are_refused_after_the_true_end(s):
    for bad in (b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"x\r\n.\nMAIL FROM:<evil@x.test>\r\n"):
        with socket.create_connection(("127.0.0.1", s.base + 25)) as k:
            f = k.makefile("rb")
            f.readline()
            for line in ("HELO x", "MAIL FROM:<r@outside.test>", "RCPT TO:<u4@example.org>", "DATA"):
                k.sendall(line.encode() + b"\r\n")
                f.readline()
            k.sendall(b"Subject: x\r\n\r\n" + bad + b".\r\nNOOP\r\n")
            assert f.readline().startswith(b"550"), bad
            assert f.readline().startswith(b"250"), bad


def nothing_before_starttls_counts_behind_it(s):
    with socket.create_connection(("127.0.0.1", s.base + 25)) as k:
        f = k.makefile("rb", 0)
        f.readline()
        k.sendall(b"EHLO x\r\n")
        while f.readline()[3:4] == b"-":
            pass
        k.sendall(b"STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n")
        assert f.readline().startswith(b"220")
        with trust_all().wrap_socket(k) as t:
            t.sendall(b"RCPT TO:<u0@example.org>\r\n")
            assert t.recv(100).startswith(b"503")


def a_full_mailbox_is_said_at_rcpt(s):
    s.cli("user", "set", "u5@example.org", "--quota-bytes", "3000")
    with s.smtp() as c:
        c.sendmail("a@outside.test", ["u5@example.org"], mail("fits", "x" * 70 + "\r\n"))
        c.sendmail("a@outside.test", ["u5@example.org"], mail("fits2", ("x" * 70 + "\r\n") * 26))
        arrived(s, 2, "u5")
        assert refusal(c.sendmail, "a@outside.test", ["u5@example.org"],
                       mail("no", ("x" * 70 + "\r\n") * 30)) == 452


def a_large_mail_comes_back_whole(s):
    text = ("0123456789abcdef" * 4 + "\r\n") * 200000
    with s.smtp() as c:
        c.sendmail("a@outside.test", ["u6@example.org"], mail("big", text))
    assert arrived(s, 1, "u6")[0].endswith(mail("big", text))


def main():
    with Server(users=[f"u{i}" for i in range(7)]) as s:
        a_mail_arrives_whole(s)
        strangers_may_not_relay_and_unknown_users_are_refused(s)
        users_submit_with_their_own_address(s)
        nobody_is_reached_twice(s)
        what_fails_comes_back_to_a_local_sender(s)
        repeats_are_one_and_equal_mails_are_two(s)
        bare_line_ends_are_refused_after_the_true_end(s)
        nothing_before_starttls_counts_behind_it(s)
        a_full_mailbox_is_said_at_rcpt(s)
        a_large_mail_comes_back_whole(s)
        s.cli("store", "check")


main()
