#!/usr/bin/env python3
# timeout: 400
"""SIGSTOP for 30 s of each node in turn, under load: others go on, and it comes back without harm."""
import time

from play import Play, run

FROZEN_SEC = 30


def freeze_each():
    with Play("freeze each") as p:
        c = p.cluster
        p.answer_sec += FROZEN_SEC  # of who is with a node that is frozen
        leader = c.wait_leader()
        follower = next(n for n in c.data if n is not leader)
        for victim in (leader, follower, c.nodes[2]):
            since = time.monotonic()
            victim.freeze()
            try:
                took = p.goes_on()
                print(f"{victim.name} frozen: 20 more answers after {took:.1f} s")
                time.sleep(max(0, FROZEN_SEC - (time.monotonic() - since)))
            finally:
                victim.thaw()
            c.wait_settled_votes()


run(freeze_each)
