#!/usr/bin/env python3
# timeout: 400
"""Power cuts: of each node alone, and of all three at once, coming back in each order, under load. Each node's data is
on a file system of its own, which is shut down under it: what was not synced is gone."""
import contextlib
import itertools
import time

from play import Play, run

from disk import Disk  # noqa: E402


@contextlib.contextmanager
def play_on_disks(name):
    disks = {n: Disk("ext4") for n in (1, 2, 3)}
    try:
        with Play(name, where={n: d.where for n, d in disks.items()}) as p:
            yield p, disks
    finally:
        for d in disks.values():
            d.remove()


def cut_power(disks, nodes):
    for n in nodes:
        disks[n.n].cut()
    for n in nodes:
        n.kill()
    for n in nodes:
        disks[n.n].again()


def each_alone():
    with play_on_disks("power cut of each") as (p, disks):
        for n in p.cluster.nodes:
            cut_power(disks, [n])
            took = p.goes_on()
            print(f"{n.name} without power: 20 more answers after {took:.1f} s")
            n.start()
            p.cluster.wait_settled_votes()


def all_at_once():
    """By themselves they are a cluster again as soon as two are there."""
    with play_on_disks("power cut of all") as (p, disks):
        for order in itertools.permutations(p.cluster.nodes):
            cut_power(disks, p.cluster.nodes)
            for n in order:
                n.start(wait=False)
                time.sleep(p.chance.uniform(0, 2))
            for n in order:
                n.wait_up()
            took = p.goes_on()
            print(f"back in the order {[n.name for n in order]}: 20 more answers after {took:.1f} s")


run(each_alone, all_at_once)
