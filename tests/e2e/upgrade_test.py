#!/usr/bin/env python3
# timeout: 300
"""From this program to the next one (make's mode `next`: a made-up command more), on a node alone: the new command is
there once the node runs the new program; what was there before stays; and the old program then refuses the data, says
why, and leaves it as it is."""
import json
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
from hp import PROGRAM, Server, bodies  # noqa: E402

NEXT = os.environ["HAIRPIN_NEXT"]
RAISED = "every node knows version 2 of the commands"


def ask(s, verb, **more):
    """By the control socket: the command line doesn't know these verbs."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(30)
        c.connect(s.data + "/run/control.sock")
        c.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
        return json.loads(b"".join(iter(lambda: c.recv(65536), b"")))


def send(s, word):
    with s.smtp() as m:
        m.sendmail("bob@example.net", ["u0@" + s.domain], f"Subject: {word}\r\n\r\n{word}\r\n")


def start_with(s, program):
    hp.PROGRAM = program
    s.start()


def octets(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    with Server() as s:
        send(s, "old")
        assert "no such verb" in ask(s, "note set", text="x")["error"]
        folder, vault = s.dir + "/backup", s.dir + "/vault"
        s.cli("backup", folder, "--vault", vault)
        s.stop()
        start_with(s, NEXT)
        s.wait(lambda: RAISED in s.log())
        s.wait(lambda: ask(s, "note set", text="one").get("ok"))
        assert ask(s, "note show")["text"] == "one"
        send(s, "new")
        s.wait(lambda: len(bodies(s)) == 2)
        assert s.json("store", "check")["violations"] == []
        s.stop()
        # Once is enough.
        start_with(s, NEXT)
        assert ask(s, "note set", text="two")["ok"]
        assert s.log().count(RAISED) == 1
        s.stop()
        before = octets(s.data + "/db/data.mdb")
        r = subprocess.run([PROGRAM, "serve", "-c", s.conf], capture_output=True, text=True, timeout=60)
        assert r.returncode != 0 and "the cluster has come to version 2" in r.stderr, r.stderr
        assert "left untouched" in r.stderr, r.stderr
        after = octets(s.data + "/db/data.mdb")
        assert after == before, "the old program wrote to it"
        # The way back is the backup of before.
        os.makedirs(s.dir + "/back/keys", 0o700)
        shutil.copy(s.data + "/keys/master.key", s.dir + "/back/keys")
        subprocess.run([PROGRAM, "restore", folder, "--vault", vault, "--data", s.dir + "/back"], check=True,
                       stdout=subprocess.DEVNULL)
        start_with(s, NEXT)
        assert ask(s, "note show")["text"] == "two"
        assert len(bodies(s)) == 2


main()
