#!/usr/bin/env python3
"""Private keys and certificates by the command line: files as openssl makes them, old ones too, go in and come out, what is
wrong with one is said with the next step, and a deleted key's octets are gone from the vault."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, Server  # noqa: E402

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_CANTCREAT, EX_NOPERM = 64, 65, 66, 67, 73, 77
LEGACY = ["-legacy"]
RC2 = [*LEGACY, "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40", "-macalg", "sha1"]
RC2_128 = [*LEGACY, "-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-RC2-128", "-macalg", "sha1"]
DES3 = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]


def openssl(*words, **more):
    r = subprocess.run(["openssl", *words], capture_output=True, **more)
    assert r.returncode == 0, (words, r.stderr)
    return r.stdout


class Files:
    """Certificates, keys and files of them, by name."""

    def __init__(self, folder):
        self.folder = folder
        self.issue("ca", san=None, more=["-addext", "basicConstraints=critical,CA:TRUE"])

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, san, ca=None, more=(), kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
              days=300):
        words = ["req", "-x509", "-nodes", *kind, "-keyout", self[name + ".key"], "-out", self[name + ".pem"],
                 "-subj", "/CN=" + name, "-days", str(days), "-config", self.config(), *more]
        if san:
            words += ["-addext", "subjectAltName=" + san, "-addext", "keyUsage=digitalSignature,keyAgreement"]
        if ca:
            words += ["-CA", self[ca + ".pem"], "-CAkey", self[ca + ".key"]]
        openssl(*words)
        return self[name + ".pem"]

    def config(self):
        path = self["openssl.cnf"]
        if not os.path.exists(path):
            with open(path, "w") as f:
                f.write("[req]\ndistinguished_name = dn\n[dn]\n")
        return path

    def p12(self, name, word, more=(), chain=None):
        path = self[name + ".p12"]
        words = ["-certfile", self[chain + ".pem"]] if chain else []
        openssl("pkcs12", "-export", "-in", self[name + ".pem"], "-inkey", self[name + ".key"], "-out", path,
                "-passout", "pass:" + word, *words, *more)
        return path

    def join(self, to, *names):
        with open(self[to], "wb") as out:
            for name in names:
                with open(self[name], "rb") as f:
                    out.write(f.read())
        return self[to]


def public(path):
    return openssl("x509", "-in", path, "-noout", "-pubkey")


def fingerprint(path):
    text = openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256").decode()
    return text.split("=")[1].strip().replace(":", "").lower()


def refused(s, code, text, *words):
    r = s.cli(*words, check=False)
    assert r.returncode == code and text in r.stderr, (words, r)


def import_kinds(s, f):
    """Each kind of file brings the same: the key, the certificate, the address that the certificate names."""
    kinds = {"modern": [], "rc2": RC2, "rc2128": RC2_128, "des3": DES3,
             "nomac": ["-nomac"], "plain": ["-keypbe", "NONE", "-certpbe", "NONE"]}
    for name, how in kinds.items():
        cert = f.issue(name, f"email:{name}@example.org", ca="ca")
        row, = s.json("key", "import", f.p12(name, "hörbar 12", how, chain="ca"), "--password", "hörbar 12")["rows"]
        assert row["addresses"] == [f"{name}@example.org"] and row["certificate"] == fingerprint(cert), row
        assert row["state"] == "signs" and row["key"] == "EC P-256" and row["kind"] == "smime", row
        shown = s.json("key", "show", row["id"])
        assert shown["chain"] == ["CN=ca"] and shown["usage"] == ["sign", "encrypt"], shown
        known, = s.json("cert", "list", name + "@example.org")["rows"]
        assert known["state"] == "good" and known["trust"] == "manual" and known["private_key"] == row["id"], known


def import_pem(s, f):
    rsa = ("-newkey", "rsa:2048")
    f.issue("rsa", "email:RSA@Example.org,email:rsa2@example.org", ca="ca", kind=rsa)
    row, = s.json("key", "import", f.join("rsa.all", "rsa.pem", "ca.pem", "rsa.key"))["rows"]
    assert row["addresses"] == ["rsa@example.org", "rsa2@example.org"] and row["key"] == "RSA 2048", row
    assert len(s.json("cert", "list", "rsa2@example.org")["rows"]) == 1
    refused(s, EX_CANTCREAT, row["id"], "key", "import", f["rsa.all"])
    # Encrypted, in the new form and in the old one; the password by a file.
    with open(f["word"], "w") as out:
        out.write("geheim\nnot this\n")
    for name, how in {"pkcs8": ("pkcs8", "-topk8", "-v2", "aes-256-cbc"), "trad": ("ec", "-aes128")}.items():
        f.issue(name, f"email:{name}@example.org")
        openssl(how[0], "-in", f[name + ".key"], "-out", f[name + ".enc"], "-passout", "pass:geheim", *how[1:])
        path = f.join(name + ".all", name + ".enc", name + ".pem")
        refused(s, EX_NOPERM, "--password", "key", "import", path)
        refused(s, EX_NOPERM, "isn't its password", "key", "import", path, "--password", "falsch")
        row, = s.json("key", "import", path, "--password-file", f["word"])["rows"]
        assert row["addresses"] == [f"{name}@example.org"], row
    # A whole domain's.
    f.issue("whole", "email:mail@example.org")
    path = f.join("whole.all", "whole.key", "whole.pem")
    row, = s.json("key", "import", path, "@Example.ORG")["rows"]
    assert row["addresses"] == ["@example.org"], row
    # Ed25519 signs only.
    f.issue("ed", "email:ed@example.org", kind=("-newkey", "ed25519"))
    row, = s.json("key", "import", f.join("ed.all", "ed.key", "ed.pem"))["rows"]
    assert row["key"] == "Ed25519" and s.json("key", "show", row["id"])["usage"] == ["sign"], row


def export_again(s, f):
    """What openssl gets out is what it put in."""
    row, = s.json("key", "list", "rc2@example.org")["rows"]
    out = f["out.p12"]
    refused(s, EX_USAGE, "--p12 FILE or --pem", "key", "export", row["id"])
    refused(s, EX_USAGE, "--old goes with --p12", "key", "export", row["id"], "--pem", "--old")
    refused(s, EX_USAGE, "a password", "key", "export", row["id"], "--p12", out)
    s.cli("key", "export", row["id"], "--p12", out, "--password", "wörd")
    assert os.stat(out).st_mode & 0o777 == 0o600
    refused(s, EX_CANTCREAT, "another file", "key", "export", row["id"], "--p12", out, "--password", "x")
    opened = openssl("pkcs12", "-in", out, "-passin", "pass:wörd", "-nodes")
    assert opened.count(b"BEGIN CERTIFICATE") == 2 and b"CN = ca" in opened
    with open(f["opened.key"], "wb") as to:
        to.write(opened)
    assert openssl("pkey", "-in", f["opened.key"]) == openssl("pkey", "-in", f["rc2.key"])
    for words in ([], ["--password", "geheim"]):
        text = s.cli("key", "export", row["id"], "--pem", *words).stdout
        assert ("ENCRYPTED" in text) == bool(words) and text.count("BEGIN CERTIFICATE") == 2
        got = openssl("pkey", "-passin", "pass:geheim", input=text.encode())
        assert got == openssl("pkey", "-in", f["rc2.key"])
    assert s.json("key", "export", row["id"], "--pem")["pem"].startswith("-----BEGIN PRIVATE KEY")
    refused(s, EX_NOUSER, "key list", "key", "export", "00000000000001", "--pem")
    # Round trip: its own file goes in again for another address.
    row, = s.json("key", "import", out, "again@example.org", "--password", "wörd")["rows"]
    assert row["addresses"] == ["again@example.org"], row


def another_program(s, f):
    """gpgsm's files (RC2-40 and 3DES in one) go in, and ours into gpgsm."""
    f.issue("gpg", "email:gpg@example.org", kind=("-newkey", "rsa:2048"))
    out = f["gpgsm.p12"]

    def gpgsm(home, *words):
        os.makedirs(f[home], mode=0o700, exist_ok=True)
        r = subprocess.run(["gpgsm", "--homedir", f[home], "--batch", "--pinentry-mode", "loopback", "--passphrase-fd",
                            "0", *words], input=b"word\n", capture_output=True, timeout=20)
        assert r.returncode == 0, r
        return (r.stdout + r.stderr).decode()

    try:
        gpgsm("one", "--import", f.p12("gpg", "word", DES3))
        gpgsm("one", "-o", out, "--export-secret-key-p12", "gpg@example.org")
        row, = s.json("key", "import", out, "--password", "word")["rows"]
        assert row["certificate"] == fingerprint(f["gpg.pem"]) and row["key"] == "RSA 2048", row
        s.cli("key", "export", row["id"], "--p12", f["ours.p12"], "--password", "word", "--old")
        assert "secret keys imported: 1" in gpgsm("two", "--import", f["ours.p12"])
    finally:
        for home in ("one", "two"):
            subprocess.run(["gpgconf", "--homedir", f[home], "--kill", "gpg-agent"], stderr=subprocess.DEVNULL)


def wrong_files(s, f):
    count = len(s.json("key", "list")["rows"])
    refused(s, EX_NOPERM, "isn't its password", "key", "import", f["modern.p12"], "--password", "x")
    refused(s, EX_NOPERM, "isn't its password", "key", "import", f["rc2.p12"], "--password", "x")
    refused(s, EX_NOPERM, "--password", "key", "import", f["modern.p12"])
    refused(s, EX_NOINPUT, "no such file", "key", "import", f["nothing"])
    with open(f["garbage"], "wb") as out:
        out.write(os.urandom(3000))
    refused(s, EX_DATAERR, ".p12", "key", "import", f["garbage"])
    with open(f["modern.p12"], "rb") as whole, open(f["cut.p12"], "wb") as out:
        out.write(whole.read()[:-40])
    refused(s, EX_DATAERR, ".p12", "key", "import", f["cut.p12"])
    # Another key's certificate; none; no address in it.
    f.issue("other", "email:other@example.org")
    refused(s, EX_DATAERR, "belongs to its private key", "key", "import", f.join("mixed", "other.key", "trad.pem"))
    refused(s, EX_USAGE, "ADDRESS", "key", "import", f["other.key"])
    f.issue("nameless", None)
    path = f.join("nameless.all", "nameless.key", "nameless.pem")
    refused(s, EX_USAGE, "names no address", "key", "import", path)
    refused(s, EX_DATAERR, "hairpin cert add", "key", "import", f["other.pem"])
    refused(s, EX_USAGE, "not a key's id", "key", "show", "xyz")
    refused(s, EX_NOUSER, "key list", "key", "delete", "00000000000001")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-out", f["short.key"])
    refused(s, EX_DATAERR, "isn't supported", "key", "import", f["short.key"], "a@example.org")
    assert len(s.json("key", "list")["rows"]) == count
    # These are taken, and something is said.
    r = s.cli("key", "import", path, "x@example.org")
    assert "isn't for x@example.org" in r.stderr, r


def made_here(s, f):
    row, = s.json("key", "create", "new@example.org", "--kind", "p256", "--days", "100")["rows"]
    with open(f["new.pem"], "w") as out:
        out.write(s.cli("cert", "show", row["certificate"], "--pem").stdout)
    text = openssl("x509", "-in", f["new.pem"], "-noout", "-text").decode()
    for want in ("email:new@example.org", "Digital Signature, Key Agreement", "E-mail Protection", "CA:FALSE"):
        assert want in text, text
    openssl("verify", "-CAfile", f["new.pem"], "-purpose", "smimesign", f["new.pem"])
    # What openssl encrypts to it, openssl opens with what comes out.
    sealed = openssl("cms", "-encrypt", f["new.pem"], input=b"for you alone\n")
    with open(f["new.key"], "w") as out:
        out.write(s.cli("key", "export", row["id"], "--pem").stdout)
    assert openssl("cms", "-decrypt", "-inkey", f["new.key"], input=sealed).strip() == b"for you alone"
    # A request, which an authority answers.
    out, = s.json("key", "create", "csr@example.org", "--kind", "p256", "--csr")["rows"]
    assert out["state"] == "no certificate", out
    with open(f["csr"], "w") as to:
        to.write(out["csr"])
    openssl("x509", "-req", "-in", f["csr"], "-CA", f["ca.pem"], "-CAkey", f["ca.key"], "-copy_extensions", "copy",
            "-out", f["csr.pem"], "-days", "100")
    row, = s.json("key", "import", f["csr.pem"])["rows"]
    assert row["id"] == out["id"] and row["state"] == "signs" and row["addresses"] == ["csr@example.org"], row
    assert s.json("cert", "list", "csr@example.org")["rows"][0]["private_key"] == row["id"]
    s.cli("key", "retire", row["id"])
    assert s.json("key", "show", row["id"])["state"] == "retired"
    refused(s, EX_USAGE, "--kind", "key", "create", "a@example.org", "--kind", "md5")
    refused(s, EX_USAGE, "--days", "key", "create", "a@example.org", "--days", "0")
    text = s.cli("key", "list").stdout
    assert "csr@example.org" in text and "retired" in text, text


def certificates(s, f):
    """Somebody else's: known, held, approved, blocked, trusted, forgotten."""
    one, two = (f.issue(name, "email:Bob@partner.test", ca="ca") for name in ("bob1", "bob2"))
    row, = s.json("cert", "add", one)["rows"]
    assert row["addresses"] == ["bob@partner.test"] and row["sha256"] == fingerprint(one), row
    s.cli("cert", "add", two)
    states = {r["sha256"]: r["state"] for r in s.json("cert", "list", "bob@partner.test")["rows"]}
    assert states == {fingerprint(one): "old", fingerprint(two): "good"}, states
    s.cli("cert", "approve", fingerprint(one)[:12])
    states = {r["sha256"]: r["state"] for r in s.json("cert", "list", "bob@partner.test")["rows"]}
    assert states == {fingerprint(one): "good", fingerprint(two): "old"}, states
    # One of a domain, in a file with its chain, or as PKCS#7.
    f.issue("gate", "email:gate@partner.test", ca="ca")
    openssl("crl2pkcs7", "-nocrl", "-certfile", f.join("chain", "gate.pem", "ca.pem"), "-out", f["gate.p7b"])
    row, = s.json("cert", "add", f["gate.p7b"], "@partner.test")["rows"]
    assert row["addresses"] == ["@partner.test"], row
    shown = s.json("cert", "show", row["sha256"][:10])
    assert shown["known"][0]["address"] == "@partner.test" and shown["issuer"] == "CN=ca", shown
    refused(s, EX_DATAERR, "cert trust", "cert", "add", f["ca.pem"])
    # As `openssl req -x509` makes it if nothing else is said: it calls itself an authority.
    own = f.issue("own", "email:own@partner.test", more=["-addext", "basicConstraints=critical,CA:TRUE"])
    row, = s.json("cert", "add", own)["rows"]
    assert row["addresses"] == ["own@partner.test"], row
    refused(s, EX_DATAERR, "key import", "cert", "add", f["other.key"])
    refused(s, EX_NOUSER, "cert list", "cert", "show", "0123456789")
    refused(s, EX_USAGE, "8 or more digits", "cert", "show", "0123")
    s.cli("cert", "block", fingerprint(one), "--comment", "stolen")
    assert {r["state"] for r in s.json("cert", "list", "bob@partner.test")["rows"]} == {"blocked", "old"}
    s.cli("cert", "trust", f["ca.pem"], "--comment", "ours")
    rows = {r["sha256"]: r for r in s.json("cert", "list", "--trusted")["rows"]}
    assert rows[fingerprint(one)]["state"] == "blocked" and rows[fingerprint(one)]["comment"] == "stolen", rows
    assert rows[fingerprint(f["ca.pem"])]["state"] == "trusted", rows
    s.cli("cert", "trust", fingerprint(two)[:8])
    assert len(s.json("cert", "list", "--trusted")["rows"]) == 3
    for name in (one, two, f["ca.pem"]):
        s.cli("cert", "untrust", fingerprint(name))
    assert s.json("cert", "list", "--trusted")["rows"] == []
    assert "good" in s.cli("cert", "list", "bob@partner.test").stdout
    s.cli("cert", "delete", fingerprint(one), "bob@partner.test")
    refused(s, EX_NOUSER, "cert list", "cert", "delete", fingerprint(one))
    assert [r["sha256"] for r in s.json("cert", "list", "bob@partner.test")["rows"]] == [fingerprint(two)]


def shredded(s, f):
    """The vault's row of a deleted key is wiped; what is left of the database opens nothing."""
    row, = s.json("key", "create", "gone@example.org", "--kind", "p256")["rows"]
    vault = s.data + "/vault/secrets"
    slot = row_of(vault, row["id"])
    assert slot
    s.cli("key", "export", row["id"], "--pem")
    s.cli("key", "delete", row["id"])
    with open(vault, "rb") as file:
        assert slot not in file.read()
    refused(s, EX_NOUSER, "key list", "key", "export", row["id"], "--pem")
    assert s.json("cert", "list", "gone@example.org")["rows"] == []
    assert s.json("store", "check")["violations"] == []


def shredded_in_backups(s, f):
    """An old database opens nothing of a deleted key with today's vault and master key; with the old vault it does."""
    row, = s.json("key", "create", "past@example.org", "--kind", "p256")["rows"]
    s.stop()
    old = s.dir + "/old"
    shutil.copytree(s.data, old, ignore=shutil.ignore_patterns("*.sock"))
    s.start()
    assert "store compact" in s.cli("key", "delete", row["id"]).stdout
    s.cli("store", "compact")
    with open(s.conf) as conf, open(f["old.conf"], "w") as to:
        to.write(conf.read().replace(s.data, old))
    export = [PROGRAM, "key", "export", row["id"], "--pem", "-c", f["old.conf"]]
    assert "BEGIN PRIVATE KEY" in subprocess.run(export, capture_output=True, text=True).stdout
    shutil.copy(s.data + "/vault/secrets", old + "/vault/secrets")
    r = subprocess.run(export, capture_output=True, text=True)
    assert r.returncode == EX_NOINPUT and "no secret of that key" in r.stderr and not r.stdout, r


def expiring(s, f):
    """`check` warns 30 days ahead, and of what is over."""
    def said():
        found = json.loads(s.cli("check", "--local", "--json", check=False).stdout)
        return [x for x in found if x["topic"] == "keys"]

    assert said() == [], said()
    f.issue("soon", "email:soon@example.org", days=29)
    f.issue("later", "email:later@example.org", days=31)
    for name in ("soon", "later"):
        s.cli("key", "import", f.join(name + ".all", name + ".key", name + ".pem"))
    f.issue("partner", "email:soon@partner.test", days=5)
    s.cli("cert", "add", f["partner.pem"])
    found = said()
    assert sorted((x["severity"], "expires in" in x["what"]) for x in found) == [("warning", True)] * 2, found
    assert {"soon@example.org", "soon@partner.test"} == {a for x in found for a in x["what"].split() if "@" in a}, found
    assert "hairpin key import" in str(found) and "hairpin cert add" in str(found), found


def row_of(vault, key):
    """The wrapped secret of a private key: store/vault_image.h."""
    with open(vault, "rb") as file:
        octets = file.read()
    for at in range(256, len(octets), 256):
        if octets[at:at + 2] == b"\1k" and octets[at + 8:at + 16].hex() == "00" + key:
            n = int.from_bytes(octets[at + 4:at + 8], "big")
            return octets[at + 24:at + 24 + n]
    return None


def main():
    with Server() as s:
        f = Files(s.dir)
        import_kinds(s, f)
        import_pem(s, f)
        export_again(s, f)
        another_program(s, f)
        wrong_files(s, f)
        made_here(s, f)
        certificates(s, f)
        shredded(s, f)
        expiring(s, f)
        shredded_in_backups(s, f)
        # All of it is on disk.
        before = json.dumps([s.json("key", "list"), s.json("cert", "list")], sort_keys=True)
        s.kill()
        s.start()
        assert json.dumps([s.json("key", "list"), s.json("cert", "list")], sort_keys=True) == before
        offline = subprocess.run([PROGRAM, "store", "check", "--offline", "-c", s.conf], capture_output=True)
        assert offline.returncode == 0, offline


main()
