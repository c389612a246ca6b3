#!/usr/bin/env python3
# timeout: 300
"""Revocation: a web server that says all it has octet by octet is left after half a minute, and holds nothing up."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)) + "/../e2e"]
import hp  # noqa: E402
from authorities import Authority, Web, page, points, slow  # noqa: E402
from name_server import A, Names  # noqa: E402

DNS, WEB = "127.0.1.53", "127.0.1.80"
CONF = f"\n[dns]\nstub = test {DNS}\nvalidate = no\n[gateway]\nrevocation_networks = {WEB}\n"
FETCH_SEC, COMMAND_SEC, SLACK_SEC, EX_TEMPFAIL = 30, 50, 15, 75


def state(s, who):
    return s.json("cert", "list", f"{who}@out.test")["rows"][0]["revocation"]


def it_is_left_after_half_a_minute(s, web):
    since = time.monotonic()
    s.wait(lambda: web.asked, SLACK_SEC)
    s.wait(lambda: state(s, "ann") == "revocation unknown: http://slow.test/1.crl: no whole answer in time", FETCH_SEC + SLACK_SEC)
    assert time.monotonic() - since > FETCH_SEC - 1
    assert state(s, "bob") == state(s, "ann").replace("/1.", "/2."), "of the same server: it isn't asked again for that one"
    assert len(web.asked) == 1, web.asked


def who_asks_by_hand_does_not_wait_for_ever(s, web):
    """Two at once; a third would be one too many. The other host answers meanwhile."""
    since = time.monotonic()
    first = subprocess.Popen([hp.PROGRAM, "cert", "refresh", "@slow.test", "-c", s.conf], stderr=subprocess.PIPE, text=True)
    s.wait(lambda: len(web.asked) == 2)
    r = s.cli("cert", "refresh", "carl@out.test", check=False)
    assert r.returncode == EX_TEMPFAIL and "somebody else asks" in r.stderr, r
    error = first.communicate(timeout=COMMAND_SEC + SLACK_SEC)[1]
    assert first.returncode == EX_TEMPFAIL and "and goes on" in error, (first.returncode, error)
    assert COMMAND_SEC - 1 < time.monotonic() - since < COMMAND_SEC + SLACK_SEC
    s.wait(lambda: s.cli("cert", "refresh", "carl@out.test", check=False).returncode == 0, FETCH_SEC + SLACK_SEC)
    assert state(s, "carl").startswith("good until"), state(s, "carl")


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]
    where = tempfile.mkdtemp(prefix="hairpin-revocation-")
    names, web, ca = Names(DNS), Web(WEB), Authority(where, "ca")
    for host in "slow", "slow2", "quick":
        names.records[host + ".test", A] = socket.inet_aton(WEB)
    for who, path, host in (("ann", "1.crl", "slow"), ("bob", "2.crl", "slow"), ("dora", "1.crl", "slow2"),
                            ("eve", "1.crl", "slow"), ("carl", "1.crl", "quick")):
        ca.give(who, points(path, host + ".test"))
        web.answers[host + ".test", "/" + path] = slow
    web.answers["quick.test", "/1.crl"] = page(ca.list())
    try:
        with hp.Server(hp.QUICK + CONF) as s:
            s.cli("cert", "trust", ca.path("ca", "pem"))
            for who in "ann", "bob":
                s.cli("cert", "add", ca.path(who, "pem"))
            it_is_left_after_half_a_minute(s, web)
            s.cli("cert", "add", ca.path("carl", "pem"))
            for who in "dora", "eve":
                s.cli("cert", "add", ca.path(who, "pem"), "@slow.test")
            who_asks_by_hand_does_not_wait_for_ever(s, web)
    finally:
        shutil.rmtree(where)


sys.exit(hp.in_namespaces(__file__, inside))
