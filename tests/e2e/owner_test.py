#!/usr/bin/env python3
# timeout: 400
"""Mail that waits in a node's queue when the node is killed, frozen, cut off or removed is delivered by the other one
within ten seconds, each once; the node gets its queue back when it is back, and nothing comes twice."""
import collections
import re
import sys
import time

sys.path.insert(0, sys.path[0])
from hp_cluster import CONFIG, Cluster  # noqa: E402

MAILS, ADOPTED_SEC, FROZEN_SEC, BACK_SEC = 20, 10, 30, 20
EX_TEMPFAIL = 75
RETRY = CONFIG + "\n[mail]\nretry_min = 1s\nretry_max = 1s\n"


def box(c, node, user):
    """Subject -> how often."""
    m = node.imap(user)
    m.select("INBOX", readonly=True)
    found = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    m.logout()
    return collections.Counter(x.group(1).decode() for x in (
        re.search(rb"Subject: (\S+)", part[1]) for part in found if isinstance(part, tuple)) if x)


def send(c, node, user, names):
    with node.smtp() as s:
        for name in names:
            s.sendmail("a@outside.test", [f"to-{user}@{c.domain}"],
                       f"Subject: {name}\r\nMessage-ID: <{name}@outside.test>\r\n\r\ntext\r\n")


def fill(c, node, user, name):
    """Mail that waits at node: the mailbox behind the alias has no room."""
    send(c, node, user, ["first-" + name])
    node.wait(lambda: not rows(node))
    node.cli("user", "set", f"{user}@{c.domain}", "--quota-messages", "1")
    names = [f"{name}-{i}" for i in range(MAILS)]
    send(c, node, user, names)
    node.wait(lambda: len(rows(node)) == MAILS and all(r["status"] for x in rows(node) for r in x["recipients"]))
    assert {x["node"] for x in rows(node)} == {node.n}, "another node works on it"
    return names


def rows(node):
    return node.json("queue", "list")["rows"]


def make_room(c, node, user):
    node.cli("user", "set", f"{user}@{c.domain}", "--quota-messages", "1000")


def is_delivered_by(c, node, user, names, since):
    """Within the time that an adoption may take, and a retry."""
    while rows(node):
        assert time.monotonic() < since + ADOPTED_SEC + 2, f"still waits: {rows(node)}"
        time.sleep(0.1)
    print(f"{names[0]}: delivered {time.monotonic() - since:.1f} s after", flush=True)
    assert_once(c, node, user, names)


def assert_once(c, node, user, names):
    found = box(c, node, user)
    assert all(found[name] == 1 for name in names), f"lost or twice: {found}"


def assert_told(other, name, node):
    """The story of a mail says who took it in, and who went on with it."""
    rows = other.json("why", f"{name}@outside.test")["rows"]
    told = [(r["event"], r["node"]) for r in rows if r["event"] in ("taken in", "adopted", "delivered")]
    names = [f"{n.name}.{n.domain}" for n in (node, other)]
    assert told == [("taken in", names[0]), ("adopted", names[1]), ("delivered", names[1])], rows


def gets_its_queue_back(c, node, user):
    """Mail that it takes in is its own to deliver."""
    until = time.monotonic() + BACK_SEC
    # It may be taking the database anew: then it says that it is to be asked again.
    while node.cli("user", "set", f"{user}@{c.domain}", "--quota-messages", "1", check=False).returncode == EX_TEMPFAIL:
        assert time.monotonic() < until, f"{node.name} doesn't take a setting"
        time.sleep(0.1)
    name = f"back-{node.name}-{int(until)}"
    send(c, node, user, [name])
    while [x["node"] for x in rows(node)] != [node.n]:
        assert time.monotonic() < until, f"{node.name} doesn't get its queue back: {rows(node)}"
        time.sleep(0.1)
    make_room(c, node, user)
    node.wait(lambda: not rows(node))
    assert_once(c, node, user, [name])


def a_killed_node(c, node, other, user):
    names = fill(c, node, user, "killed-" + node.name)
    since = time.monotonic()
    node.kill()
    c.wait_leader([other])
    make_room(c, other, user)
    is_delivered_by(c, other, user, names, since)
    assert_told(other, names[0], node)
    node.start()
    gets_its_queue_back(c, node, user)
    c.wait_settled()
    for n in c.data:
        assert_once(c, n, user, names)


def a_frozen_node(c, node, other, user):
    names = fill(c, node, user, "frozen-" + node.name)
    since = time.monotonic()
    node.freeze()
    c.wait_leader([other])
    make_room(c, other, user)
    is_delivered_by(c, other, user, names, since)
    time.sleep(max(0, since + FROZEN_SEC - time.monotonic()))
    node.thaw()
    gets_its_queue_back(c, node, user)
    c.wait_settled()
    for n in c.data:
        assert_once(c, n, user, names)


def a_node_that_is_cut_off(c, node, other, user, way):
    names = fill(c, node, user, f"{way}-{node.name}")
    since = time.monotonic()
    if way == "whole":
        c.cut(node)
    for n in c.nodes:
        if n is not node and way == "deaf":
            c.cut_way(n, node)
        elif n is not node and way == "mute":
            c.cut_way(node, n)
    c.wait_leader([other])
    make_room(c, other, user)
    is_delivered_by(c, other, user, names, since)
    time.sleep(5)
    c.heal()
    gets_its_queue_back(c, node, user)
    c.wait_settled()
    for n in c.data:
        assert_once(c, n, user, names)


def a_removed_node(c, node, other, user):
    names = fill(c, node, user, "removed-" + node.name)
    since = time.monotonic()
    other.cli("cluster", "remove", str(node.n))
    make_room(c, other, user)
    is_delivered_by(c, other, user, names, since)
    assert other.json("store", "check")["violations"] == []


def aliases(c):
    for user in c.users:
        c.nodes[0].cli("alias", "add", f"to-{user}@{c.domain}", f"{user}@{c.domain}")
    c.wait_settled()
    return c.data


with Cluster(users=("u0", "u1", "u2", "u3", "u4"), extra=RETRY) as cluster:
    dc1, dc2 = aliases(cluster)
    a_killed_node(cluster, dc2, dc1, "u1")
    a_frozen_node(cluster, dc2, dc1, "u2")
    # The leader.
    a_killed_node(cluster, dc1, dc2, "u3")
    a_removed_node(cluster, dc1, dc2, "u4")
with Cluster(users=("u0", "u1", "u2", "u3"), extra=RETRY, namespaces=True) as cluster:
    dc1, dc2 = aliases(cluster)
    a_node_that_is_cut_off(cluster, dc2, dc1, "u1", "whole")
    a_node_that_is_cut_off(cluster, dc2, dc1, "u2", "deaf")
    a_node_that_is_cut_off(cluster, dc1, dc2, "u3", "mute")
