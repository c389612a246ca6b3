#!/usr/bin/env python3
# timeout: 300
"""Power cuts of the disk that a backup goes to, at any time: what a backup said that it holds is there afterwards, and
can be restored. Needs root and loop devices."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server, bodies  # noqa: E402
from load import LIMITS  # noqa: E402

ROUNDS = int(os.environ.get("CUTS", "6"))
IMAGE_BYTES = 64 << 20


def run(*args):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Disk:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hairpin-backup-disk-")
        self.image, self.where = self.dir + "/image", self.dir + "/mnt"
        os.mkdir(self.where)
        with open(self.image, "wb") as f:
            f.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-qF", self.image)
        run("mount", "-o", "loop", self.image, self.where)

    def cut(self):
        run("xfs_io", "-x", "-c", "shutdown", self.where)

    def again(self):
        until = time.monotonic() + 10
        while subprocess.run(["umount", self.where], capture_output=True).returncode:
            assert time.monotonic() < until, "somebody holds the file system"
            time.sleep(0.05)
        run("mount", "-o", "loop", self.image, self.where)

    def remove(self):
        subprocess.run(["umount", "-l", self.where], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def send(s, n):
    with s.smtp() as m:
        m.sendmail("bob@example.net", ["u0@" + s.domain], f"Subject: word{n}\r\n\r\n" + "text " * 4000 + "\r\n")


def restored_index(s, folder, vault, n):
    data = f"{s.dir}/restored{n}"
    os.makedirs(data + "/keys", 0o700)
    shutil.copy(s.data + "/keys/master.key", data + "/keys")
    r = subprocess.run([PROGRAM, "restore", folder, "--vault", vault, "--data", data, "--json"], capture_output=True,
                       text=True)
    assert r.returncode == 0, r
    out = json.loads(r.stdout)
    assert out["violations"] == 0, out
    shutil.rmtree(data)
    return out["index"]


def go(s, disk):
    folder, vault = disk.where + "/mail", s.dir + "/vault-copy"
    ended = 0
    for n in range(ROUNDS):
        for i in range(3):
            send(s, f"{n}.{i}")
        s.wait(lambda n=n: len(bodies(s)) == 3 * n + 3)
        # A whole one that was told; then one that is cut.
        ended = json.loads(s.cli("backup", folder, "--vault", vault, "--json").stdout)["index"]
        send(s, f"{n}.late") if n % 2 else s.cli("store", "compact")
        p = subprocess.Popen([PROGRAM, "backup", folder, "-c", s.conf], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
        time.sleep(random.uniform(0, 0.12))
        disk.cut()
        p.send_signal(signal.SIGKILL)
        p.communicate()
        disk.again()
        s.cli("backup", "--vault", vault)
        index = restored_index(s, folder, vault, n) if n % 2 else None
        assert index is None or index >= ended, (index, ended)
        if n % 2:
            s.wait(lambda n=n: len(bodies(s)) > 3 * n + 3)
            m = s.imap()
            m.select("INBOX")
            m.store("*", "+FLAGS", "(\\Deleted)")
            m.expunge()
            m.logout()
    # Whatever the cuts left, the next one is whole.
    last = json.loads(s.cli("backup", folder, "--vault", vault, "--json").stdout)["index"]
    assert restored_index(s, folder, vault, "last") == last


def main():
    if os.geteuid() != 0 or subprocess.run(["losetup", "-f"], capture_output=True).returncode:
        print("skipped: only root can make file systems, and only where there are loop devices")
        return
    disk = Disk()
    try:
        with Server(extra=QUICK + LIMITS) as s:
            go(s, disk)
    finally:
        disk.remove()


main()
