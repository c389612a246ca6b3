#!/usr/bin/env python3
"""`smime encrypt` and `smime decrypt` against openssl and gpgsm, both ways, over all that both sides have; X25519, which
neither has, against a decryption written here from the RFCs. Whatever is wrong with what comes in ends alike."""
import base64
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import interop  # noqa: E402
from smime_keys import Gpgsm, Keys, openssl  # noqa: E402

PROGRAM, RELEASE = os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]
EX_USAGE, EX_DATAERR, EX_NOINPUT = 64, 65, 66
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe, und ein Geheimnis.\r\n" * 9
RSA_AND_EC = ["rsa", "p256", "p384", "p521"]
OURS = ["aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm"]


def run(*words, data=b"", program=RELEASE, **more):
    return subprocess.run([program, "smime", *words], input=data, capture_output=True, timeout=60, **more)


def encrypt(*words, data=TEXT, **more):
    r = run("encrypt", *words, data=data, **more)
    assert r.returncode == 0 and r.stderr == b"", (words, r)
    return r.stdout


def decrypt(k, name, data, **more):
    r = run("decrypt", k.key(name), k.crt(name), data=data, **more)
    assert r.returncode == 0 and r.stderr == b"", (name, r)
    return r.stdout


def refused(k, name, data, **more):
    """No text, and always the same words."""
    r = run("decrypt", k.key(name), k.crt(name), data=data, **more)
    assert (r.returncode, r.stdout, r.stderr) == (EX_DATAERR, b"", b"hairpin: it can't be decrypted\n"), (name, r)


# --- both ways --------------------------------------------------------------------------------------


KEYS = [("RSA PKCS#1 v1.5", "rsa", None), ("RSA OAEP SHA-1", "rsa", "sha1"), ("RSA OAEP SHA-256", "rsa", "sha256"),
        ("ECDH P-256", "p256", None), ("ECDH P-384", "p384", None), ("ECDH P-521", "p521", None),
        ("X25519", "x25519", None)]
# What openssl, we and gpgsm call them; None: it can't be asked for.
CIPHERS = [("3DES-CBC", "des3", None, "3DES"), ("AES-128-CBC", "aes128", "aes128-cbc", "AES"),
           ("AES-192-CBC", "aes192", None, "AES192"), ("AES-256-CBC", "aes256", "aes256-cbc", "AES256"),
           ("AES-128-GCM", "aes-128-gcm", "aes128-gcm", None), ("AES-192-GCM", "aes-192-gcm", None, None),
           ("AES-256-GCM", "aes-256-gcm", "aes256-gcm", None)]


def ours(k, name, oaep, cipher):
    """None: we don't write that."""
    if cipher is None or oaep == "sha1":
        return None
    return encrypt(k.crt(name), "--der", "--cipher", cipher, *(["--oaep"] if oaep else []))


def reads(k, name, data):
    r = run("decrypt", k.key(name), k.crt(name), data=data)
    return r.returncode == 0 and r.stdout == TEXT


def from_openssl(k, name, oaep, cipher):
    how = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{oaep}"] if oaep else []
    r = openssl("cms", "-encrypt", "-binary", f"-{cipher}", "-outform", "DER", "-recip", k.crt(name), *how, data=TEXT,
                check=False)
    return reads(k, name, r.stdout) if r.returncode == 0 else None


def to_openssl(k, name, data):
    r = openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", k.key(name), "-recip", k.crt(name), data=data,
                check=False)
    return r.returncode == 0 and r.stdout == TEXT


def from_gpgsm(k, g, name, oaep, cipher):
    if cipher is None or name != "rsa" or oaep:
        return None
    data = g.run("--cipher-algo", cipher, "--encrypt", "--recipient", f"{name}@example.org", data=TEXT).stdout
    return reads(k, name, data)


def to_gpgsm(g, name, data):
    return g.run("--decrypt", data=data, check=False).stdout == TEXT if name == "rsa" else None


def matrix(k, g):
    """All combinations, each way; those that worked are counted."""
    table = interop.Table("key", "cipher", "openssl reads ours", "we read openssl's", "gpgsm reads ours",
                          "we read gpgsm's")
    for label, name, oaep in KEYS:
        for cipher, theirs, own, gpg in CIPHERS:
            data = ours(k, name, oaep, own)
            assert data is None or reads(k, name, data), (label, cipher)
            table.add(label, cipher, data and to_openssl(k, name, data), from_openssl(k, name, oaep, theirs),
                      data and to_gpgsm(g, name, data), from_gpgsm(k, g, name, oaep, gpg))
    interop.settle("encryption", table)
    cells = [c for row in table.rows[1:] for c in row[2:]]
    # Whatever openssl and gpgsm write we read.
    assert all("no" not in (row[3], row[5]) for row in table.rows), table.text()
    return cells.count("yes")


def forms_of_openssl(k):
    """DER, mail, BER; a recipient by its key identifier; digests of OAEP and of the KDF."""
    for name in RSA_AND_EC:
        for cipher in ("aes128", "aes-256-gcm"):
            for form in (["-outform", "SMIME"], ["-outform", "DER", "-stream", "-keyid"]):
                data = openssl("cms", "-encrypt", "-binary", f"-{cipher}", *form, k.crt(name), data=TEXT)
                assert decrypt(k, name, data) == TEXT, (name, cipher, form)
    for option, name, digests in (("rsa_oaep_md", "rsa", ("sha384", "sha512")),
                                  ("ecdh_kdf_md", "p256", ("sha1", "sha224", "sha256", "sha384", "sha512"))):
        for digest in digests:
            more = ["-keyopt", "rsa_padding_mode:oaep"] if name == "rsa" else []
            data = openssl("cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", "-recip", k.crt(name), *more,
                           "-keyopt", f"{option}:{digest}", data=TEXT)
            assert decrypt(k, name, data) == TEXT, digest


def mails_and_many(k, g):
    for name in RSA_AND_EC:
        mail = encrypt(k.crt(name))
        assert openssl("cms", "-decrypt", "-binary", "-inkey", k.key(name), "-recip", k.crt(name), data=mail) == TEXT
    many = encrypt(*(k.crt(x) for x in ["p256", "x25519", "rsa"]), "--cipher", "aes256-cbc", "--der")
    # It complains of the certificates that it has not, and goes on.
    assert to_gpgsm(g, "rsa", many) and to_openssl(k, "rsa", many) and to_openssl(k, "p256", many)


# --- X25519, by the RFCs -----------------------------------------------------------------------------


def tlv(der):
    """The elements of DER or BER, as (tag, body, whole); constructed ones with an indefinite length too."""
    at, found = 0, []
    while at < len(der):
        begin, tag, n = at, der[at], der[at + 1]
        at += 2
        if tag == 0 and n == 0:
            return found, at
        if n == 0x80:
            _, used = tlv(der[at:])
            found.append((tag, der[at:at + used - 2], der[begin:at + used]))
            at += used
            continue
        if n & 0x80:
            octets = n & 0x7F
            n = int.from_bytes(der[at:at + octets], "big")
            at += octets
        found.append((tag, der[at:at + n], der[begin:at + n]))
        at += n
    return found, at


def inside(element):
    return tlv(element[1])[0]


def open_x25519(k, data):
    """RFC 5083, 5084, 8418: AuthEnvelopedData with AES-256-GCM to one X25519 key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    with open(k.key("x25519"), "rb") as f:
        own = load_pem_private_key(f.read(), None)
    content_info = inside(tlv(data)[0][0])
    assert content_info[0][1] == bytes.fromhex("2a864886f70d0109100117")
    version, recipients, encrypted, mac = inside(inside(content_info[1])[0])
    assert version[1] == b"\0"
    (kari,) = inside(recipients)
    version, originator, algorithm, keys = inside(kari)
    assert kari[0] == 0xA1 and version[1] == b"\3"
    oid, wrap = inside(algorithm)
    assert oid[1] == bytes.fromhex("2a864886f70d0109100313")  # dhSinglePass-stdDH-hkdf-sha256-scheme
    assert inside(wrap)[0][1] == bytes.fromhex("60864801650304012d") and len(inside(wrap)) == 1
    kind, point = inside(inside(originator)[0])
    assert kind[1] == bytes.fromhex("06032b656e") and point[1][0] == 0
    shared = own.exchange(X25519PublicKey.from_public_bytes(point[1][1:]))
    info = wrap[2] + bytes.fromhex("a206040400000100")
    kek = HKDF(SHA256(), 32, None, b"\x30" + bytes([len(info)]) + info).derive(shared)
    cek = aes_key_unwrap(kek, inside(inside(keys)[0])[1][1])
    kind, algorithm, content = inside(encrypted)
    nonce, size = inside(inside(algorithm)[1])
    assert size[1] == b"\x10" and len(mac[1]) == 16
    ciphertext = b"".join(piece[1] for piece in inside(content))
    return AESGCM(cek).decrypt(nonce[1], ciphertext + mac[1], None)


def x25519(k):
    assert open_x25519(k, encrypt(k.crt("x25519"), "--cipher", "aes256-gcm", "--der")) == TEXT
    for cipher in OURS:
        assert decrypt(k, "x25519", encrypt(k.crt("x25519"), "--cipher", cipher)) == TEXT


# --- mail -------------------------------------------------------------------------------------------


def as_mail(k):
    """RFC 8551 section 3.3: what a mail looks like, and what we take for one."""
    mail = encrypt(k.crt("p256"), k.crt("rsa"))
    head, _, body = mail.partition(b"\r\n\r\n")
    assert b"application/pkcs7-mime; smime-type=enveloped-data" in head and b"base64" in head, head
    assert all(len(row) <= 76 and not row.endswith(b"\r") for row in body.split(b"\r\n")), body
    der = base64.b64decode(body)
    assert b"smime-type=authEnveloped-data" in encrypt(k.crt("p256"), "--cipher", "aes128-gcm")
    for text in (mail, mail.replace(b"\r\n", b"\n"), der,
                 b"CONTENT-TYPE: Application/X-PKCS7-MIME;\r\n SMIME-TYPE=Enveloped-Data\r\n"
                 b"content-transfer-encoding: BASE64\r\n\r\n" + body,
                 b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + der):
        assert decrypt(k, "rsa", text) == TEXT
        assert decrypt(k, "p256", text) == TEXT
        refused(k, "p384", text)
    for text in (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body,
                 b"Content-Transfer-Encoding: base64\r\n\r\n" + body, body, b"", b"\r\n", TEXT, head + b"\r\n\r\n"):
        refused(k, "rsa", text)
    # Of all octets, and of none.
    for data in (bytes(range(256)) * 3, b""):
        assert decrypt(k, "rsa", encrypt(k.crt("rsa"), data=data)) == data


# --- what is wrong ends alike ------------------------------------------------------------------------


def wrong(k):
    for cipher in ("aes256-gcm", "aes128-cbc"):
        der = encrypt(k.crt("p256"), "--cipher", cipher, "--der")
        for n in list(range(0, len(der), 61)) + [len(der) - 1, len(der) - 2, len(der) - 7]:
            refused(k, "p256", der[:n])
        refused(k, "p384", der)
    # One bit of the text, of the tag, of the wrapped key. (A CBC text can be changed: RFC 8551 section 6.)
    der = encrypt(k.crt("rsa"), "--cipher", "aes256-gcm", "--der")
    number = der.index(b"\x04\x82\x01\x00") + 4
    text = der.index(TEXT[:0] + b"\xa0\x80\x04\x82", number) + 8
    for at in (number, number + 100, number + 255, text, text + 200, len(der) - 7, len(der) - 20):
        refused(k, "rsa", der[:at] + bytes([der[at] ^ 4]) + der[at + 1:])
    # The tag cut off to what can be guessed, with and without saying so.
    tag = der[-22:-6]
    for n in (0, 4, 8, 11, 12, 15):
        refused(k, "rsa", der[:-24] + bytes([4, n]) + tag[:n] + der[-6:])
        if n >= 12:
            continue  # a length that RFC 5084 allows
        refused(k, "rsa", der.replace(b"\x02\x01\x10", bytes([2, 1, n]))[:-24] + bytes([4, n]) + tag[:n] + der[-6:])
    # GCM in EnvelopedData, and its text called CBC.
    plain = bytes.fromhex("06092a864886f70d010703")
    enveloped = der[:-24] + der[-6:]
    enveloped = enveloped.replace(bytes.fromhex("060b2a864886f70d0109100117"), plain)
    refused(k, "rsa", enveloped)
    gcm = re.search(rb"\x30\x1e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e.{19}", enveloped, re.S)
    cbc = b"\x30\x1d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10" + b"0123456789abcdef"
    refused(k, "rsa", enveloped.replace(gcm[0], cbc))
    # What is no encryption at all.
    refused(k, "rsa", openssl("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", k.crt("rsa"), "-inkey",
                              k.key("rsa"), data=TEXT))
    refused(k, "rsa", os.urandom(3000), program=PROGRAM)


def misuse(k):
    with open(f"{k.folder}/empty", "w"):
        pass
    for words, code in ((("encrypt",), EX_USAGE), (("encrypt", k.crt("rsa"), "--cipher", "des3"), EX_USAGE),
                        (("encrypt", f"{k.folder}/none"), EX_NOINPUT), (("encrypt", f"{k.folder}/empty"), EX_DATAERR),
                        (("encrypt", k.crt("ed25519")), EX_DATAERR), (("encrypt", k.crt("ca")), EX_DATAERR),
                        (("encrypt", k.crt("rsa"), "--now", "today"), EX_USAGE),
                        (("encrypt", k.crt("rsa"), "--now", "1000000000"), EX_DATAERR),
                        (("encrypt", k.crt("rsa"), "--now", str(int(time.time()) + 366 * 86400)), EX_DATAERR),
                        (("decrypt", k.key("rsa")), EX_USAGE), (("decrypt", k.key("rsa"), k.crt("p256")), EX_DATAERR),
                        (("decrypt", k.crt("rsa"), k.crt("rsa")), EX_DATAERR),
                        (("decrypt", k.key("ed25519"), k.crt("rsa")), EX_DATAERR)):
        r = run(*words, data=TEXT)
        assert r.returncode == code and r.stdout == b"" and r.stderr.startswith(b"hairpin: "), (words, r)


# --- size -------------------------------------------------------------------------------------------


def peak(words, source, target):
    """Octets of memory that the program had at most, until all of its input but the end had come. (What wait4 says
    begins with the memory of this process.)"""
    with open(source, "rb") as i, open(target, "wb") as o:
        p = subprocess.Popen([RELEASE, "smime", *words], stdin=subprocess.PIPE, stdout=o, bufsize=0)
        while part := i.read(1 << 16):
            p.stdin.write(part)
        # The pipe holds one part: a moment later it is taken.
        time.sleep(0.05)
        with open(f"/proc/{p.pid}/status") as f:
            most = int(re.search(r"VmHWM:\s*(\d+) kB", f.read())[1]) * 1024
        p.stdin.close()
        assert p.wait(60) == 0, words
    return most


def large(k):
    """50 MB in less than 4 more of memory than a small one."""
    names = [f"{k.folder}/{x}" for x in ("small", "large", "sealed", "opened")]
    with open(names[0], "wb") as f:
        f.write(TEXT)
    with open(names[1], "wb") as f:
        for _ in range(50):
            f.write(os.urandom(1 << 20))
    for cipher in ("aes256-cbc", "aes256-gcm"):
        to, by = ["encrypt", k.crt("p256"), "--cipher", cipher], ["decrypt", k.key("p256"), k.crt("p256")]
        base = peak(to, names[0], names[2]), peak(by, names[2], names[3])
        more = peak(to, names[1], names[2]) - base[0], peak(by, names[2], names[3]) - base[1]
        assert max(more) < 4 << 20, (cipher, more)
        with open(names[1], "rb") as a, open(names[3], "rb") as b:
            assert a.read() == b.read(), cipher
    return more


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        k = Keys(folder)
        g = Gpgsm(k, "rsa")
        try:
            n = matrix(k, g)
            mails_and_many(k, g)
        finally:
            g.close()
        forms_of_openssl(k)
        x25519(k)
        as_mail(k)
        wrong(k)
        misuse(k)
        more = large(k)
    print(f"{n} combinations with other programs; 50 MB took {max(more) >> 10} KiB more memory")


main()
