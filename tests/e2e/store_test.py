#!/usr/bin/env python3
"""The store's own verbs: check finds nothing, online and offline; compaction beside work makes the file small and
loses nothing; a deleted account is nowhere afterwards; at night it compacts by itself."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server, bodies  # noqa: E402


def offline(s):
    r = s.cli("store", "check", "--offline", "--json")
    return json.loads(r.stdout)


def data(s):
    with open(s.data + "/db/data.mdb", "rb") as f:
        return f.read()


def main():
    with Server(users=("u0", "u1")) as s:
        m = s.imap("u0")
        sent = []
        for i in range(60):
            text = b"Subject: %d\r\n\r\n" % i + os.urandom(30000).hex().encode() + b"\r\n"
            assert m.append("INBOX", None, None, text)[0] == "OK"
            sent.append(text)
        m.select()
        m.store("1:30", "+FLAGS", "\\Deleted")
        assert m.expunge()[0] == "OK"
        assert s.json("store", "check")["violations"] == []
        assert offline(s)["violations"] == []
        before = len(data(s))
        assert b"u1@" + s.domain.encode() in data(s)
        s.cli("user", "delete", "u1@" + s.domain)
        s.cli("store", "compact")
        assert len(data(s)) < before
        assert b"u1@" + s.domain.encode() not in data(s)
        # A session that was there before reads on, and so does a new one.
        assert m.noop()[0] == "OK"
        assert bodies(s) == sent[30:]
        assert s.json("store", "check")["violations"] == []
        stats = s.json("store", "stats")
        assert stats["applied"] > 0 and stats["full"] is False
        s.stop()
        report = offline(s)
        assert report["violations"] == [] and report["rows"] > 100
        # The check as root left nothing behind that the store can't open.
        s.start()
        assert bodies(s) == sent[30:]
        s.stop()
        with open(s.data + "/db/data.mdb", "r+b") as f:
            f.write(b"\0" * 8192)
        r = subprocess.run([PROGRAM, "store", "check", "--offline", "-c", s.conf], capture_output=True, text=True)
        assert r.returncode != 0 and "database" in r.stderr, r


def nightly():
    """In the hour that is set, once."""
    hour = time.gmtime(time.time() + 30).tm_hour  # at the end of an hour the next one
    with Server(extra=QUICK + f"[log]\ncompact_hour = {hour}\n") as s:
        s.wait(lambda: s.log().count("compacted:") == 1, 60)
        s.cli("user", "add", "late@" + s.domain, "--password", "pw")
        time.sleep(2.5)
        assert s.log().count("compacted:") == 1
        assert s.json("store", "check")["violations"] == []


main()
nightly()
