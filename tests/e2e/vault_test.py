#!/usr/bin/env python3
"""An older vault than the database: what it lacks is said, mail whose key it lacks is put off and not lost, new mail
is taken and delivered, and with the right vault all is as before. Without a vault the store doesn't start."""
import imaplib
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, Server, bodies  # noqa: E402

LOST = "4.3.0 the key of this mail isn't in the vault"


def send(s, to, word):
    with s.smtp() as m:
        m.sendmail("bob@example.net", [f"{to}@{s.domain}"], f"Subject: {word}\r\n\r\n{word}\r\n")


def status(s):
    """Of the recipients that wait."""
    return [r["status"] for row in s.json("queue", "list")["rows"] for r in row["recipients"]]


def refused(s, user):
    try:
        s.imap(user)
    except imaplib.IMAP4.error:
        return True
    return False


def violations(s):
    return json.loads(s.cli("store", "check", "--json", check=False).stdout)["violations"]


def swap(s, vault):
    s.stop()
    shutil.copyfile(vault, s.data + "/vault/secrets")
    s.start()


def main():
    with Server(users=("u0", "u1")) as s:
        vault, old, new = s.data + "/vault/secrets", s.dir + "/old", s.dir + "/new"
        shutil.copy(vault, old)
        # The queue and the log get new keys, a user comes.
        s.cli("user", "delete", "u1@" + s.domain)
        s.cli("store", "compact")
        s.cli("user", "add", "u2@" + s.domain, "--password", "pw")
        os.kill(s.pids()["courier/0"], signal.SIGSTOP)
        send(s, "u0", "early")
        s.stop(signal.SIGKILL)
        shutil.copy(vault, new)
        shutil.copyfile(old, vault)
        s.start()
        assert "aren't in the vault" in s.log()
        s.wait(lambda: status(s) == [LOST])
        # Once the queue has a new key, mail comes in as ever.
        s.wait(lambda: not send(s, "u0", "late") and len(bodies(s)) >= 1)
        s.wait(lambda: set(status(s)) == {LOST})
        assert refused(s, "u2")
        assert violations(s)
        count = len(bodies(s))
        swap(s, new)
        for row in s.json("queue", "list")["rows"]:
            s.cli("queue", "retry", row["id"])
        s.wait(lambda: any(b"early" in b for b in bodies(s)))
        assert len(bodies(s)) > count
        assert bodies(s, "u2") == []
        s.wait(lambda: not status(s))
        s.cli("store", "compact")
        # The key that was made meanwhile goes by itself.
        s.wait(lambda: not violations(s))
        s.stop()
        os.unlink(vault)
        r = subprocess.run([PROGRAM, "serve", "-c", s.conf], capture_output=True, text=True, timeout=60)
        assert r.returncode != 0 and "no vault" in r.stderr, r


main()
