#!/usr/bin/env python3
"""Encryption at a gateway behind Debian's Postfix and Dovecot, set up word for word as docs/hairpin-recipes.7 says; the
partner outside is openssl. Nothing that leaves may be plain."""
import email
import re
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import postfix_walk as walk  # noqa: E402
import sink  # noqa: E402
from postfix_recipe import Ports, company, gateway_conf, settle  # noqa: E402
from postfix_walk import ANN, BOB, CAROL, LATE, SECRET  # noqa: E402
from smime_keys import openssl  # noqa: E402

PASSWORD = "from before"


class People:
    """Keys and certificates that others made: an authority's, Bob's, and those of two partners."""

    method = b"smime"

    def __init__(self, folder):
        self.folder = folder
        self.make("ca", "/CN=Partners' authority", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        for name, address, kind, usage in ((BOB, BOB, ["rsa:2048"], "keyEncipherment"), (CAROL, CAROL, ["rsa:2048"], "keyEncipherment"),
                                           (LATE, LATE, ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "keyAgreement")):
            self.make(name, "/CN=" + address, kind, "-CA", self.cert("ca"), "-CAkey", self.key("ca"),
                      "-addext", f"subjectAltName=email:{address}", "-addext", "basicConstraints=critical,CA:FALSE",
                      "-addext", "extendedKeyUsage=emailProtection", "-addext", "keyUsage=digitalSignature," + usage)
        openssl("pkcs12", "-export", "-inkey", self.key(BOB), "-in", self.cert(BOB), "-certfile", self.cert("ca"),
                "-passout", "pass:" + PASSWORD, "-out", self.folder + "/bob.p12")
        with open(self.folder + "/word", "w") as f:
            f.write(PASSWORD + "\n")

    def make(self, name, subject, kind, *more):
        openssl("req", "-x509", "-newkey", *kind, "-nodes", "-subj", subject, "-days", "9", "-keyout", self.key(name),
                "-out", self.cert(name), *more)

    def key(self, name):
        return f"{self.folder}/{name}.key"

    def cert(self, name):
        return f"{self.folder}/{name}.pem"

    def sealed(self, mime, who, to):
        """Signed, then encrypted."""
        signed = openssl("cms", "-sign", "-signer", self.cert(who), "-inkey", self.key(who), "-md", "sha256", data=mime)
        return openssl("cms", "-encrypt", "-aes-256-cbc", self.cert(to), data=signed)

    def opened(self, mail, who, signer):
        """What who finds in it: that signer signed it, and whose authority is believed, is proved."""
        inner = openssl("cms", "-decrypt", "-recip", self.cert(who), "-inkey", self.key(who), data=mail)
        found = f"{self.folder}/signer.pem"
        text = openssl("cms", "-verify", "-CAfile", self.cert("ca" if signer == BOB else signer), "-signer", found, data=inner)
        assert openssl("x509", "-in", found, "-noout", "-email").decode().split() == [signer], (signer, inner)
        return text

    def may_open(self, mail, who):
        r = openssl("cms", "-decrypt", "-recip", self.cert(who), "-inkey", self.key(who), data=mail, check=False)
        return r.returncode == 0 and SECRET.encode() in r.stdout

    def is_sealed(self, mail):
        fields = email.message_from_bytes(mail)
        return fields.get_content_type() == "application/pkcs7-mime" and \
            fields.get_param("smime-type") in ("enveloped-data", "authEnveloped-data") and SECRET.encode() not in mail


def set_up(c):
    """All of the recipe."""
    p = c.people
    said = walk.type_in(c, walk.commands(
        ("bob.p12", p.folder + "/bob.p12"), ("bob.word", p.folder + "/word"), ("partner-ca.pem", p.cert("ca")),
        ("carol.pem", p.cert(CAROL)), ("carol@partner.example", CAROL), ("partner.example", "out.test"), ("ann@example.org", ANN)))
    with open(p.cert(ANN), "w") as f:
        f.write(said["cert show"])
    assert "must" in said["policy explain"], said
    walk.protect_marks(c)


def what_comes_back_is_opened_and_truthfully_marked(c):
    plain, forged = walk.what_comes_back_is_opened_and_truthfully_marked(c)
    # Signed by another one than it says; and not at all.
    c.receive(2, c.people.sealed(plain, LATE, ANN), fields=forged)
    c.receive(3, plain, fields=forged)
    for n, word in (2, b"fail"), (3, b"none"):
        m = c.in_mailbox(b"Message-ID: <%d@in>" % n)
        assert re.findall(rb"smime=(\w+)", m) == [word], m
    told = [r["text"] for r in c.gateway.json("why", "<1@in>")["rows"] if r["event"] == "filtered"]
    assert told[0].startswith("taken out: ") and told[1].startswith("decrypted: AES-256-CBC, RSA, ") and told[2].endswith(": good") and \
        told[3:] == ["in"], told


def who_is_in_bcc_is_seen_by_nobody(c):
    for text in walk.who_is_in_bcc_is_seen_by_nobody(c).values():
        recipients = openssl("cms", "-cmsout", "-print", "-noout", data=text)
        assert len(re.findall(rb"d\.(?:ktri|kari)", recipients)) == 1, recipients


def main():
    ports = Ports()
    conf = gateway_conf(ports) + walk.HOST
    with sink.Sink() as out, company(out, ports) as post, hp.Server(extra=conf) as gateway:
        c = walk.Company(post, gateway, out, People(gateway.dir))
        set_up(c)
        walk.what_leaves_is_signed_and_encrypted(c)
        what_comes_back_is_opened_and_truthfully_marked(c)
        walk.each_shape_is_the_same_once_opened(c)
        who_is_in_bcc_is_seen_by_nobody(c)
        walk.without_a_certificate_it_waits_and_goes_when_there_is_one(c)
        walk.an_answer_to_what_was_opened_is_never_plain(c)
        walk.whatever_dies_each_arrives_once_and_never_plain(c)
        settle(post, gateway)
        assert out.mails and all(c.people.is_sealed(m.text) for m in out.mails)
        assert gateway.cli("store", "check").returncode == 0


main()
