#!/usr/bin/env python3
"""The switch between the nodes of a test (tests/tools/net_switch.c) delays, loses and cuts what it is told to, each
way for itself. Needs root, for network namespaces."""
import os
import socket
import statistics
import sys
import time

sys.path.insert(0, sys.path[0])
from hp_cluster import Net  # noqa: E402

PORT = 7
WAIT_SEC = 1


def bound(net, n):
    s = net.inside(n, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    s.bind((net.address(n), PORT))
    s.settimeout(WAIT_SEC)
    return s


def one_way_ms(a, b):
    """None: lost."""
    since = time.monotonic()
    a.sendto(b"x", b.getsockname())
    try:
        b.recv(10)
    except TimeoutError:
        return None
    return (time.monotonic() - since) * 1000


def main():
    if os.geteuid() != 0:
        print("skipped: only root can make network namespaces")
        return
    net = Net(2, 1, 0)
    try:
        a, b = bound(net, 1), bound(net, 2)
        assert one_way_ms(a, b) is not None
        net.say("delay", 1, 2, 5)
        there = statistics.median(one_way_ms(a, b) for _ in range(30))
        back = statistics.median(one_way_ms(b, a) for _ in range(30))
        assert 5 <= there < 8 and back < 3, (there, back)
        net.say("cut", 1, 2)
        assert one_way_ms(a, b) is None
        assert one_way_ms(b, a) is not None
        net.say("heal", None, None)
        assert one_way_ms(a, b) is not None
        b.settimeout(0.05)
        net.say("loss", 1, 2, 20)
        lost = sum(one_way_ms(a, b) is None for _ in range(200))
        assert 20 <= lost <= 60, lost
        print(f"{there:.1f} ms there, {back:.1f} ms back, {lost} of 200 lost")
        a.close()
        b.close()
    finally:
        net.close()


main()
