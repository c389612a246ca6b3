#!/usr/bin/env python3
# timeout: 300
"""Power cuts while mail comes in: the file system is shut down under the server, so that all that was not synced is
gone when it is mounted again. On ext4 and on xfs: what was answered is there afterwards, exactly once, whole.
Needs root and loop devices."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from disk import MKFS, Disk  # noqa: E402
from hp import QUICK, ServerOn  # noqa: E402
from load import LIMITS, Load  # noqa: E402

CUTS = int(os.environ.get("CUTS", "3"))


def go(kind):
    disk = Disk(kind)
    try:
        with ServerOn(disk.where, extra=QUICK + LIMITS) as s:
            with Load(s) as load:
                for _ in range(CUTS):
                    before = load.answered()
                    s.wait(lambda: load.answered() > before + 20, 30)
                    time.sleep(0.1)
                    disk.cut()
                    s.stop(signal.SIGKILL)
                    s.wait(lambda: not s.pids())
                    disk.again()
                    s.start()
            load.check()
            print(f"{kind}: {CUTS} power cuts, {load.answered()} mails answered, {load.failed} attempts failed")
    finally:
        disk.remove()


def main():
    if os.geteuid() != 0 or subprocess.run(["losetup", "-f"], capture_output=True).returncode:
        print("skipped: only root can make file systems, and only where there are loop devices")
        return
    for kind in MKFS:
        go(kind)


main()
