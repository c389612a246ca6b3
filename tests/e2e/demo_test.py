#!/usr/bin/env python3
"""The demo shows what it says, and what README.md says that it shows, and leaves nothing behind."""
import os
import re
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as tmp:
    os.chmod(tmp, 0o755)
    run = subprocess.run([os.environ["HAIRPIN"], "demo"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "TMPDIR": tmp})
    assert run.returncode == 0, run.stdout + run.stderr
    assert "killed with -9" in run.stdout and "301 are in the mailbox" in run.stdout, run.stdout
    assert os.listdir(tmp) == [], os.listdir(tmp)


def shape(line):
    """Without what differs from run to run."""
    return re.sub(r"\d+", "N", re.sub(r"\(/\S+\)", "(FOLDER)", line)).strip()


with open(os.path.dirname(os.path.abspath(__file__)) + "/../../README.md") as readme:
    promised = re.findall(r"^ +\d+ ms .*", readme.read(), re.M)
shown = {shape(line) for line in run.stdout.splitlines()}
assert len(promised) > 8
for line in promised:
    # Whom the kill meets in which moment is chance.
    assert shape(line) in shown or "a client heard" in line, (line, run.stdout)
sys.exit(0)
