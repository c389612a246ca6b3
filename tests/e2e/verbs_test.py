#!/usr/bin/env python3
"""The verbs that need no server tell the truth: every offset is compared with the octets that it points to, trees
with those of Python's parser, addresses with a table of the RFCs. What is broken goes to the program with sanitizers, which start slowly."""
import email
import email.header
import email.message
import email.mime.multipart
import email.policy
import email.utils
import json
import os
import random
import re
import resource
import subprocess
import sys

PROGRAM, RELEASE = os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]
EX_USAGE, EX_DATAERR = 64, 65


def run(*words, mail=b"", program=PROGRAM, **more):
    return subprocess.run([program, *words], input=mail, capture_output=True, timeout=60, **more)


def answer(*words, mail=b"", **more):
    r = run(*words, mail=mail, **more)
    assert r.returncode == 0 and r.stderr == b"", (words, r.returncode, r.stderr, mail[:500])
    return r.stdout


def dump(mail, **more):
    return json.loads(answer("mime", "dump", mail=mail, **more))


# --- the tree against the octets ------------------------------------------------------------------


def check_offsets(mail, part, low, high, boundary=None):
    """Ranges lie in one another, in order, and stand where the mail's octets say so."""
    head, body = part["header"], part["body"]
    assert low <= head["from"] <= head["to"] == body["from"] <= body["to"] <= high, (part, low, high)
    assert part["lines"] == mail[body["from"]:body["to"]].count(b"\n"), part
    header = mail[head["from"]:head["to"]]
    assert re.search(rb"(\A|\n)\r?\n\Z", header) or head["to"] == body["to"], header[-80:]
    assert not re.search(rb"(\A|\n)\r?\n.", header, re.S), header[-80:]
    if boundary is not None:
        before, after = mail[:head["from"]], mail[body["to"]:high]
        # RFC 2046 section 5.1.1: a line that begins with the boundary is one, whatever follows.
        assert re.search(rb"(\A|\n)--" + re.escape(boundary) + rb"[^\n]*\n?\Z", before[-400:]), before[-80:]
        assert after == b"" or re.match(rb"\r?\n--" + re.escape(boundary), after) or after.startswith(
            b"--" + boundary), after[:80]
    at = body["from"]
    for child in part.get("children", []):
        check_offsets(mail, child, at, body["to"],
                      part["params"]["boundary"].encode() if part["kind"] == "multipart" else None)
        at = child["body"]["to"]
    return at


def checked(mail, **more):
    tree = dump(mail, **more)
    assert tree["size"] == len(mail)
    check_offsets(mail, tree["message"], 0, len(mail))
    assert tree["message"]["header"]["from"] == 0 and tree["message"]["body"]["to"] == len(mail)
    assert count(tree["message"]) == tree["parts"]
    return tree["message"]


def count(part):
    return 1 + sum(count(c) for c in part.get("children", []))


# --- the tree against Python's ---------------------------------------------------------------------


def equal_trees(mail, ours, theirs, path="1"):
    assert ours["type"].lower() == theirs.get_content_type(), (path, ours["type"], theirs.get_content_type())
    header = mail[ours["header"]["from"]:ours["header"]["to"]]
    assert email.message_from_bytes(header).items() == theirs.items(), path
    if theirs["Subject"] is not None:
        unfolded = re.sub(r"\r?\n(?=[ \t])", "", theirs["Subject"])
        wanted = str(email.header.make_header(email.header.decode_header(unfolded))).strip()
        assert ours["subject"] == wanted, (path, ours["subject"], wanted)
    children = theirs.get_payload() if theirs.is_multipart() else []
    assert len(ours.get("children", [])) == len(children), (path, len(children))
    for n, (a, b) in enumerate(zip(ours.get("children", []), children), 1):
        equal_trees(mail, a, b, f"{path}.{n}")
    if not children:
        body = mail[ours["body"]["from"]:ours["body"]["to"]]
        assert body == theirs._payload.encode("ascii", "surrogateescape"), (path, body[:80])  # the raw one
        assert ours.get("filename") == theirs.get_filename(), (path, ours.get("filename"))


def random_part(rng, depth):
    kind = rng.choice(["text", "binary", "multi", "message"] if depth < 5 else ["text", "binary"])
    if kind == "multi":
        m = email.mime.multipart.MIMEMultipart(rng.choice(["mixed", "alternative", "related"]),
                                               boundary=rng.choice(["b", "=_x/y:z", "a b", "'q'"]) + f"{rng.random()}",
                                               policy=email.policy.default)
        for _ in range(rng.randrange(1, 5)):
            m.attach(random_part(rng, depth + 1))
        m.preamble = rng.choice([None, "This is MIME.\n", ""])
        m.epilogue = rng.choice([None, "the end\n", ""])
        return m
    m = email.message.EmailMessage()
    if kind == "message":
        inner = email.message.EmailMessage()
        inner["Subject"] = rng.choice(["inner", "höchst innen", "a" * 200])
        inner["From"] = "Ann <ann@inner.test>"
        inner.set_content("inside\n" * rng.randrange(20))
        m.set_content(inner)
    elif kind == "text":
        m.set_content("".join(rng.choice(["plain line\n", "Grüße\n", ".\n", "\n", "--b\n", "x" * 300 + "\n"])
                              for _ in range(rng.randrange(12))), subtype=rng.choice(["plain", "html"]))
    else:
        m.set_content(rng.randbytes(rng.randrange(3000)), "application", "octet-stream",
                      filename=rng.choice(["a.bin", "with space.bin", 'qu"ote.bin']))
    return m


def dumps_of_well_formed_mail_equal_pythons_tree():
    rng = random.Random(20261126)
    for n in range(60):
        m = random_part(rng, 0)
        m["Subject"] = rng.choice(["plain", "höflich", "日本語の件名", "ein sehr langer Betreff " * 8])
        m["From"] = rng.choice(["ann@example.org", '"Müller, Jörg" <j@example.org>'])
        m["To"] = "u0@example.org, Bob <bob@example.org>"
        mail = m.as_bytes(policy=email.policy.SMTP if n % 2 else email.policy.default)
        equal_trees(mail, checked(mail, program=RELEASE), email.message_from_bytes(mail))


# --- mail that is odd, broken or huge --------------------------------------------------------------

BROKEN = [
    b"", b"\n", b"\r\n", b"x", b"no header at all\nbody\n", b"Subject: only a header", b"Subject: x\n",
    b" begins with a fold\nSubject: x\n\nb", b"Subject:\n\n", b"A: b\r\n\r\n" + bytes(range(256)) * 20,
    b"Content-Type: multipart/mixed\n\n--x\n\nno boundary parameter\n",
    b"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\na\n----\n",
    b"Content-Type: multipart/mixed; boundary=x\n\n",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x--\n",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n--x--\n",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--xy\nno boundary of ours\n--x\t \n\ntwo",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\na\n--x\n\nb",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\n\nmixed line ends\r\n--x\r\n\r\nb\n--x--\r\n",
    b"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: third\n\nend\n",
    b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA0KDQo=\n",
    b"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n\nSubject: two\n\n2\n--d--\n",
    b"Content-Type: text/plain; charset=\"\xff\xfe\"; name*0*=utf-8''%e2%82; name*1*=%ac\n\nx\n",
    b"Content-Type: ;;;=\"\n\nx\n", b"Content-Type: a/b/c; d\n\nx\n", b"Subject: \xff\x00\xfe\n\nx\n",
    b"Subject: =?utf-8?B?/////w==?= =?x?Q??= =?\n\nx\n", b"Received: a\n" * 5000 + b"\nb\n",
    b"From: " + b"," * 50000 + b"\n\nb\n",
]


def broken_mail_is_described_all_the_same():
    for mail in BROKEN:
        checked(mail)
        for what in ("bodystructure", "body", "envelope"):
            text = answer("imap", what, mail=mail)
            assert text.endswith(b")\n") and text.count(b"\n") == 1 + literal_lines(text), (what, mail[:80], text)
    rng = random.Random(7)
    whole = random_part(rng, 0).as_bytes() + random_part(rng, 3).as_bytes()
    for _ in range(40):
        cut = bytearray(whole[:rng.randrange(len(whole))])
        for _ in range(rng.randrange(4)):
            if cut:
                cut[rng.randrange(len(cut))] = rng.randrange(256)
        checked(bytes(cut))


def literal_lines(text):
    """LFs that stand in literals."""
    return sum(text[m.end():m.end() + int(m[1])].count(b"\n") + 1 for m in re.finditer(rb"\{(\d+)\}\r\n", text))


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (48 << 20, 48 << 20))


def deep_and_huge_mail_costs_bounded_memory():
    """Release build, 48 MB of address space: less than the mails themselves."""
    less = {"program": RELEASE, "preexec_fn": limit_memory}
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(10000))
    assert depth(checked(deep + b"\nx\n", **less)) == 101  # 100 multiparts and a leaf
    nested = b"Content-Type: message/rfc822\n\n" * 10000
    assert depth(checked(nested, **less)) == 101
    many = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000000 + b"--b--\n"
    tree = dump(many, **less)
    assert tree["parts"] == 10000 and tree["size"] == len(many)
    huge = b"Subject: huge\n\n" + (b"x" * 76 + b"\n") * 800000
    assert len(huge) > 55 << 20
    tree = dump(huge, **less)["message"]
    assert tree["lines"] == 800000 and tree["body"] == {"from": 15, "to": len(huge)}
    for mail in (deep, many, huge):
        assert answer("imap", "envelope", mail=mail, **less).startswith(b"(")
        assert answer("imap", "bodystructure", mail=mail, **less).startswith(b"(")


def depth(part):
    n = 1
    while part.get("children"):
        part, n = part["children"][0], n + 1
    return n


# --- as IMAP says it -------------------------------------------------------------------------------


def read_list(text, at=0):
    """A parenthesised list of RFC 9051 as Python lists; where it ends."""
    assert text[at:at + 1] == b"("
    out, at = [], at + 1
    while text[at:at + 1] != b")":
        if text[at:at + 1] == b" ":
            at += 1
        elif text[at:at + 1] == b"(":
            one, at = read_list(text, at)
            out.append(one)
        elif m := re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(text, at):
            out.append(re.sub(rb"\\(.)", rb"\1", m[1]))
            at = m.end()
        elif m := re.compile(rb"\{(\d+)\}\r\n").match(text, at):
            out.append(text[m.end():m.end() + int(m[1])])
            at = m.end() + int(m[1])
        else:
            m = re.compile(rb"NIL|\d+").match(text, at)
            assert m, text[at:at + 80]
            out.append(None if m[0] == b"NIL" else int(m[0]))
            at = m.end()
    return out, at + 1


def same_structure(ours, tree):
    kinds, size = ours["type"].upper().encode().split(b"/"), ours["body"]["to"] - ours["body"]["from"]
    if ours["kind"] == "multipart" and ours["children"]:
        n = len(ours["children"])
        for a, b in zip(ours["children"], tree):
            same_structure(a, b)
        assert tree[n].upper() == kinds[1], tree[n:]
        return
    assert [tree[0].upper(), tree[1].upper()] == kinds and tree[6] == size, (ours, tree)
    if ours["kind"] == "message":
        same_structure(ours["children"][0], tree[8])
        assert tree[9] == ours["lines"]
    elif kinds[0] == b"TEXT":
        assert tree[7] == ours["lines"]


def bodystructure_and_dump_agree():
    rng = random.Random(9051)
    for _ in range(40):
        mail = random_part(rng, 0).as_bytes(policy=email.policy.SMTP)
        text = answer("imap", "bodystructure", mail=mail, program=RELEASE)
        tree, end = read_list(text)
        assert text[end:] == b"\n", text[end:]
        same_structure(checked(mail, program=RELEASE), tree)


def an_envelope_has_what_the_header_says():
    mail = (b'Date: Thu, 26 Nov 2026 12:00:00 +0100\r\nSubject: a "quoted"\r\n  subject\r\n'
            b'From: "Doe, J. \\"x\\"" <j@d.test>\r\n'
            b"To: A Group: one@d.test, Two <two@d.test>;, three@d.test (comment)\r\n"
            b"Cc: =?utf-8?Q?J=C3=B6?= <jo@d.test>\r\nIn-Reply-To: <a@b>\r\nMessage-ID: <c@d>\r\n\r\nx")
    envelope, _ = read_list(answer("imap", "envelope", mail=mail))
    sender = [[b'Doe, J. "x"', None, b"j", b"d.test"]]
    to = [[None, None, b"A Group", None], [None, None, b"one", b"d.test"], [b"Two", None, b"two", b"d.test"],
          [None, None, None, None], [b"comment", None, b"three", b"d.test"]]
    subject = envelope[1]
    assert subject.split() == [b"a", b'"quoted"', b"subject"] and b"\n" not in subject, subject
    wanted = [b"Thu, 26 Nov 2026 12:00:00 +0100", subject, sender, sender, sender, to,
              [[b"=?utf-8?Q?J=C3=B6?=", None, b"jo", b"d.test"]], None, b"<a@b>", b"<c@d>"]
    # RFC 9051 lets a comment stand for a name or not; both are fine.
    no_comment = [*to[:4], [None, None, b"three", b"d.test"]]
    assert envelope in (wanted, [*wanted[:5], no_comment, *wanted[6:]]), envelope


# --- addresses -------------------------------------------------------------------------------------

GOOD = {
    "a@b": "a@b", "Ann@Example.ORG": "ann@example.org", "a.b.c@d.e": "a.b.c@d.e", "a+b+c@d.e": "a+b+c@d.e",
    "!#$%&'*+-/=?^_`{|}~@d.e": "!#$%&'*+-/=?^_`{|}~@d.e", '"a b"@d.e': '"a b"@d.e', '"a"@d.e': "a@d.e",
    '"a.b"@d.e': "a.b@d.e", '"a..b"@d.e': '"a..b"@d.e', '"a@b"@d.e': '"a@b"@d.e', '"\\a"@d.e': "a@d.e",
    '"a\\"b"@d.e': '"a\\"b"@d.e', '"a\\\\b"@d.e': '"a\\\\b"@d.e', '""@d.e': '""@d.e', '" "@d.e': '" "@d.e',
    "a@1.2.3.4": "a@1.2.3.4", "a@[192.0.2.1]": "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]": "a@[ipv6:2001:db8::1]",
    "a@xn--mnchen-3ya.de": "a@xn--mnchen-3ya.de", "a@münchen.de": "a@xn--mnchen-3ya.de",
    "jörg@example.org": "jörg@example.org", "JÖRG@example.org": "jörg@example.org",
    "用户@例子.测试": "用户@xn--fsqu00a.xn--0zwm56d",
    "a" * 64 + "@b": "a" * 64 + "@b", "a@" + "b" * 63: "a@" + "b" * 63, "<a@b>": "a@b",
    "<@r1.test,@r2.test:a@b>": "a@b", "<>": "", "<postmaster>": "postmaster", "<PostMaster>": "postmaster",
    "a@b-c.d": "a@b-c.d", "a@1b": "a@1b",
}
BAD = [
    "", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", ".a@b", "a.@b", "a..b@c", "a@.b", "a@b.", "a@b..c", "a@-b",
    "a@b-", "a@b_c", "a@[1.2.3]", "a@[1.2.3.4", "a@[300.1.1.1]", "a@[2001:db8::1]", "a@[IPv6:zz]", "a@[]",
    "a@[tag:x]", '"a@b', '"a"b@c', 'a"b"@c', '"a\nb"@c', '"a\tb"@c', "a\n@b", "a@b\n", "a@b\r\n", "a\x7f@b", "(c)a@b",
    "a@b(c)", "Ann <a@b>", "a,b@c", "a:b@c", "a;b@c", "a<b@c", "a\\b@c", "a[b@c", "a" * 65 + "@b", "a@" + "b" * 64,
    "a@" + ".".join(["b" * 60] * 5), "<a@b", "a@b>", "<a@b> ", "<a@b>x", "<a>", "<@r:>", "<@r,a@b>", "<@:a@b>", " a@b",
    "a@b ", "postmaster", '"' + "a" * 63 + '"@b', "a@xn--\u00e9", "a@\u2024b", "a@b\u3002\u3002c", "\u00a0\n@b",
]


def addresses_are_judged_as_the_rfcs_say():
    for address, canonical in GOOD.items():
        got = json.loads(answer("addr", "parse", address, "--json"))
        assert got["canonical"] == canonical, (address, got)
        assert got["smtputf8"] == (not address.isascii()), (address, got)
        assert got["null"] == (address == "<>") and got["literal"] == ("[" in address), (address, got)
        assert ("canonical  " + canonical).encode() in answer("addr", "parse", address, program=RELEASE)
    for address in BAD:
        r = run("addr", "parse", address)
        assert r.returncode == EX_DATAERR and r.stdout == b"", (address, r)
        assert r.stderr.startswith(b"hairpin: ") and len(r.stderr.splitlines()[-1]) > 20, (address, r.stderr)
    raw = run("addr", "parse", b"\xff\xfe@b")
    assert raw.returncode == EX_DATAERR and b"UTF-8" in raw.stderr, raw


# --- wrong use -------------------------------------------------------------------------------------


def wrong_use_is_answered_with_64_and_the_next_step():
    for words in (["mime"], ["mime", "dumb"], ["mime", "dump", "file"], ["imap"], ["imap", "flags"],
                  ["imap", "envelope", "x"], ["addr"], ["addr", "parse"], ["addr", "parse", "a@b", "c@d"],
                  ["addr", "show", "a@b"], ["mime", "dump", "--jsn"]):
        r = run(*words, mail=b"Subject: x\n\n")
        assert r.returncode == EX_USAGE and r.stdout == b"", (words, r)
        assert b"usage: hairpin " + words[0].encode() in r.stderr, (words, r.stderr)


def main():
    dumps_of_well_formed_mail_equal_pythons_tree()
    broken_mail_is_described_all_the_same()
    deep_and_huge_mail_costs_bounded_memory()
    bodystructure_and_dump_agree()
    an_envelope_has_what_the_header_says()
    addresses_are_judged_as_the_rfcs_say()
    wrong_use_is_answered_with_64_and_the_next_step()
    return 0


sys.exit(main())
