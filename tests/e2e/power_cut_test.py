#!/usr/bin/env python3
# timeout: 300
"""Power cuts while mail comes in: the file system is shut down under the server, so that all that was not synced is
gone when it is mounted again. On ext4 and on xfs: what was answered is there afterwards, exactly once, whole.
Needs root and loop devices."""
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
from hp import QUICK, ServerOn  # noqa: E402
from load import LIMITS, Load  # noqa: E402

CUTS = int(os.environ.get("CUTS", "3"))
# The smallest that mkfs.xfs still makes.
IMAGE_BYTES = 400 << 20
MKFS = {"ext4": ["mkfs.ext4", "-qF"], "xfs": ["mkfs.xfs", "-qf"]}


def run(*args):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL)


class Disk:
    def __init__(self, kind):
        self.dir = tempfile.mkdtemp(prefix="hairpin-disk-")
        self.image, self.where = self.dir + "/image", self.dir + "/mnt"
        os.mkdir(self.where)
        with open(self.image, "wb") as f:
            f.truncate(IMAGE_BYTES)
        run(*MKFS[kind], self.image)
        run("mount", "-o", "loop", self.image, self.where)
        for path in (self.dir, self.where):
            os.chmod(path, 0o755)

    def cut(self):
        run("xfs_io", "-x", "-c", "shutdown", self.where)

    def again(self):
        # Who was killed lets go of its files in its own time.
        until = time.monotonic() + 10
        while subprocess.run(["umount", self.where], capture_output=True).returncode:
            assert time.monotonic() < until, "somebody holds the file system"
            time.sleep(0.05)
        run("mount", "-o", "loop", self.image, self.where)

    def remove(self):
        subprocess.run(["umount", "-l", self.where], check=False)
        os.unlink(self.image)
        os.rmdir(self.where)
        os.rmdir(self.dir)


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
