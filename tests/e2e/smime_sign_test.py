#!/usr/bin/env python3
"""`smime sign` and `smime verify` against openssl, gpgsm and NSS (Thunderbird's), both ways, over all that both sides have;
and all that must not count as a signature: each class prints nothing, says one line and fails."""
import base64
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import interop  # noqa: E402
from smime_keys import KINDS, Gpgsm, Keys, openssl  # noqa: E402

RELEASE = os.environ["HAIRPIN_RELEASE"]
EX_USAGE, EX_DATAERR, EX_NOINPUT = 64, 65, 66
PART = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe.\r\n-- \r\nAnn\r\n"
SIGNS = ["rsa", "p256", "p384", "p521", "ed25519"]
# openssl 3.0 signs with Ed25519 by no digest of ours; it verifies it neither.
THEIRS = ["rsa", "p256", "p384", "p521"]
KINDS_OF = {"rsa": "RSA PKCS#1 v1.5", "pss": "RSASSA-PSS", "p256": "ECDSA P-256", "p384": "ECDSA P-384",
            "p521": "ECDSA P-521", "ed25519": "Ed25519"}
TRIED = {}


def tried(peer, ours, kind, ok=True):
    """A column of INTEROP.md: is it a signature of ours, or theirs?"""
    TRIED[peer, ours, kind] = ok and TRIED.get((peer, ours, kind), True)


def settle():
    peers = ("openssl", "gpgsm", "NSS")
    table = interop.Table("key", *(f"{p} verifies ours" if ours else f"we verify {p}'s"
                                   for p in peers for ours in (True, False)))
    for kind, name in KINDS_OF.items():
        table.add(name, *(TRIED.get((p, ours, kind)) for p in peers for ours in (True, False)))
    interop.settle("signatures", table)


def run(*words, data=b""):
    return subprocess.run([RELEASE, "smime", *words], input=data, capture_output=True, timeout=60)


def sign(k, name, *more, data=PART):
    r = run("sign", k.key(name), k.crt(name), *more, data=data)
    assert r.returncode == 0 and r.stderr == b"", (name, more, r)
    return r.stdout


def verify(k, data, *more, ca="ca"):
    r = run("verify", k.crt(ca), *more, data=data)
    assert r.returncode == 0 and r.stderr == b"", (more, r)
    return r.stdout


def refused(k, data, why, *more, ca="ca"):
    r = run("verify", k.crt(ca), *more, data=data)
    assert r.returncode == EX_DATAERR and r.stdout == b"", (why, r)
    assert r.stderr.count(b"\n") == 1 and why.encode() in r.stderr, (why, r.stderr)


def cms_sign(k, name, *more, data=PART, ca=False):
    return openssl("cms", "-sign", "-binary", "-signer", k.crt(name), "-inkey", k.key(name), *more, data=data)


# --- both ways --------------------------------------------------------------------------------------


def we_verify_openssl(k):
    n = 0
    for name in THEIRS:
        forms = [["-outform", "SMIME"], ["-outform", "SMIME", "-nodetach"], ["-outform", "DER", "-nodetach"],
                 ["-outform", "DER", "-nodetach", "-stream", "-keyid"], ["-outform", "SMIME", "-cades"],
                 ["-outform", "SMIME", "-noattr"], ["-outform", "SMIME", "-nodetach", "-md", "sha384"],
                 ["-outform", "SMIME", "-md", "sha512"]]
        if name == "rsa":
            forms += [["-outform", "SMIME", "-keyopt", "rsa_padding_mode:pss", "-md", x]
                      for x in ("sha256", "sha384", "sha512")]
        for form in forms:
            assert verify(k, cms_sign(k, name, *form)) == PART, (name, form)
            tried("openssl", False, "pss" if "-keyopt" in form else name)
            n += 1
    # Two signers.
    both = cms_sign(k, "rsa", "-outform", "SMIME", "-signer", k.crt("p256"), "-inkey", k.key("p256"))
    assert verify(k, both) == PART
    return n + 1


def openssl_verifies_us(k):
    n = 0
    for name in THEIRS:
        for more in ([], ["--pss"]) if name == "rsa" else ([],):
            for form in ([], ["--opaque"], ["--opaque", "--der"]):
                data = sign(k, name, *more, *form)
                # Of a multipart it makes lines canonical by itself.
                back = openssl("cms", "-verify", *(["-binary"] if form else []), "-CAfile", k.crt("ca"), "-purpose",
                               "smimesign", "-inform", "DER" if "--der" in form else "SMIME", data=data)
                assert back == PART, (name, more, form)
                n += 1
            with open(f"{k.folder}/part", "wb") as f:
                f.write(PART)
            back = openssl("cms", "-verify", "-binary", "-CAfile", k.crt("ca"), "-inform", "DER", "-content",
                           f"{k.folder}/part", data=sign(k, name, *more, "--der"))
            assert back == PART, (name, more)
            tried("openssl", True, "pss" if more else name)
            n += 1
    r = openssl("cms", "-verify", "-CAfile", k.crt("ca"), data=sign(k, "ed25519"), check=False)
    tried("openssl", True, "ed25519", r.returncode == 0)
    return n


def with_ourselves(k):
    n = 0
    for name in SIGNS:
        for form in ([], ["--opaque"], ["--opaque", "--der"]):
            assert verify(k, sign(k, name, *form)) == PART, (name, form)
            n += 1
    # Lines are made canonical, whatever they were.
    assert verify(k, sign(k, "p256", data=PART.replace(b"\r\n", b"\n"))) == PART
    # A large one.
    large = b"Content-Type: text/plain\r\n\r\n" + b"0123456789abcdef\r\n" * 200000
    for form in ([], ["--opaque"]):
        assert verify(k, sign(k, "p256", *form, data=large)) == large
    return n + 3


def with_gpgsm(k, g):
    n = 0
    for more in ([], ["--detach-sign"]):
        if more:
            data = g.run("--local-user", "rsa@example.org", *more, data=PART).stdout
            mail = multipart(PART, data)
        else:
            mail = g.run("--local-user", "rsa@example.org", "--sign", data=PART).stdout
        assert verify(k, mail) == PART, more
        tried("gpgsm", False, "rsa")
        n += 1
    for kind in KINDS_OF:
        name, more = ("rsa", ["--pss"]) if kind == "pss" else (kind, [])
        opaque = g.run("--verify", "-", data=sign(k, name, "--opaque", "--der", *more), check=False)
        with open(f"{k.folder}/sig", "wb") as f:
            f.write(sign(k, name, "--der", *more))
        beside = g.run("--verify", f"{k.folder}/sig", f"{k.folder}/part", check=False)
        for said in (opaque, beside):
            tried("gpgsm", True, kind, b"Good signature" in said.stderr)
        assert kind not in ("rsa", "p256", "p384") or TRIED["gpgsm", True, kind], (kind, opaque.stderr, beside.stderr)
        n += 2
    return n


def nss(*words):
    r = subprocess.run(words, capture_output=True, timeout=60)
    assert r.returncode == 0, (words, r.stderr)
    return r.stdout


def with_nss(k):
    db, n = f"sql:{k.folder}/nss", 0
    os.mkdir(f"{k.folder}/nss")
    nss("certutil", "-N", "-d", db, "--empty-password")
    nss("certutil", "-A", "-d", db, "-n", "ca", "-t", ",C,", "-i", k.crt("ca"))
    for name in THEIRS:
        for more in ([], ["--pss"]) if name == "rsa" else ([],):
            with open(f"{k.folder}/sig", "wb") as f:
                f.write(sign(k, name, "--opaque", "--der", *more))
            assert nss("cmsutil", "-D", "-d", db, "-i", f"{k.folder}/sig") == PART, (name, more)
            with open(f"{k.folder}/sig", "wb") as f:
                f.write(sign(k, name, "--der", *more))
            said = nss("cmsutil", "-D", "-d", db, "-i", f"{k.folder}/sig", "-c", f"{k.folder}/part", "-h", "0")
            assert b"signer0.status=GoodSignature" in said, (name, more, said)
            tried("NSS", True, "pss" if more else name)
            n += 2
        # Each process of theirs writes its database to the disk.
        openssl("pkcs12", "-export", "-inkey", k.key(name), "-in", k.crt(name), "-name", name, "-passout", "pass:x", "-out",
                f"{k.folder}/p12")
        nss("pk12util", "-i", f"{k.folder}/p12", "-d", db, "-W", "x", "-K", "")
        for digest in {"p384": ["SHA384"], "p521": ["SHA512"]}.get(name, ["SHA256", "SHA512"]):
            how = ["cmsutil", "-S", "-d", db, "-N", name, "-H", digest, "-i", f"{k.folder}/part", "-G", "-P"]
            assert verify(k, nss(*how)) == PART, (name, digest)
            assert verify(k, multipart(PART, nss(*how, "-T"))) == PART, (name, digest)
            tried("NSS", False, name)
            n += 2
        refused(k, nss(*how[:-5], "SHA1", *how[-4:]), "too weak")
    with open(f"{k.folder}/sig", "wb") as f:
        f.write(sign(k, "ed25519", "--opaque", "--der"))
    r = subprocess.run(["cmsutil", "-D", "-d", db, "-i", f"{k.folder}/sig"], capture_output=True, timeout=60)
    tried("NSS", True, "ed25519", r.returncode == 0)
    return n


def multipart(part, signature, boundary=b"=_b"):
    return (b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
            b' micalg=sha-256; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\n" + part + b"\r\n--" + boundary +
            b"\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            base64.encodebytes(signature) + b"\r\n--" + boundary + b"--\r\n")


# --- chains -----------------------------------------------------------------------------------------


class More:
    """Certificates of all kinds below the authority of Keys."""

    def __init__(self, k):
        self.k = k
        self.serial = 0x5000

    def make(self, name, extensions, by="ca", digest="sha256", key=None, days=365, more=()):
        k = self.k
        self.serial += 1
        if key != "same":
            k.make_key(name, key or KINDS["p256"])
        with open(f"{k.folder}/{name}.cnf", "w") as f:
            f.write(f"[v3]\nsubjectKeyIdentifier=hash\n{extensions}\n")
        openssl("req", "-new", "-key", k.key(name), "-subj", f"/O=Example/CN={name}", "-out", f"{k.folder}/{name}.csr")
        openssl("x509", "-req", "-in", f"{k.folder}/{name}.csr", "-CA", k.crt(by), "-CAkey", k.key(by), "-set_serial",
                str(self.serial), "-days", str(days), f"-{digest}", "-extfile", f"{k.folder}/{name}.cnf", "-extensions",
                "v3", "-out", k.crt(name), *more)


LEAF = "keyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\nsubjectAltName=email:ann@example.org"
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"


def chains(k, m):
    m.make("inter", CA)
    m.make("inter2", CA, by="inter")
    m.make("deep", LEAF, by="inter2")
    with open(f"{k.folder}/chain.pem", "wb") as f:
        for name in ("inter2", "inter"):
            f.write(open(k.crt(name), "rb").read())
    r = run("sign", k.key("deep"), k.crt("deep"), f"{k.folder}/chain.pem", data=PART)
    assert r.returncode == 0, r
    assert verify(k, r.stdout) == PART
    assert openssl("cms", "-verify", "-CAfile", k.crt("ca"), data=r.stdout) == PART
    alone = sign(k, "deep")
    refused(k, alone, "no authority that is trusted here")
    # Either of them will do as one.
    assert verify(k, alone, ca="inter2") == PART
    theirs = openssl("cms", "-sign", "-binary", "-signer", k.crt("deep"), "-inkey", k.key("deep"), "-certfile",
                     f"{k.folder}/chain.pem", data=PART)
    assert verify(k, theirs) == PART
    m.make("tlsca", CA + "\nextendedKeyUsage=serverAuth")
    m.make("below_tls", LEAF, by="tlsca")
    r = run("sign", k.key("below_tls"), k.crt("below_tls"), k.crt("tlsca"), data=PART)
    refused(k, r.stdout, "isn't for signing mail")
    r = run("sign", k.key("below_leaf"), k.crt("below_leaf"), data=PART) if m.make(
        "below_leaf", LEAF, by="p256") else run("sign", k.key("below_leaf"), k.crt("below_leaf"), k.crt("p256"), data=PART)
    refused(k, r.stdout, "no authority that is trusted here")


def what_does_not_count(k, m):
    mail = cms_sign(k, "rsa", "-outform", "SMIME")
    text = mail.replace(b"Gr\xc3\xbc", b"Fr\xc3\xbc")
    assert text != mail
    refused(k, text, "the signature doesn't fit the text")
    refused(k, sign(k, "rsa").replace(b"Ann", b"Eve"), "the signature doesn't fit the text")
    for digest in ("sha1", "md5"):
        for form in ([], ["-nodetach"], ["-noattr"]):
            refused(k, cms_sign(k, "rsa", "-md", digest, *form), "too weak")
    m.make("short", LEAF, key=["RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
    refused(k, cms_sign(k, "short"), "too weak")
    m.make("sha1", LEAF, digest="sha1")
    refused(k, cms_sign(k, "sha1"), "too weak")
    refused(k, cms_sign(k, "rsa", "-nocerts"), "isn't there")
    m.make("web", LEAF.replace("emailProtection", "serverAuth"))
    refused(k, cms_sign(k, "web"), "isn't for signing mail")
    m.make("sealing", LEAF.replace("digitalSignature", "keyAgreement"))
    refused(k, cms_sign(k, "sealing"), "isn't for signing mail")
    now = int(time.time())
    good = cms_sign(k, "p256")
    assert verify(k, good, "--now", str(now + 86400)) == PART
    refused(k, good, "had expired", "--now", str(now + 400 * 86400))
    refused(k, good, "had expired", "--now", str(now - 86400))
    # One good signer doesn't make up for another.
    refused(k, cms_sign(k, "rsa", "-signer", k.crt("web"), "-inkey", k.key("web")), "isn't for signing mail")
    m.make("own", LEAF)
    refused(k, good, "no authority that is trusted here", ca="own")


def revoked(k, m):
    """By openssl's own lists, of the right authority and of another one of its name."""
    m.make("gone", LEAF)
    with open(f"{k.folder}/crl.cnf", "w") as f:
        f.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={k.folder}/index\ndefault_md=sha256\ndefault_crl_days=1\n")
    k.make_key("other", KINDS["p256"])
    openssl("req", "-x509", "-new", "-key", k.key("other"), "-subj", "/O=Example/CN=Authority", "-config",
            f"{k.folder}/ca.cnf", "-extensions", "v3", "-out", k.crt("other"))
    mail = cms_sign(k, "gone", "-outform", "SMIME")
    for by in ("ca", "other"):
        open(f"{k.folder}/index", "w").close()
        more = ["-config", f"{k.folder}/crl.cnf", "-keyfile", k.key(by), "-cert", k.crt(by)]
        openssl("ca", *more, "-revoke", k.crt("gone"))
        pem = openssl("ca", *more, "-gencrl")
        openssl("crl", "-outform", "DER", "-out", f"{k.folder}/{by}.crl", data=pem)
    assert verify(k, mail) == PART
    assert verify(k, mail, "--crl", f"{k.folder}/other.crl") == PART
    refused(k, mail, "revoked", "--crl", f"{k.folder}/ca.crl")
    # An old list still names what it names.
    refused(k, mail, "revoked", "--crl", f"{k.folder}/ca.crl", "--now", str(int(time.time()) + 100 * 86400))
    assert verify(k, cms_sign(k, "p256"), "--crl", f"{k.folder}/ca.crl") == PART


def no_signature_at_all(k):
    """The CMS and MIME classes of "Johnny, you are fired!" that can be met in one layer."""
    none = "there is no signature"
    certs = openssl("crl2pkcs7", "-nocrl", "-certfile", k.crt("p256"), "-outform", "DER")
    refused(k, certs, none)
    refused(k, multipart(PART, certs), none)
    mail = (b"MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n")
    refused(k, mail + base64.encodebytes(certs), none)
    refused(k, b"", none)
    refused(k, PART, none)
    refused(k, b"Subject: [signed]\r\n\r\nHello.\r\n", none)
    good = cms_sign(k, "p256")
    # The signed part as one among others, forwarded, or below another part: it isn't the layer.
    refused(k, b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nPay.\r\n--x\r\n' +
            good + b"\r\n--x--\r\n", none)
    refused(k, b"Content-Type: message/rfc822\r\n\r\n" + good, none)
    # A text in front of the parts, a third part, one part only.
    signature = cms_sign(k, "p256", "-outform", "DER")
    whole = multipart(PART, signature)
    assert verify(k, whole) == PART
    refused(k, whole.replace(b"\r\n--=_b--", b"\r\n--=_b\r\nContent-Type: text/plain\r\n\r\nPay.\r\n--=_b--"), none)
    assert b"Pay" not in run("verify", k.crt("ca"), data=whole.replace(b"\r\n\r\n--=_b\r\n", b"\r\n\r\nPay.\r\n--=_b\r\n", 1)).stdout
    # A content inside beside the one outside.
    refused(k, multipart(PART, cms_sign(k, "p256", "-outform", "DER", "-nodetach", data=b"another\r\n")), none)
    refused(k, multipart(PART, b""), none)
    # Signed data about something else than data.
    receipt = openssl("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", k.crt("p256"), "-inkey",
                      k.key("p256"), "-econtent_type", "1.2.840.113549.1.9.16.1.4", data=PART)
    refused(k, receipt, none)
    # Encrypted is something else.
    refused(k, openssl("cms", "-encrypt", "-binary", "-outform", "DER", k.crt("rsa"), data=PART), none)
    for at in range(0, len(signature), 7):
        r = run("verify", k.crt("ca"), data=multipart(PART, signature[:at]))
        assert r.returncode == EX_DATAERR and r.stdout == b"", at


def errors(k, m):
    def fails(code, words, *args, data=PART):
        r = run(*args, data=data)
        assert r.returncode == code and r.stdout == b"" and words in r.stderr, (args, r)

    fails(EX_USAGE, b"CERT", "sign", k.key("rsa"))
    fails(EX_NOINPUT, b"No such file", "sign", "/nowhere", k.crt("rsa"))
    fails(EX_DATAERR, b"isn't the key of", "sign", k.key("rsa"), k.crt("p256"))
    fails(EX_DATAERR, b"no private key", "sign", k.crt("rsa"), k.crt("rsa"))
    fails(EX_DATAERR, b"no certificate", "sign", k.key("rsa"), k.key("rsa"))
    fails(EX_DATAERR, b"isn't for signing mail", "sign", k.key("web"), k.crt("web"))
    fails(EX_DATAERR, b"has expired", "sign", k.key("rsa"), k.crt("rsa"), "--now", "1")
    fails(EX_USAGE, b"seconds since 1970", "verify", k.crt("ca"), "--now", "today")
    fails(EX_DATAERR, b"no certificate", "verify", k.key("rsa"))
    fails(EX_DATAERR, b"not a CRL", "verify", k.crt("ca"), "--crl", k.crt("ca"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        k = Keys(folder, kinds=SIGNS)
        m = More(k)
        n = we_verify_openssl(k) + openssl_verifies_us(k) + with_ourselves(k)
        g = Gpgsm(k, "rsa")
        try:
            n += with_gpgsm(k, g)
        finally:
            g.close()
        n += with_nss(k)
        settle()
        chains(k, m)
        what_does_not_count(k, m)
        revoked(k, m)
        no_signature_at_all(k)
        errors(k, m)
        version = re.search(rb"3\.\d+", openssl("version")).group().decode()
        print(f"{n} signatures between us, openssl {version}, gpgsm and NSS, each as it should be")


if __name__ == "__main__":
    main()
