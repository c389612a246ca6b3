#!/usr/bin/env python3
# timeout: 500
"""Each node cut off from the others, each line cut in one way only, and 20 % loss, under load."""
import itertools
import time

from play import Play, run

CUT_SEC = 8
# Longer than a link may be silent.
DEAF_SEC, DEAF_TIMES = 4, 6
# It leads for a second after it has heard somebody.
LONE_SEC, LONE_TIMES = 1.5, 3


def cut_off_each():
    with Play("cut off each") as p:
        for n in p.cluster.nodes:
            p.cluster.cut(n)
            took = p.goes_on()
            print(f"{n.name} cut off: 20 more answers after {took:.1f} s")
            time.sleep(CUT_SEC)
            p.cluster.heal()
            p.cluster.wait_settled_votes()


def cut_one_way():
    with Play("cut one way") as p:
        lines = list(itertools.permutations(p.cluster.nodes, 2))
        p.chance.shuffle(lines)
        for a, b in lines:
            p.cluster.cut_way(a, b)
            took = p.goes_on()
            print(f"{a.name} to {b.name} cut: 20 more answers after {took:.1f} s")
            time.sleep(CUT_SEC)
            p.cluster.heal()
            p.goes_on()


def leader_speaks_and_hears_nothing():
    """And the contrary: it hears all, and nobody hears it."""
    with Play("leader cut one way") as p:
        for from_leader in (True, False):
            leader = p.cluster.wait_leader()
            for n in p.cluster.nodes:
                if n is not leader:
                    p.cluster.cut_way(*((leader, n) if from_leader else (n, leader)))
            took = p.goes_on()
            print(f"{leader.name} {'unheard' if from_leader else 'deaf'}: 20 more answers after {took:.1f} s")
            time.sleep(CUT_SEC)
            p.cluster.heal()
            p.cluster.wait_settled_votes()


def follower_hears_nothing():
    """What it hands over meanwhile its leader logs; it sees that only after it has handed it over again."""
    with Play("follower deaf amid appends", {"smtp": 0, "imap": 12, "appends": 60}) as p:
        for _ in range(DEAF_TIMES):
            leader = p.cluster.wait_leader()
            follower = next(n for n in p.cluster.data if n is not leader)
            p.cluster.cut_way(leader, follower)
            time.sleep(DEAF_SEC)
            p.cluster.heal()
            took = p.goes_on()
            print(f"{follower.name} deaf: 20 more answers after {took:.1f} s")
            p.cluster.wait_settled_votes()


def leader_is_cut_off_and_dies():
    """What it took in alone it must not have answered."""
    with Play("cut off the leader and kill it") as p:
        for _ in range(LONE_TIMES):
            leader = p.cluster.wait_leader()
            p.cluster.cut(leader)
            time.sleep(LONE_SEC)
            leader.kill()
            p.cluster.heal()
            leader.start()
            took = p.goes_on()
            print(f"{leader.name} back: 20 more answers after {took:.1f} s")
            p.cluster.wait_settled_votes()


def lose():
    with Play("lose 20 %") as p:
        p.cluster.lose(20)
        time.sleep(30)
        took = p.goes_on()
        print(f"20 more answers with 20 % loss took {took:.1f} s")
        p.cluster.heal()


run(cut_off_each, cut_one_way, leader_speaks_and_hears_nothing, follower_hears_nothing,
    leader_is_cut_off_and_dies, lose)
