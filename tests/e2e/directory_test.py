#!/usr/bin/env python3
"""The command line changes the directory, refuses what can't be, and says the next step."""
import sys

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402


def refused(server, code, words, *args):
    r = server.cli(*args, check=False)
    assert r.returncode == code and words in r.stderr, (args, r.returncode, r.stderr)


def main():
    with Server() as s:
        assert s.json("alias", "list")["rows"] == [{"address": "postmaster@example.org", "targets": ["u0@example.org"]}]
        assert "IN MX" in s.init_output and "DKIM1" in s.init_output
        s.cli("user", "add", "Bob@EXAMPLE.org", "--password", "secret", "--quota-bytes", "1000000")
        users = {u["address"]: u for u in s.json("user", "list")["rows"]}
        assert users["bob@example.org"]["quota_bytes"] == 1000000
        s.cli("user", "set", "bob@example.org", "--quota-messages", "5")
        s.cli("user", "set", "bob@example.org", "--quota-bytes", "5M")
        bob = s.json("user", "show", "bob@example.org")
        assert (bob["quota_bytes"], bob["quota_messages"]) == (5 << 20, 5), bob
        refused(s, 64, "like 500M", "user", "set", "bob@example.org", "--quota-bytes", "5X")
        refused(s, 64, "a number is needed", "user", "set", "bob@example.org", "--quota-messages", "-1")
        refused(s, 64, "no option --keep here", "user", "set", "bob@example.org", "--keep")
        refused(s, 64, "did you mean `hairpin user`", "usre", "list")
        refused(s, 73, "exists", "user", "add", "bob@example.org", "--password", "x")
        refused(s, 65, "domain isn't ours", "user", "add", "bob@elsewhere.test", "--password", "x")
        refused(s, 64, "", "user", "add", "no-at-sign", "--password", "x")
        refused(s, 67, "no such user", "user", "delete", "nobody@example.org")
        refused(s, 64, "hairpin help", "user", "frobnicate")
        s.cli("alias", "add", "info@example.org", "bob@example.org", "x@outside.test")
        assert s.json("alias", "list")["rows"][0]["targets"] == ["bob@example.org", "x@outside.test"]
        refused(s, 73, "exists", "alias", "add", "info@example.org", "u0@example.org")
        s.cli("group", "set", "all@example.org", "bob@example.org", "u0@example.org")
        s.cli("catch-all", "set", "@example.org", "u0@example.org")
        s.cli("forward", "set", "bob@example.org", "x@outside.test", "--keep")
        assert s.json("forward", "list")["rows"][0]["keep"] is True
        s.cli("forward", "clear", "bob@example.org")
        assert s.json("forward", "list")["rows"] == []
        shows_tables(s)
        s.cli("service", "add", "printer@example.org", "--password", "p")
        assert s.json("service", "list")["rows"][0]["address"] == "printer@example.org"
        s.cli("service", "set", "printer@example.org", "--full-name", "A Printer")
        assert s.json("service", "show", "printer@example.org")["full_name"] == "A Printer"
        assert s.imap("bob", "secret").noop()[0] == "OK"
        s.cli("user", "password", "bob@example.org", "--password", "other")
        assert s.imap("bob", "other").noop()[0] == "OK"
        try:
            s.imap("bob", "secret")
            raise AssertionError("the old password still works")
        except s.imap(user=None).error:
            pass
        m = s.imap("bob", "other")
        s.cli("user", "set", "bob@example.org", "--disable")
        s.wait(lambda: gone(m))
        s.cli("user", "delete", "bob@example.org")
        assert "bob@example.org" not in {u["address"] for u in s.json("user", "list")["rows"]}
        refused(s, 73, "still has addresses", "domain", "delete", "example.org")
        s.cli("domain", "add", "Bücher.example")
        assert {"domain": "xn--bcher-kva.example"} in s.json("domain", "list")["rows"]
        assert s.cli("check", "--local", check=False).returncode in (0, 1)
        assert s.cli("store", "check").returncode == 0
        s.cli("store", "compact")
        assert s.cli("store", "check").returncode == 0


def shows_tables(s):
    head, *rows = s.cli("user", "list").stdout.splitlines()
    assert head.split()[:2] == ["address", "full_name"] and len(rows) == 2, (head, rows)
    for row in rows:
        assert row.index(" user ") + 1 == head.index("kind") and row.endswith("Z"), (head, row)
    assert "quota_messages: 5\n" in s.cli("user", "show", "bob@example.org").stdout
    assert "violations: -\n" in s.cli("store", "check").stdout
    empty = s.cli("group", "delete", "all@example.org") and s.cli("group", "list")
    assert (empty.stdout, empty.stderr) == ("", "(none)\n"), empty
    with s.smtp() as c:
        c.sendmail("ann@outside.test", ["info@example.org"], b"Subject: x\r\n\r\n")
    queue = s.wait(lambda: "relay" in s.cli("queue", "list").stdout and s.cli("queue", "list").stdout)
    head, item, below, rcpt = queue.splitlines()
    assert head.startswith("id ") and "ann@outside.test" in item, queue
    assert below.split() == ["address", "stage", "hop", "tries", "next_try", "status"], queue
    assert rcpt.split()[:2] == ["x@outside.test", "relay"] and rcpt.startswith("    "), queue


def gone(m):
    try:
        return m.noop()[0] != "OK"
    except Exception:
        return True


main()
