#!/usr/bin/env python3
# timeout: 300
"""Who may log in from where, who may send as whom and to how many, and who may write to a group."""
import base64
import re
import socket
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402


class Talk:
    """To the submission port, or the MX; from an address of this machine's."""

    def __init__(self, s, user=None, port=587, source="127.0.0.1", to="127.0.0.1"):
        self.s = socket.create_connection((to, s.base + port if to == "127.0.0.1" else s.port6), 20, (source, 0))
        self.f = self.s.makefile("rb")
        self.read()
        self.say("EHLO client.test")
        if user:
            assert self.login(user).startswith("235 ")

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.s.close()

    def read(self):
        while True:
            line = self.f.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, text):
        self.s.sendall(text.encode() + b"\r\n")
        return self.read()

    def login(self, user):
        return self.say("AUTH PLAIN " + base64.b64encode(f"\0{user}\0pw".encode()).decode())


def mail(s, sender, to, user=None, port=587):
    """What RCPT says, or MAIL if it refuses."""
    with Talk(s, user, port) as t:
        got = t.say(f"MAIL FROM:<{sender}>")
        return t.say(f"RCPT TO:<{to}>") if got.startswith("250 ") else got


def a_service_logs_in_from_its_networks_only(s):
    def said(source, to="127.0.0.1"):
        with Talk(s, source=source, to=to) as t:
            return t.login("printer@example.org")

    s.cli("service", "add", "printer@example.org", "--password", "pw", "--from-network", "127.0.0.2/31,2001:db8::/32")
    for source, code in ("127.0.0.1", "535"), ("127.0.0.2", "235"), ("127.0.0.3", "235"), ("127.0.0.4", "535"):
        assert said(source)[:3] == code, source
    assert said("127.0.0.4") == "535 5.7.1 This account may not log in from the address that you come from"
    assert "unknown[127.0.0.4]: login of <printer@example.org> refused: not from its networks" in s.log()
    # Only who knows the password hears that it is the address.
    with Talk(s, source="127.0.0.4") as t:
        wrong = base64.b64encode(b"\0printer@example.org\0wrong").decode()
        assert t.say("AUTH PLAIN " + wrong).startswith("535 5.7.8 ")
    assert said("::1", "::1").startswith("535 5.7.1 ")
    s.cli("service", "set", "printer@example.org", "--from-network", "::1/128")
    assert said("::1", "::1").startswith("235 ") and said("127.0.0.2").startswith("535 5.7.1 ")
    s.cli("service", "set", "printer@example.org", "--from-network", "::2/128")
    assert said("::1", "::1").startswith("535 5.7.1 ")


def an_account_sends_as_itself_only(s):
    def may(user, sender):
        got = mail(s, sender, "u0@example.org", user)
        assert got[:10] in ("250 2.1.5 ", "553 5.7.1 "), got
        return got.startswith("250 ")

    u0, u1 = "u0@example.org", "u1@example.org"
    s.cli("alias", "add", "alias@example.org", u0)
    s.cli("group", "set", "all@example.org", u0, u1)
    assert may(u0, u0) and may(u0, "u0+tag@example.org") and may(u0, "U0@EXAMPLE.ORG")
    assert not may(u0, u1) and not may(u0, "u1+tag@example.org") and not may(u0, "nobody@example.org")
    assert not may(u0, "alias@example.org") and not may(u0, "all@example.org") and not may(u0, "x@else.test")
    s.cli("user", "set", u0, "--send-as", "all@example.org,@second.test")
    assert may(u0, "all@example.org") and may(u0, "x@second.test") and may(u0, u0)
    assert not may(u0, "all+tag@example.org") and not may(u0, "x@sub.second.test") and not may(u1, "all@example.org")
    s.cli("user", "add", "off@example.org", "--password", "pw")
    s.cli("user", "set", "off@example.org", "--disable")
    with Talk(s) as t:
        assert t.login("off@example.org").startswith("535 5.7.8 ")


def a_group_takes_mail_of_its_posters_only(s):
    u0, u1, u2, team = (x + "@example.org" for x in ("u0", "u1", "u2", "team"))

    def may(sender, user=None):
        got = mail(s, sender, team, user, 587 if user else 25)
        assert got.startswith("250 ") or got == \
            "550 5.7.1 Recipient address rejected: you may not write to this group", got
        return got.startswith("250 ")

    def posters(value):
        s.cli("group", "set", team, "--posters", value)
        shown = s.json("group", "show", team)
        assert shown["targets"] == [u0, u1, "out@else.test"], shown
        return shown["posters"]

    s.cli("group", "set", team, u0, u1, "out@else.test", "--posters", "members")
    assert may(u0, u0) and may("out@else.test") and not may(u2, u2) and not may("x@else.test") and not may("")
    assert posters("own-domain") == ["own-domain"]
    assert may(u2, u2) and not may(u2) and not may("out@else.test")
    assert posters("Boss@else.test,members") == ["members", "boss@else.test"]
    assert may("BOSS@else.test") and may("out@else.test") and not may(u2, u2)
    s.cli("group", "add", team, u2)
    assert may(u2, u2) and not may("x@else.test")
    s.cli("group", "set", team, u0, u1, "out@else.test")
    assert not may(u2, u2) and may(u1, u1)
    assert posters("anyone") == [] and may("x@else.test") and may("")
    # What leads to the group has its own right.
    posters("members")
    s.cli("group", "set", "outer@example.org", team)
    assert mail(s, "x@else.test", "outer@example.org", port=25).startswith("250 ")
    for bad in "nonsense", "anyone,members":
        r = s.cli("group", "set", team, "--posters", bad, check=False)
        assert r.returncode == 64 and bad.split(",")[0] in r.stderr, r
    r = s.cli("group", "set", team, check=False)
    assert r.returncode == 64 and "at least one member" in r.stderr, r


ANN, PRESS = "ann@example.org", "press@example.org"
FULL = re.compile(r"450 4\.7\.1 You have reached your sending limit of (\d+) recipients per (hour|day), try again after "
                  r"\d\d:\d\d [+-]\d{4}; your postmaster can raise it$")


def send(s, user, n=1, chunked=False):
    """What ends it: MAIL, RCPT, DATA, or the text."""
    with Talk(s, user) as t:
        got = t.say(f"MAIL FROM:<{user}>")
        for i in range(n):
            got = got if got[0] != "2" else t.say(f"RCPT TO:<u{i % 3}+{i}@example.org>")
        if got[0] != "2":
            return got
        if chunked:
            return t.say("BDAT 5 LAST\r\n\r\nx")
        got = t.say("DATA")
        return got if got[0] != "3" else t.say("Subject: x\r\n\r\nx\r\n.")


def full(said, limit, unit):
    found = FULL.match(said)
    assert found and found.groups() == (str(limit), unit), said


def limits(s, who, *option):
    s.cli("user", "set", who, *option)
    shown = s.json("user", "show", who)
    return shown["recipients_per_hour"], shown["recipients_per_day"]


def sent(s, who):
    shown = s.json("user", "show", who)
    assert shown in s.json("service" if shown["kind"] == "service" else "user", "list")["rows"]
    return shown["recipients_hour"], shown["recipients_day"]


def who_sends_too_much_is_put_off(s):
    if time.time() % 3600 > 3570:
        time.sleep(31)  # an hour of the clock begins meanwhile
    s.cli("user", "add", ANN, "--password", "pw", "--recipients-per-hour", "3", "--recipients-per-day", "0")
    assert send(s, ANN, 2)[:3] == "250" and sent(s, ANN) == (2, 2)
    full(send(s, ANN, 2), 3, "hour")
    full(send(s, ANN, 2, chunked=True), 3, "hour")
    assert send(s, ANN, 4) == "452 4.5.3 Too many recipients: your sending limit is 3 at a time"
    # Both may go on when they ask; the store takes one of them.
    with Talk(s, ANN) as a, Talk(s, ANN) as b:
        for t in a, b:
            assert t.say(f"MAIL FROM:<{ANN}>")[:3] == "250" and t.say("RCPT TO:<u0@example.org>")[:3] == "250"
            assert t.say("DATA")[:3] == "354"
        assert a.say("Subject: a\r\n\r\na\r\n.")[:3] == "250"
        full(b.say("Subject: b\r\n\r\nb\r\n."), 3, "hour")
    assert sent(s, ANN) == (3, 3)
    with Talk(s, ANN) as t:
        full(t.say(f"MAIL FROM:<{ANN}>"), 3, "hour")
        full(t.say("MAIL FROM:<>"), 3, "hour")
    alarms = re.findall(r"warning: account=<ann@example.org> reached its sending limit of 3 recipients per hour: "
                        r"client=unknown\[127.0.0.1\], session=", s.log())
    assert 1 <= len(alarms) <= 2, alarms  # of each smtpd
    assert re.search(r"NOQUEUE: reject: client=unknown\[127.0.0.1\], sasl_username=ann@example.org, session=\w+, "
                     r"450 4.7.1 You have", s.log())
    # Others don't feel it, nor does mail to her.
    assert send(s, "u1@example.org", 3)[:3] == "250"
    with Talk(s, port=25) as t:
        assert t.say(f"MAIL FROM:<{ANN}>")[:3] == "250" and t.say(f"RCPT TO:<{ANN}>")[:3] == "250"
    s.stop()
    s.start()
    full(send(s, ANN), 3, "hour")
    assert limits(s, ANN, "--recipients-per-hour", "4") == (4, 0)
    assert send(s, ANN)[:3] == "250"
    full(send(s, ANN), 4, "hour")


def limits_are_set_and_given_back(s):
    assert limits(s, ANN, "--recipients-per-hour", "default", "--recipients-per-day", "5") == (500, 5)
    assert send(s, ANN)[:3] == "250"
    full(send(s, ANN), 5, "day")
    assert limits(s, ANN, "--recipients-per-day", "default") == (500, 2000)
    assert send(s, ANN)[:3] == "250" and sent(s, ANN) == (6, 6)
    assert limits(s, ANN, "--full-name", "Ann") == (500, 2000)
    s.cli("service", "add", PRESS, "--password", "pw")
    shown = s.json("service", "show", PRESS)
    assert (shown["recipients_per_hour"], shown["recipients_per_day"]) == (0, 0), shown
    s.cli("service", "set", PRESS, "--recipients-per-day", "1")
    assert send(s, PRESS)[:3] == "250"
    full(send(s, PRESS), 1, "day")
    s.cli("service", "set", PRESS, "--recipients-per-day", "0")
    assert send(s, PRESS, 3)[:3] == "250" and sent(s, PRESS) == (4, 4)
    for bad in "x", "-1", "1000000001":
        assert s.cli("user", "set", ANN, "--recipients-per-hour", bad, check=False).returncode == 64, bad
    assert limits(s, ANN, "--recipients-per-hour", "1000000000") == (1000000000, 2000)


def main():
    port6 = hp.free_port()
    listener = f"\n[listener six]\nkind = submission\naddress = ::1\nport = {port6}\nallow_plaintext_auth = yes\n"
    with hp.Server(extra=hp.QUICK + listener, users=("u0", "u1", "u2")) as s:
        s.port6 = port6
        a_service_logs_in_from_its_networks_only(s)
        an_account_sends_as_itself_only(s)
        a_group_takes_mail_of_its_posters_only(s)
        who_sends_too_much_is_put_off(s)
        limits_are_set_and_given_back(s)
        assert s.cli("store", "check").returncode == 0


main()
