#!/usr/bin/env python3
# timeout: 400
"""The store is killed (-9) a hundred times while mail comes in by SMTP and by APPEND, half of them at random
moments and half within its commits, before a write or a sync: what was answered 250 or OK is there afterwards,
exactly once, whole."""
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import AS_ROOT, QUICK, Server  # noqa: E402
from load import Load  # noqa: E402

# Few connections: a session that its process forgets to end is missed soon.
LIMITS = ("\n[limits]\nconnections_per_client = 20\nimap_connections_per_client = 20\n"
          "connection_rate_per_minute = 0\n")
KILLS = int(os.environ.get("KILLS", "100"))
# What a commit is made of: the pages, their sync, the page that makes them count.
STEPS = ["writev", "fdatasync", "pwrite64"]


def kill_at_random(pid):
    time.sleep(random.random() ** 2 * 0.3)
    os.kill(pid, signal.SIGKILL)


def kill_in_commit(pid):
    """True: it died at the step, and not because it took too long."""
    step = random.choice(STEPS)
    tracer = subprocess.Popen(
        [*AS_ROOT, "strace", "-q", "-p", str(pid), "-e", f"trace={step}", "-e",
         f"inject={step}:signal=KILL:when={random.randrange(1, 12)}"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = tracer.communicate(timeout=10)[1]
    except subprocess.TimeoutExpired:
        os.kill(pid, signal.SIGKILL)
        tracer.communicate()
        return False
    return "killed by SIGKILL" in said and step in said


def main():
    in_commits = 0
    with Server(extra=QUICK + LIMITS) as s:
        with Load(s) as load:
            for n in range(KILLS):
                pid = s.wait(lambda: s.pids().get("store/0"), 10)
                if n % 2:
                    in_commits += kill_in_commit(pid)
                else:
                    kill_at_random(pid)
                s.wait(lambda: s.pids().get("store/0") not in (None, pid), 10)
        print(f"{KILLS} kills, {in_commits} of them in commits; {load.answered()} mails answered, "
              f"{load.failed} attempts failed")
        assert len(load.accepted) > KILLS / 4 and len(load.appended) > KILLS / 10
        assert in_commits > KILLS / 4, in_commits
        load.check()


main()
