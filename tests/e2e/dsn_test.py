#!/usr/bin/env python3
# timeout: 300
"""Delivery status notifications: who is told what, when, and with how much of the mail; read again by Python's email."""
import email
import email.policy
import email.utils
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

CONF = """
[auth]
argon2_memory_kib = 64
argon2_passes = 1
throttle = no
[limits]
connection_rate_per_minute = 0
[relay]
host = [127.0.0.1]:%d
[mail]
retry_min = 1s
retry_max = 1s
queue_life = 1h
delay_warning = 3s
"""
USERS = ["u0", "u1", "u2", "u3", "full"]
RETURN_MAX = 50000
SECRET = "the-very-words-of-the-mail"


def seconds(date):
    return email.utils.parsedate_to_datetime(str(date)).timestamp()


class Report:
    """Checked as RFC 3464, 6522, 6533 and 3834 want it."""

    def __init__(self, raw):
        self.raw = raw
        assert not re.search(rb"[^\r]\n|\r[^\n]", raw), raw
        m = self.mail = email.message_from_bytes(raw, policy=email.policy.default)
        parts = list(m.iter_parts())
        assert not any(p.defects for p in [m, *m.walk()]), [p.defects for p in m.walk()]
        self.is_global = m.get_param("report-type") == "global-delivery-status"
        assert m.get_content_type() == "multipart/report" and len(parts) == 3, raw
        assert parts[0].get_content_type() == "text/plain"
        kind = "message/" + m.get_param("report-type")
        assert parts[1].get_content_type() == kind, raw
        assert m["Auto-Submitted"] == "auto-replied" and m["From"].addresses[0].username == "MAILER-DAEMON"
        self.subject, self.words = m["Subject"], " ".join(parts[0].get_content().split())
        self.message, self.rcpts = self.read_fields(parts[1])
        self.returned_type, self.returned = parts[2].get_content_type(), parts[2]
        assert self.message["Reporting-MTA"] == "dns;mail.example.org" and self.message["Arrival-Date"], raw

        self.arrived, self.made = (seconds(x) for x in (self.message["Arrival-Date"], m["Date"]))

    @staticmethod
    def tried(one):
        return seconds(one["Last-Attempt-Date"])

    def read_fields(self, part):
        """Python knows message/delivery-status, not the one for UTF-8."""
        if not self.is_global:
            blocks = part.get_payload()
        else:
            text = part.get_payload()[0].as_bytes() if part.is_multipart() else part.get_payload(decode=True)
            blocks = [email.message_from_bytes(b, policy=email.policy.SMTPUTF8)
                      for b in text.replace(b"\r\n", b"\n").split(b"\n\n") if b.strip()]
        return blocks[0], {re.sub(r"^[\w-]+;\s*", "", b["Final-Recipient"]): b for b in blocks[1:]}


def text_of(subject, body=SECRET):
    return f"From: u0@example.org\r\nMessage-ID: <{subject}@x.test>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def send(s, subject, rcpts, mail=(), sender="u0@example.org", body=SECRET, login="u0@example.org"):
    """rcpts: address -> its parameters."""
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login(login, "pw")
        code, words = c.mail(sender, list(mail))
        assert code == 250, words
        for address, parameters in rcpts.items():
            if not address.isascii():
                c.command_encoding = "utf-8"
            code, words = c.docmd("RCPT", f"TO:<{address}> {parameters}".strip())
            assert code == 250, words
        code, words = c.data(text_of(subject, body))
        assert code == 250, words


def told(s, subject, user="u0"):
    """All reports about a mail."""
    return [Report(b) for b in hp.bodies(s, user)
            if b"multipart/report" in b and f"References: <{subject}@x.test>".encode() in b]


def report(s, subject, user="u0"):
    s.wait(lambda: told(s, subject, user))
    s.wait(lambda: not s.json("queue", "list")["rows"])
    all_of_them = told(s, subject, user)
    assert len(all_of_them) == 1, [r.raw for r in all_of_them]
    return all_of_them[0]


def silence(s, subject):
    s.wait(lambda: not s.json("queue", "list")["rows"])
    assert not told(s, subject), told(s, subject)[0].raw


def refuse(to):
    to.replies["RCPT"] = lambda session, a: (b"550 5.1.1 nobody\r\n".strip() if b"none" in a
                                             else b"450 4.2.0 greylisted" if b"later" in a else None)


def new_connections(s, to):
    s.wait(lambda: len(to.said("QUIT")) == len(to.sessions))


def a_failure_quotes_the_server_and_returns_the_mail(s, to):
    send(s, "fail", {"none1@out.test": "ORCPT=rfc822;n+2Bone@x.test", "none2@out.test": "", "good@out.test": ""},
         ["ENVID=env+2B1"])
    r = report(s, "fail")
    assert sorted(r.rcpts) == ["none1@out.test", "none2@out.test"] and "Undelivered" in r.subject
    one = r.rcpts["none1@out.test"]
    assert one["Original-Recipient"] == "rfc822;n+one@x.test" and r.message["Original-Envelope-Id"] == "env+1"
    assert (one["Action"], one["Status"]) == ("failed", "5.1.1") and one["Remote-MTA"] == "dns;127.0.0.1"
    assert one["Diagnostic-Code"] == "smtp; 550 5.1.1 nobody" and one["Last-Attempt-Date"], r.raw
    assert "<none1@out.test> There is no such mailbox." in r.words and "127.0.0.1 said: 550 5.1.1 nobody" in r.words
    assert r.returned_type == "message/rfc822"
    inner = r.returned.get_content()
    assert inner["Subject"] == "fail" and SECRET in inner.get_content(), r.raw
    assert r.raw.count(b"Received: ") == 1  # the mail's own
    assert re.search(r": sender non-delivery notification: [0-9A-Z]{6,}\n", s.log()), s.log()[-3000:]


def the_sender_says_how_much_comes_back(s, to):
    send(s, "hdrs", {"none@out.test": ""}, ["RET=HDRS"])
    r = report(s, "hdrs")
    assert r.returned_type == "text/rfc822-headers" and SECRET not in str(r.raw)
    assert email.message_from_string(r.returned.get_content())["Subject"] == "hdrs", r.raw
    send(s, "full", {"none@out.test": ""}, ["RET=FULL"])
    assert report(s, "full").returned_type == "message/rfc822"
    for subject, size, wanted in (("below", RETURN_MAX - 1000, "message/rfc822"),
                                  ("above", RETURN_MAX + 1, "text/rfc822-headers"),
                                  ("huge", 700000, "text/rfc822-headers")):
        body = "\r\n".join(["x" * 78] * (size // 80))
        send(s, subject, {"none@out.test": ""}, ["RET=FULL"], body=body)
        r = report(s, subject)
        assert r.returned_type == wanted and len(r.raw) < RETURN_MAX + 5000, (subject, r.returned_type, len(r.raw))
        if wanted == "message/rfc822":
            assert r.returned.get_content().get_content().split() == body.split()


def notify_decides_who_is_told(s, to):
    send(s, "never", {"none@out.test": "NOTIFY=NEVER"})
    send(s, "only", {"none@out.test": "NOTIFY=SUCCESS,DELAY"})
    send(s, "some", {"none1@out.test": "NOTIFY=NEVER", "none2@out.test": "NOTIFY=FAILURE"})
    assert list(report(s, "some").rcpts) == ["none2@out.test"]
    silence(s, "never")
    silence(s, "only")
    send(s, "quiet", {"u1@example.org": "NOTIFY=FAILURE"})
    silence(s, "quiet")


def success_is_told_when_it_is_wanted(s, to):
    send(s, "here", {"u1@example.org": "NOTIFY=SUCCESS ORCPT=rfc822;u1@example.org", "u2@example.org": ""},
         ["RET=FULL"])
    r = report(s, "here")
    assert list(r.rcpts) == ["u1@example.org"] and r.subject == "Successful mail delivery report"
    assert (r.rcpts["u1@example.org"]["Action"], r.rcpts["u1@example.org"]["Status"]) == ("delivered", "2.0.0")
    assert r.returned_type == "text/rfc822-headers"
    send(s, "alone", {"u1@example.org": "NOTIFY=SUCCESS,FAILURE"})
    assert report(s, "alone").rcpts["u1@example.org"]["Action"] == "delivered"


def a_wish_is_passed_on_or_ends_here(s, to):
    before = len(to.mails)
    send(s, "passed", {"p@out.test": "NOTIFY=SUCCESS ORCPT=rfc822;p@x.test"}, ["ENVID=e1", "RET=HDRS"])
    got = to.wait(before + 1)[before]
    assert "NOTIFY=SUCCESS" in got.rcpts[0] and "ORCPT=rfc822;p@x.test" in got.rcpts[0], got.rcpts
    assert "ENVID=e1" in got.sender and "RET=HDRS" in got.sender, got.sender
    silence(s, "passed")
    new_connections(s, to)
    to.offers = (b"PIPELINING", b"8BITMIME")
    send(s, "ended", {"p@out.test": "NOTIFY=SUCCESS", "q@out.test": ""})
    r = report(s, "ended")
    assert list(r.rcpts) == ["p@out.test"] and "sends no reports" in r.words
    p = r.rcpts["p@out.test"]
    assert p["Action"] == "relayed" and p["Remote-MTA"] == "dns;127.0.0.1"
    assert p["Diagnostic-Code"].startswith("smtp; 250 2.0.0 Ok: queued"), r.raw
    assert "NOTIFY" not in to.mails[-1].rcpts[0]
    new_connections(s, to)
    to.offers = (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN")


def an_alias_passes_the_wish_on_and_a_group_ends_it(s, to):
    s.cli("alias", "add", "one@example.org", "u3@example.org")
    send(s, "alias", {"one@example.org": "NOTIFY=SUCCESS ORCPT=rfc822;one@example.org", "u1@example.org": ""})
    r = report(s, "alias").rcpts["u3@example.org"]
    assert r["Action"] == "delivered" and r["Original-Recipient"] == "rfc822;one@example.org"
    s.cli("group", "set", "many@example.org", "u1@example.org", "u2@example.org", "m@out.test", "none@out.test")
    before = len(to.mails)
    send(s, "group", {"many@example.org": "NOTIFY=SUCCESS"})
    r = report(s, "group")
    assert list(r.rcpts) == ["many@example.org"] and r.rcpts["many@example.org"]["Action"] == "expanded"
    assert "NOTIFY=NEVER" in to.wait(before + 1)[before].rcpts[0], to.mails[before].rcpts
    send(s, "group2", {"many@example.org": "NOTIFY=SUCCESS,FAILURE"})
    s.wait(lambda: len(told(s, "group2")) == 2)
    found = {a: x["Action"] for r in told(s, "group2") for a, x in r.rcpts.items()}
    assert found == {"many@example.org": "expanded", "none@out.test": "failed"}, found


def what_waits_is_told_once(s, to):
    s.cli("user", "set", "full@example.org", "--quota-bytes", "10")
    s.cli("alias", "add", "box@example.org", "full@example.org")  # smtpd refuses a full mailbox at once
    send(s, "wait", {"box@example.org": "", "later1@out.test": "", "later2@out.test": "NOTIFY=DELAY,FAILURE",
                     "later3@out.test": "NOTIFY=FAILURE", "later4@out.test": "NOTIFY=NEVER"})
    send(s, "nowait", {"box@example.org": "NOTIFY=FAILURE,SUCCESS"})
    want = {"full@example.org", "later1@out.test", "later2@out.test"}
    s.wait(lambda: {a for r in told(s, "wait") for a in r.rcpts} == want)
    time.sleep(5)
    found = told(s, "wait")
    assert sorted(a for r in found for a in r.rcpts) == sorted(want), [r.raw for r in found]
    for r in found:
        assert r.subject.startswith("Delayed mail") and r.returned_type == "text/rfc822-headers"
        for address, one in r.rcpts.items():
            assert one["Action"] == "delayed" and one["Will-Retry-Until"], r.raw
            if address == "full@example.org":
                assert one["Status"] == "4.2.2" and one["Final-Log-ID"] == r.message["X-Queue-ID"], r.raw
            else:
                assert one["Diagnostic-Code"] == "smtp; 450 4.2.0 greylisted", r.raw
                assert one["Remote-MTA"] == "dns;127.0.0.1" and not one["Final-Log-ID"], r.raw
            assert r.arrived <= r.tried(one) <= r.made < r.arrived + 60, r.raw
    assert not told(s, "nowait")
    # It goes on being tried.
    before = len(to.mails)
    to.replies.clear()
    s.cli("user", "set", "full@example.org", "--quota-bytes", "0")
    s.wait(lambda: not [i for i in s.json("queue", "list")["rows"]])
    assert len([r for m in to.mails[before:] for r in m.rcpts]) == 4
    s.wait(lambda: told(s, "nowait"))
    assert len(hp.bodies(s, "full")) == 2 and len(told(s, "nowait")) == 1
    assert told(s, "nowait")[0].rcpts["box@example.org"]["Action"] == "delivered"
    refuse(to)


def what_waits_behind_a_dead_server_is_told_too(s):
    send(s, "dead", {"x@out.test": "", "y@out.test": "NOTIFY=FAILURE"})
    s.wait(lambda: told(s, "dead"), 30)
    r, = told(s, "dead")
    assert list(r.rcpts) == ["x@out.test"] and "can't be reached" in r.words, r.raw
    one = r.rcpts["x@out.test"]
    assert one["Action"] == "delayed" and one["Status"] == "4.4.1" and "refused" in one["Diagnostic-Code"], r.raw
    assert one["Diagnostic-Code"].startswith("x-hairpin;")
    assert r.arrived <= r.tried(one) <= r.made < r.arrived + 60, r.raw
    time.sleep(3)
    assert len(told(s, "dead")) == 1


def what_waited_too_long_comes_back_with_the_last_words(s, to):
    send(s, "over", {"later@out.test": ""})
    s.wait(lambda: told(s, "over"))
    s.stop()
    os.environ["HAIRPIN_CLOCK_OFFSET"] = "7200"
    try:
        s.start()
        s.wait(lambda: len(told(s, "over")) == 2)
    finally:
        del os.environ["HAIRPIN_CLOCK_OFFSET"]
    r = next(r for r in told(s, "over") if "Undelivered" in r.subject)
    one = r.rcpts["later@out.test"]
    assert one["Status"] == "5.4.7" and one["Diagnostic-Code"] == "smtp; 450 4.2.0 greylisted", r.raw
    assert r.tried(one) < r.made - 7000, "it wasn't tried again once its time was over"
    assert "time that it is kept for" in r.words and r.returned_type == "message/rfc822"


def addresses_in_utf8_make_a_global_report(s, to):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.command_encoding = "utf-8"
        c.docmd("MAIL", "FROM:<u0@example.org> SMTPUTF8 BODY=8BITMIME")
        code, words = c.docmd("RCPT", "TO:<noneë@out.test>")
        assert code == 250, words
        raw = "Subject: grüße\r\nMessage-ID: <utf8@x.test>\r\nFrom: u0@example.org\r\n\r\nschön\r\n".encode()
        assert c.data(raw)[0] == 250
    r = report(s, "utf8")
    assert r.is_global and r.returned_type == "message/global", r.raw
    assert list(r.rcpts) == ["noneë@out.test"] and "utf-8;noneë@out.test".encode() in r.raw
    assert "Subject: grüße".encode() in r.raw and "noneë@out.test" in r.words
    # Octets above 127 in the text alone need nothing new.
    send(s, "eight", {"none@out.test": ""}, ["BODY=8BITMIME"], body="")
    assert not report(s, "eight").is_global


def a_report_is_never_reported(s, to):
    s.cli("service", "add", "robot@example.org", "--password", "pw")
    send(s, "double", {"none1@out.test": ""}, sender="none@back.test", login="robot@example.org")
    line = s.wait(lambda: re.search(r"warning: (\w+): to=<none@back.test>: undeliverable, and it has no sender: "
                                    r"nobody is told\n", s.log()))
    s.wait(lambda: not s.json("queue", "list")["rows"])
    assert re.search(rf"sender non-delivery notification: {line[1]}\n", s.log())
    assert f"{line[1]}: sender" not in s.log()
    assert to.said("MAIL FROM:<> ") or to.said("MAIL FROM:<>"), to.verbs[-10:]
    # What comes back to another server comes whole.
    before = len(to.mails)
    send(s, "away", {"none1@out.test": ""}, sender="ann@back.test", login="robot@example.org")
    got = to.wait(before + 1)[before]
    assert got.sender.startswith("FROM:<>") and Report(got.text).returned_type == "message/rfc822", got.text


def many_failures_at_one_server_are_one_report(s, to):
    names = [f"none{i}@out.test" for i in range(40)]
    send(s, "forty", {n: "" for n in names})
    assert sorted(report(s, "forty").rcpts) == sorted(names)


def nothing_of_the_mail_lies_open_on_the_disk(s):
    """Of what was returned neither."""
    found = subprocess.run([*hp.AS_ROOT, "grep", "-rlaF", SECRET, s.data], capture_output=True, text=True)
    assert found.returncode == 1 and not found.stdout, found
    assert any(SECRET.encode() in b for b in hp.bodies(s))


def main():
    with sink.Sink() as to:
        with hp.Server(extra=CONF % to.port, users=USERS) as s:
            s.settle()
            refuse(to)
            a_failure_quotes_the_server_and_returns_the_mail(s, to)
            the_sender_says_how_much_comes_back(s, to)
            notify_decides_who_is_told(s, to)
            success_is_told_when_it_is_wanted(s, to)
            a_wish_is_passed_on_or_ends_here(s, to)
            an_alias_passes_the_wish_on_and_a_group_ends_it(s, to)
            addresses_in_utf8_make_a_global_report(s, to)
            a_report_is_never_reported(s, to)
            many_failures_at_one_server_are_one_report(s, to)
            what_waits_is_told_once(s, to)
            to.close()
            what_waits_behind_a_dead_server_is_told_too(s)
            with sink.Sink(port=to.port) as again:
                refuse(again)
                what_waited_too_long_comes_back_with_the_last_words(s, again)
            nothing_of_the_mail_lies_open_on_the_disk(s)
            assert s.json("store", "check")["violations"] == []
            assert "AddressSanitizer" not in s.log() and "runtime error" not in s.log(), s.log()[-3000:]


main()
