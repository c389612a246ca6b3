#!/usr/bin/env python3
# timeout: 500
"""Each node cut off from the others, each line cut in one way only, and 20 % loss, under load."""
import itertools
import time

from play import Play, run

CUT_SEC = 8


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


def lose():
    with Play("lose 20 %") as p:
        p.cluster.lose(20)
        time.sleep(30)
        took = p.goes_on()
        print(f"20 more answers with 20 % loss took {took:.1f} s")
        p.cluster.heal()


run(cut_off_each, cut_one_way, leader_speaks_and_hears_nothing, lose)
