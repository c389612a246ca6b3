#!/usr/bin/env python3
"""The demo shows what it says, and leaves nothing behind."""
import os
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
sys.exit(0)
