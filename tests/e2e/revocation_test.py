#!/usr/bin/env python3
"""Revocation: lists, OCSP answers and missing authorities of real authorities, made by openssl, from a web server at
port 80 that also means ill. All in a network namespace, with a name server that answers from a dictionary."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from authorities import DAY, Authority, Web, openssl, page, points, stamp  # noqa: E402
from name_server import A, Names  # noqa: E402

DNS, WEB, INSIDE, DEAD = "127.0.1.53", "127.0.1.80", "127.0.1.81", "127.0.1.82"
CONF = f"""
[dns]
stub = test {DNS}
validate = no
[mail]
retry_min = 1s
retry_max = 2s
[relay]
host = [127.0.0.1]:%d
tls = none
[gateway]
revocation_networks = {WEB}, {DEAD}/32
[listener mx]
filter = local
[listener submission]
filter = local
"""
SECRET = b"the plan is secret"
MiB = 1 << 20


# --- mail ----------------------------------------------------------------------------------------


def refresh(s, who):
    row, = s.json("cert", "refresh", f"{who}@out.test")["rows"]
    return row


def sign(ca, who, more=()):
    return openssl("cms", "-sign", "-signer", ca.path(who, "pem"), "-inkey", ca.path(who, "key"), "-md", "sha256", *more,
                   data=b"Content-Type: text/plain\r\n\r\nhello\r\n")


def mail_in(s, n, mime, who):
    with s.smtp() as c:
        c.ehlo("out.test")
        head = f"From: <{who}@out.test>\r\nTo: <u0@example.org>\r\nMessage-ID: <{n}@in>\r\n".encode()
        c.sendmail(f"{who}@out.test", ["u0@example.org"], head + mime.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    m = s.wait(lambda: next((b for b in hp.bodies(s) if b"Message-ID: <%d@in>" % n in b), None), 20)
    return re.search(rb"smime=(\w+)", m)[1].decode()


def mail_out(s, n, who):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", [f"{who}@out.test"], b"From: <u0@example.org>\r\nMessage-ID: <%d@out>\r\n\r\n" % n +
                   SECRET + b"\r\n")


def arrives(to, n):
    with to.changed:
        assert to.changed.wait_for(lambda: any(b"<%d@out>" % n in m.text for m in to.mails), 20), n
        return next(m.text for m in to.mails if b"<%d@out>" % n in m.text)


def told(s, name):
    return " | ".join(r["text"] for r in s.json("why", name)["rows"])


# --- what must hold ------------------------------------------------------------------------------


def silence_is_told_as_such(w, s):
    s.cli("cert", "add", w.ca.path("ann", "pem"))
    row, = s.json("cert", "list", "ann@out.test")["rows"]
    assert row["state"] == "good" and row["revocation_state"] == "unknown", row
    assert row["revocation"] == "revocation unknown: nobody has looked yet", row
    assert "nobody has looked yet" in s.cli("cert", "list").stdout


def who_is_on_no_list_is_good(w, s, to):
    row = refresh(s, "ann")
    assert row["revocation_state"] == "good" and "says http://ca.test/1.crl" in row["revocation"], row
    assert w.web.asked == [("ca.test", "/1.crl")], w.web.asked
    s.cli("policy", "set", "out.test", "mode=must", "sign=never", "keep=0")
    mail_out(s, 1, "ann")
    assert SECRET not in arrives(to, 1)
    assert mail_in(s, 1, sign(w.ca, "ann"), "ann") == "pass"


def who_is_revoked_gets_nothing_and_proves_nothing(w, s, to):
    w.ca.revoke("ann")
    w.web.answers["ca.test", "/1.crl"] = page(w.ca.list())
    row = refresh(s, "ann")
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * DAY))
    words = f"revoked since {since} (keyCompromise), says http://ca.test/1.crl"
    assert row["revocation_state"] == "revoked" and row["revocation"] == words, row
    row, = s.json("cert", "list", "ann@out.test")["rows"]
    assert row["state"] == "revoked" and abs(row["revoked_since"] - time.time() + 3 * DAY) < 300, row
    shown = s.json("cert", "show", row["name"])
    assert shown["revocation"] == words and shown["known"][0]["state"] == "revoked", shown
    assert words in s.cli("cert", "show", row["name"]).stdout
    mail_out(s, 2, "ann")
    report = s.wait(lambda: next((b for b in hp.bodies(s) if b"Action: failed" in b), None))
    report = report.replace(b"\r\n ", b" ").replace(b"\r\n", b" ")
    assert words.encode() in report, report
    assert words in told(s, "<2@out>"), told(s, "<2@out>")
    assert mail_in(s, 2, sign(w.ca, "ann"), "ann") == "fail"
    assert "the certificate is revoked: " + words in told(s, "<2@in>"), told(s, "<2@in>")
    explained = s.cli("policy", "explain", "u0@example.org", "ann@out.test").stdout
    assert "no: " + words in explained, explained
    checked = s.cli("check", check=False).stdout
    assert f"of ann@out.test isn't encrypted to: {words}" in checked, checked
    assert not any(b"<2@out>" in m.text for m in to.mails)


def an_old_list_brings_nobody_back(w, s):
    w.web.answers["ca.test", "/1.crl"] = w.old
    assert refresh(s, "ann")["revocation_state"] == "revoked"
    w.ca.given["ann"] = ("V", w.ca.given["ann"][1])
    time.sleep(1.1)
    w.web.answers["ca.test", "/1.crl"] = page(w.ca.list())
    assert refresh(s, "ann")["revocation_state"] == "revoked", "for good"
    w.ca.revoke("ann")
    w.web.answers["ca.test", "/1.crl"] = page(w.ca.list())


def who_was_on_hold_comes_back(w, s):
    s.cli("cert", "add", w.ca.path("hold", "pem"))
    w.ca.revoke("hold", "certificateHold")
    w.web.answers["ca.test", "/2.crl"] = page(w.ca.list())
    assert "(certificateHold)" in refresh(s, "hold")["revocation"]
    time.sleep(1.1)
    w.ca.given["hold"] = ("V", w.ca.given["hold"][1])
    w.web.answers["ca.test", "/2.crl"] = page(w.ca.list())
    assert refresh(s, "hold")["revocation_state"] == "good"


def what_means_ill_says_nothing(w, s):
    """All of them name bad as revoked, where they are lists at all; none of it may count, or stop anything."""
    w.ca.revoke("bad")
    good = w.ca.list()
    past = ("-crl_lastupdate", stamp(time.time() - 9 * DAY), "-crl_nextupdate", stamp(time.time() - DAY))
    future = ("-crl_lastupdate", stamp(time.time() + DAY), "-crl_nextupdate", stamp(time.time() + 2 * DAY))
    bad = {
        "large": (page(b"x" * (4 * MiB + 1)), "too big"),
        "largest": (page(b"x" * (4 * MiB)), "not a list"),
        "garbage": (page(b"\0\xff" * 1000), "not a list"),
        "empty": (page(b""), "it is empty"),
        "more": (page(good + b"x"), "not a list"),
        "cut": (page(good)[:-10], "ended before the answer did"),
        "moved": (page(good, "301 Moved", "Location: http://ca.test/good.crl\r\n"), "status is 301"),
        "missing": (page(good, "404 Not Found"), "status is 404"),
        "nothttp": (b"220 mail.test ESMTP\r\n", "malformed"),
        "others": (page(w.other.list()), "isn't its issuer's"),
        "forged": (page(w.forger.list()), "signature isn't good"),
        "future": (page(w.ca.list(how=future)), "of the future"),
        "elsewhere": (page(w.ca.list("issuingDistributionPoint=critical,@i\n[i]\nfullname=URI:http://ca.test/x")),
                      "for another address"),
        "delta": (page(w.ca.list("2.5.29.27=critical,DER:020101")), "a kind that isn't read"),
    }
    s.cli("cert", "add", w.ca.path("bad", "pem"))
    w.web.answers["ca.test", "/good.crl"] = page(good)
    for name, (answer, why) in bad.items():
        w.web.answers["ca.test", "/bad.crl"] = answer
        row = refresh(s, "bad")
        assert row["revocation_state"] == "unknown" and why in row["revocation"], (name, row)
    assert ("ca.test", "/good.crl") not in w.web.asked
    # What is past its time still says who is revoked, and nothing of the others.
    s.cli("cert", "add", w.ca.path("past", "pem"))
    w.web.answers["ca.test", "/past.crl"] = page(w.ca.list(how=past))
    row = refresh(s, "past")
    assert row["revocation_state"] == "unknown" and "past its time" in row["revocation"], row
    w.web.answers["ca.test", "/bad.crl"] = page(w.ca.list(how=past))
    assert refresh(s, "bad")["revocation_state"] == "revoked"


def only_public_addresses_are_called(w, s):
    s.cli("cert", "add", w.ca.path("inside", "pem"))
    row = refresh(s, "inside")
    assert row["revocation_state"] == "unknown" and "isn't public" in row["revocation"], row
    assert not w.inside.asked, w.inside.asked
    w.names.records["inside.test", A] = socket.inet_aton(WEB)
    w.web.answers["inside.test", "/1.crl"] = page(w.ca.list())
    assert refresh(s, "inside")["revocation_state"] == "good"
    assert not w.inside.asked


def where_there_is_no_list_a_server_is_asked(w, s):
    s.cli("cert", "add", w.ca.path("carl", "pem"))
    by = ["ca"]
    w.web.answers["ocsp.test", "/"] = lambda c, body: c.sendall(page(w.ca.answer(body, by[0])))
    for signer in "ca", "delegate":
        by[0] = signer
        row = refresh(s, "carl")
        assert row["revocation_state"] == "good" and "says http://ocsp.test" in row["revocation"], (signer, row)
    s.cli("cert", "add", w.ca.path("dana", "pem"))
    for signer, why in ("nobody", "may not"), ("other", "may not"):
        by[0] = signer
        row = refresh(s, "dana")
        assert row["revocation_state"] == "unknown" and why in row["revocation"], (signer, row)
    by[0] = "delegate"
    w.ca.revoke("carl", "superseded")
    time.sleep(1.1)
    assert "(superseded)" in refresh(s, "carl")["revocation"]
    assert refresh(s, "dana")["revocation_state"] == "good"


def who_does_not_answer_is_asked_once(w, s):
    for who in "ray", "sue":
        s.cli("cert", "add", w.ca.path(who, "pem"), "@both.test")
    rows = s.json("cert", "refresh", "@both.test")["rows"]
    assert [r["revocation"] for r in rows] == ["revocation unknown: http://dead.test: connect: Connection refused"] * 2, rows
    assert s.log().count("revocation: http://dead.test: connect: Connection refused") == 1
    found = s.json("cert", "refresh")
    assert set(found) == {"good", "revoked", "unknown"} and found["unknown"] >= 2 and found["good"] and found["revoked"], found
    assert s.log().count("revocation: http://dead.test") == 1, "it isn't due"


def a_missing_authority_is_fetched_and_falls_with_all_below(w, s):
    assert mail_in(s, 10, sign(w.middle, "gus"), "gus") == "policy", "its authority isn't known yet"
    assert not [a for a in w.web.asked if "middle" in a[1]], "no stranger's certificate makes us call anybody"
    assert refresh(s, "gus")["revocation"] == "revocation unknown: no trusted authority stands behind it"
    assert not [a for a in w.web.asked if "middle" in a[1]]
    s.cli("cert", "add", w.middle.path("dora", "pem"))
    w.web.answers["ca.test", "/middle.cer"] = page(w.middle.der())
    w.web.answers["ca.test", "/middle.crl"] = page(w.middle.list())
    row = refresh(s, "dora")
    assert row["revocation_state"] == "good" and "middle.crl" in row["revocation"], row
    assert mail_in(s, 11, sign(w.middle, "gus"), "gus") == "pass", "the engine knows the authority now"
    w.ca.revoke("middle", "cACompromise")
    w.web.answers["ca.test", "/1.crl"] = page(w.ca.list())
    row = refresh(s, "dora")
    assert row["revocation"].startswith("its authority is revoked since") and "cACompromise" in row["revocation"], row
    fetched = w.web.asked.count(("ca.test", "/middle.cer"))
    assert refresh(s, "dora")["revocation"] == row["revocation"]
    assert w.web.asked.count(("ca.test", "/middle.cer")) == fetched == 1, "there is nothing to mend"
    assert mail_in(s, 12, sign(w.middle, "gus"), "gus") == "fail"
    assert mail_in(s, 13, sign(w.middle, "hal"), "hal") == "fail", "met for the first time"


def a_stranger_makes_us_call_nobody(w, s):
    asked = len(w.web.asked)
    assert mail_in(s, 20, sign(w.other, "eve"), "eve") == "policy"
    row = refresh(s, "eve")
    assert row["revocation"] == "revocation unknown: no trusted authority stands behind it", row
    assert len(w.web.asked) == asked, w.web.asked[asked:]


def what_is_ours_signs_no_more(w, s, to):
    with open(w.dir + "/u0.all", "w") as out:
        for kind in "key", "pem":
            with open(w.ca.path("u0", kind)) as f:
                out.write(f.read())
    s.cli("key", "import", w.dir + "/u0.all")
    s.cli("policy", "set", "out.test", "mode=never", "sign=always")
    mail_out(s, 30, "x")
    assert b"multipart/signed" in arrives(to, 30)
    w.ca.revoke("u0")
    w.web.answers["ca.test", "/u0.crl"] = page(w.ca.list())
    row, = s.json("cert", "refresh", "u0@example.org")["rows"]
    assert row["revocation_state"] == "revoked", row
    mail_out(s, 31, "x")
    assert b"multipart/signed" not in arrives(to, 31)
    assert "no: revoked since" in s.cli("policy", "explain", "u0@example.org", "x@out.test").stdout
    checked = s.cli("check", check=False).stdout
    assert "of u0@example.org isn't encrypted to, and nobody believes what it signs: revoked" in checked, checked


def it_is_looked_for_without_being_told(w, s):
    s.cli("cert", "add", w.ca.path("fay", "pem"))
    before = len(w.web.asked)
    s.stop()
    s.start()
    s.wait(lambda: s.json("cert", "list", "fay@out.test")["rows"][0]["revocation_state"] == "good", 20)
    assert w.web.asked[before:] == [("ca.test", "/fay.crl")], "nothing else was due"
    assert re.search(r"courier\[\d+\]: revocation: http://ca.test/fay.crl: certificates=1, revoked=0", s.log())


def it_can_be_switched_off(w, s):
    s.stop()
    with open(s.conf, "a") as f:
        f.write("[gateway]\nrevocation = no\n")
    s.start()
    r = s.cli("cert", "refresh", "ann@out.test", check=False)
    assert r.returncode == 78 and "`revocation` in [gateway] is no" in r.stderr, r
    assert s.json("cert", "list", "ann@out.test")["rows"][0]["state"] == "revoked", "what is known stays known"


class World:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="hairpin-revocation-")
        self.names = Names(DNS)
        for host, address in ("ca", WEB), ("ocsp", WEB), ("inside", INSIDE):
            self.names.records[host + ".test", A] = socket.inet_aton(address)
        self.ca, self.other = Authority(self.dir, "ca"), Authority(self.dir, "other")
        self.names.records["dead.test", A] = socket.inet_aton(DEAD)
        ocsp = "authorityInfoAccess=OCSP;URI:http://ocsp.test\n"
        dead = "authorityInfoAccess=OCSP;URI:http://dead.test\n"
        for name, more in (("ann", points()), ("hold", points("2.crl")), ("bad", points("bad.crl")),
                           ("past", points("past.crl")), ("inside", points(host="inside.test")), ("carl", ocsp),
                           ("dana", ocsp), ("ray", dead), ("sue", dead), ("fay", points("fay.crl"))):
            self.ca.give(name, more)
        self.ca.give("delegate", extended="OCSPSigning")
        self.ca.give("nobody")
        self.ca.give("u0", points("u0.crl"), domain="example.org")
        os.mkdir(f"{self.dir}/forger")
        self.forger = Authority(f"{self.dir}/forger", "ca")
        self.forger.given = self.ca.given
        self.other.give("eve", points("eve.crl") + "authorityInfoAccess=caIssuers;URI:http://ca.test/other.cer\n")
        self.middle = Authority(self.dir, "middle", self.ca, points())
        for name in "dora", "gus", "hal":
            self.middle.give(name, points("middle.crl") + "authorityInfoAccess=caIssuers;URI:http://ca.test/middle.cer\n")
        self.web, self.inside = Web(WEB), Web(INSIDE)
        self.old = page(self.ca.list())
        time.sleep(1.1)
        for path in "/1.crl", "/fay.crl":
            self.web.answers["ca.test", path] = page(self.ca.list())
        return self

    def __exit__(self, *why):
        shutil.rmtree(self.dir)


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]  # with the whole sandbox
    with World() as w, sink.Sink() as to, hp.Server(hp.QUICK + CONF % to.port) as s:
        s.cli("cert", "trust", w.ca.path("ca", "pem"))
        silence_is_told_as_such(w, s)
        who_is_on_no_list_is_good(w, s, to)
        who_is_revoked_gets_nothing_and_proves_nothing(w, s, to)
        an_old_list_brings_nobody_back(w, s)
        who_was_on_hold_comes_back(w, s)
        what_means_ill_says_nothing(w, s)
        only_public_addresses_are_called(w, s)
        where_there_is_no_list_a_server_is_asked(w, s)
        who_does_not_answer_is_asked_once(w, s)
        a_missing_authority_is_fetched_and_falls_with_all_below(w, s)
        a_stranger_makes_us_call_nobody(w, s)
        what_is_ours_signs_no_more(w, s, to)
        it_is_looked_for_without_being_told(w, s)
        it_can_be_switched_off(w, s)
        assert s.cli("store", "check").returncode == 0


sys.exit(hp.in_namespaces(__file__, inside))
