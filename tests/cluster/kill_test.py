#!/usr/bin/env python3
# timeout: 400
"""kill -9 of leader, follower and arbiter in turn, and of the leader ten times, under load."""
import time

from play import Play, run

TIMES = 10


def each_in_turn():
    with Play("kill each in turn") as p:
        c = p.cluster
        for who in ("leader", "follower", "arbiter"):
            leader = c.wait_leader()
            victim = {"leader": leader, "follower": next(n for n in c.data if n is not leader),
                      "arbiter": c.nodes[2]}[who]
            victim.kill()
            took = p.goes_on()
            print(f"{who} {victim.name} killed: 20 more answers after {took:.1f} s")
            time.sleep(p.chance.uniform(0, 3))
            victim.start()
            c.wait_settled_votes()


def leader_again_and_again():
    with Play("kill the leader again and again") as p:
        for _ in range(TIMES):
            leader = p.cluster.wait_leader()
            leader.kill()
            p.goes_on(5)
            leader.start()
            p.goes_on(5)
            time.sleep(p.chance.uniform(0, 1.5))


def leader_amid_appends():
    """What a leader had in hand goes to the next one under the same name: it must be done once."""
    with Play("kill the leader amid appends", {"smtp": 0, "imap": 12, "appends": 60}) as p:
        for _ in range(TIMES):
            leader = p.cluster.wait_leader()
            leader.kill()
            p.goes_on()
            leader.start()
            p.goes_on()


run(each_in_turn, leader_again_and_again, leader_amid_appends)
