#!/usr/bin/env python3
"""Messages as GnuPG, Sequoia and RNP write them when they are asked for something out of the ordinary: to recipients who aren't
named, to several, to a key and a password; by several signers; signed first and encrypted then; text; compressed, large. And
what somebody on the way makes of them: nothing of it is let out."""
import os
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
from sop_peers import HAIRPIN, Folder, Gpg, Rnp, Sop, said  # noqa: E402

TEXT = b"Ein Geheimnis.\nUnd noch eine Zeile.\n" * 500
SEIPD, SED = 18, 9


def packets(data):
    """(tag, header and all) of binary packets, partial lengths too."""
    at = 0
    while at < len(data):
        start, first = at, data[at]
        at += 1
        if not first & 0x40:
            n = {0: 1, 1: 2, 2: 4}[first & 3]
            at += n + int.from_bytes(data[at:at + n], "big")
        else:
            part = True
            while part:
                o = data[at]
                part = 224 <= o < 255
                n = 1 << (o & 31) if part else o if o < 192 else ((o - 192) << 8) + data[at + 1] + 192 if o < 224 else \
                    int.from_bytes(data[at + 1:at + 5], "big")
                at += (1 if o < 192 or part else 2 if o < 224 else 5) + n
        yield (first & 0x3f if first & 0x40 else (first & 0x3f) >> 2), data[start:at]


def tags(data):
    return [t for t, _ in packets(data)]


def verified(folder, us, keys, cert, message, how="decrypt"):
    """The text, and how many signatures of it are good."""
    out = f"{folder.path}/verified"
    if os.path.exists(out):
        os.remove(out)
    words = ["decrypt", f"--verify-with={cert}", f"--verifications-out={out}", *keys] if how == "decrypt" else \
        ["inline-verify", f"--verifications-out={out}", cert]
    text = us.run(*words, data=message)
    assert text is not None, us.error
    with open(out) as f:
        return text, len(f.readlines())


def gnupg_writes(folder, us, gpg, people):
    (ann, ann_key, ann_cert), (bob, bob_key, bob_cert) = people
    password = folder.file(b"Birnbaum")
    a, b = gpg.take(ann), gpg.take(bob)
    symmetric = ("--symmetric", "--passphrase", "Birnbaum")
    for words, keys in ((("-e", "-R", a), [ann_key]), (("-e", "-R", a, "-R", b), [bob_key, ann_key]),
                        (("-e", "-r", a, "-r", b), [ann_key]), (("-e", "-r", a, "-r", b), [bob_key]),
                        (("-e", "-r", a, "--throw-keyids", "-r", b), [bob_key]),
                        (("-e", "-r", a, *symmetric), [ann_key]), (("-e", "-r", a, *symmetric), [f"--with-password={password}"]),
                        (("-e", "-R", b, *symmetric), [f"--with-password={password}", ann_key])):
        for more in ((), ("--compress-algo", "none"), ("--compress-algo", "bzip2", "--cipher-algo", "CAMELLIA256"),
                     ("--textmode", "--cipher-algo", "AES192")):
            # With a password it then writes what it can't read itself.
            if "--cipher-algo" in more and "--symmetric" in words:
                continue
            message = gpg.run(*words, *more, data=TEXT)
            assert message, (words, gpg.error)
            got = us.run("decrypt", *keys, data=message)
            assert got is not None and got.replace(b"\r\n", b"\n") == TEXT, (words, more, us.error)
    nobody = folder.file(us.generate())
    message = gpg.run("-e", "-R", a, data=TEXT)
    assert us.run("decrypt", nobody, data=message) is None
    both = folder.file(open(ann_cert, "rb").read() + open(bob_cert, "rb").read())
    for more in ((), ("--textmode",), ("--compress-algo", "none")):
        signed = gpg.run("-s", "-u", a, "-u", b, *more, data=TEXT)
        text, n = verified(folder, us, [], both, signed, "inline-verify")
        assert n == 2 and text.replace(b"\r\n", b"\n") == TEXT, (more, n)
        assert verified(folder, us, [], ann_cert, signed, "inline-verify")[1] == 1
        assert us.run("inline-verify", folder.file(us.cert(us.generate())), data=signed) is None
        sealed = gpg.run("-se", "-u", a, "-u", b, "-R", b, *more, data=TEXT)
        text, n = verified(folder, us, [bob_key], both, sealed)
        assert n == 2 and text.replace(b"\r\n", b"\n") == TEXT, (more, n)


def others_write(folder, us, people):
    """Several signers and recipients by Sequoia, both read each other's."""
    (_, ann_key, ann_cert), (_, bob_key, bob_cert) = people
    sq = Sop("sqop", ["sqop"], folder)
    both = folder.file(open(ann_cert, "rb").read() + open(bob_cert, "rb").read())
    for as_ in ("binary", "text"):
        theirs = sq.run("encrypt", f"--as={as_}", f"--sign-with={ann_key}", f"--sign-with={bob_key}", ann_cert, bob_cert,
                        data=TEXT)
        ours = us.run("encrypt", f"--as={as_}", f"--sign-with={ann_key}", f"--sign-with={bob_key}", ann_cert, bob_cert,
                      data=TEXT)
        assert theirs and ours, (sq.error, us.error)
        for key in (ann_key, bob_key):
            text, n = verified(folder, us, [key], both, theirs)
            assert n == 2 and text.replace(b"\r\n", b"\n") == TEXT, (as_, n)
            for message in (ours, theirs):
                out = f"{folder.path}/sqop-{key[-1]}"
                if os.path.exists(out):
                    os.remove(out)
                text = sq.run("decrypt", f"--verify-with={both}", f"--verifications-out={out}", key, data=message)
                assert text is not None and text.replace(b"\r\n", b"\n") == TEXT, sq.error
                with open(out) as f:
                    assert len(f.readlines()) == 2, as_
    # A megabyte, in RNP's and ours.
    large = os.urandom(1 << 19).hex().encode()
    rnp = Rnp(folder)
    ann, cert = people[0][0], us.cert(people[0][0])
    assert us.decrypt(ann, rnp.encrypt(cert, large)) == large
    assert rnp.decrypt(ann, us.encrypt(cert, large)) == large


def refused(us, message, *words):
    r = said(*HAIRPIN, "decrypt", *words, data=message)
    assert r.returncode and not r.stdout and r.stderr, (r, words)
    return r.returncode


def somebody_on_the_way(folder, us, gpg, people):
    """29 and 41 are the draft's CANNOT_DECRYPT and BAD_DATA."""
    (ann, ann_key, _), _ = people
    message = gpg.run("-e", "-r", gpg.take(ann), "--compress-algo", "none", data=TEXT)
    head, sealed = list(packets(message))
    assert sealed[0] == SEIPD and us.run("decrypt", ann_key, data=head[1] + sealed[1]) == TEXT
    # As what has no integrity, and as GnuPG itself would write that.
    as_sed = bytes([0xc0 | SED]) + sealed[1][1:] if sealed[1][0] & 0x40 else bytes([0x80 | SED << 2 | sealed[1][0] & 3]) + \
        sealed[1][1:]
    assert refused(us, head[1] + as_sed, ann_key) == 29
    old = gpg.run("-e", "-r", gpg.take(ann), "--rfc2440", "--disable-mdc", "--cipher-algo", "CAST5", data=TEXT)
    if old and SED in tags(old):
        assert refused(us, old, ann_key) == 29
    # A piece cut off, changed, doubled; something behind it, before it.
    for at in range(len(head[1]) + 20, len(message), 997):
        changed = bytearray(message)
        changed[at] ^= 0x40
        assert refused(us, bytes(changed), ann_key) in (29, 41), at
        assert refused(us, message[:at], ann_key) in (29, 41), at
    plain = us.run("inline-sign", "--no-armor", ann_key, data=b"Injected.\n")
    for parts in ((head, sealed, sealed), (sealed, head), (head, head), (sealed,), (head,)):
        assert refused(us, b"".join(p for _, p in parts), ann_key) in (29, 41), tags(b"".join(p for _, p in parts))
    for data in (message + plain, plain + message, message + b"\n", message + b"\xcb\x0bb\0\0\0\0\0hallo"):
        assert refused(us, data, ann_key) in (29, 41)
    # A zip of zeros.
    bomb = gpg.run("-e", "-r", gpg.take(ann), "--compress-algo", "bzip2", "--bzip2-compress-level", "9", data=bytes(40_000_000))
    assert len(bomb) < 20000, len(bomb)
    assert refused(us, bomb, ann_key) == 29


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us = Sop("hairpin", HAIRPIN, folder)
        people = []
        for name, profile in (("ann", "rfc4880"), ("bob", "rfc4880-p256")):
            key = us.run("generate-key", f"--profile={profile}", f"{name} <{name}@example.org>")
            people.append((key, folder.file(key), folder.file(us.cert(key))))
        gpg = Gpg(folder)
        try:
            gnupg_writes(folder, us, gpg, people)
            somebody_on_the_way(folder, us, gpg, people)
        finally:
            gpg.close()
        others_write(folder, us, people)


main()
