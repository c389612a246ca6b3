#!/usr/bin/env python3
# timeout: 240
"""From the queue to the mailboxes: aliases, groups, forwards, catch-alls and subaddresses lead to each person once;
what can't be delivered comes back with the reason and the cure; what must go outside waits where one can see it."""
import email
import email.policy
import os
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server, bodies, trust_all  # noqa: E402

LIMITS = "\n[limits]\nconnection_rate_per_minute = 0\n[mail]\nretry_min = 1s\nretry_max = 2s\nqueue_life = 1h\n"
USERS = [f"u{i}" for i in range(12)]


def text_of(subject):
    return f"From: Ann <ann@outside.test>\r\nMessage-ID: <{subject}@outside.test>\r\nSubject: {subject}\r\n\r\nhi\r\n".encode()


def send(s, subject, *to, sender="ann@outside.test"):
    with s.smtp() as c:
        c.sendmail(sender, to, text_of(subject))


def queue(s):
    return s.json("queue", "list")["rows"]


def count(s, user, subject):
    """Reports have it in them too."""
    return sum(f"Subject: {subject}\r\n".encode() in b and b"multipart/report" not in b for b in bodies(s, user))


def idle(s):
    """Until nothing is left but what waits for relaying."""
    s.wait(lambda: all(r["stage"] == "relay" for item in queue(s) for r in item["recipients"]), 60)


def reached(s, subject, *users):
    """Each of these has the mail once, and nobody else has it."""
    idle(s)
    got = {u: count(s, u, subject) for u in USERS}
    assert got == {u: int(u in users) for u in USERS}, (subject, got)


def drop_queue(s):
    for item in queue(s):
        s.cli("queue", "delete", item["id"])


def report_of(raw):
    """The parts of a bounce, checked as RFC 3464 wants them."""
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status", raw
    assert m["Auto-Submitted"] and m["Date"] and m["Message-ID"] and not m.defects, raw
    words, status, returned = m.iter_parts()
    assert returned.get_content_type() in ("message/rfc822", "text/rfc822-headers"), raw
    assert words.get_content_type() == "text/plain" and status.get_content_type() == "message/delivery-status", raw
    fields = status.get_payload()
    assert fields[0]["Reporting-MTA"] == "dns;mail.example.org", raw
    return " ".join(words.get_content().split()), fields[1:]


def bounce_to(s, user, *words):
    """The one bounce in the mailbox that holds all the words; its recipients' fields."""
    def found():
        return [b for b in bodies(s, user)
                if b"multipart/report" in b and all(w.encode() in b" ".join(b.split()) for w in words)]

    raw = s.wait(found)
    assert len(raw) == 1, raw
    return report_of(raw[0])


def aliases_lead_on_and_a_person_is_reached_once(s):
    s.cli("alias", "add", "info@example.org", "u1@example.org", "u2@example.org")
    s.cli("alias", "add", "help@example.org", "info@example.org", "u1@example.org")
    send(s, "alias", "info@example.org", "help@example.org", "u1+x@example.org", "u1@example.org", "U1@example.org")
    reached(s, "alias", "u1", "u2")


def groups_within_groups_reach_members_inside_and_outside(s):
    s.cli("group", "set", "team@example.org", "u3@example.org", "u4@example.org", "x@out.test")
    s.cli("group", "set", "all@example.org", "team@example.org", "info@example.org", "all@example.org", "y@out.test")
    send(s, "group", "all@example.org", "team@example.org")
    reached(s, "group", "u1", "u2", "u3", "u4")
    items = queue(s)
    assert len(items) == 1 and items[0]["waiting"] == 2, items
    assert sorted(r["address"] for r in items[0]["recipients"]) == ["x@out.test", "y@out.test"], items
    shown = s.cli("queue", "list").stdout
    assert "x@out.test" in shown and "relay" in shown and items[0]["id"] in shown, shown
    drop_queue(s)
    s.cli("group", "remove", "team@example.org", "u4@example.org", "x@out.test")
    s.cli("group", "add", "team@example.org", "u5@example.org", "u3@example.org")
    assert sorted(s.json("group", "show", "team@example.org")["targets"]) == ["u3@example.org", "u5@example.org"]
    send(s, "group2", "team@example.org")
    reached(s, "group2", "u3", "u5")


def forwards_keep_a_copy_or_none(s):
    s.cli("forward", "set", "u6@example.org", "u7@example.org", "--keep")
    s.cli("forward", "set", "u8@example.org", "u7@example.org", "u6@example.org", "z@out.test")
    send(s, "kept", "u6@example.org")
    reached(s, "kept", "u6", "u7")
    send(s, "away", "u8@example.org")
    reached(s, "away", "u6", "u7")
    assert [r["address"] for item in queue(s) for r in item["recipients"]] == ["z@out.test"]
    drop_queue(s)
    s.cli("forward", "clear", "u6@example.org")
    s.cli("forward", "clear", "u8@example.org")


def circles_end_with_a_reason_or_with_those_who_are_reached(s):
    s.cli("alias", "add", "a@example.org", "b@example.org")
    s.cli("alias", "add", "b@example.org", "a@example.org")
    send(s, "circle", "a@example.org", sender="u0@example.org")
    words, rcpts = bounce_to(s, "u0", "a@example.org", "circle, to nobody")
    assert rcpts[0]["Status"] == "5.4.6" and rcpts[0]["Action"] == "failed", words
    s.cli("group", "set", "some@example.org", "a@example.org", "u9@example.org", "some@example.org")
    send(s, "half", "some@example.org", sender="u1@example.org")
    reached(s, "half", "u9")
    words, rcpts = bounce_to(s, "u1", "a@example.org")
    assert "(expanded from <some@example.org>)" in words and len(rcpts) == 1, words
    # Two who forward to one another, and keep nothing.
    s.cli("forward", "set", "u8@example.org", "u9@example.org")
    s.cli("forward", "set", "u9@example.org", "u8@example.org")
    send(s, "pair", "u8@example.org", sender="u2@example.org")
    bounce_to(s, "u2", "u8@example.org", "circle, to nobody")
    s.cli("forward", "clear", "u8@example.org")
    s.cli("forward", "clear", "u9@example.org")
    # A chain that is only long.
    for i in range(12):
        s.cli("alias", "add", f"chain{i}@example.org", f"chain{i + 1}@example.org" if i < 11 else "u9@example.org")
    send(s, "chain", "chain0@example.org", sender="u3@example.org")
    bounce_to(s, "u3", "too many aliases", "shorten the way")
    send(s, "short", "chain4@example.org")
    reached(s, "short", "u9")


def catch_alls_take_what_nobody_else_is_meant_by(s):
    s.cli("domain", "add", "any.test")
    s.cli("user", "add", "only@any.test", "--password", "pw")
    s.cli("catch-all", "set", "@any.test", "u9@example.org")
    send(s, "any", "whoever@any.test", "else+x@any.test")
    reached(s, "any", "u9")
    send(s, "named", "only@any.test")
    reached(s, "named")
    s.cli("catch-all", "delete", "@any.test")
    with s.smtp() as c:
        c.ehlo()
        c.mail("ann@outside.test")
        assert c.rcpt("whoever@any.test")[0] == 550


def disabled_and_removed_mailboxes_come_back(s):
    s.cli("alias", "add", "ex@example.org", "u10@example.org", "gone@example.org")
    s.cli("user", "set", "u10@example.org", "--disable")
    send(s, "ex", "ex@example.org", sender="u4@example.org")
    words, rcpts = bounce_to(s, "u4", "u10@example.org", "gone@example.org")
    assert sorted(r["Status"] for r in rcpts) == ["5.1.1", "5.2.1"], words
    s.cli("user", "set", "u10@example.org", "--enable")


def held_mail_rests_and_goes_on(s):
    s.cli("user", "set", "u11@example.org", "--quota-bytes", "10")
    s.cli("alias", "add", "full@example.org", "u11@example.org")
    send(s, "held", "full@example.org")
    item = s.wait(lambda: [i for i in queue(s) if i["recipients"] and i["recipients"][0]["tries"]])[0]
    assert item["recipients"][0]["status"].startswith("4.2.2 "), item
    s.cli("queue", "hold", item["id"])
    s.cli("user", "set", "u11@example.org", "--quota-bytes", "0")
    held = s.json("queue", "show", item["id"])
    assert held["held"] is True, held
    refused = s.cli("queue", "retry", item["id"], check=False)
    assert refused.returncode == 65 and "it is held" in refused.stderr, refused
    send(s, "after", "u11@example.org")
    s.wait(lambda: count(s, "u11", "after"))
    assert count(s, "u11", "held") == 0 and s.json("queue", "show", item["id"])["held"] is True
    s.cli("queue", "release", item["id"])
    reached(s, "held", "u11")
    for bad, code in (("LLL", 64), ("000000", 67)):
        assert s.cli("queue", "hold", bad, check=False).returncode == code
    assert s.cli("queue", "show", item["id"], check=False).returncode == 65


def what_stays_undelivered_too_long_comes_back(s):
    s.cli("user", "set", "u11@example.org", "--quota-bytes", "10")
    send(s, "late", "full@example.org", sender="u5@example.org")
    s.wait(lambda: [i for i in queue(s) if i["recipients"] and i["recipients"][0]["tries"]])
    s.stop()
    os.environ["HAIRPIN_CLOCK_OFFSET"] = "7200"
    try:
        s.start()
        words, rcpts = bounce_to(s, "u5", "5.4.7")
        assert rcpts[0]["Status"] == "5.4.7", words
        idle(s)
        assert count(s, "u11", "late") == 0
    finally:
        del os.environ["HAIRPIN_CLOCK_OFFSET"]
    s.cli("user", "set", "u11@example.org", "--quota-bytes", "0")


def mail_goes_on_when_the_clock_was_set_back(s):
    """The log's time doesn't go back with it."""
    s.stop()
    s.start()
    send(s, "back", "u11@example.org")
    reached(s, "back", "u11")


def nobody_is_told_about_a_failed_notice(s):
    send(s, "notice", "a@example.org", sender="")
    idle(s)
    assert queue(s) == []


def a_sender_says_what_it_wants_to_be_told(s):
    with s.smtp() as c:
        c.ehlo()
        c.mail("u6@example.org", ["RET=HDRS", "ENVID=QQ314159"])
        c.rcpt("a@example.org", ["NOTIFY=NEVER"])
        c.rcpt("b@example.org", ["NOTIFY=FAILURE", "ORCPT=rfc822;bee+40example.org"])
        assert c.data(text_of("dsn"))[0] == 250
    words, rcpts = bounce_to(s, "u6", "b@example.org")
    assert len(rcpts) == 1 and rcpts[0]["Original-Recipient"] == "rfc822;bee@example.org", words
    assert any(b"Original-Envelope-Id: QQ314159\r\n" in b for b in bodies(s, "u6"))


def ten_thousand_members_are_expanded_in_parts(s):
    members = [f"u{i % 12}+{i}@example.org" for i in range(9990)] + [f"x{i}@out.test" for i in range(10)]
    run = subprocess.run([PROGRAM, "group", "set", "big@example.org", "-", "-c", s.conf], text=True, capture_output=True,
                         input="\n".join(members))
    assert run.returncode == 0, run.stderr
    assert s.json("group", "show", "big@example.org")["members"] == 10000
    refused = s.cli("group", "add", "big@example.org", "one@more.test", check=False)
    assert refused.returncode == 65 and "group of their own" in refused.stderr, refused
    send(s, "big", "big@example.org")
    s.wait(lambda: [i["waiting"] for i in queue(s)] == [10], 60)
    reached(s, "big", *USERS)
    assert len(queue(s)) == 1 and queue(s)[0]["waiting"] == 10
    drop_queue(s)
    s.cli("group", "set", "big@example.org", "u0@example.org")
    assert s.json("group", "show", "big@example.org")["targets"] == ["u0@example.org"]


def many_failures_are_all_told(s):
    targets = [f"nobody.with.quite.a.long.name.{i:04}@example.org" for i in range(900)]
    s.cli("group", "set", "void@example.org", *targets)
    send(s, "void", "void@example.org", sender="u7@example.org")
    idle(s)
    told = [r["Final-Recipient"].split(";")[1] for raw in bodies(s, "u7") if b"multipart/report" in raw
            for r in report_of(raw)[1]]
    assert sorted(told) == targets, (len(told), len(set(told)))


def a_thousand_recipients_each_get_it_once(s):
    to = [f"u{i % 12}+{i}@example.org" for i in range(1000)]
    before = s.json("store", "stats")
    with s.smtp() as c:
        assert c.sendmail("ann@outside.test", to, text_of("thousand")) == {}
    reached(s, "thousand", *USERS)
    return before


def the_right_to_send(s):
    s.cli("user", "set", "u0@example.org", "--send-as", "office@example.org,@any.test")
    s.cli("service", "add", "printer@example.org", "--password", "pw")
    with smtplib.SMTP_SSL("127.0.0.1", s.base + 465, context=trust_all()) as c:
        c.login("u0@example.org", "pw")
        for sender, code in (("u0@example.org", 250), ("u0+x@example.org", 250), ("office@example.org", 250),
                             ("who@any.test", 250), ("", 250), ("u1@example.org", 553), ("x@out.test", 553)):
            assert c.mail(sender)[0] == code, sender
            c.rset()
        c.mail("u0@example.org")
        assert c.rcpt("x@out.test")[0] == 250
    with smtplib.SMTP_SSL("127.0.0.1", s.base + 465, context=trust_all()) as c:
        c.login("printer@example.org", "pw")
        c.sendmail("scanner@anything.test", ["x@out.test", "u1@example.org"], text_of("scan"))
    reached(s, "scan", "u1")
    assert [r["address"] for i in queue(s) for r in i["recipients"]] == ["x@out.test"]
    drop_queue(s)


def a_lost_answer_and_a_wanted_repeat(s):
    def by_hand(quit):
        with socket.create_connection(("127.0.0.1", s.base + 25), 20) as k:
            f = k.makefile("rb")
            f.readline()
            for line in ("HELO x", "MAIL FROM:<r@outside.test>", "RCPT TO:<u4@example.org>", "DATA"):
                k.sendall(line.encode() + b"\r\n")
                f.readline()
            k.sendall(text_of("repeat") + b".\r\n" + (b"QUIT\r\n" if quit else b""))
            return f.readline()

    first = by_hand(False)
    assert first.startswith(b"250 ") and by_hand(False) == first
    reached(s, "repeat", "u4")
    assert by_hand(False) == first
    with s.smtp() as c:
        for _ in range(3):
            c.sendmail("ann@outside.test", ["u5@example.org"], text_of("equal"))
            c.noop()
    idle(s)
    assert count(s, "u5", "equal") == 3


def main():
    with Server(extra=QUICK + LIMITS, users=USERS) as s:
        aliases_lead_on_and_a_person_is_reached_once(s)
        groups_within_groups_reach_members_inside_and_outside(s)
        forwards_keep_a_copy_or_none(s)
        circles_end_with_a_reason_or_with_those_who_are_reached(s)
        catch_alls_take_what_nobody_else_is_meant_by(s)
        disabled_and_removed_mailboxes_come_back(s)
        nobody_is_told_about_a_failed_notice(s)
        a_sender_says_what_it_wants_to_be_told(s)
        held_mail_rests_and_goes_on(s)
        the_right_to_send(s)
        a_lost_answer_and_a_wanted_repeat(s)
        a_thousand_recipients_each_get_it_once(s)
        many_failures_are_all_told(s)
        ten_thousand_members_are_expanded_in_parts(s)
        what_stays_undelivered_too_long_comes_back(s)
        mail_goes_on_when_the_clock_was_set_back(s)
        assert s.json("store", "check")["violations"] == []
        assert "AddressSanitizer" not in s.log() and "runtime error" not in s.log(), s.log()[-3000:]


main()
