#!/usr/bin/env python3
# timeout: 240
"""`hairpin sop` against GnuPG, Sequoia (sqop) and RNP, both ways, with keys of each side; the draft's exit codes; nothing on
standard output when something fails."""
import os
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
from sop_peers import (HAIRPIN, WHO, Folder, Gpg, Rnp, Sop, reads, reads_clear, reads_inline, reads_signed,  # noqa: E402
                       said, verifies)

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/pgp/rfc9580")
TEXT = b"Ein Geheimnis.\r\nUnd noch eine Zeile.\n" * 300
OURS = ["rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc4880-p384"]
GPGS = ["ed25519", "rsa3072", "nistp256", "nistp384", "nistp521", "brainpoolP256r1"]


def walk_all(us, peer, keys):
    for kind, key in keys:
        cert = us.cert(key)
        assert cert, us.error
        for walk in (reads, verifies, *((reads_signed, reads_inline, reads_clear) if kind == "rfc4880" else ())):
            for writer, reader in ((us, peer), (peer, us)):
                assert walk(writer, reader, key, cert, TEXT), (peer.name, kind, walk, writer.name, us.error, peer.error)


def interoperability(folder, us):
    """The rest of docs/INTEROP.md is for `make interop-test`."""
    peers = [Gpg(folder), Sop("sqop", ["sqop"], folder), Rnp(folder)]
    try:
        own = [(p, us.generate(p)) for p in OURS]
        for peer, kinds in zip(peers, (GPGS, [None], ["ed25519"])):
            walk_all(us, peer, own + [(k, peer.generate(k)) for k in kinds])
    finally:
        for peer in peers:
            peer.close()


def code(*words, data=b""):
    r = said(*HAIRPIN, *words, data=data)
    assert r.returncode == 0 or (not r.stdout and r.stderr), (words, r)
    return r.returncode


def exit_codes(folder, us):
    key = us.generate("rfc4880")
    cert = us.cert(key)
    signing = us.run("generate-key", "--signing-only", WHO)
    password, other = folder.file(b"Birnbaum\n"), folder.file(b"Apfel")
    locked = us.run("generate-key", f"--with-key-password={password}", WHO)
    k, c, lk = folder.file(key), folder.file(cert), folder.file(locked)
    message = us.encrypt(cert, TEXT)
    signature = folder.file(us.sign(key, TEXT))
    there = folder.file(b"x")
    want = [
        (0, ["decrypt", k], message), (29, ["decrypt", folder.file(us.generate())], message),
        (41, ["decrypt", k], b"nonsense"), (41, ["decrypt", k], message[:200]), (19, ["decrypt"], message),
        (29, ["decrypt", f"--with-password={password}"], message),
        (23, ["decrypt", f"--verify-with={c}", k], message),
        (41, ["decrypt", k], us.run("inline-sign", k, data=TEXT)),
        (0, ["verify", signature, c], TEXT), (3, ["verify", signature, c], TEXT + b"x"),
        (3, ["verify", signature, folder.file(us.cert(us.generate()))], TEXT), (41, ["verify", c, c], TEXT),
        (3, ["verify", "--not-before=2099-01-01T00:00:00Z", signature, c], TEXT),
        (3, ["verify", "--not-after=2000-01-01T00:00:00Z", signature, c], TEXT),
        (37, ["verify", "--not-after=yesterday", signature, c], TEXT),
        (19, ["encrypt"], TEXT), (17, ["encrypt", folder.file(us.cert(signing))], TEXT),
        (61, ["encrypt", folder.path + "/none"], TEXT), (41, ["encrypt", there], TEXT),
        (71, ["encrypt", "@FOO:x"], TEXT), (61, ["encrypt", "@ENV:NONE_SUCH"], TEXT),
        (37, ["encrypt", "--nonsense", c], TEXT), (37, ["encrypt", "--no-armor=x", c], TEXT),
        (89, ["encrypt", "--profile=none", c], TEXT), (89, ["generate-key", "--profile=none"], b""),
        (41, ["sign", c], TEXT), (67, ["sign", lk], TEXT), (67, ["sign", f"--with-key-password={other}", lk], TEXT),
        (0, ["sign", f"--with-key-password={other}", f"--with-key-password={password}", lk], TEXT),
        (53, ["sign", "--as=text", k], b"\xff\xfe"), (0, ["sign", "--as=text", k], "Bär".encode()),
        (53, ["inline-sign", "--as=clearsigned", k], b"\xff"),
        (53, ["inline-sign", "--as=text", k], "ä".encode()[:1]), (0, ["inline-sign", "--as=text", k], "ä".encode()),
        (53, ["encrypt", "--as=text", c], b"\xff"), (53, ["encrypt", "--as=text", c], b"x" * 99999 + b"\xc3"),
        (0, ["encrypt", "--as=text", c], b"x" * 65535 + "ä€😀".encode() * 50000), (0, ["encrypt", c], b"\xff"),
        (83, ["inline-sign", "--as=clearsigned", "--no-armor", k], b"x"),
        (59, ["sign", f"--micalg-out={there}", k], TEXT),
        (31, ["generate-key", f"--with-key-password={folder.file(bytes([255, 254]))}"], b""),
        (67, ["decrypt", lk], us.encrypt(us.cert(locked), TEXT)),
        (0, ["decrypt", f"--with-key-password={password}", lk], us.encrypt(us.cert(locked), TEXT)),
        (79, ["sign", folder.file(revoked_key(us, key))], TEXT),
        (69, ["conjure"], b""), (69, [], b""), (0, ["help"], b""), (0, ["version", "--extended"], b""),
        (41, ["dearmor"], b"x"), (41, ["armor"], b"x"), (41, ["extract-cert"], b""), (41, ["extract-cert"], cert),
    ]
    for expected, words, data in want:
        got = code(*words, data=data)
        assert got == expected, (words, got, expected)


def revoked_key(us, key):
    """The private key with the signature that revokes it: the second packet of the revoked certificate."""
    binary = us.run("dearmor", data=key)
    revoked = us.run("revoke-key", "--no-armor", data=key)
    public = us.run("extract-cert", "--no-armor", data=key)
    extra = len(revoked) - len(public)
    first = 2 + public[1]
    own = 2 + binary[1]
    return binary[:own] + revoked[first:first + extra] + binary[own:]


def walks(folder, us):
    """What the matrix doesn't: passwords, session keys, signed and encrypted, texts that can be read, profiles."""
    key = us.generate("rfc9580")
    cert = us.cert(key)
    k, c, path = folder.file(key), folder.file(cert), folder.path
    password = folder.file(b"Birnbaum 42\n")
    message = us.run("encrypt", f"--sign-with={k}", f"--with-password={password}", f"--session-key-out={path}/session", c,
                     data=TEXT)
    assert us.run("decrypt", f"--verify-with={c}", f"--verifications-out={path}/v", k, data=message) == TEXT
    with open(f"{path}/v") as f:
        line = f.read().split()
    assert len(line) == 4 and line[1] == line[2] and len(line[1]) == 64 and line[3] == "mode:binary", line
    assert us.run("decrypt", f"--with-session-key={path}/session", data=message) == TEXT
    assert us.run("decrypt", f"--with-password={password}", data=message) == TEXT
    old = us.run("encrypt", "--profile=rfc4880", f"--with-password={password}", data=TEXT)
    assert us.run("decrypt", f"--with-password={folder.file(b'no')}", f"--with-password={password}", data=old) == TEXT
    for how in ("binary", "text", "clearsigned"):
        text = b"- one\n-----\nFrom two\n\nB\xc3\xa4r\n"
        signed = us.run("inline-sign", f"--as={how}", k, data=text)
        assert us.run("inline-verify", c, data=signed) == text, how
        changed = signed.replace(b"two", b"twx")
        assert how != "clearsigned" or us.run("inline-verify", c, data=changed) is None
        bare = us.run("inline-detach", f"--signatures-out={path}/{how}", data=signed)
        assert bare == (text[:-1] if how == "clearsigned" else text), how
        assert us.run("verify", f"{path}/{how}", c, data=bare), how
        assert how != "clearsigned" or us.run("inline-detach", f"--signatures-out={path}/crlf",
                                              data=signed.replace(b"\n", b"\r\n")) == text[:-1].replace(b"\n", b"\r\n")
        assert us.run("inline-verify", c, data=signed + b"more\n") is None or how != "clearsigned"
    assert us.run("dearmor", data=us.run("armor", data=us.run("dearmor", data=message))) == \
        us.run("dearmor", data=message)
    assert us.run("armor", data=message) == message
    for verb in ("generate-key", "encrypt"):
        listed = us.run("list-profiles", verb).decode().splitlines()
        assert len(listed) <= 4, "as the draft wants it"
        for line in listed:
            assert us.run("generate-key" if verb == "generate-key" else "encrypt", f"--profile={line.split(':')[0]}",
                          *([c] if verb == "encrypt" else [])) is not None, line


def gpg_reads_what_is_signed_and_encrypted(folder, us):
    gpg = Gpg(folder)
    try:
        key = us.generate("rfc4880")
        k, c = folder.file(key), folder.file(us.cert(key))
        gpg.take(key)
        for words in (["encrypt", f"--sign-with={k}", c], ["inline-sign", k], ["inline-sign", "--as=clearsigned", k]):
            r = said("gpg", "--homedir", gpg.home, "--batch", "--status-fd", "2", "-d",
                     data=us.run(*words, data=b"one\ntwo\n"))
            assert b"GOODSIG" in r.stderr and r.stdout == b"one\ntwo\n", (words, r)
        # Compressed, signed and encrypted as GnuPG does it.
        theirs = gpg.run("-se", "-r", "ann@example.org", "-u", "ann@example.org", data=TEXT)
        assert us.run("decrypt", f"--verify-with={c}", f"--verifications-out={folder.path}/w", k, data=theirs) == TEXT
        with open(f"{folder.path}/w") as f:
            assert "mode:binary" in f.read()
        for algo in ("zip", "zlib", "bzip2", "none"):
            packed = gpg.run("--store", "--compress-algo", algo, data=TEXT)
            signed = gpg.run("-s", "--compress-algo", algo, "-u", "ann@example.org", data=TEXT)
            assert packed and us.run("inline-verify", c, data=signed) == TEXT, algo
    finally:
        gpg.close()


def sample(name):
    with open(f"{SAMPLES}/{name}", "rb") as f:
        return f.read()


def the_samples_of_rfc_9580_are_read(folder, us):
    """Its appendix A. A.12, whose password costs 2 GiB of memory, is for `make interop-test`."""
    password, words = folder.file(b"password"), folder.file(b"correct horse battery staple")
    text = b"What we need from the grocery store:\n\n- tofu\n- vegetables\n- noodles\n"
    for key in ("A.4.key", "A.5.key"):
        assert us.run("decrypt", f"--with-key-password={words}", f"{SAMPLES}/{key}", data=sample("A.8.message")) == \
            b"Hello, world!", us.error
    for n in (9, 10, 11):
        assert us.run("decrypt", f"--with-password={password}", data=sample(f"A.{n}.message")) == b"Hello, world!", n
    assert us.run("inline-verify", f"{SAMPLES}/A.3.cert", data=sample("A.7.message")) == text
    assert us.run("inline-verify", f"{SAMPLES}/A.3.cert", data=sample("A.6.text")) == text + b"\n"
    assert us.run("dearmor", data=us.cert(sample("A.4.key"))) == us.run("dearmor", data=sample("A.3.cert"))


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us = Sop("hairpin", HAIRPIN, folder)
        for part in (exit_codes, walks, the_samples_of_rfc_9580_are_read, gpg_reads_what_is_signed_and_encrypted,
                     interoperability):
            part(folder, us)


main()
