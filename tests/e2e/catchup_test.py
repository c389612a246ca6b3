#!/usr/bin/env python3
# timeout: 300
"""A node that is new, or was away for longer than the log reaches back, is given the whole database, while mail goes on:
killed in the midst of it again and again, it gets there, and reads back what the others have."""
import os
import signal
import smtplib
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
from hp import bodies  # noqa: E402
from hp_cluster import CONFIG, Cluster  # noqa: E402

KEEP = 50
CONF = CONFIG + f"\n[log]\nkeep_entries = {KEEP}\ntail_entries = {2 * KEEP}\n"
MAILS, LARGE, KILLS = 1500, 60, 4
IN_PLACE = "is in place"


def send(node, first, n, size):
    with node.smtp() as s:
        for i in range(first, first + n):
            text = os.urandom(size // 2).hex()
            lines = "\r\n".join(text[k:k + 70] for k in range(0, len(text), 70))
            s.sendmail("a@outside.test", [f"u0@{node.domain}"], f"Subject: {i}\r\n\r\n{lines}\r\n")


class Trickle(threading.Thread):
    """Mail that goes on; the longest that a client waited."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.over, self.worst, self.n, self.odd = node, threading.Event(), 0, 0, []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *why):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(0.02):
            began = time.monotonic()
            try:
                send(self.node, 100000 + self.n, 1, 500)
                self.n += 1
            except (OSError, smtplib.SMTPException) as e:
                self.odd.append(repr(e))
            self.worst = max(self.worst, time.monotonic() - began)


def kills(node):
    """In the midst of the stream, as long as there is one."""
    done = 0
    for _ in range(KILLS):
        node.wait(lambda: IN_PLACE in node.log() or os.path.exists(node.data + "/db/stage.mdb"), 60)
        if IN_PLACE in node.log():
            break
        time.sleep(0.3)
        pid = node.pids().get("store/0")
        if pid:
            os.kill(pid, signal.SIGKILL)
            done += 1
        time.sleep(0.5)
    return done


class Late(Cluster):
    """The others come when the first has much, and its log reaches no more than KEEP entries back."""

    def set_up(self):
        first, second, arbiter = self.nodes
        first.make("init", "--domain", self.domain, "--user", "u0", "--password", "pw")
        first.start()
        send(first, 0, MAILS, 3000)
        send(first, MAILS, LARGE, 400000)
        with Trickle(first) as trickle:
            self.join_killed(second)
        assert not trickle.odd and trickle.n > 20, (trickle.odd[:3], trickle.n)
        print(f"{trickle.n} mails meanwhile, the slowest {trickle.worst:.2f} s")
        assert trickle.worst < 5
        self.join(arbiter)
        self.wait_settled()

    def join_killed(self, node):
        token = self.nodes[0].json("cluster", "token")["token"]
        node.make("join", token)
        node.start(wait=False)
        print(f"killed {kills(node)} times")
        node.wait(lambda: IN_PLACE in node.log(), 90)
        node.wait_up()


def same(c):
    c.wait_settled()
    for node in c.data:
        assert node.json("store", "check")["violations"] == []
    ours, theirs = (sorted(bodies(n)) for n in c.data)
    assert ours == theirs
    return len(ours)


def main():
    with Late(users=("u0",), extra=CONF) as c:
        first, second, _ = c.nodes
        assert same(c) > MAILS + LARGE
        assert first.log().count("is streamed the database") >= 1
        # Away for longer than the log reaches back; what it has isn't sent again.
        second.stop(signal.SIGKILL)
        send(first, 0, 4 * KEEP, 1000)
        before = second.log().count(IN_PLACE)
        second.start()
        second.wait(lambda: second.log().count(IN_PLACE) > before, 60)
        second.wait_up()
        assert same(c) > MAILS + LARGE + 4 * KEEP
        # Both take mail.
        send(second, 0, 5, 500)
        same(c)


if __name__ == "__main__":
    main()
