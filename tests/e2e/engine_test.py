#!/usr/bin/env python3
"""The encryption engine in a real server: S/MIME both ways with openssl as the other side, late keys, replies, and processes
that die in the midst."""
import concurrent.futures
import re
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

EXTRA = ("\n[mail]\nretry_min = 1s\nretry_max = 2s\n[relay]\nhost = [127.0.0.1]:%d\ntls = none\n"
         "[listener mx]\nfilter = local\n[listener submission]\nfilter = local\n")
SECRET = b"the plan is secret"


def openssl(*words, text=None):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, input=text).stdout


class People:
    """Keys and certificates of an authority, ours and a partner's."""

    def __init__(self, where):
        self.where = where
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Test CA",
                "-days", "9", "-keyout", self.key("ca"), "-out", self.cert("ca"))
        for name, address in ("u0", "u0@example.org"), ("b", "b@out.test"), ("late", "late@out.test"), \
                ("team", "team@example.org"):
            kind = ["rsa:2048"] if name != "late" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            openssl("req", "-x509", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-days", "9", "-keyout", self.key(name),
                    "-out", self.cert(name), "-CA", self.cert("ca"), "-CAkey", self.key("ca"),
                    "-addext", f"subjectAltName=email:{address}", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-addext", "extendedKeyUsage=emailProtection",
                    "-addext", "keyUsage=digitalSignature," + ("keyAgreement" if name == "late" else "keyEncipherment"))

    def key(self, name):
        return f"{self.where}/{name}.key"

    def cert(self, name):
        return f"{self.where}/{name}.pem"

    def sign(self, mime, who):
        return openssl("cms", "-sign", "-signer", self.cert(who), "-inkey", self.key(who), "-md", "sha256", text=mime)

    def encrypt(self, mime, to):
        return openssl("cms", "-encrypt", "-aes-256-cbc", self.cert(to), text=mime)

    def decrypt(self, mail, who):
        return openssl("cms", "-decrypt", "-recip", self.cert(who), "-inkey", self.key(who), text=mail)

    def verify(self, mail):
        return openssl("cms", "-verify", "-CAfile", self.cert("ca"), "-purpose", "any", text=mail)


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def mail_in(s, n, mime, sender="b@out.test"):
    with s.smtp() as c:
        c.ehlo("out.test")
        head = b"From: <%s>\r\nTo: <u0@example.org>\r\nSubject: mail %d\r\nMessage-ID: <%d@in>\r\n" % (sender.encode(), n, n)
        assert c.sendmail(sender, ["u0@example.org"], head + crlf(mime)) == {}


def mail_out(s, n, to, more=b""):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        return c.sendmail("u0@example.org", list(to), b"From: <u0@example.org>\r\nTo: <%s>\r\nMessage-ID: <%d@out>\r\n"
                          b"Subject: mail %d\r\n" % (b">, <".join(t.encode() for t in to), n, n) + more +
                          b"\r\n" + SECRET + b" %d\r\n" % n)


def in_mailbox(s, n):
    """The mail with that Message-ID, once it is there."""
    return s.wait(lambda: next((b for b in hp.bodies(s) if b"Message-ID: <%d@in>" % n in b), None), 20)


def at_partner(to, n):
    with to.changed:
        assert to.changed.wait_for(lambda: any(b"Message-ID: <%d@out>" % n in m.text for m in to.mails), 20), n
        found = [m for m in to.mails if b"Message-ID: <%d@out>" % n in m.text]
    assert len(found) == 1, found
    return found[0].text


def is_idle(s):
    return not s.json("queue", "list")["rows"]


# --- one after the other ---------------------------------------------------------------------------


def what_comes_encrypted_is_read_and_what_it_is_is_said(s, p):
    plain = b"Content-Type: text/plain\r\n\r\nhello from outside\r\n"
    mail_in(s, 1, p.encrypt(p.sign(plain, "b"), "u0"))
    m = in_mailbox(s, 1)
    assert b"\r\nhello from outside\r\n" in m and b"pkcs7-mime" not in m, m
    assert re.search(rb"^Authentication-Results: mail\.example\.org;\s+smime=pass \(.*\)\s+body\.smime-identifier=b@out\.test\r\n",
                     m, re.M), m
    # A forgery of ours, and a signature that is somebody else's.
    mail_in(s, 2, b"Authentication-Results: mail.example.org; smime=pass\r\n" + p.sign(plain, "late"))
    m = in_mailbox(s, 2)
    assert len(re.findall(rb"^Authentication-Results:", m, re.M)) == 1 and b"smime=fail" in m, m
    # For a key that isn't here.
    mail_in(s, 3, p.encrypt(plain, "b"))
    m = in_mailbox(s, 3)
    assert b"hello" not in m and b"smime=none" in m and b"pkcs7-mime" in m, m
    s.wait(lambda: is_idle(s))
    told = [r["text"] for r in s.json("why", "<1@in>")["rows"] if r["event"] == "filtered"]
    assert told[0].startswith("decrypted: AES-256-CBC, RSA, ") and told[1].endswith(": good") and told[2] == "in", told
    assert re.search(r"courier\[\d+\]: \w+: filter=local, in: .*decrypted", s.log()), s.log()


def large_mails_pass_by_file(s, p):
    line = b"y" * 76 + b"\r\n"
    plain = b"Content-Type: text/plain\r\n\r\n" + line * 30000 + b"the end\r\n"
    mail_in(s, 4, p.encrypt(plain, "u0"))
    m = in_mailbox(s, 4)
    assert m.endswith(line * 30000 + b"the end\r\n"), (len(m), m[:1000])


def what_leaves_is_signed_and_encrypted(s, p, to):
    s.cli("policy", "set", "out.test", "mode=must", "sign=always")
    known, = s.json("cert", "list", "b@out.test")["rows"]
    assert known["trust"] == "verified" and known["state"] == "good", known  # it came with a signed mail
    mail_out(s, 10, ["b@out.test"])
    m = at_partner(to, 10)
    assert SECRET not in m and b"Subject: mail 10" in m, m
    assert SECRET + b" 10\r\n" in p.verify(p.decrypt(m, "b"))
    # Inside it stays as it is.
    assert mail_out(s, 11, ["u0@example.org"]) == {}
    assert s.wait(lambda: next((b for b in hp.bodies(s) if SECRET + b" 11" in b), None))


def without_a_certificate_it_waits_and_goes_when_there_is_one(s, p, to):
    mail_out(s, 20, ["b@out.test", "late@out.test"])
    report = s.wait(lambda: next((b for b in hp.bodies(s) if b"Action: delayed" in b), None), 20)
    assert b"late@out.test" in report and b"no certificate" in report and b"cert add" in report, report
    assert b"Final-Recipient: rfc822;b@out.test" not in report, report
    assert SECRET + b" 20\r\n" in p.verify(p.decrypt(at_partner(to, 20), "b"))
    hops = s.json("queue", "hops")["rows"]
    assert [r["hop"] for r in hops] == ["key:late@out.test"] and hops[0]["waiting"] == 1, hops
    mail_out(s, 21, ["late@out.test"])
    s.wait(lambda: s.json("queue", "hops")["rows"][0]["waiting"] == 2, 20)
    s.cli("cert", "add", p.cert("late"))
    for n in 20, 21:
        with to.changed:
            assert to.changed.wait_for(lambda: any(b"Message-ID: <%d@out>" % n in m.text and b"late@" in m.rcpts[0].encode()
                                                   for m in to.mails), 30), s.log()
            m = [m.text for m in to.mails if b"Message-ID: <%d@out>" % n in m.text][-1]
        assert SECRET not in m and SECRET + b" %d\r\n" % n in p.verify(p.decrypt(m, "late")), m
    s.wait(lambda: is_idle(s), 20)
    assert sum(b"Action: delayed" in b for b in hp.bodies(s)) == 2, "each sender is told once"


def what_was_decrypted_and_is_led_outside_is_encrypted_again(s, p, to):
    s.cli("key", "import", bundle(p, "team"))
    s.cli("alias", "add", "team@example.org", "u0@example.org", "b@out.test")
    s.cli("policy", "set", "out.test", "mode=never", "sign=never")
    with s.smtp() as c:
        c.ehlo("out.test")
        c.sendmail("x@out.test", ["team@example.org"], b"From: <x@out.test>\r\nMessage-ID: <5@in>\r\n" + crlf(
            p.encrypt(b"Content-Type: text/plain\r\n\r\n" + SECRET + b" 5\r\n", "team")))
    assert SECRET + b" 5\r\n" in in_mailbox(s, 5)
    with to.changed:
        assert to.changed.wait_for(lambda: any(b"<5@in>" in m.text for m in to.mails), 20), s.log()
        m, = [m.text for m in to.mails if b"<5@in>" in m.text]
    assert SECRET not in m and SECRET + b" 5\r\n" in p.decrypt(m, "b"), m
    s.cli("policy", "set", "out.test", "mode=must", "sign=always")


def a_change_of_the_policy_and_a_retry_let_it_go_too(s, to):
    mail_out(s, 25, ["plain@out.test"])
    s.wait(lambda: any(b"Action: delayed" in b and b"plain@out.test" in b for b in hp.bodies(s)), 20)
    s.cli("policy", "set", "plain@out.test", "mode=never")
    s.cli("policy", "set", "out.test", "mode=never")
    s.cli("queue", "retry", "--all")
    assert SECRET in at_partner(to, 25)
    s.cli("policy", "set", "out.test", "mode=must")


def an_answer_to_what_came_encrypted_is_never_plain(s, p, to):
    s.cli("policy", "set", "out.test", "mode=never", "sign=never")
    mail_out(s, 30, ["b@out.test"], b"In-Reply-To: <2@in>\r\n")
    assert SECRET in at_partner(to, 30), "that one wasn't encrypted"
    mail_out(s, 31, ["b@out.test"], b"References: <1@in>\r\n")
    m = at_partner(to, 31)
    assert SECRET not in m and SECRET + b" 31" in p.decrypt(m, "b"), m
    mail_out(s, 32, ["nobody@out.test"], b"In-Reply-To: <1@in>\r\n")
    s.wait(lambda: any(b"Action: delayed" in b and b"nobody@out.test" in b for b in hp.bodies(s)), 20)
    s.cli("queue", "delete", "--all")
    assert not any(b"<32@out>" in m.text for m in to.mails)


# --- processes that die ----------------------------------------------------------------------------


def whatever_dies_each_mail_ends_once_and_never_plain(s, p, to):
    s.cli("policy", "set", "out.test", "mode=must", "sign=always")
    inward, outward = range(1000, 1030), range(2000, 2030)
    sealed = p.encrypt(p.sign(b"Content-Type: text/plain\r\n\r\n" + SECRET + b" in\r\n", "b"), "u0")

    def send(n):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                return mail_in(s, n, sealed) or {} if n < 2000 else mail_out(s, n, ["b@out.test", "late@out.test", "u0@example.org"])
            except (OSError, smtplib.SMTPException):
                time.sleep(0.1)
        raise AssertionError("not taken")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(send, n) for pair in zip(inward, outward) for n in pair]
        for role in ("filterd/0", "keyd/0", "courier/0") * 2:
            time.sleep(0.3)
            pid = s.pids().get(role)
            if pid:
                subprocess.run([*hp.AS_ROOT, "kill", "-9", str(pid)], check=False)
        for w in work:
            assert w.result() == {}
    s.wait(lambda: is_idle(s), 60)
    found = hp.bodies(s)
    for n in inward:
        mine = [b for b in found if b"Message-ID: <%d@in>" % n in b]
        assert len(mine) == 1 and SECRET + b" in" in mine[0] and b"smime=pass" in mine[0], (n, mine)
    texts = [m.text for m in to.mails]
    for n in outward:
        mine = [t for t in texts if b"Message-ID: <%d@out>" % n in t]
        assert mine and all(SECRET not in t for t in mine), (n, mine)
        for to_whom in "b@out.test", "late@out.test":
            got = [m for m in to.mails if b"Message-ID: <%d@out>" % n in m.text and any(to_whom in r for r in m.rcpts)]
            assert got, (n, to_whom)
        assert sum(b"Message-ID: <%d@out>" % n in b for b in found) == 1, n
    assert SECRET + b" 2015" in p.verify(p.decrypt([t for t in texts if b"<2015@out>" in t][0], "b"))


def bundle(p, name):
    """Key, certificate and authority in one file."""
    path = f"{p.where}/{name}.all"
    with open(path, "wb") as out:
        for file in p.key(name), p.cert(name), p.cert("ca"):
            with open(file, "rb") as f:
                out.write(f.read())
    return path


def main():
    with sink.Sink() as to, hp.Server(extra=hp.QUICK + EXTRA % to.port) as s:
        p = People(s.dir)
        s.cli("key", "import", bundle(p, "u0"))
        s.cli("cert", "trust", p.cert("ca"))
        what_comes_encrypted_is_read_and_what_it_is_is_said(s, p)
        large_mails_pass_by_file(s, p)
        what_leaves_is_signed_and_encrypted(s, p, to)
        without_a_certificate_it_waits_and_goes_when_there_is_one(s, p, to)
        what_was_decrypted_and_is_led_outside_is_encrypted_again(s, p, to)
        a_change_of_the_policy_and_a_retry_let_it_go_too(s, to)
        an_answer_to_what_came_encrypted_is_never_plain(s, p, to)
        whatever_dies_each_mail_ends_once_and_never_plain(s, p, to)
        assert s.cli("store", "check").returncode == 0


main()
