#!/usr/bin/env python3
# timeout: 200
"""A disk that fails under the store: EIO stops the node, ENOSPC starts the store anew, whichever write or sync of a
commit it hits, and nothing that was answered 250 or OK is lost or doubled. A database from a newer version is
refused, untouched."""
import hashlib
import random
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import AS_ROOT, PROGRAM, QUICK, Server  # noqa: E402
from load import LIMITS, Load  # noqa: E402

# What a commit is made of: the pages, their sync, the page that makes them count.
STEPS = ["writev", "fdatasync", "pwrite64"]
FAIL_STOP = 3  # exit status, cmd/proc.h


def fail(pid, step, error):
    """The store's n-th such call fails, and it doesn't live on."""
    tracer = subprocess.Popen(
        [*AS_ROOT, "strace", "-q", "-p", str(pid), "-e", f"trace={step}", "-e",
         f"inject={step}:error={error}:when={random.randrange(1, 8)}"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = tracer.communicate(timeout=30)[1]
    assert "(INJECTED)" in said, said
    assert said.rstrip().endswith(f"+++ exited with {FAIL_STOP if error == 'EIO' else 1} +++"), said


def stops_the_node(s, step):
    fail(s.pids()["store/0"], step, "EIO")
    assert s.process.wait(20) == FAIL_STOP
    assert "store stopped the node" in s.log()
    s.start()


def starts_the_store_anew(s, step):
    old = s.pids()["store/0"]
    fail(old, step, "ENOSPC")
    s.wait(lambda: s.pids().get("store/0") not in (None, old))
    assert s.process.poll() is None


def refuses_a_newer_version(s):
    s.stop()
    path = s.data + "/db/data.mdb"
    with open(path, "rb") as f:
        octets = f.read()
    at = octets.find(b"format\0\0\0")
    assert at >= 0
    while at >= 0:
        octets = octets[:at + 9] + bytes([octets[at + 9] + 1]) + octets[at + 10:]
        at = octets.find(b"format\0\0\0", at + 10)
    with open(path, "wb") as f:
        f.write(octets)
    r = subprocess.run([PROGRAM, "serve", "-c", s.conf], capture_output=True, text=True, timeout=30,
                       stdin=subprocess.DEVNULL)
    assert r.returncode == FAIL_STOP, r
    assert "from another version of hairpin: it was left untouched" in r.stderr, r.stderr
    with open(path, "rb") as f:
        assert hashlib.sha256(f.read()).digest() == hashlib.sha256(octets).digest()


def main():
    with Server(extra=QUICK + LIMITS) as s:
        with Load(s) as load:
            for step in STEPS:
                stops_the_node(s, step)
                starts_the_store_anew(s, step)
            before = load.answered()
            s.wait(lambda: load.answered() > before + 10)
        load.check()
        print(f"{load.answered()} mails answered, {load.failed} attempts failed")
        refuses_a_newer_version(s)


main()
