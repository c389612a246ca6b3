#!/usr/bin/env python3
"""What the policy says is what mail does: each mode with and without a certificate, triggers, a mixture of recipients,
late certificates, replies to what was decrypted. OpenSSL is the partner."""
import email
import email.policy
import os
import subprocess
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

PACE = "\n[mail]\nretry_min = 1s\nretry_max = 2s\n"
ME = "u0@example.org"
BODY = b"\r\nThe secret is 17.\r\n"


def openssl(*words, data=None):
    r = subprocess.run(["openssl", *words], input=data, capture_output=True)
    assert r.returncode == 0, (words, r.stderr)
    return r.stdout


class Partner:
    """A mail address elsewhere with a key of its own."""

    def __init__(self, folder, address, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                 usage="digitalSignature,keyAgreement"):
        self.address, self.path = address, os.path.join(folder, address)
        with open(self.path + ".cnf", "w") as f:
            f.write("[req]\ndistinguished_name = dn\n[dn]\n")
        openssl("req", "-x509", "-nodes", "-newkey", *kind, "-config",
                self.path + ".cnf", "-keyout", self.key, "-out", self.cert, "-days", "30", "-subj", "/CN=" + address, "-addext",
                "subjectAltName=email:" + address, "-addext", "keyUsage=" + usage)

    @property
    def key(self):
        return self.path + ".key"

    @property
    def cert(self):
        return self.path + ".pem"

    def opens(self, octets):
        return openssl("cms", "-decrypt", "-inkey", self.key, "-recip", self.cert, data=octets)


def send(s, n, to, subject="hello", more=b"", user=ME):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login(user, "pw")
        c.sendmail(user, to, b"From: <%s>\r\nMessage-ID: <%d@test>\r\nX-Mark: %d\r\nSubject: %s\r\n%s" % (
            user.encode(), n, n, subject.encode(), more) + BODY)


def left(to, n, count=1):
    """The mails of that number, as they came to the other server."""
    def found():
        return [m for m in to.mails if b"\r\nX-Mark: %d\r\n" % n in m.text]

    with to.changed:
        assert to.changed.wait_for(lambda: len(found()) >= count, 20), n
        return found()


def is_plain(m):
    return b"The secret is 17." in m.text


def is_encrypted(m):
    kind = email.message_from_bytes(m.text, policy=email.policy.SMTP).get("Content-Type", "text/plain").lower()
    return kind.startswith("application/pkcs7-mime") and b"The secret" not in m.text


def reports(s, *texts):
    """Until u0 has a mail with all of these texts."""
    def found():
        return [m for m in hp.bodies(s) if all(t in m for t in texts)]

    s.wait(found)
    return found()[0]


def policy(s, level, *words):
    s.cli("policy", "set", level, *words)


def explained(s, to, sender=ME):
    return s.json("policy", "explain", sender, to)["mail"]


def modes_without_a_certificate(s, to):
    send(s, 1, "x@partner.test")
    assert is_plain(left(to, 1)[0])
    assert explained(s, "x@partner.test").startswith("leaves without encryption, as there is no certificate")
    policy(s, "never.test", "mode=never")
    send(s, 2, "x@never.test")
    assert is_plain(left(to, 2)[0])
    # The sender would take it for encrypted.
    send(s, 3, "x@never.test", "[encrypt] hello")
    reports(s, b"x@never.test", b"Action: failed", b"5.7")
    policy(s, "must.test", "mode=must", "keep=0")
    send(s, 4, "x@must.test")
    report = reports(s, b"x@must.test", b"Action: failed", b"certificate")
    assert b"The secret is 17." not in report or b"Subject: hello" in report
    policy(s, "trigger.test", "mode=on-trigger", "keep=0")
    send(s, 5, "x@trigger.test")
    assert is_plain(left(to, 5)[0])
    send(s, 6, "x@trigger.test", "=?utf-8?Q?=5Bencrypt=5D_gr=C3=BC=C3=9Fe?=")
    reports(s, b"x@trigger.test", b"Action: failed", b"certificate")
    assert not [m for m in to.mails if b"X-Mark: 3\r" in m.text or b"X-Mark: 4\r" in m.text or b"X-Mark: 6\r" in m.text]


def modes_with_a_certificate(s, to, b):
    s.cli("cert", "add", b.cert, b.address)
    assert explained(s, b.address).startswith("encrypted, to certificate ")
    send(s, 11, b.address)
    m = left(to, 11)[0]
    assert is_encrypted(m) and b"The secret is 17." in b.opens(m.text), m.text
    policy(s, b.address, "mode=never")
    send(s, 12, b.address)
    assert is_plain(left(to, 12)[0])
    policy(s, b.address, "mode=on-trigger")
    send(s, 13, b.address)
    assert is_plain(left(to, 13)[0])
    send(s, 14, b.address, "the [encrypt] offer")
    m = left(to, 14)[0]
    assert is_encrypted(m) and b"\r\nSubject: the offer\r\n" in m.text, m.text
    policy(s, ME, "header_trigger=Sensitivity: ^company-confidential$")
    send(s, 16, b.address, "[encrypt]")
    m = left(to, 16)[0]
    assert is_encrypted(m) and b"\r\nSubject: \r\n" in m.text, m.text
    send(s, 15, b.address, more=b"Sensitivity: Company-Confidential\r\n")
    assert is_encrypted(left(to, 15)[0])
    policy(s, ME, "header_trigger=")
    policy(s, b.address, "mode=")


def each_recipient_has_a_mode(s, to, b):
    send(s, 21, [b.address, "x@never.test", "x@partner.test"])
    found = left(to, 21, 2)
    s.wait(lambda: len([r for m in left(to, 21, 2) for r in m.rcpts]) == 3)
    for m in left(to, 21, 2):
        assert is_encrypted(m) == any(b.address in str(r) for r in m.rcpts), (m.rcpts, m.text)
    assert len(found) >= 2


def a_late_certificate_lets_it_go(s, to, folder):
    late = Partner(folder, "late@must.test")
    policy(s, "must.test", "keep=1h")
    send(s, 31, late.address)
    s.wait(lambda: any(late.address in row["hop"] for row in s.json("queue", "hops")["rows"]))
    reports(s, b"late@must.test", b"Action: delayed", b"certificate")
    assert explained(s, late.address).startswith("waits for a certificate of late@must.test, 1h at most")
    assert not [m for m in to.mails if b"X-Mark: 31\r" in m.text]
    s.cli("cert", "add", late.cert, late.address)
    m = left(to, 31)[0]
    assert is_encrypted(m) and b"The secret is 17." in late.opens(m.text), m.text


def a_certificate_of_ones_own_making_asks_for_trust(s, to, folder):
    own = Partner(folder, "own@must.test")
    signed = openssl("cms", "-sign", "-signer", own.cert, "-inkey", own.key, "-from", own.address, "-to", ME, "-subject",
                     "signed", data=b"Content-Type: text/plain\r\n" + BODY).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    with s.smtp() as c:
        c.ehlo("out.test")
        c.sendmail(own.address, [ME], b"Message-ID: <32@must.test>\r\n" + signed)
    s.wait(lambda: [r["trust"] for r in s.json("cert", "list", own.address)["rows"]] == ["harvested"])
    send(s, 32, own.address)
    reports(s, b"own@must.test", b"Action: delayed", b"trust_min", b"hairpin cert approve")
    said = s.json("policy", "explain", ME, own.address)
    assert said["mail"].startswith("waits for a certificate of own@must.test that is trusted enough, 1h at most"), said
    assert said["certificates"][0]["used"].startswith("no: trust_min is verified; `hairpin cert approve`"), said
    policy(s, own.address, "trust_min=harvested")
    assert b"The secret is 17." in own.opens(left(to, 32)[0].text)
    # Where plain would do it is taken as it is.
    policy(s, own.address, "trust_min=", "mode=when-possible")
    said = s.json("policy", "explain", ME, own.address)
    assert said["mail"].startswith("encrypted, to certificate ") and "with a trigger: waits for" in said["mail"], said
    send(s, 33, own.address)
    assert is_encrypted(left(to, 33)[0])


def signatures(s, to, b):
    def kind(n, subject="hello", rcpt="x@partner.test"):
        send(s, n, rcpt, subject)
        return email.message_from_bytes(left(to, n)[0].text, policy=email.policy.SMTP)

    s.cli("key", "create", ME)
    row, = s.json("key", "list", ME)["rows"]
    mine = os.path.join(s.dir, "mine.pem")
    with open(mine, "w") as f:
        f.write(s.cli("cert", "show", row["certificate"], "--pem").stdout)
    said = s.json("policy", "explain", ME, "x@partner.test")
    assert said["signed"] == "yes, with the key of certificate " + row["certificate"], said
    assert [(k["id"], k["used"]) for k in said["keys"]] == [(row["id"], "signs")], said
    m = kind(41)
    assert m.get_content_type() == "multipart/signed", m
    text = left(to, 41)[0].text
    assert b"The secret is 17." in openssl("cms", "-verify", "-CAfile", mine, "-purpose", "any", data=text)
    policy(s, "x@partner.test", "opaque=yes")
    m = kind(42)
    assert m.get_content_type() == "application/pkcs7-mime" and m.get_param("smime-type") == "signed-data", m
    policy(s, "x@partner.test", "opaque=")
    policy(s, ME, "sign=never")
    assert s.json("policy", "explain", ME, "x@partner.test")["signed"] == "no: sign=never"
    assert kind(43).get_content_type() == "text/plain"
    policy(s, ME, "sign=on-trigger")
    assert kind(44).get_content_type() == "text/plain"
    m = kind(45, "hello [sign]")
    assert m.get_content_type() == "multipart/signed" and m["Subject"] == "hello", m
    policy(s, ME, "sign=when-encrypted")
    assert kind(46).get_content_type() == "text/plain"
    send(s, 47, b.address)
    inner = b.opens(left(to, 47)[0].text)
    assert b"multipart/signed" in inner, inner
    policy(s, ME, "sign=")
    return mine


def what_was_decrypted_is_answered_encrypted(s, to, b, mine):
    def come(n, tag):
        text = b"Content-Type: text/plain\r\n" + BODY
        made = openssl("cms", "-encrypt", "-aes256", "-from", b.address, "-to", ME, "-subject", "a secret", mine,
                       data=text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with s.smtp() as c:
            c.ehlo("out.test")
            c.sendmail(b.address, [ME], b"Message-ID: <%d@partner.test>\r\nX-Mark: %d\r\n" % (n, n) + made)
        return reports(s, b"<%d@partner.test>" % n, b"The secret is 17.", tag)

    assert b"Subject: a secret\r\n" in come(51, b"a secret")
    policy(s, ME, "tag_subject=yes")
    assert b"[decrypted" in come(52, b"a secret")
    # Whatever the mode: an answer goes encrypted, or not at all.
    policy(s, b.address, "mode=never")
    answer = b"In-Reply-To: <51@partner.test>\r\n"
    send(s, 53, b.address, "Re: a secret", answer)
    assert is_encrypted(left(to, 53)[0])
    policy(s, "never.test", "keep=0")
    send(s, 54, "x@never.test", "Re: a secret", answer)
    reports(s, b"Message-ID: <54@test>", b"Action: failed", b"decrypted")
    policy(s, ME, "replies_must=no")
    send(s, 55, b.address, "Re: a secret", answer)
    assert b"The secret is 17." in left(to, 55)[0].text
    assert not [m for m in to.mails if b"X-Mark: 54\r" in m.text]


def what_is_explained_is_what_is_used(s, to, folder):
    """Certificates that can't be used, and why; the best of those that can."""
    def rows(address):
        return {r["sha256"]: r for r in s.json("policy", "explain", ME, address)["certificates"]}

    def hash_of(path):
        text = openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256").decode()
        return text.split("=")[1].strip().replace(":", "").lower()

    weak = Partner(folder, "weak@partner.test", ["rsa:1024"], "digitalSignature,keyEncipherment")
    s.cli("cert", "add", weak.cert, weak.address)
    assert rows(weak.address)[hash_of(weak.cert)]["used"] == "digest or key are too weak", rows(weak.address)
    policy(s, weak.address, "mode=must", "keep=0")
    assert explained(s, weak.address).startswith("bounces, as there is no certificate of weak@partner.test that can be used;")
    send(s, 61, weak.address)
    reports(s, b"Message-ID: <61@test>", b"Action: failed", b"too weak")
    policy(s, weak.address, "rsa_bits_min=1024")
    send(s, 62, weak.address)
    assert b"The secret is 17." in weak.opens(left(to, 62)[0].text)
    signs = Partner(folder, "signs@partner.test", usage="digitalSignature")
    s.cli("cert", "add", signs.cert, signs.address, check=False)
    assert all(r["used"] != "yes" for r in rows(signs.address).values()), rows(signs.address)
    # One of the domain is for all who have none of their own.
    whole = Partner(folder, "gateway@whole.test")
    s.cli("cert", "add", whole.cert, "@whole.test")
    row = rows("anybody@whole.test")[hash_of(whole.cert)]
    assert row["address"] == "@whole.test" and row["used"] == "yes, the best" and row["trust"] == "manual", row
    assert explained(s, "anybody@whole.test") == "encrypted, to certificate " + hash_of(whole.cert)
    send(s, 63, "anybody@whole.test")
    assert b"The secret is 17." in whole.opens(left(to, 63)[0].text)
    s.cli("cert", "block", hash_of(whole.cert))
    assert rows("anybody@whole.test")[hash_of(whole.cert)]["used"] == "no: it is blocked"
    send(s, 64, "anybody@whole.test")
    assert is_plain(left(to, 64)[0])


def main():
    with sink.Sink() as to, hp.Server(extra=hp.QUICK + PACE + (
            f"\n[relay]\nhost = [127.0.0.1]:{to.port}\ntls = none\n"
            "[listener mx]\nfilter = local\n[listener submission]\nfilter = local\n")) as s:
        b = Partner(s.dir, "b@partner.test")
        modes_without_a_certificate(s, to)
        modes_with_a_certificate(s, to, b)
        each_recipient_has_a_mode(s, to, b)
        a_late_certificate_lets_it_go(s, to, s.dir)
        a_certificate_of_ones_own_making_asks_for_trust(s, to, s.dir)
        what_is_explained_is_what_is_used(s, to, s.dir)
        mine = signatures(s, to, b)
        what_was_decrypted_is_answered_encrypted(s, to, b, mine)
    print("ok")


if __name__ == "__main__":
    main()
