#!/usr/bin/env python3
"""Logins by SMTP, spoken by hand over TLS: each mechanism, channel binding and its downgrade; who doesn't exist looks
like who mistyped the password; a changed account ends what it had begun; loopback has no privilege of its own."""
import base64
import hashlib
import hmac
import os
import re
import smtplib
import socket
import statistics
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import QUICK, Server, trust_all  # noqa: E402

LMTP = "\n[listener lmtp-port]\nkind = lmtp\naddress = 127.0.0.1\nport = {lmtp_port}\n"


def b64(octets):
    return base64.b64encode(octets).decode()


class Talk:
    def __init__(self, s, port=465, tls=True):
        self.sock = socket.create_connection(("127.0.0.1", s.base + port), 30)
        if tls:
            self.sock = trust_all().wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()
        self.offers = self.say("EHLO client.test")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode()
            if not line:
                raise ConnectionError(f"closed after {lines}")
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.reply()


class Scram:
    """A client's side of RFC 5802 and 7677."""
    def __init__(self, user, password, gs2=b"n,,", binding=b""):
        self.password, self.gs2, self.binding = password.encode(), gs2, binding
        self.nonce = base64.b64encode(os.urandom(18)).rstrip(b"=")
        self.bare = b"n=" + user.encode().replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + self.nonce

    def first(self):
        return self.gs2 + self.bare

    def final(self, challenge):
        self.challenge = challenge
        got = dict(part.split(b"=", 1) for part in challenge.split(b","))
        assert got[b"r"].startswith(self.nonce) and len(got[b"r"]) > len(self.nonce) + 16, challenge
        self.salt, self.rounds = base64.b64decode(got[b"s"]), int(got[b"i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password, self.salt, self.rounds)
        client = hmac.digest(salted, b"Client Key", "sha256")
        bare = b"c=" + base64.b64encode(self.gs2 + self.binding) + b",r=" + got[b"r"]
        signed = self.bare + b"," + challenge + b"," + bare
        proof = bytes(a ^ b for a, b in zip(client, hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")))
        self.verifier = b"v=" + base64.b64encode(
            hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"))
        return bare + b",p=" + base64.b64encode(proof)


def scram(t, who, mechanism="SCRAM-SHA-256"):
    """The reply that ends the exchange."""
    got = t.say(f"AUTH {mechanism} " + b64(who.first()))
    if not got.startswith("334 "):
        return got
    got = t.say(b64(who.final(base64.b64decode(got[4:]))))
    if got.startswith("334 "):
        assert base64.b64decode(got[4:]) == who.verifier, "the server doesn't know the password either"
        got = t.say("")
    return got


def end_point(t):
    return hashlib.sha256(t.sock.getpeercert(binary_form=True)).digest()


def each_mechanism_lets_the_right_one_in(s):
    with Talk(s) as t:
        offered = re.search(r"250.AUTH (.*)", t.offers).group(1).split()
        assert sorted(offered) == ["LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], offered
        assert t.say("AUTH PLAIN " + b64(b"\0u0@example.org\0pw")).startswith("235 ")
        assert t.say("AUTH PLAIN " + b64(b"\0u0@example.org\0pw")).startswith("503 ")
    with Talk(s) as t:
        assert t.say("AUTH PLAIN") == "334 "
        assert t.say(b64(b"u0@example.org\0u0@example.org\0pw")).startswith("235 ")
    with Talk(s) as t:
        assert t.say("AUTH LOGIN " + b64(b"u0@example.org")) == "334 UGFzc3dvcmQ6"
        assert t.say(b64(b"pw")).startswith("235 ")
    with Talk(s) as t:
        assert scram(t, Scram("u0@example.org", "pw")).startswith("235 ")
        assert t.say("MAIL FROM:<u0@example.org>").startswith("250 ")
    with Talk(s) as t:
        who = Scram("u0@example.org", "pw", b"p=tls-server-end-point,,", end_point(t))
        assert scram(t, who, "SCRAM-SHA-256-PLUS").startswith("235 ")
    s.cli("user", "password", "u1@example.org", "--password", "x" * 1000)
    with Talk(s) as t:
        assert scram(t, Scram("u1@example.org", "x" * 1000)).startswith("235 ")
    s.cli("user", "password", "u1@example.org", "--password", "pässwörd")
    with Talk(s) as t:
        assert scram(t, Scram("u1@example.org", "pässwörd")).startswith("235 ")


def a_wrong_or_unbound_proof_is_refused(s):
    def refused(*args, mechanism="SCRAM-SHA-256", **more):
        with Talk(s) as t:
            if more.pop("bound", False):
                more["binding"] = end_point(t)
            got = scram(t, Scram(*args, **more), mechanism)
            assert got[:4] in ("535 ", "501 "), got
            assert t.say("MAIL FROM:<u0@example.org>").startswith("530 ")

    plus = "SCRAM-SHA-256-PLUS"
    refused("u0@example.org", "wrong")
    refused("nobody@example.org", "pw")
    # "I could bind, but you don't offer it": somebody took the offer away.
    refused("u0@example.org", "pw", b"y,,")
    refused("u0@example.org", "pw", b"p=tls-server-end-point,,", b"x" * 32, mechanism=plus)
    refused("u0@example.org", "pw", b"n,,", mechanism=plus)
    refused("u0@example.org", "pw", b"p=tls-server-end-point,,", bound=True)
    refused("u0@example.org", "pw", b"p=tls-unique,,", b"x" * 12, mechanism=plus)
    # In another's name.
    refused("u0@example.org", "pw", b"n,a=u1@example.org,")


def malformed_exchanges_end_cleanly(s):
    lines = ["!!!!", "AA", "====", b64(b""), b64(b"\0"), b64(b"\0u0@example.org"), b64(b"\0\0\0\0"), b64(b"n,,"),
             b64(b"n,,n=,r="), b64(b"n,,n=u0@example.org"), b64(b"n,,n=u0=ZZ,r=abc"), b64(b"x" * 6000), b64(b"\xff" * 50)]
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
        for line in lines:
            with Talk(s, 587, tls=False) as t:
                got = t.say(f"AUTH {mechanism} {line}")
                while got.startswith("334 "):
                    got = t.say(line)
                assert got[:3] in ("501", "504", "535", "500"), (mechanism, line[:40], got)
                assert t.say("NOOP").startswith("250 ")
    with Talk(s) as t:
        assert t.say("AUTH SCRAM-SHA-256 " + b64(Scram("u0@example.org", "pw").first())).startswith("334 ")
        assert t.say("*").startswith("501 ")
        assert t.say("AUTH PLAIN " + "A" * 20000).startswith("500 ")
        for _ in range(3):
            t.say("AUTH PLAIN " + b64(b"\0u0@example.org\0no"))
        try:
            ends = [t.say("AUTH PLAIN " + b64(b"\0u0@example.org\0no")) for _ in range(5)]
        except ConnectionError:
            ends = ["421"]
        assert any("421" in e for e in ends), ends


def nobody_looks_like_somebody(s):
    """Salt, iteration count, replies, and roughly the time."""
    def first(user):
        with Talk(s) as t:
            who = Scram(user, "pw")
            got = t.say("AUTH SCRAM-SHA-256 " + b64(who.first()))
            who.final(base64.b64decode(got[4:]))
            return who.salt, who.rounds

    known, unknown, other = first("u0@example.org"), first("nobody@example.org"), first("nobody2@example.org")
    assert len(known[0]) == len(unknown[0]) and known[1] == unknown[1] == other[1], (known, unknown)
    assert unknown == first("nobody@example.org") and unknown == first("Nobody@EXAMPLE.org"), "the salt moves"
    assert unknown[0] != other[0]
    s.cli("user", "set", "u2@example.org", "--disable")
    assert len(first("u2@example.org")[0]) == len(known[0])

    def refusal(user, times):
        took, said = [], set()
        for i in range(times):
            with Talk(s) as t:
                start = time.monotonic()
                said.add(t.say("AUTH PLAIN " + b64(f"\0{user}\0wrong{i}".encode())))
                took.append(time.monotonic() - start)
        return statistics.median(took), said

    # (u0's password was hashed before the configuration asked for quick ones.)
    took, said = zip(*[refusal(u, 7) for u in ("u1@example.org", "nobody@example.org", "u2@example.org", "no address")])
    assert len(set(map(frozenset, said))) == 1, said
    assert max(took) < 4 * min(took) + 0.02, took


def a_changed_account_ends_what_it_had_begun(s):
    def logged_in():
        t = Talk(s)
        assert t.say("AUTH PLAIN " + b64(b"\0u3@example.org\0" + password)).startswith("235 ")
        return t

    def ended(t):
        try:
            return t.say("NOOP").startswith("421 ") or t.say("NOOP") == ""
        except OSError:
            return True

    password = b"pw"
    s.cli("user", "set", "u3@example.org", "--full-name", "harmless")
    t = logged_in()
    half = Talk(s)
    who = Scram("u3@example.org", "pw")
    challenge = half.say("AUTH SCRAM-SHA-256 " + b64(who.first()))
    s.cli("user", "password", "u3@example.org", "--password", "new")
    s.wait(lambda: ended(t))
    # An exchange that was open then is worth nothing now.
    got = half.say(b64(who.final(base64.b64decode(challenge[4:]))))
    if got.startswith("334 "):
        got = half.say("")
    assert got.startswith("535 "), got
    half.__exit__()
    with Talk(s) as u:
        assert u.say("AUTH PLAIN " + b64(b"\0u3@example.org\0pw")).startswith("535 ")
    password = b"new"
    t = logged_in()
    m = s.imap("u3", "new")
    s.cli("user", "set", "u3@example.org", "--disable")
    s.wait(lambda: ended(t))
    s.wait(lambda: imap_ended(m))
    s.cli("user", "set", "u3@example.org", "--enable")
    t, m = logged_in(), s.imap("u3", "new")
    assert t.say("MAIL FROM:<u3@example.org>").startswith("250 ")
    s.cli("user", "delete", "u3@example.org")
    s.wait(lambda: ended(t))
    s.wait(lambda: imap_ended(m))
    with Talk(s) as u:
        assert u.say("AUTH PLAIN " + b64(b"\0u3@example.org\0new")).startswith("535 ")


def imap_ended(m):
    try:
        return m.noop()[0] != "OK"
    except Exception:
        return True


def a_service_logs_in_from_its_network_only(s):
    def code(user):
        with Talk(s) as t:
            return t.say("AUTH PLAIN " + b64(f"\0{user}\0pw".encode()))[:3]

    s.cli("service", "add", "printer@example.org", "--password", "pw", "--from-network", "192.0.2.0/24,2001:db8::/32")
    assert code("printer@example.org") == "535"
    s.cli("service", "set", "printer@example.org", "--from-network", "192.0.2.0/24,127.0.0.0/8")
    assert s.json("service", "show", "printer@example.org")["from_network"] == ["192.0.2.0/24", "127.0.0.0/8"]
    assert code("printer@example.org") == "235"
    s.cli("service", "set", "printer@example.org", "--from-network", "any")
    assert code("printer@example.org") == "235"
    bad = s.cli("service", "set", "printer@example.org", "--from-network", "127.0.0.1/8", check=False)
    assert bad.returncode == 64 and "like 192.0.2.0/24" in bad.stderr, bad


def loopback_has_no_privilege(s):
    for port in (25, 587):
        with Talk(s, port, tls=False) as t:
            assert "AUTH" not in t.offers and "STARTTLS" in t.offers, t.offers
            assert t.say("AUTH PLAIN " + b64(b"\0u0@example.org\0pw"))[:3] in ("502", "530", "538"), port
            got = t.say("MAIL FROM:<u0@example.org>")
            if port == 587:
                assert got.startswith("530 5.7.0 "), got
                continue
            assert t.say("RCPT TO:<x@elsewhere.test>").startswith("554 5.7.1 ")
            assert t.say("RCPT TO:<u0@example.org>").startswith("250 ")
    with socket.create_connection(("127.0.0.1", s.base + 143), 20) as c:
        f = c.makefile("rb")
        assert b"LOGINDISABLED" in f.readline()
        c.sendall(b"a LOGIN u0@example.org pw\r\n")
        assert b"PRIVACYREQUIRED" in f.readline()
    # LMTP over a port is for those who may reach it; it relays for nobody, and knows no login.
    with smtplib.LMTP("127.0.0.1", s.base + 24, local_hostname="c.test") as c:
        c.ehlo()
        assert not c.has_extn("auth")
        c.mail("a@outside.test")
        assert c.rcpt("x@elsewhere.test")[0] == 554
        assert c.rcpt("u0@example.org")[0] == 250 and c.rcpt("u1@example.org")[0] == 250
        assert c.data(b"Subject: by a port\r\n\r\nx\r\n")[0] == 250
        assert c.getreply()[0] == 250


def main():
    with Server(extra=QUICK, users=("u0", "u1", "u2", "u3")) as s:
        each_mechanism_lets_the_right_one_in(s)
        a_wrong_or_unbound_proof_is_refused(s)
        malformed_exchanges_end_cleanly(s)
        a_changed_account_ends_what_it_had_begun(s)
        a_service_logs_in_from_its_network_only(s)
        nobody_looks_like_somebody(s)
        assert "AddressSanitizer" not in s.log() and "runtime error" not in s.log(), s.log()[-3000:]
    with Server(plaintext=False, extra=QUICK + LMTP, users=("u0", "u1")) as s:
        loopback_has_no_privilege(s)


main()
