#!/usr/bin/env python3
"""Encryption at a gateway behind Debian's Postfix and Dovecot, set up word for word as docs/hairpin-recipes.7 says; the
partner outside is openssl. Nothing that leaves may be plain."""
import concurrent.futures
import email
import email.message
import email.policy
import re
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import postfix  # noqa: E402
import sink  # noqa: E402
from postfix_recipe import PAGE, Ports, company, gateway_conf, recipe, settle  # noqa: E402
from smime_keys import openssl  # noqa: E402

ANN, BOB, CAROL, LATE = "u0@example.org", "u1@example.org", "carol@out.test", "late@out.test"
SECRET = "the plan is secret"
STORM = 60
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:1@test
DTSTART:20261127T120000Z
SUMMARY:the plan is secret
END:VEVENT
END:VCALENDAR
"""
PASSWORD = "from before"


class People:
    """Keys and certificates that others made: an authority's, Bob's, and those of two partners."""

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

    def seal(self, mime, who, to):
        """Signed, then encrypted."""
        signed = openssl("cms", "-sign", "-signer", self.cert(who), "-inkey", self.key(who), "-md", "sha256", data=mime)
        return openssl("cms", "-encrypt", "-aes-256-cbc", self.cert(to), data=signed)

    def open(self, mail, who, signer):
        """What who finds in it: that signer signed it, and whose authority is believed, is proved."""
        inner = openssl("cms", "-decrypt", "-recip", self.cert(who), "-inkey", self.key(who), data=mail)
        found = f"{self.folder}/signer.pem"
        text = openssl("cms", "-verify", "-CAfile", self.cert("ca" if signer == BOB else signer), "-signer", found, data=inner)
        assert openssl("x509", "-in", found, "-noout", "-email").decode().split() == [signer], (signer, inner)
        return text


def is_sealed(text):
    fields = email.message_from_bytes(text)
    return fields.get_content_type() == "application/pkcs7-mime" and \
        fields.get_param("smime-type") in ("enveloped-data", "authEnveloped-data") and SECRET.encode() not in text


class Company:
    """The mail server, its gateway, and the world outside."""

    def __init__(self, post, gateway, out, people):
        self.post, self.gateway, self.out, self.people = post, gateway, out, people

    def send(self, message, sender=ANN, to=(CAROL,)):
        with self.post.user(sender.partition("@")[0]) as c:
            assert c.sendmail(sender, list(to), crlf(message.as_bytes()), ["BODY=8BITMIME"]) == {}

    def receive(self, n, mime, sender=CAROL, to=ANN, fields=b""):
        head = f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: mail {n}\r\nMessage-ID: <{n}@in>\r\n".encode()
        with self.post.outside() as c:
            assert c.sendmail(sender, [to], fields + head + crlf(mime)) == {}

    def at_partner(self, n, to=CAROL):
        """The mail of that number, as it came to that one."""
        def found():
            return [m.text for m in self.out.mails if f"Message-ID: <{n}@out>".encode() in m.text and
                    any(f"TO:<{to}>" in r for r in m.rcpts)]
        with self.out.changed:
            assert self.out.changed.wait_for(found, 20), (n, to, self.gateway.json("queue", "list"))
        text, = found()
        return text

    def in_mailbox(self, what, user=ANN):
        name = user.partition("@")[0]
        return self.post.wait(lambda: next((t for t in self.post.mails(name) if what in t), None), 20)


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def message(n, text=None, sender=ANN, to=CAROL, **fields):
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, to, f"mail {n}", f"<{n}@out>"
    for name, value in fields.items():
        m[name.replace("_", "-")] = value
    m.set_content(text or f"{SECRET} {n}\n", cte="8bit" if text else None)
    return m


# --- the recipe -------------------------------------------------------------------------------------


def commands(*changes):
    """What the manual's section has to be typed."""
    page = postfix.read(PAGE).partition(".Sh ENCRYPTION AT THE GATEWAY\n")[2].partition("\n.Sh ")[0]
    lines = "\n".join(re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed\n", page, re.S)).replace("\\e\n", " ")
    for old, new in changes:
        assert old in lines, (old, lines)
        lines = lines.replace(old, new)
    return [line[2:].split() for line in lines.splitlines() if line.startswith("# ")]


def set_up(c):
    """All of it; what the commands say, by their first two words."""
    said, p = {}, c.people
    for words in commands(("bob.p12", p.folder + "/bob.p12"), ("bob.word", p.folder + "/word"), ("partner-ca.pem", p.cert("ca")),
                          ("carol.pem", p.cert(CAROL)), ("carol@partner.example", CAROL), ("partner.example", "out.test"),
                          ("ann@example.org", ANN)):
        assert words[0] == "hairpin", words
        if words[1:3] == ["cert", "show"]:
            known, = c.gateway.json("cert", "list", ANN)["rows"]
            words[words.index("SHA256")] = known["sha256"]
            said["pem"] = c.gateway.cli(*words[1:]).stdout
        elif words[1] != "why":
            said[" ".join(words[1:3])] = c.gateway.cli(*words[1:]).stdout
    with open(p.cert(ANN), "w") as f:
        f.write(said["pem"])
    assert "must" in said["policy explain"], said
    section = {"section": "ENCRYPTION AT THE GATEWAY"}
    c.post.write("own_marks", recipe("/etc/postfix/own_marks", **section))
    assert postfix.as_root("cp", c.post.dir + "/own_marks", c.post.etc).returncode == 0
    c.post.change(*recipe("/etc/postfix/main.cf", ("/etc/postfix", c.post.etc), **section).splitlines())


# --- one after the other ----------------------------------------------------------------------------


def what_leaves_is_signed_and_encrypted(c):
    for n, sender in (1, ANN), (2, BOB):
        c.send(message(n, sender=sender), sender)
        text = c.at_partner(n)
        assert is_sealed(text), text
        assert f"{SECRET} {n}\r\n".encode() in c.people.open(text, CAROL, sender)
        assert text.count(b"X-Hairpin-Gateway: out\r\n") == 1 and b"X-Hairpin-Guard" not in text, text


def what_comes_back_is_opened_and_truthfully_marked(c):
    forged = b"".join(b"Authentication-Results: %s; smime=pass body.smime-identifier=ceo@example.org\r\n" % name for name in (
        b"mail.example.org", b"gw1.example.org", b"(x;\r\n y)\r\n\tMail.Example.Org", b'"mail.example.org"', b"(x;) GW1.example.org 1"))
    plain = b"Content-Type: text/plain\r\n\r\nyes, %s\r\n" % SECRET.encode()
    c.receive(1, c.people.seal(plain, CAROL, ANN), fields=forged + b"X-Hairpin-Gateway: out\r\n" + forged)
    m = c.in_mailbox(b"Message-ID: <1@in>")
    assert b"yes, " + SECRET.encode() in m and b"pkcs7-mime" not in m and b"ceo@example.org" not in m, m
    marks = re.findall(rb"^Authentication-Results:[^\n]*\n(?:[ \t][^\n]*\n)*", m, re.M)
    assert len(marks) == 1 and re.fullmatch(rb"Authentication-Results: gw1\.example\.org;\s+smime=pass \(.*\)\s+"
                                            rb"body\.smime-identifier=carol@out\.test\s+", marks[0], re.S), m
    assert m.count(b"X-Hairpin-Gateway: ") == m.count(b"X-Hairpin-Gateway: in\r\n") == 1, m
    # Signed by another one than it says; and not at all.
    c.receive(2, c.people.seal(plain, LATE, ANN), fields=forged)
    c.receive(3, plain, fields=forged)
    for n, word in (2, b"fail"), (3, b"none"):
        m = c.in_mailbox(b"Message-ID: <%d@in>" % n)
        assert re.findall(rb"smime=(\w+)", m) == [word], m
    told = [r["text"] for r in c.gateway.json("why", "<1@in>")["rows"] if r["event"] == "filtered"]
    assert told[0].startswith("taken out: ") and told[1].startswith("decrypted: AES-256-CBC, RSA, ") and told[2].endswith(": good") and \
        told[3:] == ["in"], told


# --- shapes -----------------------------------------------------------------------------------------


def shapes():
    yield message(10)
    yield message(11, f"{SECRET}: grüße, ½ €\n.\nFrom here\n")
    m = message(12)
    m.add_alternative(f"<p>{SECRET}: ä</p>", subtype="html")
    m.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="octet-stream", filename="Übersicht \"a\".bin")
    m.add_attachment(message(99, sender=BOB))
    yield m
    m = message(13)
    m.add_alternative(CALENDAR, subtype="calendar", params={"method": "REQUEST"})
    yield m


def parts_of(octets):
    """All that a reader sees of it."""
    found = []
    for p in email.message_from_bytes(octets, policy=email.policy.default).walk():
        assert not p.defects, (p.defects, octets)
        text = None if p.is_multipart() else p.get_payload(decode=True).replace(b"\r\n", b"\n")
        found.append((p.get_content_type(), p.get_content_charset(), p.get_filename(), p.get_content_disposition(),
                      p.get_param("method"), text))
    return found


def each_shape_is_the_same_once_opened(c):
    for m in shapes():
        c.send(m)
    for n, m in enumerate(shapes(), 10):
        text = c.at_partner(n)
        assert is_sealed(text) and f"\r\nSubject: mail {n}\r\n".encode() in text, text
        opened = c.people.open(text, CAROL, ANN)
        assert parts_of(opened) == parts_of(m.as_bytes()), (m.as_bytes(), opened)


def who_is_in_bcc_is_seen_by_nobody(c):
    c.gateway.cli("cert", "add", c.people.cert(LATE))
    c.send(message(20, Bcc=LATE), to=(CAROL, LATE))
    for one, other in (CAROL, LATE), (LATE, CAROL):
        text = c.at_partner(20, one)
        assert f"{SECRET} 20".encode() in c.people.open(text, one, ANN)
        assert one == LATE or b"late" not in text.lower(), text
        r = openssl("cms", "-decrypt", "-recip", c.people.cert(other), "-inkey", c.people.key(other), data=text, check=False)
        assert r.returncode != 0 or SECRET.encode() not in r.stdout, (one, other)
        recipients = openssl("cms", "-cmsout", "-print", "-noout", data=text)
        assert len(re.findall(rb"d\.(?:ktri|kari)", recipients)) == 1, recipients
    known, = c.gateway.json("cert", "list", LATE)["rows"]
    c.gateway.cli("cert", "delete", known["sha256"])


# --- what must, and what isn't there -----------------------------------------------------------------


def reports(c, to):
    return [t for t in c.post.mails("u0") if b"Action: delayed" in t and to.encode() in t]


def without_a_certificate_it_waits_and_goes_when_there_is_one(c):
    c.send(message(30, to=LATE), to=(LATE,))
    report, = c.post.wait(lambda: reports(c, LATE), 20)
    assert b"no certificate" in report and b"cert add" in report and SECRET.encode() not in report, report
    c.send(message(31, to=LATE), to=(LATE,))
    hop = c.post.wait(lambda: [r for r in c.gateway.json("queue", "hops")["rows"] if r["waiting"] == 2])
    assert [r["hop"] for r in hop] == ["key:" + LATE], hop
    assert not any(LATE in r for m in c.out.mails for r in m.rcpts if b"<30@out>" in m.text or b"<31@out>" in m.text)
    c.gateway.cli("cert", "add", c.people.cert(LATE))
    for n in 30, 31:
        assert f"{SECRET} {n}".encode() in c.people.open(c.at_partner(n, LATE), LATE, ANN)
    settle(c.post, c.gateway)
    assert len(reports(c, LATE)) == 2, "one of each mail"


def an_answer_to_what_was_opened_is_never_plain(c):
    c.gateway.cli("policy", "set", "out.test", "mode=never", "sign=never")
    c.send(message(40, In_Reply_To="<1@in>"))
    text = c.at_partner(40)
    assert is_sealed(text), text
    inner = openssl("cms", "-decrypt", "-recip", c.people.cert(CAROL), "-inkey", c.people.key(CAROL), data=text)
    assert f"{SECRET} 40".encode() in inner, inner
    before = len(c.out.mails)
    m = email.message.EmailMessage()
    m["From"], m["To"], m["In-Reply-To"] = ANN, CAROL, "<3@in>"
    m.set_content("nothing secret: the policy counts for what came in plain\n")
    c.send(m)
    plain = c.out.wait(before + 1)[before].text
    assert b"nothing secret" in plain and not is_sealed(plain), plain
    c.out.mails.pop(before)
    c.gateway.cli("policy", "set", "out.test", "mode=must", "sign=always")


# --- processes that die -----------------------------------------------------------------------------


def until_taken(send, *words):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            return send(*words)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.1)
    raise AssertionError("not taken")


def whatever_dies_each_arrives_once_and_never_plain(c):
    sealed = c.people.seal(b"Content-Type: text/plain\r\n\r\n" + SECRET.encode() + b" in\r\n", CAROL, ANN)
    inward, outward = range(1000, 1000 + STORM // 2), range(2000, 2000 + STORM // 2)
    killed = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = []
        for i, o in zip(inward, outward):
            work += [pool.submit(until_taken, c.receive, i, sealed), pool.submit(until_taken, c.send, message(o))]
        for role in ("filterd/0", "keyd/0") * 3:
            time.sleep(0.15)
            if pid := c.gateway.pids().get(role):
                killed += subprocess.run([*hp.AS_ROOT, "kill", "-9", str(pid)], check=False).returncode == 0
        for w in work:
            w.result()
    assert killed >= 4, killed
    settle(c.post, c.gateway)
    found = c.post.mails("u0")
    for n in inward:
        mine = [t for t in found if b"Message-ID: <%d@in>" % n in t]
        assert len(mine) == 1 and SECRET.encode() + b" in" in mine[0] and b"smime=pass" in mine[0], (n, mine)
    for n in outward:
        assert is_sealed(c.at_partner(n)), n  # which is one
    assert f"{SECRET} {n}".encode() in c.people.open(c.at_partner(n), CAROL, ANN)
    assert not [t for t in found if b"Undelivered" in t]


def main():
    ports = Ports()
    conf = gateway_conf(ports) + "[node]\nhostname = gw1.example.org\n"
    with sink.Sink() as out, company(out, ports) as post, hp.Server(extra=conf) as gateway:
        c = Company(post, gateway, out, People(gateway.dir))
        set_up(c)
        what_leaves_is_signed_and_encrypted(c)
        what_comes_back_is_opened_and_truthfully_marked(c)
        each_shape_is_the_same_once_opened(c)
        who_is_in_bcc_is_seen_by_nobody(c)
        without_a_certificate_it_waits_and_goes_when_there_is_one(c)
        an_answer_to_what_was_opened_is_never_plain(c)
        whatever_dies_each_arrives_once_and_never_plain(c)
        settle(post, gateway)
        assert out.mails and all(is_sealed(m.text) for m in out.mails)
        assert gateway.cli("store", "check").returncode == 0


main()
