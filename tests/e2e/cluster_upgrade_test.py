#!/usr/bin/env python3
# timeout: 600
"""A cluster goes from this program to the next one (make's mode `next`: a made-up command more), one node after the
other, while mail comes in at both data nodes: programs of both work together, the new command is refused until every
data node knows it, no mail that was answered is lost or there twice, and all nodes are equal afterwards."""
import collections
import json
import os
import random
import smtplib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, bodies  # noqa: E402
from hp_cluster import Cluster  # noqa: E402

NEXT = os.environ["HAIRPIN_NEXT"]
RAISED = "every node knows version 2 of the commands"


def ask(node, verb, **more):
    """By the control socket: the command line doesn't know these verbs."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(40)
        c.connect(node.data + "/run/control.sock")
        c.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
        return json.loads(b"".join(iter(lambda: c.recv(65536), b"")))


class Senders:
    """Each mail goes to one of the nodes, and again to any until it is taken."""

    def __init__(self, nodes):
        self.nodes, self.over, self.accepted, self.failed = nodes, threading.Event(), set(), 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(3)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *why):
        self.over.set()
        for t in self.threads:
            t.join()

    def run(self, who):
        n = 0
        while not self.over.is_set():
            n += 1
            name = f"mail-{who}-{n}"
            until = time.monotonic() + 90
            while not self.send(name):
                self.failed += 1
                if time.monotonic() > until:
                    break
                time.sleep(0.1)

    def send(self, name):
        mail = f"From: a@outside.test\r\nMessage-ID: <{name}@outside.test>\r\nSubject: {name}\r\n\r\n{name * 50}\r\n"
        try:
            with random.choice(self.nodes).smtp() as c:
                c.sendmail("a@outside.test", ["u0@example.org"], mail)
                self.accepted.add(name)
        except (OSError, smtplib.SMTPException):
            pass  # an end of the session after its 250 changes nothing
        return name in self.accepted


def names(node):
    return [b.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for b in bodies(node)]


def upgrade(c, node):
    node.cli("cluster", "drain", timeout=60)
    node.stop()
    node.program = NEXT
    node.start()
    c.wait_settled_votes()
    node.cli("cluster", "drain", "--undo", check=False)


def main():
    with Cluster(users=["u0"]) as c:
        dc1, dc2, dc3 = c.nodes
        with Senders(c.data) as load:
            for node in (dc3, dc2):
                before = len(load.accepted)
                upgrade(c, node)
                node.wait(lambda n=before: len(load.accepted) > n + 20, 60)
            # One data node doesn't know it yet.
            time.sleep(3)
            said = ask(dc2, "note set", text="early")
            assert not said["ok"] and "not supported" in said["error"], said
            assert "no such verb" in ask(dc1, "note set", text="early")["error"]
            assert not any(RAISED in n.log() for n in c.nodes)
            code = dc2.cli("cluster", "verify", check=False, timeout=100)
            assert code.returncode == 0, code
            upgrade(c, dc1)
            dc1.wait(lambda: any(RAISED in n.log() for n in c.nodes), 60)
            for i, node in enumerate(c.data):
                node.wait(lambda n=node, i=i: ask(n, "note set", text=f"note {i}").get("ok"), 30)
            before = len(load.accepted)
            dc1.wait(lambda: len(load.accepted) > before + 20, 60)
        c.wait_settled()
        assert {ask(n, "note show")["text"] for n in c.data} == {"note 1"}
        for node in c.data:
            found = collections.Counter(names(node))
            assert not load.accepted - set(found), sorted(load.accepted - set(found))[:5]
            assert max(found.values()) == 1, found.most_common(3)
        r = dc1.cli("cluster", "verify", check=False, timeout=100)
        assert r.returncode == 0, r
        print(f"{len(load.accepted)} mails answered, {load.failed} attempts failed")
        # Back it doesn't go.
        dc2.stop()
        r = subprocess.run([PROGRAM, "serve", "-c", dc2.conf], capture_output=True, text=True, timeout=60)
        assert r.returncode != 0 and "the cluster has come to version 2" in r.stderr, r.stderr
        dc2.start()
        c.wait_settled()


main()
