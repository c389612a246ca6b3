#!/usr/bin/env python3
# timeout: 300
"""A node comes back with its clock an hour ahead, another with an hour behind, under load, and then the right one."""
import time

from play import Play, run

HOUR = 3600


def clocks_jump():
    with Play("clocks jump") as p:
        c = p.cluster
        for offsets in ((HOUR, 0, -HOUR), (-HOUR, HOUR, 0), (0, 0, 0)):
            for node, offset in zip(c.nodes, offsets):
                if node.offset_sec == offset:
                    continue
                node.kill()
                node.offset_sec = offset
                node.start()
                c.wait_settled_votes()
                took = p.goes_on()
                print(f"{node.name} at {offset:+} s: 20 more answers took {took:.1f} s")
            time.sleep(3)


run(clocks_jump)
