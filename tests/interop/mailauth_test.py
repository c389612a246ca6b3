#!/usr/bin/env python3
"""`hairpin dkim sign` against mailauth, with mails of all shapes, RSA and Ed25519 side by side."""
# timeout: 300
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e"]
from dkim_sign_test import SHAPES, Keys  # noqa: E402

MODULES = os.environ["B"] + "/mailauth"
# It sees no header where no empty line ends it.
NOT_ITS = {"no empty line"}


def judged(mails, records):
    """Name -> what mailauth says."""
    with tempfile.TemporaryDirectory() as folder:
        for i, mail in enumerate(mails.values()):
            with open(f"{folder}/{i}", "wb") as f:
                f.write(mail)
        r = subprocess.run(["node", f"{HERE}/mailauth_dkim.mjs", *(f"{folder}/{i}" for i in range(len(mails)))],
                           env=dict(os.environ, MODULES=MODULES, RECORDS=json.dumps(records)), capture_output=True, text=True,
                           timeout=120)
        assert r.returncode == 0, r.stderr
        return dict(zip(mails, r.stdout.splitlines(), strict=True))


def main():
    if not os.path.exists(f"{MODULES}/node_modules/mailauth"):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", MODULES, "mailauth@4.13.3"],
                       check=True, timeout=300)
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys(folder)
        signed = {name: keys.sign(mail) for name, mail in SHAPES.items()}
        for name, said in judged(signed, keys.dns).items():
            good = "s1=pass s2=pass" in said
            assert good != (name in NOT_ITS), (name, said)
        changed = {name: mail.replace(b"Hello", b"Hullo") for name, mail in signed.items() if b"Hello" in mail}
        for name, said in judged(changed, keys.dns).items():
            assert "pass" not in said, (name, said)


main()
