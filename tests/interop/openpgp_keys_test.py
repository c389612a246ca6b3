#!/usr/bin/env python3
"""Private keys with passwords, and keys that end, of PGPainless, OpenPGP.js and Sequoia's sq; and what sq says of the keys that
hairpin makes: nothing bad."""
# timeout: 600
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e", HERE]
from openpgp_peers import openpgpjs  # noqa: E402
from sop_keys import PASSWORD, TEXT, has_ended, is_good, opens_with_its_password  # noqa: E402
from sop_peers import HAIRPIN, WHO, Folder, Sop, said  # noqa: E402

YEAR = 365 * 86400
# How OpenPGP.js locks a key: iterated and salted with CFB; with Argon2, which wants AEAD.
LOCKS = ["{}", '{"aeadProtect":true,"s2kType":4}', '{"aeadProtect":true,"preferredAEADAlgorithm":1,"s2kType":3}',
         '{"aeadProtect":true,"preferredAEADAlgorithm":3,"s2kType":4}']


def passwords(folder, us, js, pgpainless):
    password = f"--with-key-password={folder.file(PASSWORD)}"
    opens_with_its_password(folder, us, "PGPainless", pgpainless.run("generate-key", password, WHO))
    for kind in ("curve25519", "rsa2048", "v4-25519", "v6", "v6-448", "v6-p256"):
        for lock in LOCKS:
            key = js.run("generate-key", password, f"--profile={kind}", f"--config={lock}", WHO)
            assert key, (kind, lock, js.error)
            opens_with_its_password(folder, us, f"OpenPGP.js {kind} {lock}", key)
    # Ours there.
    for profile in ("rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc9580"):
        key = us.run("generate-key", password, f"--profile={profile}", WHO)
        message = us.encrypt(us.cert(key), TEXT)
        for peer in (js, pgpainless):
            if peer is js or profile != "rfc9580":
                assert peer.run("decrypt", password, folder.file(key), data=message) == TEXT, (profile, peer.error)


def sq_key(folder, *words):
    path = folder.file(b"")
    os.remove(path)
    subprocess.run(["sq", "key", "generate", "-u", WHO, "-e", path, *words], check=True, capture_output=True)
    with open(path, "rb") as f:
        return f.read()


def ends(folder, us, js, sqop):
    for peer, key in ((sqop, sq_key(folder, "--expires-in", "2y")),
                      *((js, js.run("generate-key", f"--profile={kind}", f"--expires={2 * YEAR}", WHO))
                        for kind in ("curve25519", "v6"))):
        assert is_good(us, key, peer.encrypt(us.cert(key), TEXT)), us.error
    for key in (sq_key(folder, "--creation-time", "20200101", "--expires-in", "1y"),
                *(js.run("generate-key", f"--profile={kind}", f"--expires={YEAR}", "--date=2020-01-01", WHO)
                  for kind in ("curve25519", "v6"))):
        has_ended(folder, us, key)


def sq_is_content(folder, us):
    bad = re.compile(rb"invalid|unknown|warn(?!ing: sq does)|bad |malformed|fail|error|reject|unsupported", re.I)
    for profile in ("rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc4880-p384"):
        key = us.generate(profile)
        revoked = us.run("revoke-key", data=key)
        for data in (key, us.cert(key), revoked):
            path = folder.file(data)
            for words in (["sq", "packet", "dump", path], ["sq", "inspect", path], ["sq-keyring-linter", path]):
                r = said(*words)
                r.stderr = re.sub(rb"WARNING: sq does not have a stable CLI interface.*", b"", r.stderr)
                assert r.returncode == 0 and (r.stdout or words[0] != "sq"), (words, r)
                assert not bad.search(r.stdout + r.stderr), (profile, words, r.stdout + r.stderr)


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us, js = Sop("hairpin", HAIRPIN, folder), Sop("OpenPGP.js", openpgpjs(), folder)
        passwords(folder, us, js, Sop("PGPainless", ["pgpainless-cli"], folder))
        ends(folder, us, js, Sop("sqop", ["sqop"], folder))
        sq_is_content(folder, us)


main()
