#!/usr/bin/env python3
"""OpenPGP keys and certificates by the command line of a real server: files with several, of which one won't do; what was
revoked, has expired, only signs; what they aren't for is said, with the next step."""
import json
import os
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from gpg import Gpg  # noqa: E402
from hp import PROGRAM, Server  # noqa: E402

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_CANTCREAT = 64, 65, 66, 67, 73


def sop(*words, data=b""):
    return subprocess.run([PROGRAM, "sop", *words], input=data, capture_output=True, check=True).stdout


class Files:
    def __init__(self, folder):
        self.folder = folder

    def put(self, name, *octets):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(b"".join(octets))
        return path


def rows(s, *words, code=0):
    """What was taken in, and what was said beside it."""
    r = s.cli(*words, "--json", check=False)
    assert r.returncode == code, (words, r)
    return [a for row in (json.loads(r.stdout)["rows"] if r.stdout else []) for a in row["addresses"]], r.stderr


def of_several_keys_each_has_its_own_fate(s, files):
    one, two, nameless = (sop("generate-key", who) for who in ("One <u0@example.org>", "Two <two@example.org>", "Nobody at all"))
    assert rows(s, "key", "import", files.put("one", one))[0] == ["u0@example.org"]
    # The file of a whole keyring, once more.
    got, said = rows(s, "key", "import", files.put("all", one, nameless, two), code=EX_CANTCREAT)
    assert got == ["two@example.org"] and "it is here already, as key " in said, (got, said)
    assert 'the certificate of "Nobody at all" names no address: put it into a file of its own' in said, said
    got, said = rows(s, "key", "import", files.put("nameless", nameless), code=EX_USAGE)
    assert not got and "name one: `hairpin key import" in said, said
    got, said = rows(s, "key", "import", files.put("nameless", nameless), "u0@example.org")
    assert got and "isn't for u0@example.org: others will not believe its signatures" in said, said
    certs = [sop("extract-cert", data=sop("generate-key", who)) for who in ("A <a@p.test>", "Nobody", "B <b@p.test>")]
    got, said = rows(s, "cert", "add", files.put("certs", *certs), code=EX_USAGE)
    assert got == ["a@p.test", "b@p.test"] and 'of "Nobody" names no address' in said, (got, said)
    assert "never" in s.cli("cert", "list", "a@p.test").stdout, "one that doesn't end"
    assert s.json("cert", "list", "a@p.test")["rows"][0]["ends"] == 253402300799
    got, said = rows(s, "cert", "add", files.put("nobody", certs[1]), "c@p.test")
    assert got == ["c@p.test"] and "but is used for it" in said and "believe" not in said, said


def what_cannot_be_encrypted_to_is_said(s, g, files):
    key = sop("generate-key", "D <d@p.test>")
    good = files.put("good", sop("extract-cert", data=key))
    assert rows(s, "cert", "add", good) == (["d@p.test"], "")
    got, said = rows(s, "cert", "add", files.put("revoked", sop("revoke-key", data=key)))
    assert "nothing is encrypted to it: the OpenPGP key is revoked" in said and "expired" not in said and "usage" not in said, said
    signs = sop("extract-cert", data=sop("generate-key", "--signing-only", "E <e@p.test>"))
    got, said = rows(s, "cert", "add", files.put("signs", signs))
    assert got == ["e@p.test"] and "nothing is encrypted to it: the OpenPGP key isn't for encrypting" in said, said
    # Only the primary key got a new end.
    then = "--faked-system-time=20250101T000000"
    g.run(then, "--quick-generate-key", "F <f@p.test>", "ed25519", "cert,sign", "1y")
    who = g.run("--list-keys", "--with-colons", "f@p.test").stdout.split(b"\nfpr:::::::::")[1].split(b":")[0].decode()
    g.run(then, "--quick-add-key", who, "cv25519", "encr", "1y")
    got, said = rows(s, "cert", "add", g.file("f@p.test", files.folder))
    assert "the certificate expired on 2026-01-01" in said, said
    g.run("--quick-set-expire", who, "5y")
    got, said = rows(s, "cert", "add", g.file("f@p.test", files.folder))
    assert "nothing is encrypted to it: the OpenPGP key has expired" in said, said
    g.run("--quick-set-expire", who, "5y", "*")
    subkey = g.run("--list-keys", "--with-colons", who).stdout.split(b"\nfpr:::::::::")[2].split(b":")[0].decode()
    g.run("--quick-set-expire", who, "5y", subkey)
    assert rows(s, "cert", "add", g.file("f@p.test", files.folder)) == (["f@p.test"], "")


def what_openpgp_has_not_is_said(s, files):
    """Authorities, lists of what was revoked; and what is no file."""
    cert = sop("extract-cert", data=sop("generate-key", "G <g@p.test>"))
    path = files.put("g", cert)
    got, said = rows(s, "cert", "trust", path, code=EX_DATAERR)
    assert "no authority stands behind an OpenPGP key: to believe it, say `hairpin cert add FILE`" in said, said
    sha256 = s.json("cert", "add", path)["rows"][0]["sha256"]
    assert "no authority" in s.cli("cert", "trust", sha256, check=False).stderr
    assert s.json("cert", "list", "--trusted")["rows"] == []
    assert s.json("cert", "refresh", "g@p.test")["rows"] == []
    assert s.json("cert", "refresh") == {"good": 0, "revoked": 0, "unknown": 0}
    fingerprint = s.json("cert", "show", sha256)["serial"]
    r = s.cli("cert", "show", fingerprint, check=False)
    assert r.returncode == EX_NOUSER and "fingerprint is the serial" in r.stderr and "`hairpin cert list` and" in r.stderr, r
    for path in (files.folder, "/dev/null"):
        for verb in (("key", "import"), ("cert", "add")):
            r = s.cli(*verb, path, check=False)
            assert r.returncode == EX_NOINPUT and "it is no file" in r.stderr, r
    assert "OpenPGP" in s.cli("help", "key", "import").stdout


def expires(s, address):
    return [f["cure"] for f in json.loads(s.cli("check", "--local", "--json", check=False).stdout)
            if f"of {address} expires in" in f["what"]]


def a_key_gets_another_end_as_the_recipe_says(s, g, files):
    made, = s.json("key", "create", "end@example.org", "--kind", "openpgp", "--days", "5")["rows"]
    cure, = expires(s, "end@example.org")
    assert "gpg --quick-set-expire" in cure and "hairpin key create" in cure, cure
    g.run("--import", text=s.cli("key", "export", made["id"], "--pem").stdout.encode())
    who = s.json("cert", "show", made["certificate"])["serial"]
    g.run("--quick-set-expire", who, "2y")
    again, = s.json("key", "import", g.file("end@example.org", files.folder))["rows"]
    assert again["id"] == made["id"] and again["ends"] > made["ends"], (made, again)
    assert expires(s, "end@example.org") == []
    mail = g.sealed(b"text", "end@example.org")
    assert b"PGP MESSAGE" in mail


def main():
    with Server() as s:
        files = Files(s.dir)
        of_several_keys_each_has_its_own_fate(s, files)
        what_cannot_be_encrypted_to_is_said(s, Gpg(s.dir), files)
        what_openpgp_has_not_is_said(s, files)
        g = Gpg(s.dir, "other")
        a_key_gets_another_end_as_the_recipe_says(s, g, files)
    print("ok")


main()
