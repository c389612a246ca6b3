#!/usr/bin/env python3
# timeout: 400
"""Courier, store and the whole node are killed (-9) while 500 mails leave: each arrives, and a second copy only of those
whose text had arrived, and of which the log hadn't heard, when it was killed. The store's death alone makes none: the
courier tells the next one."""
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

MAILS = int(os.environ.get("MAILS", "500"))
ANSWER_SEC = 0.2  # the sink takes so long to say 250
# From the answer to the commit of its step, on a busy machine.
LOGGED_SEC = 1.0
CONF = (hp.QUICK + "\n[relay]\nhost = [127.0.0.1]:%d\n\n[mail]\nretry_min = 1s\nretry_max = 1s\n\n[limits]\n"
        "connection_rate_per_minute = 0\nrecipients_per_hour = 0\nrecipients_per_day = 0\n")


def submit(s, first):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        for n in range(first, first + MAILS):
            c.sendmail("u0@example.org", ["a@out.test"], b"Subject: n%d\r\n\r\nx\r\n" % n)


def slowly(notes):
    def act(session, argument):
        n = int(re.search(rb"Subject: n(\d+)\r\n", session.mail.text)[1])
        at = time.monotonic()
        notes.setdefault(n, []).append(at)
        time.sleep(ANSWER_SEC)
        return session.taken()
    return act


def kill_courier(s):
    os.kill(s.wait(lambda: s.pids().get("courier/0")), signal.SIGKILL)


def kill_store(s):
    os.kill(s.wait(lambda: s.pids().get("store/0")), signal.SIGKILL)


def kill_node(s):
    s.kill()
    s.start()


def play(s, port, first, kill, times):
    """The doubles."""
    submit(s, first)  # nobody listens there yet: all wait for the hop
    notes, kills = {}, []
    with sink.Sink(port=port) as to:
        to.replies["text"] = slowly(notes)
        s.wait(lambda: len(notes) > 10, 60)
        for _ in range(times):
            time.sleep(random.uniform(0.1, 1.0))
            if len(notes) == MAILS:
                break
            began = time.monotonic()
            kill(s)
            kills.append((began, time.monotonic()))
            before = len(notes)
            s.wait(lambda: len(notes) >= min(MAILS, before + 10), 60)
        s.wait(lambda: not s.json("queue", "list")["rows"], 120)
    assert sorted(notes) == list(range(first, first + MAILS)), f"{MAILS - len(notes)} are missing"
    doubled = {n: at for n, at in notes.items() if len(at) > 1}
    for n, at in doubled.items():
        for copy in at[:-1]:
            assert any(copy <= end + 0.05 and began <= copy + ANSWER_SEC + LOGGED_SEC for began, end in kills), (n, at, kills)
    print(f"{kill.__name__}: {len(kills)} times, {MAILS} mails, {len(doubled)} of them twice", flush=True)
    return kills, doubled


def main():
    random.seed(7)
    port = hp.free_port()
    with hp.Server(CONF % port) as s:
        s.settle()
        kills, doubled = play(s, port, 0, kill_store, 5)
        assert kills and not doubled, doubled
        for i, kill in enumerate((kill_courier, kill_node), 1):
            kills, _ = play(s, port, i * MAILS, kill, 5)
            assert kills
        assert s.cli("store", "check").returncode == 0


main()
