#!/usr/bin/env python3
"""Bad peers at the port between nodes: strangers of every kind, and a member's own certificate in the wrong hands.
Each costs at most a connection and a log line: the same processes go on, and serve; the member itself comes back."""
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time

import hp_cluster

RSS_MAX_KIB = 64 << 10
HELLO = 32
BULK, MORE, PING = 1, 2, 4


def context(key=None, cert=None, alpn=True, newest=ssl.TLSVersion.TLSv1_3):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    c.maximum_version = newest
    if alpn:
        c.set_alpn_protocols(["hairpin/1"])
    if key:
        c.load_cert_chain(cert, key)
    return c


class Peer:
    """A connection to a node's peer port."""

    def __init__(self, node):
        self.s = socket.create_connection((node.address, node.base + hp_cluster.CLUSTER_PORT), 10)

    def secure(self, **how):
        self.s = context(**how).wrap_socket(self.s)
        return self

    def send(self, octets):
        try:
            self.s.sendall(octets)
        except OSError:
            pass
        return self

    def ends(self, seconds=12):
        """Is it closed, within this time?"""
        self.s.settimeout(seconds)
        try:
            while self.s.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        self.s.close()
        return True


def frame(flags, octets):
    return struct.pack(">IB", len(octets), flags) + octets


def strangers(node):
    random.seed(1)
    assert Peer(node).send(random.randbytes(5000)).ends()
    for how in ({"newest": ssl.TLSVersion.TLSv1_2}, {"alpn": False}):
        try:
            Peer(node).secure(**how)
            raise AssertionError(f"{how}: the handshake went through")
        except OSError:
            pass
    for request in (b"", b"\xff" * 4, struct.pack(">I", 9000), struct.pack(">I", 300) + b"x" * 300,
                    struct.pack(">I", 300) + b"x" * 20):
        assert Peer(node).secure().send(request).ends(15), request[:8]
    slow = Peer(node)
    slow.send(b"\x16\x03\x01")
    crowd = [Peer(node) for _ in range(200)]
    for p in crowd:
        p.send(b"\x16\x03\x01\x02\x00")
    assert slow.ends(10)
    for p in crowd:
        assert p.ends(10)


def of_another_authority(node):
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=dc2", "-keyout",
                        tmp + "/key", "-out", tmp + "/cert"], check=True, stderr=subprocess.DEVNULL)
        assert closed_at_once(node, tmp + "/key", tmp + "/cert")


def closed_at_once(node, key, cert):
    """TLS 1.3: the client learns that its certificate was refused when it reads."""
    try:
        return Peer(node).secure(key=key, cert=cert).ends()
    except OSError:
        return True


def as_member(node, key, cert):
    p = Peer(node).secure(key=key, cert=cert)
    hello = b""
    while len(hello) < HELLO:
        got = p.s.recv(HELLO - len(hello))
        assert got, "not taken for the member"
        hello += got
    return p.send(hello)


def bad_member(node, key, cert):
    """What a member must not send; what it may, cut short."""
    for octets in (frame(0, b"")[:4] + b"\x80", frame(255, b"x"), struct.pack(">IB", 1 << 30, 0),
                   frame(PING | BULK, b"x"), random.randbytes(3000), frame(0, b"")):
        assert as_member(node, key, cert).send(octets).ends(), octets[:8]
    half = as_member(node, key, cert).send(struct.pack(">IB", 60000, BULK) + b"x" * 100)
    assert half.ends()
    # Whole frames without sense are dropped, or the connection is; a stream of them that never ends is cut off.
    p = as_member(node, key, cert)
    for n in range(200):
        p.send(frame(0, random.randbytes(random.randint(1, 400))))
    p.s.close()
    p = as_member(node, key, cert)
    for n in range(100):
        p.send(frame(BULK | MORE, b"\0" * 65536))
    assert p.ends()
    # A vote and an append of a term that is long gone, entries that nobody sealed.
    p = as_member(node, key, cert)
    for raft in (b"\x08\x02\x10\x01", b"\x08\x04\x10\x01\x18\x05\x20\x01\x62\x04\x08\x01\x12\x00"):
        p.send(frame(0, b"\x0a" + bytes([len(raft)]) + raft))
    p.s.close()


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def serves(node, name):
    with node.smtp() as s:
        s.sendmail("a@client.test", ["u0@example.org"], f"Subject: {name}\r\n\r\ntext\r\n")


def main():
    # The release: what a sanitizer keeps would hide what is taken.
    with hp_cluster.Cluster(users=("u0",), program=os.environ["HAIRPIN_RELEASE"]) as c:
        dc1, dc2 = c.data
        before = dc1.pids()
        strangers(dc1)
        of_another_authority(dc1)
        own = dc1.data + "/tls/node."
        assert closed_at_once(dc1, own + "key", own + "pem"), "its own certificate was taken for another node's"
        serves(dc1, "after the strangers")
        dc2.stop()
        with tempfile.TemporaryDirectory() as tmp:
            for name in ("key", "pem"):
                shutil.copy(f"{dc2.data}/tls/node.{name}", tmp)
            bad_member(dc1, tmp + "/node.key", tmp + "/node.pem")
        time.sleep(1)
        assert dc1.pids() == before, (before, dc1.pids(), dc1.log()[-3000:])
        for role in ("link/0", "store/0"):
            assert rss_kib(before[role]) < RSS_MAX_KIB, (role, rss_kib(before[role]))
        serves(dc1, "after the bad member")
        for said in ("closed:", "a stranger", "cut off"):
            assert said in dc1.log(), said
        dc2.start()
        c.wait_settled()
        serves(dc2, "the member is back")
        c.wait_settled()
        for node in c.data:
            m = node.imap()
            assert m.select("INBOX")[1] == [b"3"]
            m.logout()


main()
