#!/usr/bin/env python3
"""`hairpin sop` with GnuPG, Sequoia, RNP, PGPainless (Java), OpenPGP.js (JavaScript) and gosop (Go), both ways: each kind of
key that one of them makes, with all who have it; and what can be written without a key, or in another form."""
# timeout: 1500
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e", HERE]
import interop  # noqa: E402
from openpgp_peers import openpgpjs  # noqa: E402
from sop_peers import (HAIRPIN, WHO, Folder, Gpg, Rnp, Sop, opens, reads, reads_clear, reads_inline,  # noqa: E402
                       reads_signed, verifies)

TEXT = "Ein Geheimnis.\r\nUnd noch eine Zeile: ä€😀.\r\n".encode() * 400
PASSWORD = b"Birnbaum 42"
RSA = ["rsa2048", "rsa3072", "rsa4096"]
BRAINPOOL = ["brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]
ELLIPTIC = ["ed25519", "nistp256", "nistp384", "nistp521", *BRAINPOOL]
OURS = ["rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc4880-p384", "rfc9580"]
NEW = ["v4-25519", "v4-448", "v6", "v6-448", "v6-rsa3072", "v6-p256", "v6-p521", "v6-brainpoolP384r1"]
OLD = ["curve25519", *RSA, "p256", "p384", "p521", *BRAINPOOL]


class Gosop(Sop):
    """Debian's knows nothing of texts within signatures, and what it reads is text to it: lines end with LF, as UTF-8."""

    proof = "--verify-out"
    inline = read_inline = None


class Sq(Sop):
    """sqop, with the keys that sq makes."""

    def generate(self, profile=None):
        path = self.folder.file(b"")
        os.remove(path)
        suite = {"curve25519": "cv25519", "rsa3072": "rsa3k", "rsa4096": "rsa4k"}[profile]
        subprocess.run(["sq", "key", "generate", "-c", suite, "-u", WHO, "-e", path], check=True, capture_output=True)
        with open(path, "rb") as f:
            return f.read()


PEERS = {  # how to start it, and the kinds of keys that it makes
    "gpg": (Gpg, RSA + ELLIPTIC),
    "sqop": (lambda f: Sq("sqop", ["sqop"], f), ["curve25519", "rsa3072", "rsa4096"]),
    "rnp": (Rnp, RSA + ELLIPTIC),
    "PGPainless": (lambda f: Sop("PGPainless", ["pgpainless-cli"], f), [None]),
    "OpenPGP.js": (lambda f: Sop("OpenPGP.js", openpgpjs(), f), OLD + NEW),
    "gosop": (lambda f: Gosop("gosop", ["gosop"], f), [None]),
}
WALKS = {"encrypted": reads, "detached": verifies, "both": reads_signed, "signed": reads_inline, "cleartext": reads_clear}


def all_walks(us, peer, key, cert):
    """yes; -, if it can't walk alone either; or what doesn't work."""
    text = TEXT if peer.name != "gosop" else TEXT.decode().replace("\r", "").encode()
    failed, alone = [], []
    for what, walk in WALKS.items():
        if peer.name == "gosop" and what in ("signed", "cleartext"):
            continue
        for whose, writer, reader in (("our", us, peer), ("its", peer, us)):
            if not walk(writer, reader, key, cert, text):
                failed.append(f"{whose} {what}")
                alone.append(bool(walk(peer, peer, key, cert, text)))
                print(us.name, peer.name, what, whose, us.error, peer.error, f"alone: {alone[-1]}")
    if not failed:
        return True
    return None if not any(alone) else "not " + ", ".join(failed)


def a_stranger_signs_nothing(us, peer, key, cert, stranger):
    """Or the walks would show nothing. (GnuPG and RNP know the signer, where they can decrypt.)"""
    if isinstance(peer, Sop):
        assert peer.open_signed(key, stranger, us.seal(key, cert, TEXT)) is None, peer.name
    if peer.read_inline:
        assert peer.read_inline(stranger, us.inline(key, TEXT, False)) is None, peer.name


def walk_keys(path, name, keys):
    """{(owner, kind): cell}"""
    folder = Folder(tempfile.mkdtemp(dir=path))
    us, peer = Sop("hairpin", HAIRPIN, folder), PEERS[name][0](folder)
    try:
        cells = {who: all_walks(us, peer, key, us.cert(key)) for who, key in keys.items() if tried(name, *who)}
    finally:
        peer.close()
    return cells


def tried(name, owner, kind):
    """GnuPG's kinds are for all; of the others' keys each reads its own."""
    return owner in ("hairpin", "gpg", name)


def make_keys(path):
    folder, keys = Folder(path), {}
    for owner, (start, kinds) in {"hairpin": (lambda f: Sop("hairpin", HAIRPIN, f), OURS), **PEERS}.items():
        peer = start(folder)
        try:
            for kind in kinds:
                keys[owner, kind or "curve25519"] = peer.generate(kind)
                assert keys[owner, kind or "curve25519"], (owner, kind, peer.error)
        finally:
            peer.close()
    return keys


def keys_table(path):
    keys = make_keys(path)
    with ThreadPoolExecutor(2) as pool:
        cells = dict(zip(PEERS, pool.map(lambda name: walk_keys(path, name, keys), PEERS)))
    table = interop.Table("key of", "kind", *PEERS)
    for owner, kind in keys:
        table.add(owner, kind, *(cells[name].get((owner, kind), "") for name in PEERS))
    return table


# How a peer is asked for something that isn't its usual way: words for lock() or encrypt().
def gpg_words(kind, value):
    return {"cipher": ["--cipher-algo", value], "s2k": ["--s2k-mode", value], "packed": ["--compress-algo", value],
            "armor": ["--armor"] if value else []}[kind]


def rnp_words(kind, value):
    return {"cipher": ["--cipher", value], "packed": ["-z", "6", f"--{value}"], "armor": ["--armor"] if value else [],
            "aead": [f"--aead={value}"]}[kind]


def js_words(kind, value):
    """Numbers of RFC 9580, section 9."""
    if kind == "s2k":
        return ['--config={"s2kType":4}']
    if kind == "v2":
        return [f'--config={{"aeadProtect":true,"preferredAEADAlgorithm":{value}}}']
    return [f'--config={{"preferredCompressionAlgorithm":{value}}}'] if kind == "packed" else \
        [f'--config={{"preferredSymmetricAlgorithm":{value}}}']


def sop_words(kind, value):
    return [] if value else ["--no-armor"]


FORMS = [  # what it is, whether it has a password or a key, and how each peer is asked for it
    ("a password", True, {name: [] for name in PEERS}),
    ("a password, 3DES", True, {"gpg": gpg_words("cipher", "3DES"), "rnp": rnp_words("cipher", "3DES")}),
    ("a password, AES-128", True, {"gpg": gpg_words("cipher", "AES"), "rnp": rnp_words("cipher", "AES128"),
                                   "OpenPGP.js": js_words("cipher", 7)}),
    ("a password, AES-192", True, {"gpg": gpg_words("cipher", "AES192"), "rnp": rnp_words("cipher", "AES192"),
                                   "OpenPGP.js": js_words("cipher", 8)}),
    ("a password, Camellia-256", True, {"gpg": gpg_words("cipher", "CAMELLIA256"),
                                        "rnp": rnp_words("cipher", "CAMELLIA256")}),
    ("a password, salted S2K", True, {"gpg": gpg_words("s2k", "1")}),
    ("a password, Argon2", True, {"OpenPGP.js": js_words("s2k", 0)}),
    ("ZIP", False, {"gpg": gpg_words("packed", "zip"), "rnp": rnp_words("packed", "zip"), "OpenPGP.js": js_words("packed", 1)}),
    ("ZLIB", False, {"gpg": gpg_words("packed", "zlib"), "rnp": rnp_words("packed", "zlib"),
                     "OpenPGP.js": js_words("packed", 2)}),
    ("BZip2", False, {"gpg": gpg_words("packed", "bzip2"), "rnp": rnp_words("packed", "bzip")}),
    ("armor", False, {"gpg": gpg_words("armor", True), "rnp": rnp_words("armor", True), "OpenPGP.js": [],
                      **{n: sop_words("armor", True) for n in ("sqop", "PGPainless", "gosop")}}),
    ("no armor", False, {"gpg": [], "rnp": [], **{n: sop_words("armor", False) for n in ("sqop", "PGPainless", "gosop")}}),
    ("SEIPD 2, OCB", True, {"OpenPGP.js": js_words("v2", 2)}),
    ("SEIPD 2, EAX", True, {"OpenPGP.js": js_words("v2", 1)}),
    ("SEIPD 2, GCM", True, {"OpenPGP.js": js_words("v2", 3)}),
    ("GnuPG's OCB", False, {"rnp": rnp_words("aead", "ocb")}),
    ("the same with EAX", False, {"rnp": rnp_words("aead", "eax")}),
]


def opens_form(us, peer, key, cert, form):
    """Do we read it? - where the peer hasn't that form."""
    _, by_password, how = form
    if peer.name not in how:
        return None
    if by_password:
        message = peer.lock(PASSWORD, TEXT, *how[peer.name])
        return message is not None and us.unlock(PASSWORD, message) == TEXT
    message = peer.encrypt(cert, TEXT, *how[peer.name])
    return message is not None and us.decrypt(key, message) == TEXT


def forms_table(path):
    table = interop.Table("we read its", *PEERS)
    folder = Folder(tempfile.mkdtemp(dir=path))
    us = Sop("hairpin", HAIRPIN, folder)
    key, other = us.generate("rfc4880"), us.cert(us.generate("rfc4880"))
    cert = us.cert(key)
    peers = [start(folder) for start, _ in PEERS.values()]
    try:
        for peer in peers:
            a_stranger_signs_nothing(us, peer, key, cert, other)
        for form in FORMS:
            table.add(form[0], *(opens_form(us, peer, key, cert, form) for peer in peers))
        ours = interop.Table("it reads our", *PEERS)
        ours.add("password", *(opens(us, peer, PASSWORD, TEXT if peer.name != "gosop" else b"text\n") for peer in peers))
        binary = us.run("encrypt", "--no-armor", folder.file(cert), data=b"text\n")
        ours.add("message without armor", *(peer.decrypt(key, binary) == b"text\n" for peer in peers))
    finally:
        for peer in peers:
            peer.close()
    return table, ours


def a_password_of_2_gib_opens(folder):
    """RFC 9580 appendix A.12.3."""
    us = Sop("hairpin", HAIRPIN, folder)
    with open(f"{HERE}/../data/pgp/rfc9580/A.12.message", "rb") as f:
        assert us.unlock(b"password", f.read()) == b"Hello, world!", us.error


def main():
    with tempfile.TemporaryDirectory() as path:
        a_password_of_2_gib_opens(Folder(path))
        interop.settle("OpenPGP in other forms", *forms_table(path))
        interop.settle("OpenPGP by kinds of keys", keys_table(path))


main()
