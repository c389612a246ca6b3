#!/usr/bin/env python3
"""Deleting an account, or a private key, shreds it: an old backup of the mail, today's data folder and the master key open
nothing of it, after `store compact`, and everything of those who stayed. The same tool opens all of it with what
it may not have: the vault of before, or any one kind of key out of it; so this test can fail."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import Server, bodies  # noqa: E402

ATTACK = os.environ["B"] + "/release/tests/tools/shred_attack"
GONE = ("gone-delivered", "gone-appended", "gone-deferred")
KEPT = ("kept-delivered", "kept-waiting")


def send(s, to, word):
    with s.smtp() as m:
        m.sendmail("bob@example.net", [f"{to}@{s.domain}"], f"Subject: {word}\r\n\r\n{word}\r\n")


def attack(s, vault, backup, only=None):
    """The marks that can be read and the private keys that open, from every file of a backup and of today's folder."""
    files = [os.path.join(d, f) for top in (backup, s.data) for d, _, names in os.walk(top) for f in names
             if f not in ("lock.mdb", "control.sock", "lmtp.sock", "reserve", "data.mdb-lock", "secrets")]
    files = [f for f in files if os.path.isfile(f)]
    command = [ATTACK, s.data + "/keys/master.key", vault] + (["--only", only] if only else []) + files
    out = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert out.returncode == 0, out.stderr
    keys = set(re.findall(r"^private key (\w+)$", out.stdout, re.M))
    return keys | {w for w in GONE + KEPT if w in out.stdout}, out.stdout.split("\n")[-2]


def make_key(s, address):
    return s.json("key", "create", address, "--kind", "p256")["rows"][0]["id"]


def fill(s):
    """Mail in every place: delivered, appended, and in the queue (for outside, where it waits)."""
    s.cli("forward", "set", f"u1@{s.domain}", "x@outside.test")
    send(s, "u1", "gone-deferred")
    s.cli("forward", "clear", f"u1@{s.domain}")
    send(s, "u1", "gone-delivered")
    m = s.imap("u1")
    assert m.append("INBOX", None, None, b"Subject: gone-appended\r\n\r\ngone-appended\r\n")[0] == "OK"
    s.cli("forward", "set", f"u0@{s.domain}", "y@outside.test", "--keep")
    send(s, "u0", "kept-waiting")
    s.cli("forward", "clear", f"u0@{s.domain}")
    send(s, "u0", "kept-delivered")
    s.wait(lambda: len(bodies(s, "u0")) == 2 and len(bodies(s, "u1")) == 2 and len(queue(s)) == 2)


def queue(s):
    return s.json("queue", "list")["rows"]


def back_up(s):
    """The mail, and apart from it the vault."""
    s.stop()
    for folder in ("db", "spool"):
        shutil.copytree(f"{s.data}/{folder}", f"{s.dir}/backup/{folder}")
    shutil.copy(s.data + "/vault/secrets", s.dir + "/old-vault")
    s.start()


def main():
    with Server(users=("u0", "u1")) as s:
        vault, old, backup = s.data + "/vault/secrets", s.dir + "/old-vault", s.dir + "/backup"
        fill(s)
        gone_key, kept_key = make_key(s, f"u1@{s.domain}"), make_key(s, f"u0@{s.domain}")
        back_up(s)
        dkim = attack(s, old, backup)[0] - {*GONE, *KEPT, gone_key, kept_key}
        assert len(dkim) == 2, dkim
        gone = [row["id"] for row in queue(s) if "x@outside.test" in str(row)]
        s.cli("queue", "delete", gone[0])
        said = s.cli("user", "delete", "u1@" + s.domain).stdout
        assert "destroyed" in said and "hairpin store compact" in said, said
        said = s.cli("key", "delete", gone_key).stdout
        assert "destroyed" in said and "hairpin store compact" in said, said
        # What is owed until then is owed: the log of the backup still opens, the vault alone doesn't.
        assert attack(s, vault, backup, "a")[0] == set(KEPT), attack(s, vault, backup, "a")
        assert attack(s, vault, backup, "l")[0] >= {*GONE, gone_key}
        s.cli("store", "compact")
        found, how = attack(s, vault, backup)
        assert found == {*KEPT, kept_key, *dkim}, (found, how)
        # The control: each of the keys of before opens its way, so that each is tried.
        assert attack(s, old, backup)[0] == {*GONE, *KEPT, gone_key, kept_key, *dkim}
        assert attack(s, old, backup, "l")[0] >= {*GONE, gone_key}
        assert attack(s, old, backup, "k")[0] == {gone_key, kept_key, *dkim}
        assert attack(s, old, backup, "q")[0] >= {"gone-deferred", "kept-waiting"}
        assert attack(s, old, backup, "a")[0] >= {"gone-delivered", "gone-appended"}
        # Nobody else lost anything, and the next one of that name inherits nothing.
        assert len(bodies(s, "u0")) == 2 and len(queue(s)) == 1
        s.cli("user", "add", "u1@" + s.domain, "--password", "pw")
        assert bodies(s, "u1") == []
        send(s, "u1", "another")
        s.wait(lambda: len(bodies(s, "u1")) == 1)
        assert s.json("store", "check")["violations"] == []


main()
