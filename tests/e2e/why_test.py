#!/usr/bin/env python3
# timeout: 120
"""`hairpin why`: the story of a mail, by Message-ID and by queue id: through a content filter and back, to an alias, to
a mailbox and another server; deferred and in somebody's hands; bounced; what isn't known; all of it after a kill -9."""
import datetime
import re
import smtplib
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

EX_USAGE, EX_NOUSER = 64, 67
PACE = "\n[mail]\nretry_min = 1h\nretry_max = 1h\n"
COLUMNS = ["time", "node", "id", "stage", "where", "recipient", "event", "text"]


def gateway_conf(door, back):
    return hp.QUICK + PACE + (f"\n[gateway]\nreinject = 127.0.0.1:{back}\n[relay]\ntls = may\n[listener filter]\n"
                              f"kind = filter\naddress = 127.0.0.1\nport = {door}\nfrom = 127.0.0.1/32\n")


def mail_conf(front, door, back, out):
    return hp.QUICK + PACE + (f"\n[relay]\nhost = [127.0.0.1]:{out}\ntls = may\n"
                              f"[listener back]\nkind = reinject\naddress = 127.0.0.1\nport = {back}\n"
                              f"from = 127.0.0.1/32\n[listener front]\nkind = mx\naddress = 127.0.0.1\nport = {front}\n"
                              f"filter = [127.0.0.1]:{door}\n")


def why(s, name):
    rows = s.json("why", name)["rows"]
    for r in rows:
        assert list(r)[:len(COLUMNS)] == COLUMNS, r
        datetime.datetime.strptime(r["time"], "%Y-%m-%d %H:%M:%S.%fZ")
    return rows


def told(rows):
    return [r["event"] for r in rows]


def story(s, name, last):
    """Once its last event is there."""
    def rows():
        r = s.cli("why", name, "--json", check=False)
        return r.returncode == 0 and last in told(why(s, name)) and why(s, name)
    return s.wait(rows)


def submit(s, n, to):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", [to], f"Message-ID: <{n}@example.org>\r\n\r\ntext\r\n")


def through_the_filter_and_back_it_is_one_story(s, gateway, front, back, to):
    s.cli("alias", "add", "all@example.org", "u0@example.org", "x@out.test")
    with smtplib.SMTP("127.0.0.1", front, local_hostname="out.test", timeout=30) as c:
        c.sendmail("a@out.test", ["all@example.org"], "Message-ID: <1@out.test>\r\n\r\ntext\r\n")
    to.wait(1)
    rows = s.wait(lambda: len(found := why(s, "<1@out.test>")) == 6 and "sent" in told(found) and found)
    by = {r["event"]: r for r in rows}
    first, second = [r for r in rows if r["event"] == "taken in"]
    assert rows[0] == first and first["where"] == f"mx 127.0.0.1:{front}" and first["node"] == "mail.example.org", first
    assert re.match(r"client=\[127\.0\.0\.1\]:\d+, from=<a@out\.test>, nrcpt=1, size=\d+, helo=<out\.test>$",
                    first["text"]), first
    assert by["handed on"]["id"] == first["id"] and by["handed on"]["stage"] == "filter", by
    assert re.match(r"2\.\d\.0 250 2\.\d\.0 Ok: queued as \w+", by["handed on"]["text"]), by
    assert "TLSv1.3" in by["handed on"]["tls"], by
    assert second["where"] == f"reinject 127.0.0.1:{back}" and second["ident"] == first["id"] != second["id"], second
    assert f"orig_id=<{first['id']}>, orig_client=[127.0.0.1]" in second["text"], second
    assert by["expanded"]["text"] == "alias: u0@example.org, x@out.test; 2 new", by
    assert by["expanded"]["recipient"] == "all@example.org" and by["expanded"]["id"] == second["id"], by
    assert by["delivered"]["recipient"] == "u0@example.org" and by["delivered"]["uid"] == 1, by
    assert by["sent"]["where"] == f"127.0.0.1[127.0.0.1]:{to.port}", by
    assert by["sent"]["text"] == "2.0.0 250 2.0.0 Ok: queued as 1", by
    for name in ("1@out.test", first["id"], second["id"], first["id"].lower()):
        assert why(s, name) == rows, name
    half = gateway.wait(lambda: len(found := why(gateway, "<1@out.test>")) == 3 and found)
    assert told(half) == ["taken in", "filtered", "handed on"] and half[0]["ident"] == first["id"], half
    assert [r["stage"] for r in half] == ["intake", "filter", "filter"], half
    assert why(gateway, first["id"])[-3:] == half, "by the mail server's queue id"
    return rows


def what_waits_says_so_and_what_is_done_to_it_by_hand(s):
    submit(s, 2, "later@out.test")
    rows = story(s, "2@example.org", "deferred")
    assert told(rows) == ["taken in", "deferred", "is in the queue"], rows
    assert rows[0]["login"] == "u0@example.org" and "sasl_username=<u0@example.org>" in rows[0]["text"], rows
    assert "450 4.2.1 not now" in rows[1]["text"] and "; next try 2" in rows[1]["text"], rows
    assert rows[2]["next_try"] == rows[1]["next_try"] and rows[2]["recipient"] == "later@out.test", rows
    assert rows[2]["text"].startswith("after 1 tries; next try "), rows
    name = rows[0]["id"]
    s.cli("queue", "hold", name)
    assert told(why(s, name))[-2:] == ["held", "is held"]
    s.cli("queue", "release", name)
    s.wait(lambda: told(why(s, name)).count("deferred") == 2)
    s.cli("queue", "reroute", name, "--via", "smtp:[127.0.0.1]:1")
    rows = s.wait(lambda: "hop failed" in told(found := why(s, name)) and found)
    failed = next(r for r in rows if r["event"] == "hop failed")
    assert failed["where"] == "smtp:[127.0.0.1]:1" and "Connection refused" in failed["text"], failed
    s.cli("queue", "delete", name)
    rows = why(s, name)
    assert told(rows)[1:] == ["deferred", "held", "released", "deferred", "rerouted", "hop failed", "deleted"], rows
    return rows


def a_bounce_names_its_report_and_that_is_shown_too(s):
    submit(s, 3, "no@out.test")
    rows = story(s, "3@example.org", "delivered")
    assert told(rows) == ["taken in", "bounced", "taken in", "delivered"], rows
    assert "550 5.1.1 nobody there" in rows[1]["text"] and rows[1]["report"] == rows[2]["id"] == rows[3]["id"], rows
    assert rows[2]["text"].startswith(f"a report about {rows[0]['id']}, from=<>"), rows
    assert rows[3]["recipient"] == "u0@example.org", rows
    return rows


def what_is_not_known_is_said(s):
    for name in ("<nobody@out.test>", "ZZZZZZ", "0"):
        r = s.cli("why", name, "--json", check=False)
        assert r.returncode == EX_NOUSER and "NOQUEUE" in r.stderr and r.stdout == "", r
    assert [s.cli("why", x, check=False).returncode for x in ("", " ")] == [EX_USAGE, EX_USAGE]
    assert s.cli("why", "x" * 1000, check=False).returncode == EX_NOUSER
    assert s.cli("why", "x" * 1001, check=False).returncode == EX_USAGE


def for_eyes_it_is_a_table(s, rows):
    lines = s.cli("why", rows[0]["id"]).stdout.splitlines()
    assert lines[0].split() == ["time", "node", "id", "stage", "event", "recipient", "where"], lines
    assert len(lines) == 2 * len(rows) + 1, lines
    for line, text, r in zip(lines[1::2], lines[2::2], rows):
        assert line.startswith(r["time"]) and r["event"] in line and line.endswith(r["where"] or "-"), (line, r)
        assert text == "    " + r["text"], (text, r)


def rcpt(session, argument):
    return b"450 4.2.1 not now" if b"later@" in argument else b"550 5.1.1 nobody there" if b"no@" in argument else None


front, door, back = hp.free_port(), hp.free_port(), hp.free_port()
with sink.Sink() as out, hp.Server(extra=mail_conf(front, door, back, out.port)) as mail, \
        hp.Server(extra=gateway_conf(door, back)) as gate:
    out.replies["RCPT"] = rcpt
    stories = [through_the_filter_and_back_it_is_one_story(mail, gate, front, back, out),
               what_waits_says_so_and_what_is_done_to_it_by_hand(mail),
               a_bounce_names_its_report_and_that_is_shown_too(mail)]
    what_is_not_known_is_said(mail)
    mail.kill()
    mail.start()
    for one in stories:
        assert why(mail, one[0]["id"]) == one, "another story after a kill -9"
    for_eyes_it_is_a_table(mail, stories[0])
    assert mail.json("store", "check")["violations"] == []
