#!/usr/bin/env python3
# timeout: 120
"""`hairpin sop` attacked: each octet of short messages and signatures changed, integrity cut off or turned away, packets
dropped, doubled and swapped, text around what is signed. Nothing is said but what was sealed or signed, and no octet leaves
beside a failure."""
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
from sop_peers import HAIRPIN, Folder, Sop, said  # noqa: E402

TEXT = b"Pay Ann 10.\n"
SKESK, PKESK, SIGNATURE, ONE_PASS, SED, MARKER, LITERAL, SEIPD, MDC, PADDING = 3, 1, 2, 4, 9, 10, 11, 18, 19, 21
KNOWN = {3, 29, 41, 13, 19}


def packets(octets):
    """(tag, body), of one-octet, two-octet, five-octet and partial lengths of the new format."""
    found, at = [], 0
    while at < len(octets):
        tag, body, at, partial = octets[at] & 0x3f, b"", at + 1, True
        while partial:
            first = octets[at]
            partial = 224 <= first < 255
            if first < 192:
                n, at = first, at + 1
            elif first < 224:
                n, at = ((first - 192) << 8) + octets[at + 1] + 192, at + 2
            elif partial:
                n, at = 1 << (first & 31), at + 1
            else:
                n, at = int.from_bytes(octets[at + 1:at + 5], "big"), at + 5
            body, at = body + octets[at:at + n], at + n
        found.append((tag, body))
    return found


def joined(*rows):
    return b"".join(bytes([0xc0 | tag, 255]) + len(body).to_bytes(4, "big") + body for tag, body in rows)


def answers(jobs):
    """Of (words, data), each with its code and output; a failure has no output and a known code."""
    def one(job):
        r = said(*HAIRPIN, *job[0], data=job[1])
        assert r.returncode == 0 or (not r.stdout and r.returncode in KNOWN), (job, r)
        return r.returncode, r.stdout
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, jobs))


def changed(octets):
    return [octets[:i] + bytes([octets[i] ^ bit]) + octets[i + 1:] for i in range(len(octets)) for bit in (1, 0x80)]


def refused(words, rows, what):
    for row, (code, _) in zip(rows, answers([(words, row) for row in rows])):
        assert code != 0, (what, row.hex())


def no_octet_of_a_sealed_message_may_change(us, words, message):
    """What is sealed is whole or refused: only what says whose the message is may change."""
    rows = changed(message)
    taken = [text for code, text in answers([(words, row) for row in rows]) if code == 0]
    assert set(taken) <= {TEXT}, taken
    first = len(joined(packets(message)[-1])) - 4
    body = rows[2 * (len(message) - first):]
    refused(words, body, "octets of the container")
    refused(words, [message[:n] for n in range(len(message))], "cut")


def integrity_is_not_turned_away(us, words, message):
    *keys, (tag, body) = packets(message)
    assert tag == SEIPD
    refused(words, [
        joined(*keys, (SED, body[1:])), joined(*keys, (SED, body)), joined((SED, body[1:])),
        joined(*keys, (SEIPD, body[:-22])), joined(*keys, (SEIPD, body[:-20])), joined(*keys, (SEIPD, body[:-1])),
        joined(*keys, (SEIPD, body + b"\0")), joined(*keys, (SEIPD, body[:1])), joined(*keys, (SEIPD, b"")),
        joined(*keys, (SEIPD, bytes([3 - body[0]]) + body[1:])), joined(*keys, (SEIPD, bytes([3]) + body[1:])),
        joined(*keys, (20, body))], "container")


def packets_stand_where_they_must(us, words, message):
    *keys, sealed = packets(message)
    fake = (LITERAL, b"b\0\0\0\0\0Pay Eve 10.\n")
    assert [x[1] for x in answers([(words, joined(*keys, sealed)), (words, joined((MARKER, b"PGP"), *keys, sealed)),
                                   (words, joined(*keys, (PADDING, b"x" * 9), sealed))])] == [TEXT] * 3
    refused(words, [
        joined(sealed, *keys), joined(sealed), joined(*keys), joined(*keys, sealed, sealed), joined(*keys, fake, sealed),
        joined(fake, *keys, sealed), joined(*keys, sealed, fake), joined(*keys, fake), joined(fake), b"",
        joined(*keys, (MDC, b"x" * 20), sealed), joined(*keys, sealed, (MDC, b"x" * 20)), joined(*keys, (39, b""), sealed),
        joined(*keys, (0, b""), sealed), joined(*keys, sealed, *keys)], "order")


def sealed_messages(us, folder):
    password = folder.file(b"Birnbaum 42")
    for profile in ("rfc4880", "rfc9580"):
        key = us.generate(profile)
        k, c = folder.file(key), folder.file(us.cert(key))
        yield ["decrypt", k], us.run("encrypt", "--no-armor", c, data=TEXT)
        session = f"{folder.path}/session-{profile}"
        message = us.run("encrypt", "--no-armor", f"--session-key-out={session}", c, data=TEXT)
        yield ["decrypt", f"--with-session-key={session}"], joined(packets(message)[-1])
    old = us.run("encrypt", "--no-armor", "--profile=rfc4880", f"--with-password={password}", data=TEXT)
    yield ["decrypt", f"--with-password={password}"], old


def sealed(us, folder):
    for words, message in sealed_messages(us, folder):
        keys = packets(message)[:-1]
        if not any(tag == SKESK for tag, _ in keys):
            no_octet_of_a_sealed_message_may_change(us, words, message)
        integrity_is_not_turned_away(us, words, message)
        if keys:
            packets_stand_where_they_must(us, words, message)


def loose_of(body):
    """Where the subpackets stand that aren't hashed, with their length; in version 4, how many bits each number has."""
    wide = 4 if body[0] == 6 else 2
    hashed = 4 + wide + int.from_bytes(body[4:4 + wide], "big")
    end = hashed + wide + int.from_bytes(body[hashed:hashed + wide], "big")
    loose, at = set(range(hashed, end)), end + 2
    while body[0] == 4 and at < len(body):
        loose |= {at + 1}
        at += 2 + (int.from_bytes(body[at:at + 2], "big") + 7) // 8
    return loose


def signatures(us, folder):
    """Detached: whatever changes but what isn't signed makes it none; text can't be added."""
    text = folder.file(TEXT)
    for profile in ("rfc4880", "rfc9580"):
        key = us.generate(profile)
        k, cert = folder.file(key), us.cert(key)
        c = folder.file(cert)
        (tag, body), = packets(us.run("sign", "--no-armor", k, data=TEXT))
        assert tag == SIGNATURE and us.verify(joined((tag, body)), cert, TEXT) is not None
        may = loose_of(body)
        rows = [(n // 2, folder.file(joined((tag, x)))) for n, x in enumerate(changed(body))]
        for (at, _), (code, _) in zip(rows, answers([(["verify", path, c], TEXT) for _, path in rows])):
            assert code != 0 or at in may, (profile, at, body.hex())
        wide = 4 if body[0] == 6 else 2
        hashed = int.from_bytes(body[4:4 + wide], "big")
        for extra in (b"\x02\xe4x", b"\x02\x64x"):  # of a private kind, critical and not
            forged = body[:4] + (hashed + 3).to_bytes(wide, "big") + body[4 + wide:4 + wide + hashed] + extra + \
                body[4 + wide + hashed:]
            assert us.verify(joined((tag, forged)), cert, TEXT) is None
        for other in (b"", TEXT[:-1], TEXT + b"\n", TEXT + b"\0", TEXT * 2, b"\n" + TEXT, TEXT.replace(b"\n", b"\r\n")):
            assert us.verify(joined((tag, body)), cert, other) is None, other
        # What the certificate's owner signed of himself is no signature of a text.
        for own in [p for p in packets(us.run("dearmor", data=cert)) if p[0] == SIGNATURE]:
            assert us.verify(joined(own), cert, TEXT) is None
        refused(["verify", text, c], [TEXT], "no signature")


def others_that_cannot_be_read(us, folder):
    """One that a program of tomorrow made, or that is nonsense, takes nothing from a good one beside it."""
    key = us.generate("rfc9580")
    k, cert = folder.file(key), us.cert(key)
    (_, good), = packets(us.run("sign", "--no-armor", k, data=TEXT))
    one, text, sig = packets(us.run("inline-sign", "--no-armor", k, data=TEXT))
    words = ["inline-verify", folder.file(cert)]
    for body in (b"\x63 of another version", b"\x02\x05", b"\x04", b"\x06\0\x1b", b"", good[:-1], good[:40], good + b"x"):
        other, once = (SIGNATURE, body), (SIGNATURE, good)
        for rows in ([other, once], [once, other], [other, once, other]):
            said_of = us.verify(joined(*rows), cert, TEXT)
            assert said_of and len(said_of.splitlines()) == 1, (rows, us.error)
            assert us.verify(us.run("armor", data=joined(*rows)), cert, TEXT) == said_of, us.error
        assert us.verify(joined(other), cert, TEXT) is None
        assert us.verify(joined(other, once), cert, TEXT + b"x") is None
        # A message's, too.
        assert [x[1] for x in answers([(words, joined(one, one, text, sig, other)), (words, joined(one, one, text, other, sig)),
                                       (words, joined(other, sig, text))])] == [TEXT] * 3, body
        refused(words, [joined(one, text, other), joined(other, text)], "none that is good")


def signed_messages(us, folder):
    for profile in ("rfc4880", "rfc9580"):
        key = us.generate(profile)
        k, c = folder.file(key), folder.file(us.cert(key))
        words = ["inline-verify", c]
        rows = packets(us.run("inline-sign", "--no-armor", k, data=TEXT))
        assert [tag for tag, _ in rows] == [ONE_PASS, LITERAL, SIGNATURE]
        one, text, sig = rows
        fake = (LITERAL, b"b\0\0\0\0\0Pay Eve 10.\n")
        assert [x[1] for x in answers([(words, joined(one, text, sig)), (words, joined(sig, text))])] == [TEXT] * 2
        refused(words, [joined(*order) for order in (
            [text], [one, text], [text, sig], [one, sig], [one, fake, sig], [one, text, fake, sig], [one, fake, text, sig],
            [fake, one, text, sig], [one, text, sig, fake], [one, one, text, sig], [one, text, sig, sig], [sig, fake],
            [sig, text, sig], [sig], [one], [one, text, text, sig], [one, text, (39, b""), sig])], "signed")
        head = 2 + text[1][1] + 4  # the literal's name and time, which nobody signs
        rows = [joined(one, (LITERAL, x), sig) for x in changed(text[1])[2 * head:]]
        refused(words, rows, "text")


def readable(us, folder):
    key = us.generate("rfc4880")
    words = ["inline-verify", folder.file(us.cert(key))]
    signed = us.run("inline-sign", "--as=clearsigned", folder.file(key), data=TEXT)
    assert us.run(*words, data=signed) == TEXT
    head, rest = signed.split(b"\n\n", 1)
    sig = b"-----BEGIN PGP SIGNATURE-----"
    at = rest.index(sig)
    refused(words, [
        b"Pay Eve 10.\n" + signed, b"\n" + signed, signed + b"Pay Eve 10.\n", signed + signed, signed + signed[len(head):],
        head + b"\nComment: Pay Eve 10.\n\n" + rest, head + b"\x0b\x0bPay Eve 10.\n\n" + rest,
        head + b"\nHash: Pay Eve 10.\n\n" + rest, head + b"\n" + rest, head + b"\n\n\n" + rest,
        head + b"\n\nPay Eve 10.\n" + rest, head + b"\n\n" + rest[:at] + b"Pay Eve 10.\n" + rest[at:],
        head + b"\n\n" + rest[:at] + b"\n" + rest[at:], head + b"\n\n" + rest[:at] + sig + b"\n" + rest[at:],
        head + b"\n\n" + rest[:at], head + b"\n\n- " + rest[at:], rest, signed.rstrip() + b" " * 300 + b"Pay Eve 10.\n"],
        "readable")
    # White space at ends of lines isn't signed, and isn't shown.
    assert us.run(*words, data=signed.replace(b"10.\n", b"10. \t \n")) == TEXT


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us = Sop("hairpin", HAIRPIN, folder)
        for part in (sealed, signatures, others_that_cannot_be_read, signed_messages, readable):
            part(us, folder)


main()
