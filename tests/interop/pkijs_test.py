#!/usr/bin/env python3
"""`hairpin smime` against PKI.js, both ways: what browsers have. It knows RSA by OAEP alone, and puts GCM into EnvelopedData,
which nobody may read."""
# timeout: 300
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e"]
import interop  # noqa: E402
from smime_keys import Keys  # noqa: E402

RELEASE = os.environ["HAIRPIN_RELEASE"]
MODULES = os.environ["B"] + "/pkijs"
TEXT = b"Content-Type: text/plain\r\n\r\nEin Geheimnis.\r\n" * 50
SEALED = [("RSA OAEP SHA-256", "rsa", "SHA-256"), ("ECDH P-256", "p256", None), ("ECDH P-384", "p384", None)]
CIPHERS = [("AES-128-CBC", "AES-CBC-128", "aes128-cbc"), ("AES-256-CBC", "AES-CBC-256", "aes256-cbc")]
SIGNED = [("RSA PKCS#1 v1.5", "rsa", "SHA-256"), ("RSA PKCS#1 v1.5", "rsa", "SHA-512"), ("ECDSA P-256", "p256", "SHA-256")]


def said(words, data):
    r = subprocess.run(words, input=data, capture_output=True, timeout=60)
    if r.returncode:
        print(words[-4:], r.stderr.decode(errors="replace")[:300])
    return r.stdout if r.returncode == 0 else None


def hairpin(*words, data):
    return said([RELEASE, "smime", *words], data)


def pkijs(*words, data):
    return said(["node", f"{HERE}/pkijs_cms.mjs", *words], data)


def main():
    if not os.path.exists(f"{MODULES}/node_modules/pkijs"):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", MODULES, "pkijs@3.4.3",
                        "asn1js@3.1.0"],
                       check=True, timeout=300)
    os.environ["PKIJS"] = MODULES
    with tempfile.TemporaryDirectory() as folder:
        k = Keys(folder)
        sealed = interop.Table("key", "cipher", "it reads ours", "we read its")
        for label, name, oaep in SEALED:
            for cipher, its, own in CIPHERS:
                ours = hairpin("encrypt", k.crt(name), "--der", "--cipher", own, *(["--oaep"] if oaep else []), data=TEXT)
                theirs = pkijs("seal", k.crt(name), its, *([oaep] if oaep else []), data=TEXT)
                assert ours and theirs
                sealed.add(label, cipher, pkijs("open", k.crt(name), k.key(name), data=ours) == TEXT,
                           hairpin("decrypt", k.key(name), k.crt(name), data=theirs) == TEXT)
        signed = interop.Table("key", "digest", "it verifies ours", "we verify its")
        for label, name, digest in SIGNED:
            ours = hairpin("sign", k.key(name), k.crt(name), "--opaque", "--der", data=TEXT)
            theirs = pkijs("sign", k.crt(name), k.key(name), digest, data=TEXT)
            assert ours and theirs
            signed.add(label, digest, pkijs("verify", k.crt("ca"), data=ours) == TEXT if digest == "SHA-256" else None,
                       hairpin("verify", k.crt("ca"), data=theirs) == TEXT)
            assert pkijs("verify", k.crt("ca"), data=ours.replace(b"Geheimnis", b"Geheimniz", 1)) is None
        wrong = pkijs("seal", k.crt("rsa"), "AES-GCM-256", "SHA-256", data=TEXT)
        assert wrong and hairpin("decrypt", k.key("rsa"), k.crt("rsa"), data=wrong) is None, "GCM in EnvelopedData is read"
        interop.settle("PKI.js", sealed, signed)


main()
