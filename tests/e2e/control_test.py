#!/usr/bin/env python3
"""The control socket and what the command line makes of it: long lists come in pages, tables are aligned, errors say
the next step; garbage, floods, slow and vanished askers hurt nobody, and strangers aren't let in."""
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, Server  # noqa: E402

MANY = 1300


def connect(s):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(20)
    c.connect(s.data + "/run/control.sock")
    return c


def all_of(c):
    out = b""
    while True:
        try:
            got = c.recv(65536)
        except ConnectionResetError:
            return out
        if not got:
            return out
        out += got


def ask(s, verb, **more):
    with connect(s) as c:
        c.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
        return json.loads(all_of(c))


def refused(s, code, words, *args):
    r = s.cli(*args, check=False)
    assert r.returncode == code and words in r.stderr and r.stderr.startswith("hairpin: ") and not r.stdout, (args, r)


def long_lists_come_in_pages_and_whole(s):
    for i in range(MANY):
        got = ask(s, "alias add", address=f"a{i:04}@example.org", targets=[f"x{i}@out.test"])
        assert got == {"ok": True}, got
    page = ask(s, "alias list")
    assert len(page["rows"]) == 500 and page["next"], len(page["rows"])
    rows = [r for r in s.json("alias", "list")["rows"] if r["address"] != "postmaster@example.org"]
    assert [r["address"] for r in rows] == [f"a{i:04}@example.org" for i in range(MANY)]
    lines = s.cli("alias", "list").stdout.splitlines()
    assert len(lines) == MANY + 2 and lines[0].split() == ["address", "targets"], lines[:2]
    assert len({line.index("x") for line in lines[1:-1]}) == 1, "columns aren't aligned"
    # Far more rows of another kind stand before the only one that is meant.
    assert s.json("user", "list")["rows"][0]["address"] == "u0@example.org"
    for bad in ("zz", "1", "", "ab" * 2000, 7):
        got = ask(s, "alias list", after=bad)
        assert got["ok"] is (bad == 7), (bad, got)


def tables_are_for_people(s):
    s.cli("user", "add", "zoe@example.org", "--password", "pw", "--full-name", "Zoë Ä. Ü", "--quota-bytes", "5000000")
    lines = s.cli("user", "list").stdout.splitlines()
    assert lines[0].split()[:2] == ["address", "full_name"] and len(lines) == 3, lines
    column = lines[0].index("kind")
    assert all(line[column:column + 5] == "user " for line in lines[1:]), lines
    shown = s.cli("user", "show", "zoe@example.org").stdout
    assert "\nquota_bytes: 5000000\n" in shown and "\ncreated: 20" in shown, shown
    assert s.cli("group", "list").stderr == "(none)\n"
    assert s.json("group", "list") == {"rows": []}
    stats = s.cli("store", "check").stdout
    assert "rows:" in stats and "violations: -" in stats, stats
    # No text can move the terminal.
    s.cli("user", "set", "zoe@example.org", "--full-name", "\x1b[2J\nZoe")
    assert "?[2J?Zoe" in s.cli("user", "list").stdout


def errors_say_the_next_step(s):
    refused(s, 64, "usage: hairpin domain add DOMAIN", "domain", "frob")
    refused(s, 64, "`hairpin help` lists them", "frobnicate")
    refused(s, 64, "usage: hairpin user show ADDRESS", "user", "show")
    refused(s, 64, "usage: hairpin user show ADDRESS", "user", "show", "a@b", "c@d")
    refused(s, 64, "usage: hairpin user set ADDRESS", "user", "set", "u0@example.org", "--quota-bytes", "lots")
    refused(s, 67, "`hairpin user list`", "user", "show", "nobody@example.org")
    refused(s, 67, "`hairpin alias list`", "alias", "delete", "nobody@example.org")
    refused(s, 65, "add it first", "alias", "add", "a@elsewhere.test", "u0@example.org")
    refused(s, 64, "`hairpin queue list`", "queue", "show", "not-an-id")
    assert s.json("group", "set", "some@example.org", "u0@example.org") == {"ok": True}


def garbage_is_answered_and_leaves_nothing(s):
    for text in (b"\n", b"{}\n", b"[]\n", b"null\n", b"\0\n", b"\xff\xfe\n", b"{\"verb\": 5}\n", b"{\"verb\":\"user list\"\n",
                 b"{\"verb\":\"nope\"}\n", b"[" * 100000 + b"\n", b"{\"verb\":\"user add\",\"verb\":\"user list\"}\n",
                 b"GET / HTTP/1.1\r\n\r\n"):
        with connect(s) as c:
            c.sendall(text)
            got = json.loads(all_of(c))
            assert got["ok"] is False and got["code"] == 64, (text[:50], got)
    for wrong in ({"address": 5}, {"address": ["u0@example.org"]}, {"address": "x" * 100000}, {"address": "a\0b@example.org"},
                  {"address": "u1@example.org", "password": {}}, {"address": "u1@example.org", "password": "x" * 5000}):
        got = ask(s, "user add", **wrong)
        assert got["ok"] is False and got["code"] == 64, (wrong, got)
    for wrong in (5, {}, [5], ["no address"], ["a\0@b"], []):
        got = ask(s, "group set", address="g@example.org", targets=wrong)
        assert got["ok"] is False, (wrong, got)


def floods_and_drips_are_bounded(s):
    pid = s.pids()["courier/0"]
    before = memory(pid)
    with connect(s) as c:
        try:
            for _ in range(400):
                c.sendall(b"x" * 65536)
        except OSError:
            pass
        assert all_of(c) in (b"",), "a flood was answered"
    assert memory(pid) - before < 64 << 10, "KiB that a flood left"
    slow = [connect(s) for _ in range(50)]
    for c in slow:
        c.sendall(b'{"verb": ')
    half = connect(s)
    half.sendall(b'{"verb": "store check"}\n')
    half.close()
    assert ask(s, "domain list")["rows"] == [{"domain": "example.org"}]
    for c in slow[:25]:
        c.close()
    for c in slow[25:]:
        c.sendall(b'"domain list"}\n')
        assert json.loads(all_of(c))["ok"] is True
    assert s.pids()["courier/0"] == pid


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line.split()[1] for line in f if line.startswith("VmRSS:")))


def strangers_are_not_let_in(s):
    assert os.stat(s.data + "/run/control.sock").st_mode & 0o077 == 0
    if os.geteuid() != 0:
        return
    r = subprocess.run([PROGRAM, "user", "list", "-c", s.conf], user=65534, group=65534, extra_groups=[],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 77 and "try with sudo" in r.stderr, r


def without_a_server_it_says_how_to_start_one(s):
    s.stop()
    refused(s, 69, "hairpin serve", "user", "list")


def main():
    with Server() as s:
        os.chmod(s.conf, 0o644)
        long_lists_come_in_pages_and_whole(s)
        tables_are_for_people(s)
        errors_say_the_next_step(s)
        garbage_is_answered_and_leaves_nothing(s)
        floods_and_drips_are_bounded(s)
        strangers_are_not_let_in(s)
        assert "AddressSanitizer" not in s.log() and "runtime error" not in s.log(), s.log()[-3000:]
        without_a_server_it_says_how_to_start_one(s)


main()
