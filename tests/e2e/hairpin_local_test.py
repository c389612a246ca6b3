#!/usr/bin/env python3
"""A content filter in this node, one for each domain, and a port behind a filter that knows its clients by certificates."""
import concurrent.futures
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

PACE = "\n[mail]\nretry_min = 1s\nretry_max = 2s\n"
MARK = re.compile(rb"^X-Hairpin-Gateway: (\w+)\r\n", re.M)
BODY = b"\r\n.a dot\r\nlast line \xe4\xf6 \r\n\r\n"


def text(n, who=b"u0@example.org", body=BODY):
    return b"From: <%s>\r\nMessage-ID: <%d@test>\r\nX-Mark: %d\r\n" % (who, n, n) + body


def mail_in(s, n, to=("u0@example.org",), data=None):
    with s.smtp() as c:
        c.ehlo("out.test")
        return c.sendmail("a@out.test", list(to), data or text(n, b"a@out.test"))


def mail_out(s, n, to=("b@out.test",), user="u0@example.org"):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login(user, "pw")
        return c.sendmail(user, list(to), text(n, user.encode()))


def marked(n, texts):
    return [t for t in texts if b"\r\nX-Mark: %d\r\n" % n in t]


def texts_of(s, user):
    """u0, or an address of another domain."""
    was, (user, _, domain) = s.domain, user.partition("@")
    s.domain = domain or was
    try:
        return hp.bodies(s, user)
    finally:
        s.domain = was


def got(s, n, user="u0", count=1):
    s.wait(lambda: len(marked(n, texts_of(s, user))) >= count and is_idle(s), 30)
    found = marked(n, texts_of(s, user))
    assert len(found) == count, found
    return found[0]


def left(to, n):
    to.changed.acquire()
    try:
        assert to.changed.wait_for(lambda: marked(n, [m.text for m in to.mails]), 20), n
        found = [m for m in to.mails if marked(n, [m.text])]
    finally:
        to.changed.release()
    return found


def is_idle(s):
    return not s.json("queue", "list")["rows"]


def ways(octets):
    return MARK.findall(octets)


# --- the engine in this node -----------------------------------------------------------------------


def each_direction_has_its_field(s, to):
    mail_in(s, 1)
    m = got(s, 1)
    assert re.match(rb"Delivered-To: u0@example.org\r\nReturn-Path: <a@out.test>\r\nX-Hairpin-Gateway: in\r\n"
                    rb"Authentication-Results: mail\.example\.org;\r\n\tsmime=none\r\nReceived: ", m), m
    assert m.endswith(text(1, b"a@out.test")), m
    mail_out(s, 2)
    m = left(to, 2)[0].text
    assert ways(m) == [b"out"] and m.endswith(text(2)) and b"Return-Path" not in m, m
    assert re.search(r"courier\[\d+\]: \w+: to=<u0@example.org>, filter=local, status=filtered \(in\)", s.log())


def who_is_in_both_worlds_gets_each_its_own(s, to):
    mail_out(s, 3, ["u0@example.org", "c@out.test", "u1@example.org", "d@out.test"])
    for user in "u0", "u1":
        assert ways(got(s, 3, user)) == [b"in"]
    found = left(to, 3)
    assert len(found) == 1 and sorted(r.split(">")[0] for r in found[0].rcpts) == ["TO:<c@out.test", "TO:<d@out.test"]
    assert ways(found[0].text) == [b"out"], found[0].text
    m = re.search(r"(\w+): to=<\S+>, filter=local, status=filtered \(\w+, queued as (\w+)\)", s.log())
    for name in "3@test", m[1], m[2]:
        told = [r for r in s.json("why", name)["rows"] if r["event"] != "filtered" or r["where"]]
        assert sorted(r["event"] for r in told) == ["delivered"] * 2 + ["filtered"] * 4 + ["sent"] * 2 + ["taken in"] * 2, told
        assert {r["id"] for r in told} == {m[1], m[2]}, told
    assert m and m[1] != m[2] and re.search(m[2] + r": to=<\S+>, .*status=(sent|delivered|expanded)", s.log()), s.log()[-4000:]


def what_is_led_elsewhere_isn_t_filtered_again(s, to):
    s.cli("alias", "add", "away@example.org", "x@out.test")
    s.cli("alias", "add", "all@example.org", "u0@example.org", "u1@example.org", "y@out.test")
    mail_in(s, 4, ["away@example.org"])
    mail_in(s, 5, ["all@example.org"])
    for n in 4, 5:
        assert ways(left(to, n)[0].text) == [b"in"]
    for user in "u0", "u1":
        assert ways(got(s, 5, user)) == [b"in"]


def forged_fields_are_taken_out(s):
    mail_in(s, 6, data=b"X-Hairpin-Gateway: out\r\nX-Hairpin-Guard: v=1; d=in; t=1; m=AA==\r\n" + text(6, b"a@out.test"))
    m = got(s, 6)
    assert ways(m) == [b"in"] and b"X-Hairpin-Guard" not in m, m


def a_large_mail_passes_whole(s):
    data = text(7, b"a@out.test", b"\r\n" + (b"y" * 76 + b"\r\n") * 20000)
    mail_in(s, 7, data=data)
    m = got(s, 7)
    assert ways(m) == [b"in"] and m.endswith(data)
    i = s.imap()
    i.select()
    _, found = i.search(None, "HEADER", "X-Hairpin-Gateway", "in", "SMALLER", "2000000", "LARGER", "1000000")
    assert len(found[0].split()) == 1, found
    i.logout()


def a_report_of_ours_isn_t_filtered(s, to):
    to.replies["RCPT"] = lambda session, a: b"550 5.1.1 nobody" if b"nobody@" in a else None
    mail_out(s, 8, ["nobody@out.test"])
    report = s.wait(lambda: next((b for b in hp.bodies(s) if b"<nobody@out.test>" in b and b"5.1.1" in b), None))
    head = report.partition(b"\r\n\r\n")[0]
    assert not ways(head + b"\r\n"), head


def processes_that_die_lose_and_double_nothing(s, to):
    numbers = list(range(1000, 1200))

    def send(n):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if n % 4:
                    return mail_in(s, n)
                return mail_out(s, n, ["b@out.test", "u0@example.org"] if n % 8 else ["b@out.test"])
            except (OSError, smtplib.SMTPException):
                time.sleep(0.1)
        raise AssertionError("not taken")

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        work = [pool.submit(send, n) for n in numbers]
        for role in ("courier/0", "filterd/0", "store/0", "courier/0", "filterd/0", "keyd/0") * 2:
            time.sleep(0.12)
            pid = s.pids().get(role)
            if pid:
                subprocess.run([*hp.AS_ROOT, "kill", "-9", str(pid)], check=False)
        for w in work:
            assert w.result() == {}
    s.wait(lambda: is_idle(s), 60)
    inside = sorted(n for n in numbers if n % 4 or n % 8)
    found = hp.bodies(s)
    seen = sorted(int(re.search(rb"\r\nX-Mark: (\d+)", b)[1]) for b in found if b"\r\nX-Mark: 1" in b)
    assert [n for n in seen if n >= 1000] == inside, (len(seen), set(inside) - set(seen), [n for n in seen if seen.count(n) > 1])
    assert all(ways(b) == [b"in"] for n in inside for b in marked(n, found))
    outside = {n for n in numbers if n % 4 == 0}
    texts = [m.text for m in to.mails]
    assert outside == {n for n in numbers if marked(n, texts)}
    assert all(ways(b) == [b"out"] for n in outside for b in marked(n, texts))


# --- a filter for each domain ----------------------------------------------------------------------


def each_recipient_has_the_filter_of_its_domain(s, to, gateway):
    mail_out(s, 20, ["u0@example.org", "v@other.test", "w@free.test", "b@out.test"])
    assert ways(got(s, 20)) == [b"in"]
    assert ways(got(s, 20, "w@free.test")) == []
    handed = left(gateway, 20)
    assert len(handed) == 1 and [r.split(">")[0] for r in handed[0].rcpts] == ["TO:<v@other.test"], handed[0].rcpts
    assert ways(handed[0].text) == []
    assert ways(left(to, 20)[0].text) == [b"out"]
    assert re.search(r"TLS to \S+: none, TLSv1.3", s.log()), "the filter's own `tls` offers to encrypt"


def what_leaves_has_the_filter_of_its_sender(s, to, gateway):
    mail_out(s, 21, user="v@other.test")
    assert [r.split(">")[0] for r in left(gateway, 21)[0].rcpts] == ["TO:<b@out.test"]
    mail_out(s, 22, ["b@out.test", "u0@example.org"], user="w@free.test")
    assert ways(left(to, 22)[0].text) == []
    assert ways(got(s, 22)) == [b"in"]
    # An outsider who names himself so is none of ours.
    with s.smtp() as c:
        c.sendmail("w@free.test", ["u0@example.org"], text(23, b"w@free.test"))
    assert ways(got(s, 23)) == [b"in"]


# --- certificates ----------------------------------------------------------------------------------


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True).stdout


def make_certificate(where, name, ca=None):
    key, cert = f"{where}/{name}.key", f"{where}/{name}.pem"
    by = ["-CA", f"{where}/{ca}.pem", "-CAkey", f"{where}/{ca}.key"] if ca else []
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-days", "2", "-keyout", key, "-out", cert, *by)
    return cert, key


def fingerprint(cert):
    return openssl("x509", "-in", cert, "-noout", "-fingerprint", "-sha256").strip().partition("=")[2]


def call(s, port, pair=None, source="127.0.0.9", version=None):
    c = smtplib.SMTP()
    c._host = "mail.test"
    c._get_socket = lambda host, at, seconds: socket.create_connection((host, at), 20, (source, 0))
    assert c.connect(s.host, port)[0] == 220
    c.ehlo("gw.test")
    if pair is None:
        return c
    context = hp.trust_all()
    if version:
        context.maximum_version = version
    if pair:
        context.load_cert_chain(*pair)
    assert c.starttls(context=context)[0] == 220
    c.ehlo("gw.test")
    return c


def who_shows_a_known_certificate_may_come_from_anywhere(s, port, pairs):
    with call(s, port) as c:
        assert "xforward" not in c.esmtp_features and "starttls" in c.esmtp_features
        assert c.docmd("MAIL FROM:<a@out.test>") == (530, b"5.7.0 Must issue a STARTTLS command first")
        assert c.docmd("XFORWARD NAME=x")[0] == 502 and c.docmd("RCPT TO:<u0@example.org>")[0] == 503
    for pair in (), pairs["wrong"]:
        with call(s, port, pair) as c:
            assert "xforward" not in c.esmtp_features
            code, words = c.docmd("MAIL FROM:<a@out.test>")
            assert code == 450 and words.startswith(b"4.7.1 Your client certificate isn't one"), (code, words)
            assert c.docmd("XFORWARD NAME=x")[0] == 502
    assert re.search(r"certificate=/CN=wrong, sha256=[0-9A-F:]{95} \(.*\): not known", s.log())
    for n, (name, version) in enumerate((("listed", None), ("listed", ssl.TLSVersion.TLSv1_2), ("signed", None))):
        with call(s, port, pairs[name], version=version) as c:
            assert "xforward" in c.esmtp_features and c.docmd("XFORWARD NAME=x ADDR=192.0.2.1")[0] == 250
            c.sendmail("a@out.test", ["u0@example.org"], text(30 + n))
        assert ways(got(s, 30 + n)) == []
    with call(s, port, source="127.0.0.7") as c:
        assert "xforward" in c.esmtp_features  # of a network in `from`


def take_certificate(gateway, cert, key):
    before = gateway.log().count("taken anew")
    for file, name in (cert, "cert"), (key, "key"):
        subprocess.run([*hp.AS_ROOT, "cp", file, f"{gateway.data}/tls/{name}.pem"], check=True)
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait(lambda: gateway.log().count("taken anew") == before + 5)  # two smtpd, two imapd, the courier


def our_own_gateway_shows_its_certificate(s, gateway, own):
    """One that isn't listed first: the mail waits for the one that is."""
    take_certificate(gateway, *make_certificate(gateway.dir, "anew"))
    with smtplib.SMTP("127.0.0.1", gateway.door, local_hostname="first.test") as c:
        c.sendmail("a@out.test", ["u0@example.org"], text(40))
    gateway.wait(lambda: "Your client certificate isn't one that is known" in gateway.cli("queue", "list").stdout)
    assert re.search(r"certificate=/CN=anew, sha256=\S+ \(.*\): not known", s.log())
    take_certificate(gateway, *own)
    assert ways(got(s, 40)) == [b"in"]
    assert re.search(r"certificate=/CN=mail.gw.test, sha256=\S+: known", s.log())


def main():
    back, door = hp.free_port(), hp.free_port()
    with sink.Sink() as to, hp.Server(domain="gw.test", extra=hp.QUICK + PACE + (
            f"\n[gateway]\nreinject = 127.0.0.1:{back}\ntls = encrypt\n[relay]\ntls = none\n"
            f"[listener filter]\nkind = filter\naddress = 127.0.0.1\nport = {door}\nfrom = 127.0.0.1\n")) as gateway:
        gateway.door = door
        gateway.cli("domain", "add", "example.org")
        pairs = {name: make_certificate(gateway.dir, name) for name in ("listed", "wrong", "ca")}
        pairs["signed"] = make_certificate(gateway.dir, "signed", "ca")
        inside = hp.trust_all().__class__(ssl.PROTOCOL_TLS_SERVER)
        inside.load_cert_chain(*pairs["wrong"])
        own = [f"{gateway.dir}/own.{name}" for name in ("cert", "key")]
        for file in own:
            subprocess.run([*hp.AS_ROOT, "cp", f"{gateway.data}/tls/{file[-4:].strip('.')}.pem", file], check=True)
            subprocess.run([*hp.AS_ROOT, "chmod", "644", file], check=True)
        with sink.Sink(tls=inside) as filter, hp.Server(users=("u0", "u1"), extra=hp.QUICK + PACE + (
                f"\n[relay]\nhost = [127.0.0.1]:{to.port}\ntls = none\n"
                f"[listener mx]\nfilter = local\n[listener submission]\nfilter = local\n"
                f"[filter other.test]\nfilter = [127.0.0.1]:{filter.port}\n[filter free.test]\nfilter = none\n"
                f"[listener back]\nkind = reinject\naddress = 127.0.0.1\nport = {back}\nfrom = 127.0.0.7\n"
                f"certificates = {fingerprint(pairs['listed'][0])}\ncertificates = {fingerprint(own[0])}\n"
                f"certificates = {pairs['ca'][0]}\n")) as s:
            for user in "v@other.test", "w@free.test":
                s.cli("domain", "add", user.partition("@")[2])
                s.cli("user", "add", user, "--password", "pw")
            each_direction_has_its_field(s, to)
            who_is_in_both_worlds_gets_each_its_own(s, to)
            what_is_led_elsewhere_isn_t_filtered_again(s, to)
            forged_fields_are_taken_out(s)
            a_large_mail_passes_whole(s)
            a_report_of_ours_isn_t_filtered(s, to)
            each_recipient_has_the_filter_of_its_domain(s, to, filter)
            what_leaves_has_the_filter_of_its_sender(s, to, filter)
            who_shows_a_known_certificate_may_come_from_anywhere(s, back, pairs)
            our_own_gateway_shows_its_certificate(s, gateway, own)
            processes_that_die_lose_and_double_nothing(s, to)
            assert s.cli("store", "check").returncode == 0


main()
