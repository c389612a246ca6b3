#!/usr/bin/env python3
"""Mails as the programs of the world make them, through `hairpin gateway in`: what of them is opened, what is thought of it, what
its reader is shown; gpg makes what is in them. And what `hairpin gateway out` makes of odd mails, read by gpg, sq and rnp."""
import base64
import email
import json
import os
import quopri
import re
import shutil
import subprocess
import tempfile

from gpg import Gpg, crlf, encrypted, signed

PROGRAM = os.environ["HAIRPIN_RELEASE"]
D = tempfile.mkdtemp(prefix="hairpin-gateway-pgp-world-")
HEAD = b"From: <bob@out.test>\r\nTo: <ann@example.org>\r\nSubject: ...\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n"
SECRET = b"the plan is secret"
TEXT = b"Content-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"
PASS = "x-openpgp=pass"
NONE = "x-openpgp=none"
VERSION = b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n"
BASE64 = b"Content-Transfer-Encoding: base64\n\n"
QP = b"Content-Transfer-Encoding: quoted-printable\n\n"
PLAIN = b"Content-Type: text/plain\n"
OCTETS = b"Content-Type: application/octet-stream\n"


def multipart(what, *parts, front=b"", more=b""):
    return b"Content-Type: multipart/" + what + b"; boundary=\"w\"" + more + b"\n\n" + front + b"".join(b"--w\n" + p + b"\n" for p in parts) + \
        b"--w--\n"


def mime(armor, version=VERSION, octets=OCTETS + b"\n", front=b"", what=b"encrypted", more=b'; protocol="application/pgp-encrypted"'):
    return multipart(what, version, octets + armor, front=front, more=more)


def exchange(armor, first=PLAIN + b'X: "us-ascii"\n' + QP + b"\n\n"):
    """Taken apart, and each piece in an encoding of its own."""
    return multipart(
        b"mixed", first, b'Content-Type: application/pgp-encrypted; name="PGPMIME version identification"\n'
        b'Content-Disposition: attachment;\n\tfilename="PGPMIME version identification"; size=11\n' + BASE64 + b"VmVyc2lvbjogMQ0K\n",
        b'Content-Type: application/octet-stream; name="encrypted.asc"\n' + BASE64 + base64.encodebytes(armor))


def protected(field):
    return b"Content-Type: multipart/mixed; boundary=\"x\";\r\n " + field + b"\r\nFrom: <boss@out.test>\r\nSubject: =?utf-8?q?the_J=C3=B6b?=\r\n" \
        b"\r\n--x\r\n" + TEXT + b"--x--\r\n"


def rows(g):
    """What, the mail, whether its secret is in what is shown, the mark, and the structure."""
    def seal(text, *more):
        return g.sealed(text, "ann@example.org", "bob@out.test", more)

    armor, inline = seal(TEXT), seal(SECRET + b"\n")
    clear = g.run("--clear-sign", "--local-user", "bob@out.test", text=SECRET + b"\n").stdout
    whole = signed(g, TEXT.replace(b"\r\n", b"\n"), "bob@out.test")
    binary = g.run("--encrypt", "--sign", "--local-user", "bob@out.test", "--recipient", "ann@example.org", text=TEXT).stdout
    text, both = "text/plain", "multipart/signed(text/plain,application/pgp-signature)"
    shut = "multipart/encrypted(application/pgp-encrypted,application/octet-stream)"
    yield "Thunderbird", mime(armor, VERSION.replace(b"\n\n", b"\nContent-Description: PGP/MIME version identification\n\n"), (
        b'Content-Type: application/octet-stream; name="encrypted.asc"\nContent-Description: OpenPGP encrypted message\n'
        b'Content-Disposition: inline; filename="encrypted.asc"\n\n'), b"This is an OpenPGP/MIME encrypted message\n"), True, PASS, text
    yield "GPGTools", mime(armor, b"Content-Transfer-Encoding: 7bit\n" + VERSION, b"Content-Transfer-Encoding: 7bit\n" + OCTETS + b"\n",
                           more=b";\n protocol=Application/PGP-encrypted"), True, PASS, text
    yield "base64 and binary inside", mime(base64.encodebytes(binary), VERSION.replace(b"\nVersion: 1", BASE64 + b"VmVyc2lvbjogMQ=="),
                                           OCTETS + BASE64), True, PASS, text
    yield "QP inside", mime(quopri.encodestring(armor), octets=OCTETS + QP), True, PASS, text
    yield "no version", mime(armor, VERSION.replace(b"Version: 1", b"")), False, NONE, shut
    yield "a footer as a third part", multipart(b"encrypted", VERSION, OCTETS + b"\n" + armor, PLAIN + b"\nfooter", more=(
        b'; protocol="application/pgp-encrypted"')), False, NONE, shut.replace(")", ",text/plain)")
    yield "Exchange", exchange(armor), True, PASS, text
    yield "Exchange, with a text", exchange(armor, PLAIN + b"\nhello"), False, "smime=none", None
    yield "a list's footer", multipart(b"mixed", encrypted(armor), PLAIN + b"\nfooter"), False, NONE, f"multipart/mixed({shut},text/plain)"
    yield "inline", PLAIN + b"\n" + inline, True, PASS, text
    yield "inline in QP", PLAIN + QP + quopri.encodestring(inline), True, PASS, text
    yield "inline, flowed", PLAIN.replace(b"plain", b"plain; format=flowed; delsp=yes") + b"\n" + inline.replace(b"\n", b" \n"), True, PASS, text
    yield "inline with lines of armor", b"\n" + inline.replace(b"\n\n", b"\nVersion: GnuPG v2\nComment: Using GnuPG with Thunderbird\n\n", 1), \
        True, PASS, text
    yield "inline, a MIME part inside", PLAIN + b"\n" + armor, True, PASS, text
    yield "inline behind a text", PLAIN + b"\nhello\n" + inline, False, NONE, text
    yield "inline before a text", PLAIN + b"\n" + inline + b"\nfooter\n", False, NONE, text
    yield "inline beside HTML", multipart(b"alternative", PLAIN + b"\n" + inline, b"Content-Type: text/html\n\n<p>"), False, NONE, None
    html = b"Content-Type: text/html\n" + QP + quopri.encodestring(b"<div dir=ltr>" + inline.replace(b"\n", b"<br>\n") + b"</div>")
    yield "a web mailer's", multipart(b"alternative", PLAIN + QP + quopri.encodestring(inline), html), True, PASS, text
    yield "a web mailer's, with a text", multipart(b"alternative", PLAIN + b"\nhello\n" + inline, html), False, NONE, None
    yield "a web mailer's, and more", multipart(b"alternative", PLAIN + b"\n" + inline, html, PLAIN), False, NONE, None
    yield "inline with an attachment", multipart(b"mixed", PLAIN + b"\n" + inline, OCTETS + BASE64 + base64.encodebytes(binary)), False, NONE, None
    yield "inline, signed without encryption", PLAIN + b"\n" + g.run("--armor", "--sign", "--local-user", "bob@out.test", text=SECRET).stdout, \
        True, PASS, text
    yield "clear in QP", PLAIN + QP + quopri.encodestring(clear), True, PASS, text
    yield "clear with a footer", PLAIN + b"\n" + clear + b"\nfooter\n", True, NONE, text
    yield "clear behind a text", PLAIN + b"\nhello\n" + clear, True, NONE, text
    yield "signed", whole.replace(b"micalg=pgp-sha512", b"micalg=PGP-MD5"), True, PASS, both
    yield "signed, a list's footer", multipart(b"mixed", whole, PLAIN + b"\nfooter"), True, "smime=none", f"multipart/mixed({both},text/plain)"
    yield "signed, a third part", whole.replace(b"\n--s--", b"\n--s\n\nfooter\n--s--"), True, "x-openpgp=neutral", None
    yield "signed, a list changed it", whole.replace(SECRET, SECRET + b"\nfooter"), True, "x-openpgp=fail", both
    yield "signed in encrypted", encrypted(g.sealed(crlf(whole), "ann@example.org")), True, PASS, both
    yield "encrypted in signed", signed(g, encrypted(armor), "bob@out.test"), True, PASS, text
    yield "three times", encrypted(g.sealed(crlf(signed(g, encrypted(g.sealed(crlf(whole), "ann@example.org")), "bob@out.test")),
                                            "ann@example.org")), True, PASS, both
    yield "encrypted alone", encrypted(g.sealed(TEXT, "ann@example.org")), True, NONE, text
    yield "with a password alone", encrypted(g.run("--armor", "--passphrase", "word", "--symmetric", text=TEXT).stdout), False, NONE, shut
    yield "forwarded", multipart(b"mixed", PLAIN + b"\n", b"Content-Type: message/rfc822\n\n" + encrypted(armor)), False, NONE, None


def structure(m):
    return m.get_content_type() + (f"({','.join(structure(p) for p in m.get_payload())})" if m.is_multipart() else "")


def taken_in(mail):
    """What its reader has of it, the summary of the mark, and the facts."""
    r = subprocess.run([PROGRAM, "gateway", "in", "--json", "--to", "ann@example.org", "--key", "ann.key", "--cert", "bob.cert"],
                       input=HEAD + crlf(mail), capture_output=True, timeout=60, cwd=D)
    assert r.stdout and not r.stderr, (mail, r)
    answer = json.loads(r.stdout)
    group, = answer["groups"]
    shown = base64.b64decode(group["mail"])
    marks = re.findall(rb"^Authentication-Results: localhost;\s+(\S+)", shown, re.M)
    assert len(marks) == 1, shown
    return shown, marks[0].decode(), [f["text"] for f in answer["facts"]]


def each_is_opened_or_left_and_said_to_be_what_it_is(g):
    for what, mail, is_shown, mark, made in rows(g):
        shown, found, facts = taken_in(mail)
        m = email.message_from_bytes(shown)
        assert (SECRET in shown) == is_shown and found == mark, (what, found, facts, shown)
        assert made in (None, structure(m)) and m["Subject"] == "...", (what, structure(m), shown)
        # What is left closed is there in full, and something is said of it, but where it can't be seen.
        if mark == NONE and not is_shown:
            assert shown.endswith(crlf(mail)[-200:]) and facts, (what, facts, shown)


def a_subject_that_was_encrypted_is_shown(g):
    def subject(mail):
        shown, _, _ = taken_in(mail)
        m = email.message_from_bytes(shown)
        assert m["From"] == "<bob@out.test>", shown
        return str(email.header.make_header(email.header.decode_header(m["Subject"])))

    for field in b'protected-headers="v1"', b"protected-headers=v1; charset=x", b'hp="cipher"':
        inside = protected(field)
        for mail in encrypted(g.sealed(inside, "ann@example.org")), \
                encrypted(g.sealed(crlf(signed(g, inside.replace(b"\r\n", b"\n"), "bob@out.test")), "ann@example.org")):
            assert subject(mail) == "the Jöb", field
        assert subject(signed(g, inside.replace(b"\r\n", b"\n"), "bob@out.test")) == "...", "nobody encrypted it"
    assert subject(encrypted(g.sealed(protected(b"x=y"), "ann@example.org"))) == "..."
    tagged = protected(b'hp="cipher"').replace(b"=?utf-8?q?the_J=C3=B6b?=", b"a [signed by boss@out.test]")
    assert subject(encrypted(g.sealed(tagged, "ann@example.org"))) == "a"


def a_subject_that_came_encrypted_leaves_so(g):
    """What was opened here and is led outside again, by an alias."""
    alone = protected(b'protected-headers="v1"')
    cases = (alone, ["--reply"], b"", "..."), (crlf(signed(g, alone.replace(b"\r\n", b"\n"), "bob@out.test")), ["--reply"], b"", "..."), \
        (alone, [], b"mode = must\n", None), (alone, ["--reply"], b"mode = never\nreplies_must = no\n", None)
    for inside, options, policy, outside in cases:
        shown, _, _ = taken_in(encrypted(g.sealed(inside, "ann@example.org")))
        answer = json.loads(run(PROGRAM, "gateway", "out", "--json", "--from", "bob@out.test", "--to", "ann@example.org", "--key", "bob.key",
                                "--cert", "ann.cert", "--policy", write("policy", b"[cluster]\n" + policy), *options, data=shown))
        group, = answer["groups"]
        mail = base64.b64decode(group["mail"]) or shown
        m = email.message_from_bytes(mail)
        assert m["Subject"] == outside if outside else m["Subject"].startswith("=?utf-8?"), (policy, mail)
        if outside:
            again = email.message_from_bytes(taken_in(mail[mail.index(b"MIME-Version"):].split(b"\r\n", 1)[1])[0])
            assert str(email.header.make_header(email.header.decode_header(again["Subject"]))) == "the Jöb", again


def an_inline_text_keeps_its_letters(g):
    text = "Grüße, Jörg\n"
    for inside, outside, line in (("latin1", b"iso-8859-1", b""), ("latin1", b"utf-8", b"Charset: ISO-8859-1\n"),
                                  ("utf-8", b"iso-8859-1", b""), ("utf-8", b"iso-8859-1", b"Charset: utf-8\n"), ("latin1", b"utf-8", b"")):
        armor = g.sealed(text.encode(inside), "ann@example.org").replace(b"\n\n", b"\n" + line + b"\n", 1)
        shown, _, _ = taken_in(b"Content-Type: text/plain; charset=" + outside + b"\n\n" + armor)
        m = email.message_from_bytes(shown)
        assert m.get_payload(decode=True).decode(m.get_content_charset()).strip() == text.strip(), (inside, outside, shown)


def what_is_not_wholly_encrypted_does_not_leave_as_if(g):
    """HTML beside an inline message that the sender made: nobody has looked into it."""
    inline = g.sealed(SECRET, "ann@example.org")
    mail = HEAD + crlf(multipart(b"alternative", PLAIN + b"\n" + inline, b"Content-Type: text/html\n\n" + inline + b"<p>" + SECRET))
    answer = json.loads(run(PROGRAM, "gateway", "out", "--json", "--from", "bob@out.test", "--to", "ann@example.org", "--key", "bob.key",
                            "--cert", "ann.cert", "--policy", write("policy", b"[cluster]\nmode = must\n"), data=mail))
    left = base64.b64decode(answer["groups"][0]["mail"])
    assert left and SECRET not in left and b"multipart/encrypted" in left, left


def run(*words, data=b""):
    r = subprocess.run(words, input=data, capture_output=True, timeout=60, cwd=D)
    assert r.returncode == 0, (words, r.stderr)
    return r.stdout + r.stderr


def write(name, octets):
    with open(f"{D}/{name}", "wb") as f:
        f.write(octets)
    return name


def content(m):
    """All that is said in a mail's parts, whatever their encodings are."""
    return m.get_content_type(), [content(p) for p in m.get_payload()] if m.is_multipart() else \
        m.get_payload(decode=True).replace(b"\r\n", b"\n").strip(b"\n")


def odd_bodies():
    yield b""
    yield b"\r\n"
    yield b"\r\nhello\r\n.\r\nFrom me  \r\n-- \r\nend"
    yield b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe \r\n"
    yield b"Content-Type: text/html\r\n\r\n<p>" + b"long " * 1000 + b"\r\n"
    yield crlf(multipart(b"mixed", PLAIN.replace(b"plain", b"plain; format=flowed") + b"\nflowed \ntext\n", OCTETS + BASE64 +
                         base64.encodebytes(os.urandom(3 << 20))))


def each_program_reads_what_leaves(g):
    run("sq", "key", "generate", "--userid", "sq@out.test", "--export", "sq.key")
    os.mkdir(f"{D}/rnp")
    run("rnpkeys", "--homedir", "rnp", "--password", "", "--userid", "rnp@out.test", "--generate-key")
    write("sq.cert", run("sq", "key", "extract-cert", "sq.key"))
    write("rnp.cert", run("rnpkeys", "--homedir", "rnp", "--export-key", "rnp@out.test"))
    write("ann.cert", run(PROGRAM, "sop", "extract-cert", data=run("cat", "ann.key")))
    run("rnpkeys", "--homedir", "rnp", "--import-key", "ann.cert")

    def leaving(body, policy, *to):
        mail = b"From: <ann@example.org>\r\nTo: " + ", ".join(to).encode() + b"\r\nSubject: s\r\nMIME-Version: 1.0\r\n" + body
        answer = json.loads(run(PROGRAM, "gateway", "out", "--json", "--to", ",".join(to), "--key", "ann.key", "--cert",
                                "sq.cert,rnp.cert,bob.cert", "--policy", write("policy", b"[cluster]\n" + policy), data=mail))
        group, = answer["groups"]
        raw = base64.b64decode(group["mail"])
        assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) < 79 and b"\n" not in raw.replace(b"\r\n", b""), body[:200]
        return raw, email.message_from_bytes(raw), content(email.message_from_bytes(mail))

    for body in odd_bodies():
        _, m, wanted = leaving(body, b"mode = must\n", "sq@out.test", "rnp@out.test", "bob@out.test")
        version, armor = m.get_payload()
        assert m.get_param("protocol") == "application/pgp-encrypted" and version.get_payload().strip() == "Version: 1", m
        write("m", armor.get_payload(decode=True))
        # The text that sq and rnp write comes first.
        gpg = g.run("--status-fd", "2", "--decrypt", text=armor.get_payload(decode=True))
        said = run("sq", "decrypt", "--recipient-key", "sq.key", "--signer-cert", "ann.cert", "--output", "sq.text", "m")
        assert b"Good" in said and b"GOODSIG" in gpg.stderr, (said, gpg.stderr)
        assert b"Good signature" in run("rnp", "--homedir", "rnp", "--password", "", "--decrypt", "--output", "rnp.text", "--overwrite", "m")
        for text in gpg.stdout, run("cat", "sq.text"), run("cat", "rnp.text"):
            assert content(email.message_from_bytes(text)) == wanted, text[:500]
        os.remove(f"{D}/sq.text")
        raw, m, wanted = leaving(body, b"mode = never\nsign = always\n", "eve@out.test")
        assert m.get_param("micalg") == "pgp-sha512" and content(m.get_payload()[0]) == wanted, raw[:500]
        part = write("part", raw.split(b"\r\n--" + m.get_boundary().encode() + b"\r\n")[1])
        signature = write("signature", m.get_payload()[1].get_payload(decode=True))
        # RFC 3156 section 5.
        assert not re.search(rb"[ \t]\r\n", run("cat", part).split(b"\r\n\r\n", 1)[-1]), raw[:500]
        g.run("--verify", f"{D}/{signature}", f"{D}/{part}")
        assert b"Good" in run("sq", "verify", "--signer-cert", "ann.cert", "--detached", signature, part)
        run("rnp", "--homedir", "rnp", "--verify", "--source", part, signature)


def a_certificate_with_too_many_names_is_refused_with_a_word():
    g = Gpg(D, "many")
    g.new("many", "many@out.test", "ed25519")
    for i in range(10):
        g.run("--quick-add-uid", "many@out.test", f"{i} {'x' * 1900} <many{i}@out.test>")
    r = subprocess.run([PROGRAM, "cert", "add", g.file("many@out.test", D)], capture_output=True, timeout=60, text=True, check=False)
    assert r.returncode == 65 and "fewer user ids" in r.stderr, r
    g.stop()


def main():
    g = Gpg(D)
    for name, address in ("ann", "ann@example.org"), ("bob", "bob@out.test"):
        g.new(name, address, "future-default")
        for end, how in ("key", "--export-secret-keys"), ("cert", "--export"):
            with open(f"{D}/{name}.{end}", "wb") as f:
                f.write(g.run("--armor", how, address).stdout)
    each_is_opened_or_left_and_said_to_be_what_it_is(g)
    a_subject_that_was_encrypted_is_shown(g)
    a_subject_that_came_encrypted_leaves_so(g)
    an_inline_text_keeps_its_letters(g)
    what_is_not_wholly_encrypted_does_not_leave_as_if(g)
    each_program_reads_what_leaves(g)
    a_certificate_with_too_many_names_is_refused_with_a_word()
    g.stop()
    shutil.rmtree(D)


main()
