#!/usr/bin/env python3
# timeout: 300
"""The disk of one node is full, under load: first that of a follower, then that of the leader, then the arbiter's.
Nothing that was answered is lost, and when there is room again all is as before."""
import os
import subprocess
import tempfile
import time

from play import Play, run

SIZE = "160m"
FULL_SEC = 15


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(b"\0" * 65536):
                pass
        except OSError:
            pass


def revive(c):
    """A node that a full disk has stopped is started by hand, as its manager would do it."""
    for n in c.nodes:
        if not n.is_running():
            n.start(wait=False)
    for n in c.nodes:
        n.wait_up()


def one_is_full(p, node, where):
    fill(where[node.n] + "/filler")
    since = time.monotonic()
    took = p.goes_on()
    print(f"{node.name} full: 20 more answers after {took:.1f} s")
    time.sleep(max(0, FULL_SEC - (time.monotonic() - since)))
    os.unlink(where[node.n] + "/filler")
    revive(p.cluster)
    p.cluster.wait_settled_votes()
    p.goes_on()


def one_disk_after_another():
    where = {n: tempfile.mkdtemp(prefix="hairpin-full-") for n in (1, 2, 3)}
    for path in where.values():
        os.chmod(path, 0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path], check=True)
    try:
        with Play("one disk is full", where=where) as p:
            for choose in (False, True):
                leader = p.cluster.wait_leader()
                one_is_full(p, next(n for n in p.cluster.data if (n is leader) == choose), where)
            one_is_full(p, p.cluster.nodes[2], where)
    finally:
        for path in where.values():
            subprocess.run(["umount", "-l", path], check=True)
            os.rmdir(path)


run(one_disk_after_another)
