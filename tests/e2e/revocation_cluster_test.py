#!/usr/bin/env python3
"""Revocation in a cluster: the node that leads asks, and nobody else; what it found all know; and when it dies the next
one goes on."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
from authorities import Authority, Web, page, points  # noqa: E402
from hp_cluster import CONFIG, Cluster  # noqa: E402
from name_server import A, Names  # noqa: E402

DNS, WEB = "127.0.1.53", "127.0.1.80"
CONF = CONFIG + f"\n[dns]\nstub = test {DNS}\nvalidate = no\n[gateway]\nrevocation_networks = {WEB}\n"
FIRST_SEC = 5  # how long after its start the courier of a node that leads looks


def state(node, who):
    return node.json("cert", "list", f"{who}@out.test")["rows"][0]["revocation_state"]


def what_one_node_asked_all_know(c, web):
    leader = c.wait_leader()
    other = next(n for n in c.data if n is not leader)
    row, = other.json("cert", "refresh", "ann@out.test")["rows"]
    assert row["revocation_state"] == "good", row
    assert web.asked == [("ca.test", "/ann.crl")], web.asked
    leader.wait(lambda: state(leader, "ann") == "good")


def the_next_one_that_leads_asks(c, web, ca):
    leader = c.wait_leader()
    other = next(n for n in c.data if n is not leader)
    other.cli("cert", "add", ca.path("bob", "pem"))
    time.sleep(FIRST_SEC + 1)
    assert len(web.asked) == 1, "who doesn't lead asks nobody"
    leader.kill()
    other.wait(lambda: state(other, "bob") == "good", 40)
    assert web.asked[1:] == [("ca.test", "/bob.crl")], web.asked
    assert c.wait_leader([n for n in c.nodes if n is not leader]) is other


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    where = tempfile.mkdtemp(prefix="hairpin-revocation-")
    names, web, ca = Names(DNS), Web(WEB), Authority(where, "ca")
    names.records["ca.test", A] = socket.inet_aton(WEB)
    for who in "ann", "bob":
        ca.give(who, points(f"{who}.crl"))
    for who in "ann", "bob":
        web.answers["ca.test", f"/{who}.crl"] = page(ca.list())
    try:
        with Cluster(users=("u0",), extra=CONF, program=os.environ["HAIRPIN_RELEASE"]) as c:
            node = c.wait_leader()
            time.sleep(FIRST_SEC + 1)  # its first look finds nothing
            node.cli("cert", "trust", ca.path("ca", "pem"))
            node.cli("cert", "add", ca.path("ann", "pem"))
            what_one_node_asked_all_know(c, web)
            the_next_one_that_leads_asks(c, web, ca)
    finally:
        shutil.rmtree(where)


sys.exit(hp.in_namespaces(__file__, inside))
