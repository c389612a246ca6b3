"""A file system in a file, that can lose its power: what was not synced is gone when it is mounted again. Needs root
and loop devices."""
import os
import subprocess
import tempfile
import time

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
