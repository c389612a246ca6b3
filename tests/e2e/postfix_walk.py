"""A company behind a gateway that encrypts, and what holds of it by whatever method: steps for tests, which bring the partners.
Those have: cert(address), a file; sealed(mime, who, to), signed and encrypted; opened(mail, who, signer), the text, which that one
has signed; may_open(mail, who), is_sealed(mail), and method, as marks name it."""
import concurrent.futures
import email
import email.message
import email.policy
import re
import smtplib
import subprocess
import time

import hp
import postfix
from postfix_mails import trace_of
from postfix_recipe import PAGE, recipe, settle

ANN, BOB, CAROL, LATE = "u0@example.org", "u1@example.org", "carol@out.test", "late@out.test"
SECRET = "the plan is secret"
SECTION = {"section": "ENCRYPTION AT THE GATEWAY"}
HOST = "[node]\nhostname = gw1.example.org\n"
STORM = 60
IN_HAND_MAX = 10  # mails of the courier that were sent and not yet noted as sent
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
PLAIN = b"Content-Type: text/plain\r\n\r\n"


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

    def copies(self, n, to=CAROL):
        """The mail of that number, as it came to that one, as often as it came."""
        return [m.text for m in self.out.mails if f"Message-ID: <{n}@out>".encode() in m.text and
                any(f"TO:<{to}>" in r for r in m.rcpts)]

    def at_partner(self, n, to=CAROL):
        with self.out.changed:
            assert self.out.changed.wait_for(lambda: self.copies(n, to), 20), (n, to, self.gateway.json("queue", "list"))
        text, = self.copies(n, to)
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


def commands(*changes, part=None):
    """What the manual's section has to be typed: before its first subsection, or in that one."""
    page = postfix.read(PAGE).partition(f".Sh {SECTION['section']}\n")[2].partition("\n.Sh ")[0]
    if part:
        page = page.partition(f"\n.Ss {part}\n")[2]
    page = page.partition("\n.Ss ")[0]
    lines = "\n".join(re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed\n", page, re.S)).replace("\\e\n", " ")
    for old, new in changes:
        assert old in lines, (old, lines)
        lines = lines.replace(old, new)
    typed = [line[2:].split() for line in lines.splitlines() if line.startswith(("# ", "$ "))]
    assert typed
    return typed


def type_in(c, typed, **others):
    """What the commands of hairpin say, by their first two words, the first time. SHA256 is what was added before it, else Ann's.
    others: by their first word, who runs the rest of the line."""
    said, added = {}, None
    for words in typed:
        if words[0] in others:
            others[words[0]](*words[1:])
            continue
        assert words[0] == "hairpin", words
        if "SHA256" in words:
            words[words.index("SHA256")] = added or c.gateway.json("cert", "list", ANN)["rows"][0]["sha256"]
        if words[1] != "why":
            output = c.gateway.cli(*words[1:]).stdout
            said.setdefault(" ".join(words[1:3]), output)
            added = output.split()[2] if words[1:3] == ["cert", "add"] else added
    return said


def protect_marks(c):
    """What the section adds to Postfix."""
    c.post.write("own_marks", recipe("/etc/postfix/own_marks", **SECTION))
    assert postfix.as_root("cp", c.post.dir + "/own_marks", c.post.etc).returncode == 0
    c.post.change(*recipe("/etc/postfix/main.cf", ("/etc/postfix", c.post.etc), **SECTION).splitlines())


# --- one after the other ----------------------------------------------------------------------------


def what_leaves_is_signed_and_encrypted(c):
    for n, sender in (1, ANN), (2, BOB):
        c.send(message(n, sender=sender), sender)
        text = c.at_partner(n)
        assert c.people.is_sealed(text), text
        assert f"{SECRET} {n}\r\n".encode() in c.people.opened(text, CAROL, sender)
        assert text.count(b"X-Hairpin-Gateway: out\r\n") == 1 and b"X-Hairpin-Guard" not in text, text


def forged_marks(method):
    return b"".join(b"Authentication-Results: %s; %s=pass body.%s-identifier=ceo@example.org\r\n" % (name, method, method) for name in (
        b"mail.example.org", b"gw1.example.org", b"(x;\r\n y)\r\n\tMail.Example.Org", b'"mail.example.org"', b"(x;) GW1.example.org 1"))


def what_comes_back_is_opened_and_truthfully_marked(c):
    method = c.people.method
    forged = forged_marks(method)
    plain = PLAIN + b"yes, %s\r\n" % SECRET.encode()
    c.receive(1, c.people.sealed(plain, CAROL, ANN), fields=forged + b"X-Hairpin-Gateway: out\r\n" + forged)
    m = c.in_mailbox(b"Message-ID: <1@in>")
    assert b"yes, " + SECRET.encode() in m and not c.people.is_sealed(m) and b"ceo@example.org" not in m, m
    marks = re.findall(rb"^Authentication-Results:[^\n]*\n(?:[ \t][^\n]*\n)*", m, re.M)
    assert len(marks) == 1 and re.fullmatch(rb"Authentication-Results: gw1\.example\.org;\s+%s=pass \(.*\)\s+"
                                            rb"body\.%s-identifier=carol@out\.test\s+" % (method, method), marks[0], re.S), m
    assert m.count(b"X-Hairpin-Gateway: ") == m.count(b"X-Hairpin-Gateway: in\r\n") == 1, m
    return plain, forged


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
    """All that a reader sees of it; a signature around it isn't."""
    found = []
    for p in email.message_from_bytes(octets, policy=email.policy.default).walk():
        assert not p.defects, (p.defects, octets)
        text = None if p.is_multipart() else p.get_payload(decode=True).replace(b"\r\n", b"\n")
        found.append((p.get_content_type(), p.get_content_charset(), p.get_filename(), p.get_content_disposition(),
                      p.get_param("method"), text))
    return found[1:-1] if found[0][0] == "multipart/signed" else found


def entity_of(m):
    """Without the fields that aren't of its content."""
    for name in "From", "To", "Subject", "Message-ID":
        del m[name]
    return crlf(m.as_bytes())


def each_shape_is_the_same_once_opened(c):
    for m in shapes():
        c.send(m)
    for n, m in enumerate(shapes(), 10):
        c.receive(n, c.people.sealed(entity_of(m), CAROL, ANN))
    for n, m in enumerate(shapes(), 10):
        text = c.at_partner(n)
        assert c.people.is_sealed(text) and f"\r\nSubject: mail {n}\r\n".encode() in text, text
        opened = c.people.opened(text, CAROL, ANN)
        assert parts_of(opened) == parts_of(m.as_bytes()), (m.as_bytes(), opened)
        came = c.in_mailbox(b"Message-ID: <%d@in>" % n)
        assert parts_of(came) == parts_of(m.as_bytes()) and c.people.method + b"=pass" in came, (m.as_bytes(), came)


def who_is_in_bcc_is_seen_by_nobody(c):
    """Two texts; the one that who stands in To gets has nothing of the other."""
    c.gateway.cli("cert", "add", c.people.cert(LATE))
    c.send(message(20, Bcc=LATE), to=(CAROL, LATE))
    texts = {who: c.at_partner(20, who) for who in (CAROL, LATE)}
    for one, other in (CAROL, LATE), (LATE, CAROL):
        assert f"{SECRET} 20".encode() in c.people.opened(texts[one], one, ANN)
        assert one == LATE or b"late" not in texts[one].lower(), texts
        assert not c.people.may_open(texts[one], other), (one, other)
    known, = c.gateway.json("cert", "list", LATE)["rows"]
    c.gateway.cli("cert", "delete", known["sha256"])
    return texts


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
        assert f"{SECRET} {n}".encode() in c.people.opened(c.at_partner(n, LATE), LATE, ANN)
    settle(c.post, c.gateway)
    assert len(reports(c, LATE)) == 2, "one of each mail"


def an_answer_to_what_was_opened_is_never_plain(c):
    """<1@in> was, <3@in> came in plain."""
    c.gateway.cli("policy", "set", "out.test", "mode=never")
    c.send(message(40, In_Reply_To="<1@in>"))
    text = c.at_partner(40)
    assert c.people.is_sealed(text), text
    assert f"{SECRET} 40".encode() in c.people.opened(text, CAROL, ANN)
    m = message(41, "nothing secret: the policy counts for what came in plain\n", In_Reply_To="<3@in>")
    c.send(m)
    text = c.at_partner(41)
    assert b"nothing secret" in text and not c.people.is_sealed(text), text
    forget(c, 41)
    c.gateway.cli("policy", "set", "out.test", "mode=must")


def forget(c, n):
    """That mail was to leave in plain."""
    settle(c.post, c.gateway)
    c.out.mails[:] = [m for m in c.out.mails if f"Message-ID: <{n}@out>".encode() not in m.text]


# --- processes that die -----------------------------------------------------------------------------


def until_taken(send, *words):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            return send(*words)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.1)
    raise AssertionError("not taken")


def kill(c, roles):
    """Now and then; when which died: (time, role)."""
    found = []
    for role in roles:
        time.sleep(0.15)
        pid = c.gateway.pids().get(role)
        if pid and subprocess.run([*hp.AS_ROOT, "kill", "-9", str(pid)], check=False).returncode == 0:
            found.append((time.time(), role))
    return found


def is_told_twice(copies, kills):
    """By the gateway, which has it once, as its courier died between Postfix's answer and the note of it: the manual says that."""
    traces = [trace_of(t) for t in copies]
    return len({t[-1] for t in traces}) == len({t[-2] for t in traces}) == 1 and \
        any(-5 < min(t[0][0] for t in traces) - at < 1 for at, role in kills if role == "courier/0")


def whatever_dies_each_arrives_once_and_never_plain(c, roles=("filterd/0", "keyd/0") * 3):
    sealed = c.people.sealed(PLAIN + SECRET.encode() + b" in\r\n", CAROL, ANN)
    inward, outward = range(1000, 1000 + STORM // 2), range(2000, 2000 + STORM // 2)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = []
        for i, o in zip(inward, outward):
            work += [pool.submit(until_taken, c.receive, i, sealed), pool.submit(until_taken, c.send, message(o))]
        kills = kill(c, roles)
        for w in work:
            w.result()
    assert len(kills) >= len(roles) - 2, kills
    settle(c.post, c.gateway)
    found = c.post.mails("u0")
    twice = 0
    for n in inward:
        mine = [t for t in found if b"Message-ID: <%d@in>" % n in t]
        assert mine and all(SECRET.encode() + b" in" in t and c.people.method + b"=pass" in t for t in mine), (n, mine)
        assert len(mine) == 1 or is_told_twice(mine, kills), (n, mine, kills)
        twice += len(mine) > 1
    for n in outward:
        mine = c.copies(n)
        assert mine and all(c.people.is_sealed(t) for t in mine), (n, mine)
        assert len(mine) == 1 or is_told_twice(mine, kills), (n, mine, kills)
        assert f"{SECRET} {n}".encode() in c.people.opened(mine[-1], CAROL, ANN)
        twice += len(mine) > 1
    assert twice <= IN_HAND_MAX * sum(role == "courier/0" for _, role in kills), twice
    assert not [t for t in found if b"Undelivered" in t]
