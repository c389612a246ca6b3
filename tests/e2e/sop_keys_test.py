#!/usr/bin/env python3
"""Private keys with passwords and keys that end, as GnuPG, Sequoia and RNP make them: who has the password opens and signs; to
what has ended nothing is encrypted, and it signs nothing, but what came before is still read, and what it signed then stays
good. And what GnuPG and RNP say of the packets of our keys: nothing bad."""
import os
import re
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
from sop_keys import CANNOT_ENCRYPT, PASSWORD, TEXT, code, has_ended, is_good, opens_with_its_password  # noqa: E402
from sop_peers import HAIRPIN, WHO, Folder, Gpg, Rnp, Sop, said  # noqa: E402

LOCKS = ["AES128", "AES256", "CAMELLIA192", "TRIPLEDES"]
PAST = "--faked-system-time=20200101T120000"


def gpg_key(gpg, *words, kind="ed25519", ends="never", subkey_ends=None, keep=False):
    """(key, fingerprint); words go with all commands."""
    subkey = {"ed25519": "cv25519"}.get(kind, kind)
    assert gpg.run(*words, "--quick-generate-key", WHO, kind, "cert,sign", ends) is not None, gpg.error
    listed = gpg.run("--list-keys", "--with-colons", *words)
    who = re.findall(rb"^fpr:+([0-9A-F]+):", listed, re.M)[-1].decode()
    assert gpg.run(*words, "--quick-add-key", who, subkey, "encr", subkey_ends or ends) is not None, gpg.error
    key = gpg.run(*words, "--export-secret-keys", who)
    assert key, gpg.error
    if not keep:
        gpg.run("--delete-secret-and-public-key", who)
    return key, who


def passwords(folder, us, gpg, rnp, sqop):
    for kind in ("ed25519", "rsa2048", "nistp384", "brainpoolP256r1"):
        opens_with_its_password(folder, us, "gpg " + kind, gpg_key(gpg, "--passphrase", PASSWORD.decode(), kind=kind)[0])
    for cipher in LOCKS:
        key = rnp.generate("ed25519", "--cipher", cipher, password=PASSWORD)
        opens_with_its_password(folder, us, "rnp " + cipher, key)
    key = sqop.run("generate-key", f"--with-key-password={folder.file(PASSWORD)}", WHO)
    opens_with_its_password(folder, us, "sqop", key)


def ours_opens_elsewhere(folder, us, gpg, rnp, sqop):
    """With a password that hairpin set."""
    password = f"--with-key-password={folder.file(PASSWORD)}"
    for profile in ("rfc4880", "rfc4880-rsa3072", "rfc4880-p256"):
        key = us.run("generate-key", password, f"--profile={profile}", WHO)
        message = us.encrypt(us.cert(key), TEXT)
        assert sqop.run("decrypt", password, folder.file(key), data=message) == TEXT, (profile, sqop.error)
        assert rnp.within(key, message, "--decrypt", password=PASSWORD) == TEXT, (profile, rnp.error)
        gpg.run("--import", "--passphrase", PASSWORD.decode(), data=key)
        assert gpg.run("-d", "--passphrase", PASSWORD.decode(), data=message) == TEXT, (profile, gpg.error)


def ends(folder, us, gpg, rnp):
    key, who = gpg_key(gpg, ends="2y", keep=True)
    assert is_good(us, key, gpg.run("-e", "-r", who, data=TEXT)), us.error
    key, who = gpg_key(gpg, PAST, ends="1y", keep=True)
    message, signature = (gpg.run(PAST, *words, data=TEXT) for words in (("-e", "-r", who), ("-b", "-u", who)))
    assert message and signature, gpg.error
    has_ended(folder, us, key, message, signature)
    # It gets another end: the newest signature counts, whatever the older one says.
    subkey = re.findall(rb"^fpr:+([0-9A-F]+):", gpg.run("--list-keys", "--with-colons", who), re.M)[1].decode()
    for which in ([], [subkey]):
        assert gpg.run("--quick-set-expire", who, "3y", *which) is not None, gpg.error
    assert is_good(us, gpg.run("--export-secret-keys", who), message), us.error
    only_the_subkey_has_ended(folder, us, gpg)
    key = rnp.generate("ed25519", "--expiration", "1y")
    assert is_good(us, key, rnp.encrypt(key, TEXT)), us.error
    then = ("--current-time", "2020-01-01")
    key = rnp.generate("ed25519", "--expiration", "1y", *then)
    message, signature = rnp.encrypt(key, TEXT, *then), \
        rnp.within(key, TEXT, "--sign", "--detach", "-u", "ann@example.org", *then)
    assert message and signature, rnp.error
    has_ended(folder, us, key, message, signature)


def only_the_subkey_has_ended(folder, us, gpg):
    key, who = gpg_key(gpg, PAST, subkey_ends="1y", keep=True)
    message = gpg.run(PAST, "-e", "-r", who, data=TEXT)
    assert message and us.decrypt(key, message) == TEXT, us.error
    cert = us.cert(key)
    assert code("encrypt", folder.file(cert)) == CANNOT_ENCRYPT
    assert us.verify(us.sign(key, TEXT), cert, TEXT), us.error
    # Signed after the end, which only the signer's clock denies.
    key, who = gpg_key(gpg, PAST, ends="never", keep=True)
    late = gpg.run("-b", "-u", who, data=TEXT)
    assert gpg.run("--faked-system-time=20200101T130000", "--quick-set-expire", who, "1y") is not None, gpg.error
    ended = gpg.run("--export", who)
    assert late and us.verify(late, us.cert(key), TEXT), us.error
    assert us.verify(late, ended, TEXT) is None, "signed by a key that had ended"


def without_its_primary_key(folder, us, gpg):
    """As GnuPG exports one whose primary key is kept elsewhere: what is there signs, opens, gets a password and loses it."""
    who = gpg_key(gpg, keep=True)[1]
    assert gpg.run("--quick-add-key", who, "ed25519", "sign") is not None, gpg.error
    bare, cert = gpg.run("--export-secret-subkeys", who), gpg.run("--export", who)
    assert bare and cert, gpg.error
    locked = us.run("change-key-password", f"--new-key-password={folder.file(PASSWORD)}", data=bare)
    assert locked and code("sign", folder.file(locked)) == 67, us.error
    again = us.run("change-key-password", f"--old-key-password={folder.file(PASSWORD)}", data=locked)
    message = us.encrypt(cert, TEXT)
    for key in (bare, again):
        assert us.verify(us.sign(key, TEXT), cert, TEXT) and us.decrypt(key, message) == TEXT, us.error
    assert us.run("extract-cert", data=again) == us.run("extract-cert", data=bare)
    assert code("revoke-key", data=bare) == 41
    # Nothing but the stub of a key.
    first = us.run("dearmor", data=us.run("armor", data=bare))
    stub = first[:2 + first[1]]
    assert code("change-key-password", data=stub) == 41, us.error


def nobody_complains(folder, us):
    bad = re.compile(rb"invalid|unknown|warn|bad |malformed|fail|error|reject", re.I)
    for profile in ("rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc4880-p384"):
        key = us.generate(profile)
        for data in (key, us.cert(key), us.run("revoke-key", data=key)):
            path = folder.file(us.run("dearmor", data=data))
            for words in (["gpg", "--homedir", folder.path, "--batch", "--list-packets", path], ["rnp", "--list-packets", path]):
                r = said(*words, env={**os.environ, "HOME": folder.path})
                assert r.returncode == 0 and len(r.stdout) > 500, (words, r)
                assert not bad.search(r.stdout + r.stderr), (profile, words, r.stdout + r.stderr)


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us, gpg, rnp = Sop("hairpin", HAIRPIN, folder), Gpg(folder), Rnp(folder)
        sqop = Sop("sqop", ["sqop"], folder)
        try:
            with open(gpg.home + "/gpg-agent.conf", "w") as f:
                f.write("s2k-count 65536\n")  # or it looks first how slow it can be
            passwords(folder, us, gpg, rnp, sqop)
            ours_opens_elsewhere(folder, us, gpg, rnp, sqop)
            ends(folder, us, gpg, rnp)
            without_its_primary_key(folder, us, gpg)
            nobody_complains(folder, us)
        finally:
            gpg.close()


main()
