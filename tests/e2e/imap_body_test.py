#!/usr/bin/env python3
# timeout: 180
"""Mails come back to the octet, whole, in sections and in pieces; BODYSTRUCTURE tells the parts that a
splitter of this test's own finds (SEED, MAILS), with their sizes, lines and encodings, and each part
fetched is the octets at that splitter's offsets."""
import base64
import binascii
import os
import quopri
import random
import re
import sys

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402
from imap_wire import Wire, fetched  # noqa: E402

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
MAILS = int(os.environ.get("MAILS", "120"))


# --- the splitter ---

class Part:
    """A piece of MIME: its header with the empty line, its body, and what lies in it."""

    def __init__(self, raw, default="text/plain"):
        end = re.search(rb"(?:\A|\n)\r?\n", raw)
        at = end.end() if end else len(raw)
        self.raw, self.header, self.body = raw, raw[:at], raw[at:]
        self.kind, self.boundary, self.children, self.is_bare = default, None, [], False
        found = re.search(rb'^content-type: *([a-z]+/[a-z0-9.-]+)(?:;\s*boundary="?([^"\r\n]+)"?)?', self.header, re.I | re.M)
        if found:
            self.kind, self.boundary = found.group(1).decode().lower(), found.group(2)
        found = re.search(rb"^content-transfer-encoding: *(\S+)", self.header, re.I | re.M)
        self.encoding = found.group(1).decode().upper() if found else "7BIT"
        if self.kind.startswith("multipart/") and self.boundary:
            inner = "message/rfc822" if self.kind == "multipart/digest" else "text/plain"
            self.children = [Part(x, inner) for x in self.split()]
            if not self.children:
                # The grammar wants one: an empty text, of which there are no octets.
                self.children, self.is_bare = [Part(b"")], True
        elif self.kind == "message/rfc822":
            self.children = [Part(self.body)]

    def split(self):
        """The octets between delimiter lines; a line end before a delimiter is the delimiter's own."""
        line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(self.boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
        at, start, out = 0, None, []
        while found := line.search(self.body, at):
            if start is not None:
                out.append(self.body[start:max(start, found.start())])
            start = None if found.group(1) else found.end()
            if found.group(1):
                return out
            # The line end is looked at again: it may belong to the next delimiter.
            at = found.end() - (2 if self.body[:found.end()].endswith(b"\r\n") else 1)
        if start is not None:
            out.append(self.body[start:])
        return out

    def sections(self, path=(), is_alone=True):
        """{section: octets} of all parts; is_alone: a message's only part, which is its number 1."""
        if self.is_bare:
            return {path + (1,): None}
        out = {}
        if self.children and self.kind != "message/rfc822":
            for n, child in enumerate(self.children, 1):
                out[path + (n,)] = child.body
                out[path + (n, "MIME")] = child.header
                out |= child.sections(path + (n,), False)
            return out
        if is_alone:
            path += (1,)
            out[path] = self.body
        if self.children:
            inner = self.children[0]
            out[path + ("HEADER",)], out[path + ("TEXT",)] = inner.header, inner.body
            out |= inner.sections(path)
        return out


def structure_is(part, said, where=""):
    """Compares a parsed BODYSTRUCTURE to the splitter's tree."""
    if part.kind.startswith("multipart/") and part.children:
        inner = [x for x in said if isinstance(x, list)]
        kind_at = next(i for i, x in enumerate(said) if not isinstance(x, list))
        assert len(said[:kind_at]) == len(part.children), f"{where}: {len(said[:kind_at])} parts, not {len(part.children)}"
        assert said[kind_at].decode().lower() == part.kind.split("/")[1], (where, said[kind_at])
        for n, (child, x) in enumerate(zip(part.children, inner), 1):
            structure_is(child, x, f"{where}.{n}")
        return
    kind = (said[0] + b"/" + said[1]).decode().lower()
    assert kind == part.kind, (where, kind, part.kind)
    assert said[5].decode().upper() == part.encoding, (where, said[5], part.encoding)
    assert int(said[6]) == len(part.body), (where, said[6], len(part.body))
    if kind.startswith("text/"):
        assert int(said[7]) == part.body.count(b"\n"), (where, said[7], part.body.count(b"\n"))
    if kind == "message/rfc822":
        structure_is(part.children[0], said[8], where + ".m")
        assert int(said[9]) == part.body.count(b"\n"), (where, said[9])


# --- mails ---

def text_of(r):
    lines = [bytes(r.choice(b"abc xyz.-=") for _ in range(r.choice((0, 1, 10, 70)))) for _ in range(r.randint(0, 5))]
    return b"\n".join(lines).replace(b"\n--", b"\n.-")


def make(r, depth, names):
    """A random entity with LF line ends."""
    kind = r.choice(("text", "text", "data", "mail", "multi", "multi", "none") if depth < 4 else ("text", "data"))
    if kind == "none":
        return b"\n\n" + text_of(r)
    if kind == "text":
        return b"Content-Type: text/%s\nX-A: b\n\n" % r.choice((b"plain", b"html; charset=utf-8")) + text_of(r)
    if kind == "data":
        octets = r.randbytes(r.choice((0, 1, 50, 3000)))
        if r.random() < 0.5:
            return b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(octets)
        return (b"Content-Type: application/x-a\nContent-Transfer-Encoding: quoted-printable\n\n" +
                quopri.encodestring(octets).replace(b"\r", b"=0D").replace(b"\n--", b"\n=2D-"))
    if kind == "mail":
        return b"Content-Type: message/rfc822\n\n" + b"Subject: inner\nFrom: a@b.test\n" + make(r, depth + 1, names)
    boundary = b"=_%d_%s" % (next(names), bytes(r.choice(b"abc'()+_,-./:=? ") for _ in range(5)) + b"e")
    out = b"Content-Type: multipart/%s; boundary=\"%s\"\n\n" % (r.choice((b"mixed", b"alternative", b"digest", b"x-y")), boundary)
    out += r.choice((b"", b"preamble\n", b"\n", b"--almost\n"))
    for _ in range(r.choice((0, 1, 2, 3))):
        out += b"--" + boundary + r.choice((b"", b"", b" \t")) + b"\n" + make(r, depth + 1, names) + r.choice((b"\n", b"\n\n"))
    if r.random() < 0.8:
        out += b"--" + boundary + b"--" + r.choice((b"", b"\n", b"\nepilogue\n"))
    return out


def random_mails():
    r, names = random.Random(SEED), iter(range(1 << 30))
    for n in range(MAILS):
        mail = b"Subject: %d\nFrom: a@b.test\nMIME-Version: 1.0\n" % n + make(r, 0, names)
        yield mail if r.random() < 0.3 else mail.replace(b"\n", b"\r\n")


def odd_mails():
    top = b"From: a@b.test\r\nSubject: odd\r\n"
    yield top + b"\r\nno line end"
    yield top + b"\r\n"
    yield top
    yield top[:-2]
    yield b"\r\n"
    yield b"\n"
    yield b"x"
    yield b"\r\nbody alone\r\n"
    yield b"Subject: bare\n\nline feeds\nonly\n"
    yield b"Subject: mixed\r\n\nline\r\nends\n\r\n\r\r\n"
    yield top + b"\r\n" + bytes(range(1, 256)) * 20
    yield top + b"\r\nlone \r carriage \r\r returns\r"
    yield b"Subject: \xe4\xff\x80 8 bit\r\n\r\n\xff\xfe"
    yield b"no colon\r\n: no name\r\nSubject: x\r\n\r\nbody\r\n"
    yield b" begins folded\r\nSubject: x\r\n\r\nbody\r\n"
    yield b"X-Long: " + b"a" * 300_000 + b"\r\nSubject: huge header\r\n\r\nbody\r\n"
    yield b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(20_000)) + b"\r\nbody\r\n"
    yield top + b"\r\n" + b"x" * 200_000
    yield top + b"\r\n" + b"\r\n" * 50_000
    for size in (65_503, 65_504, 65_505, 131_008, 262_080, 262_081, 262_016, 270_000, 278_000, 524_032, 540_000, 1_000_000):
        yield top + b"\r\n" + b"0123456789abcde\n" * ((size - len(top) - 2) // 16) + b"z" * ((size - len(top) - 2) % 16)
    yield top + b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno part at all\r\n"
    yield top + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b--\r\n"
    yield top + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\r\n--b--"
    yield top + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nleft open"
    yield top + b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n"
    yield top + b"Content-Type: message/rfc822\r\n\r\n"
    yield (b"".join(b"Content-Type: multipart/mixed; boundary=n%d\r\n\r\n--n%d\r\n" % (i, i) for i in range(40)) +
           b"\r\ndeep\r\n" + b"".join(b"--n%d--\r\n" % i for i in reversed(range(40))))


# --- the checks ---

def check_whole(w, n, raw, r):
    """BODY[] and its like, sizes, pieces."""
    got = fetched(w.ok(f"FETCH {n} (RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER)"))[n]
    assert got[b"BODY[]"] == raw, f"mail {n}: another text"
    assert int(got[b"RFC822.SIZE"]) == len(raw)
    part = Part(raw)
    assert got[b"BODY[HEADER]"] == part.header == got[b"RFC822.HEADER"], f"mail {n}: {raw[:80]}: header"
    assert got[b"BODY[TEXT]"] == part.body, f"mail {n}: {raw[:80]}: text"
    for _ in range(6):
        at = r.choice((0, 1, r.randrange(len(raw) + 2), len(raw)))
        count = r.choice((1, 10, 70_000, len(raw) + 1, 1 << 32, (1 << 63) - 1))
        got = fetched(w.ok(f"FETCH {n} BODY.PEEK[]<{at}.{count}>"))[n]
        assert got[b"BODY[]<%d>" % at] == raw[at:at + count], (n, at, count)


def section_name(path):
    return ".".join(map(str, path))


def check_parts(w, n, raw):
    """BODYSTRUCTURE, BODY[n] and BINARY[n]."""
    part = Part(raw)
    structure_is(part, fetched(w.ok(f"FETCH {n} BODYSTRUCTURE"))[n][b"BODYSTRUCTURE"], f"mail {n}")
    sections = list(part.sections().items())
    for at in range(0, len(sections), 40):
        some = sections[at:at + 40]
        got = fetched(w.ok(f"FETCH {n} ({' '.join(f'BODY.PEEK[{section_name(p)}]' for p, _ in some)})"))[n]
        for path, octets in some:
            said = got[f"BODY[{section_name(path)}]".encode()]
            assert said == octets, f"mail {n} {section_name(path)}: {said!r:.300}, not {octets!r:.300}"
    return len(sections)


def check_decoded(w, n, raw):
    """Leaves without their transfer encoding, as Python decodes them."""
    def leaves(part, path):
        if part.kind.startswith("multipart/") and part.children:
            for i, child in enumerate(part.children, 1):
                yield from leaves(child, path + (i,))
        elif part.encoding == "BASE64":
            yield path or (1,), base64.b64decode(part.body)
        elif part.encoding == "QUOTED-PRINTABLE" and b"==" not in part.body:  # Python takes "==" for one "="
            yield path or (1,), binascii.a2b_qp(part.body)
    for path, octets in leaves(Part(raw), ()):
        name = section_name(path)
        got = fetched(w.ok(f"FETCH {n} (BINARY.PEEK[{name}] BINARY.SIZE[{name}])"))[n]
        assert got[f"BINARY[{name}]".encode()] == octets, f"mail {n} {name}: {got} instead of {octets!r:.400}"
        assert int(got[f"BINARY.SIZE[{name}]".encode()]) == len(octets)


def delivered_is_shown_whole(server):
    """A mail that came by SMTP: what delivery put before it belongs to it, offsets included."""
    mail = (b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n"
            b"Content-Type: text/html\r\n\r\n" + b"two\r\n" * 20_000 + b"\r\n--b--\r\n")
    with server.smtp() as s:
        s.sendmail("a@b.test", ["u0@example.org"], mail)
    w = Wire(server)
    server.wait(lambda: b"MESSAGES 1" in w.ok("STATUS INBOX (MESSAGES)")[0])
    w.ok("SELECT INBOX")
    raw = fetched(w.ok("FETCH 1 BODY.PEEK[]"))[1][b"BODY[]"]
    assert raw.endswith(mail) and re.match(rb"Delivered-To: u0@example.org\r\nReturn-Path: <a@b.test>\r\nReceived: ", raw), raw[:300]
    check_whole(w, 1, raw, random.Random(1))
    check_parts(w, 1, raw)
    w.close()


def all_at_once_by_tls(server, mails):
    """Pipelined, read in small bites, while other commands wait behind."""
    w = Wire(server, port=993)
    w.ok("EXAMINE Odd")
    first, second = w.start("FETCH 1:* BODY.PEEK[]"), w.start("FETCH 1:* (RFC822.SIZE BODY.PEEK[TEXT]<0.5000>)")
    w.bite = 1000
    _, said = w.finish(first)
    got = fetched(said)
    assert [got[n][b"BODY[]"] for n in range(1, len(mails) + 1)] == mails
    _, said = w.finish(second)
    got = fetched(said)
    assert [int(got[n][b"RFC822.SIZE"]) for n in range(1, len(mails) + 1)] == [len(m) for m in mails]
    assert [got[n][b"BODY[TEXT]<0>"] for n in range(1, len(mails) + 1)] == [Part(m).body[:5000] for m in mails]
    w.close()


def main():
    print(f"SEED={SEED} MAILS={MAILS}", flush=True)
    r, sections = random.Random(SEED), 0
    with Server() as server:
        delivered_is_shown_whole(server)
        w = Wire(server)
        w.ok("CREATE Odd")
        w.ok("SELECT Odd")
        mails = list(odd_mails()) + list(random_mails())
        for at in range(0, len(mails), 20):
            w.ok("APPEND Odd" + " ~%s" * len(mails[at:at + 20]), *mails[at:at + 20])
        for n, raw in enumerate(mails, 1):
            check_whole(w, n, raw, r)
            sections += check_parts(w, n, raw)
            check_decoded(w, n, raw)
        all_at_once_by_tls(server, mails)
        w.ok("APPEND Odd ~%s", b"Subject: nul\r\n\r\na\0b\0")
        assert fetched(w.ok("FETCH * BODY.PEEK[]"))[len(mails) + 1][b"BODY[]"].endswith(b"a\0b\0")
        w.close()
    assert sections > 2 * len(mails), sections


main()
