#!/usr/bin/env python3
"""OpenPGP at a gateway behind Debian's Postfix and Dovecot, set up word for word as docs/hairpin-recipes.7 says; the partner outside is
gpg, and one who has S/MIME. Nothing that leaves may be plain."""
import base64
import email
import re
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import postfix_walk as walk  # noqa: E402
import sink  # noqa: E402
from gpg import Gpg, encrypted, mangled, signed  # noqa: E402
from postfix_recipe import Ports, company, gateway_conf, settle  # noqa: E402
from postfix_walk import ANN, BOB, CAROL, LATE, PLAIN, SECRET  # noqa: E402
from smime_keys import openssl  # noqa: E402

DAVE, EVE = "dave@out.test", "eve@out.test"  # has S/MIME; has nothing
PASSWORD = "from before"
ROLES = ("filterd/0", "keyd/0", "courier/0") * 2


class People:
    """Bob, as he was before, and the partners; each at a computer of their own."""

    method = b"x-openpgp"

    def __init__(self, folder):
        self.folder = folder
        self.gpg = {}
        for address, kind in (BOB, "future-default"), (CAROL, "default"), (LATE, "future-default"):
            name = address.partition("@")[0]
            g = self.gpg[address] = Gpg(folder, name)
            g.new(name.capitalize(), address, kind, PASSWORD if address == BOB else "")
        with open(folder + "/word", "w") as f:
            f.write(PASSWORD + "\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Dave", "-days", "9", "-keyout", folder + "/dave.key",
                "-out", folder + "/dave.pem", "-addext", f"subjectAltName=email:{DAVE}", "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "keyUsage=digitalSignature,keyEncipherment", "-addext", "extendedKeyUsage=emailProtection")

    def __enter__(self):
        return self

    def __exit__(self, *why):
        for g in self.gpg.values():
            g.stop()

    def cert(self, address):
        return self.gpg[address].file(address, self.folder)

    def sealed(self, mime, who, to):
        return encrypted(self.gpg[who].sealed(mime, to, who))

    def opened(self, mail, who, signer):
        text, by = self.gpg[who].opened(mail)
        assert by.endswith(signer.encode()) or by.endswith(b"<%s>" % signer.encode()), (signer, by, text)
        return text

    def may_open(self, mail, who):
        return self.gpg[who].decrypt(mail).returncode == 0

    def is_sealed(self, mail):
        fields = email.message_from_bytes(mail)
        return fields.get_content_type() == "multipart/encrypted" and fields.get_param("protocol") == "application/pgp-encrypted" and \
            [p.get_content_type() for p in fields.get_payload()] == ["application/pgp-encrypted", "application/octet-stream"] and \
            SECRET.encode() not in mail


def set_up(c):
    """All of the recipe."""
    p = c.people

    def gpg(*words):
        address = words[-1]
        p.gpg[address].run("--yes", "--passphrase", PASSWORD if address == BOB else "", *words)

    said = walk.type_in(c, walk.commands(
        ("bob.asc", p.folder + "/bob.asc"), ("bob.word", p.folder + "/word"), ("carol.asc", p.folder + "/carol.asc"),
        ("bob@example.org", BOB), ("carol@partner.example", CAROL), ("partner.example", "out.test"), ("ann@example.org", ANN),
        part="OpenPGP"), gpg=gpg)
    assert said["cert show"].startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----"), said
    assert "must" in said["policy explain"] and "openpgp" in said["policy explain"], said
    fingerprint = re.search(rb"^fpr:+(\w+):$", p.gpg[CAROL].run("--with-colons", "--fingerprint", CAROL).stdout, re.M)[1].decode()
    known, = c.gateway.json("cert", "list", CAROL)["rows"]
    assert known["serial"].upper() == fingerprint and known["trust"] == "manual", (known, fingerprint)
    for who in CAROL, LATE:
        p.gpg[who].run("--import", text=said["cert show"].encode())
        p.gpg[who].run("--import", p.cert(BOB))
    walk.protect_marks(c)


# --- one after the other ----------------------------------------------------------------------------


def what_comes_back_is_opened_and_truthfully_marked(c):
    plain, forged = walk.what_comes_back_is_opened_and_truthfully_marked(c)
    # Signed by nobody; not at all; by somebody who isn't known; and by another one than it says.
    unsigned = encrypted(c.people.gpg[CAROL].sealed(plain, ANN))
    for n, mime, sender, word in ((2, unsigned, CAROL, b"x-openpgp=none"), (3, plain, CAROL, b"smime=none"),
                                  (4, c.people.sealed(plain, LATE, ANN), CAROL, b"x-openpgp=neutral"),
                                  (5, c.people.sealed(plain, CAROL, ANN), EVE, b"x-openpgp=neutral")):
        c.receive(n, mime, sender, fields=forged)
        m = c.in_mailbox(b"Message-ID: <%d@in>" % n)
        assert SECRET.encode() in m and re.findall(rb"[\w-]+=(?:pass|none|neutral|fail|policy)\b", m) == [word], m
    told = [r["text"] for r in c.gateway.json("why", "<1@in>")["rows"] if r["event"] == "filtered"]
    assert told[0].startswith("taken out: ") and told[1].startswith("decrypted: ") and told[2].endswith(": good") and \
        told[3:] == ["in"], told


def what_exchange_spoiled_is_opened(c):
    armor = c.people.gpg[CAROL].sealed(PLAIN + b"spoiled, %s\r\n" % SECRET.encode(), ANN, CAROL)
    c.receive(6, mangled(armor))
    c.receive(7, mangled(armor, b"Dear Ann,"))
    m = c.in_mailbox(b"Message-ID: <6@in>")
    assert b"spoiled, " + SECRET.encode() in m and b"x-openpgp=pass" in m and b"pgp-encrypted" not in m, m
    m = c.in_mailbox(b"Message-ID: <7@in>")
    assert SECRET.encode() not in m and b"smime=none" in m and b"pgp-encrypted" in m, m


def what_is_only_signed_stays_whole_on_its_way(c):
    """With octets that a server on the way might change."""
    text = f"{SECRET}: grüße \t \n.\n-- \nFrom here\n\n\n"
    c.gateway.cli("policy", "set", EVE, "mode=when-possible")
    c.send(walk.message(15, text, to=EVE), to=(EVE,))
    m = c.at_partner(15, EVE)
    assert c.people.gpg[CAROL].verify(m) == ANN.encode(), m
    assert email.message_from_bytes(m).get_payload()[0].get_payload(decode=True).replace(b"\r\n", b"\n") == text.encode(), m
    walk.forget(c, 15)
    c.receive(15, signed(c.people.gpg[CAROL], b"Content-Type: text/plain; charset=utf-8\n\n" + text.encode(), CAROL))
    m = c.in_mailbox(b"Message-ID: <15@in>")
    assert b"x-openpgp=pass" in m and walk.crlf(text.encode()) in m, m


def its_certificate_goes_along(c):
    own = re.search(rb"^Autocrypt: addr=u0@example\.org; keydata=((?:\r\n [^\r]+)+)", c.at_partner(1), re.M)
    shown = c.people.gpg[CAROL].run("--show-keys", "--with-colons", text=base64.b64decode(re.sub(rb"\s", b"", own[1]))).stdout
    assert b":" + ANN.encode() + b":" in shown, shown


def who_is_in_bcc_is_seen_by_nobody(c):
    for who, text in walk.who_is_in_bcc_is_seen_by_nobody(c).items():
        assert c.people.gpg[who].decrypt(text).stderr.count(b"[GNUPG:] ENC_TO ") == 1, text


def partners_of_both_kinds_get_each_what_they_can_read(c):
    p = c.people
    row, = c.gateway.json("key", "create", ANN)["rows"]
    with open(p.folder + "/ann.pem", "w") as f:
        f.write(c.gateway.cli("cert", "show", row["certificate"], "--pem").stdout)
    c.gateway.cli("cert", "add", p.folder + "/dave.pem")
    c.send(walk.message(50, to=f"{CAROL}, {DAVE}"), to=(CAROL, DAVE))
    text = c.at_partner(50)
    assert p.is_sealed(text) and f"{SECRET} 50".encode() in p.opened(text, CAROL, ANN)
    text = c.at_partner(50, DAVE)
    assert email.message_from_bytes(text).get_content_type() == "application/pkcs7-mime" and SECRET.encode() not in text, text
    inner = openssl("cms", "-decrypt", "-recip", p.folder + "/dave.pem", "-inkey", p.folder + "/dave.key", data=text)
    assert f"{SECRET} 50".encode() in openssl("cms", "-verify", "-CAfile", p.folder + "/ann.pem", data=inner)
    assert sum(b"Message-ID: <50@out>" in m.text for m in c.out.mails) == 2
    c.out.mails[:] = [m for m in c.out.mails if m.text != text]


def main():
    ports = Ports()
    conf = gateway_conf(ports) + walk.HOST
    with sink.Sink() as out, company(out, ports) as post, hp.Server(extra=conf) as gateway, People(gateway.dir) as people:
        c = walk.Company(post, gateway, out, people)
        set_up(c)
        walk.what_leaves_is_signed_and_encrypted(c)
        its_certificate_goes_along(c)
        what_comes_back_is_opened_and_truthfully_marked(c)
        what_exchange_spoiled_is_opened(c)
        walk.each_shape_is_the_same_once_opened(c)
        what_is_only_signed_stays_whole_on_its_way(c)
        who_is_in_bcc_is_seen_by_nobody(c)
        walk.without_a_certificate_it_waits_and_goes_when_there_is_one(c)
        walk.an_answer_to_what_was_opened_is_never_plain(c)
        partners_of_both_kinds_get_each_what_they_can_read(c)
        walk.whatever_dies_each_arrives_once_and_never_plain(c, ROLES)
        settle(post, gateway)
        assert out.mails and all(people.is_sealed(m.text) for m in out.mails)
        assert gateway.cli("store", "check").returncode == 0


main()
