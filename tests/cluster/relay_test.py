#!/usr/bin/env python3
# timeout: 500
"""The node in charge of mail that leaves is killed, frozen and cut off while it sends: the other one adopts it and sends
the rest; a second copy only of what was on its way between the final dot and the log just then."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import sink  # noqa: E402
from hp_cluster import CONFIG, Cluster  # noqa: E402

MAILS, PORT, ANSWER_SEC, FROZEN_SEC = 300, 2525, 0.2, 30
NO_LIMIT = "recipients_per_hour = 0\nrecipients_per_day = 0\n"
LOGGED_SEC = 2  # from the answer to the commit, with 5 ms between the nodes, on a busy machine
CONNECTIONS = 20
RELAY = f"\n[relay]\nhost = [127.0.0.1]:{PORT}\n\n[mail]\nretry_min = 1s\nretry_max = 2s\n"


def submit(node, first):
    with node.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        for n in range(first, first + MAILS):
            c.sendmail("u0@example.org", ["a@out.test"], b"Subject: n%d\r\n\r\nx\r\n" % n)


class Sinks:
    """One beside each data node, in its namespace: what cuts a node off doesn't cut it off from there."""

    def __init__(self, cluster):
        self.notes = {}
        self.all = [cluster.net.inside(n.n, lambda: sink.Sink(port=PORT)) for n in cluster.data]
        for s, n in zip(self.all, cluster.data):
            s.replies["text"] = self.slowly(n.name)

    def slowly(self, name):
        def act(session, argument):
            n = int(re.search(rb"Subject: n(\d+)\r\n", session.mail.text)[1])
            self.notes.setdefault(n, []).append((time.monotonic(), name))
            time.sleep(ANSWER_SEC)
            return session.taken()
        return act

    def close(self):
        for s in self.all:
            s.close()


def kill(c, victim):
    victim.kill()
    yield
    victim.start()


def freeze(c, victim):
    victim.freeze()
    yield
    time.sleep(FROZEN_SEC)
    victim.thaw()


def cut_off(c, victim):
    c.cut(victim)
    yield
    time.sleep(10)
    c.heal()


def play(c, first, fault):
    victim = c.wait_leader()
    submit(victim, first)
    c.nodes[0].wait(lambda: len(victim.json("queue", "list")["rows"]) >= MAILS, 30)
    sinks = Sinks(c)
    notes = sinks.notes
    c.nodes[0].wait(lambda: len(notes) >= 30, 60)
    began = time.monotonic()
    undo = fault(c, victim)
    next(undo)
    done = time.monotonic()
    other = next(n for n in c.data if n is not victim)
    c.nodes[0].wait(lambda: len(notes) == MAILS, 120)
    took = time.monotonic() - began
    assert next(undo, None) is None
    ended = time.monotonic()
    c.wait_settled(90)
    sinks.close()
    doubled = {n: at for n, at in notes.items() if len(at) > 1}
    by = {name: sum(name == x for at in notes.values() for _, x in at) for name in (victim.name, other.name)}
    print(f"{fault.__name__}: all {MAILS} after {took:.1f} s ({by}), {len(doubled)} of them twice", flush=True)
    assert sorted(notes) == list(range(first, first + MAILS)), len(notes)
    assert by[other.name], "nobody adopted them"
    for n, at in doubled.items():
        assert len(at) == 2, (n, at)
        # A frozen node's answer lies in its socket; one that is cut off has its lease for a while, and sends by it.
        assert began - ANSWER_SEC - LOGGED_SEC <= at[0][0] <= done + 10, (n, at, began, done)
        assert at[0][1] == victim.name, (n, at)
    late = [at for at in notes.values() for t, name in at if name == victim.name and done + 10 < t < ended]
    assert not late, ("sent without a lease", late)
    # As many are on their way to the server, and as many to the log.
    assert len(doubled) <= 2 * CONNECTIONS, len(doubled)


def main():
    if os.geteuid() != 0:
        print("skipped: only root can make network namespaces and file systems")
        return
    with Cluster(extra=CONFIG + NO_LIMIT + RELAY, namespaces=True, delay_ms=5) as c:
        for i, fault in enumerate((kill, freeze, cut_off)):
            if not sys.argv[1:] or fault.__name__ in sys.argv[1:]:
                play(c, i * MAILS, fault)
        for n in c.data:
            assert n.cli("store", "check").returncode == 0


main()
