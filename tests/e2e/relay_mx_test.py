#!/usr/bin/env python3
# timeout: 300
"""Where mail leaves to, and with what TLS: MX records, addresses and TLSA records of real name servers (NSD), signed
zones, certificates of openssl, servers at port 25 of addresses of their own. All in a network namespace."""
import hashlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from name_server import SOA, Nsd, Zones  # noqa: E402

DNS, A, B, C, DEAD, SELF = ("127.0.1.53", "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.9", "127.0.1.10")
V6 = "fd00::1"
CERTS = {"right": "127.0.2.1", "wrong": "127.0.2.2", "expired": "127.0.2.3", "self": "127.0.2.4", "none": "127.0.2.5",
         "stall": "127.0.2.6", "ta": "127.0.2.7"}
PLAIN = SOA + f"""
a 300 IN A {A}
b 300 IN A {B}
c 300 IN A {C}
dead 300 IN A {DEAD}
six 300 IN A {A}
six 300 IN AAAA {V6}
order 300 IN MX 20 b
order 300 IN MX 10 a
equal 300 IN MX 10 a
equal 300 IN MX 10 b
null 300 IN MX 0 .
alias 300 IN CNAME order
second 300 IN MX 10 dead
second 300 IN MX 20 b
both 300 IN MX 10 six
own 300 IN MX 5 b
own 300 IN MX 10 mail.example.org.
own 300 IN MX 20 c
ownaddress 300 IN MX 5 b
ownaddress 300 IN MX 10 here
ownaddress 300 IN MX 20 c
here 300 IN A {SELF}
loopaddress 300 IN MX 10 here
loopaddress 300 IN MX 20 c
loop 300 IN MX 10 mail.example.org.
loop 300 IN MX 20 c
toalias 300 IN MX 10 aliashost
aliashost 300 IN CNAME c
nohost 300 IN MX 10 nothing
nothing 300 IN TXT "no address"
empty 300 IN TXT "no address"
many 300 IN MX 10 manyhost
""" + "".join(f"manyhost 300 IN A 127.0.3.{n}\n" for n in range(1, 13)) + "".join(
    f"{name} 300 IN MX 10 mx.{name}\nmx.{name} 300 IN A {address}\n" for name, address in CERTS.items())
LONG = (f"\n[listener own]\nkind = mx\naddress = {SELF}\nport = 25\n" +
        "\n[relay]\ntls = %s\nconnect_timeout = 2s\ntimeout = 3s\n%s\n[mail]\nretry_min = 1h\nretry_max = 1h\n"
        "\n[limits]\nconnection_rate_per_minute = 0\n")


class Certificates:
    """An authority, and certificates of it."""

    def __init__(self, folder):
        self.dir = folder
        self.run("req", "-x509", *self.key("ca"), "-out", "ca.pem", "-days", "30", "-subj", "/CN=authority")

    def run(self, *words):
        r = subprocess.run(["openssl", *words], cwd=self.dir, capture_output=True)
        assert r.returncode == 0, (words, r.stderr)
        return r.stdout

    def key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"

    def make(self, name, host, days=30):
        self.run("req", "-new", *self.key(name), "-out", name + ".csr", "-subj", "/CN=" + host)
        with open(f"{self.dir}/{name}.ext", "w") as f:
            f.write(f"subjectAltName = DNS:{host}\n")
        self.run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", str(days),
                 "-extfile", name + ".ext", "-out", name + ".pem")
        return self.context(name, "ca.pem")

    def self_signed(self, name, host):
        self.run("req", "-x509", *self.key(name), "-out", name + ".pem", "-days", "30", "-subj", "/CN=" + host)
        return self.context(name)

    def context(self, name, *more):
        with open(f"{self.dir}/{name}.chain", "w") as f:
            for part in (name + ".pem", *more):
                f.write(open(f"{self.dir}/{part}").read())
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(f"{self.dir}/{name}.chain", f"{self.dir}/{name}.key")
        return c

    def tlsa(self, name, usage, selector):
        """Its record's fields, SHA-256."""
        if selector:
            key = self.run("x509", "-in", name + ".pem", "-noout", "-pubkey")
            with open(f"{self.dir}/{name}.pub", "wb") as f:
                f.write(key)
            der = self.run("pkey", "-pubin", "-in", name + ".pub", "-outform", "DER")
        else:
            der = self.run("x509", "-in", name + ".pem", "-outform", "DER")
        return f"{usage} {selector} 1 {hashlib.sha256(der).hexdigest()}"


def stalls(session, argument):
    session.say(b"220 2.0.0 go on")
    time.sleep(6)
    return b""


class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hairpin-mx-")
        self.certs = Certificates(self.dir)
        self.sinks = {h: sink.Sink(h, 25) for h in (A, B, C, V6)}
        contexts = {
            "right": self.certs.make("right", "mx.right.plain.test"),
            "wrong": self.certs.make("wrong", "mx.other.test"),
            "expired": self.certs.make("expired", "mx.expired.plain.test", -1),
            "self": self.certs.self_signed("self", "mx.self.plain.test"),
            "none": None,
            "stall": self.certs.self_signed("stall", "mx.stall.plain.test"),
            "ta": self.certs.make("ta", "mx.tagood.signed.test"),
        }
        for name, address in CERTS.items():
            self.sinks[address] = sink.Sink(address, 25, tls=contexts[name])
        self.sinks[CERTS["stall"]].replies["STARTTLS"] = stalls
        self.sinks["127.0.3.12"] = sink.Sink("127.0.3.12", 25)
        zones = Zones(self.dir)
        zones.plain("plain.test", PLAIN)
        self.ds = zones.signed("signed.test", self.signed(zones))
        zones.change("signed.test", "aaaaaaaa" * 8, "bbbbbbbb" * 8)
        self.broken_ds = zones.signed("broken.test", SOA + f"@ 300 IN MX 10 mx\nmx 300 IN A {A}\n")
        zones.change("broken.test", "MX\t10 mx", "MX\t11 mx")
        self.nsd = Nsd(self.dir, [DNS], ["plain.test", "signed.test", "broken.test"])

    def signed(self, zones):
        other = "0123456789abcdef" * 4
        hosts = {
            "ee": (CERTS["wrong"], self.certs.tlsa("wrong", 3, 1)),  # neither name nor date count
            "eeold": (CERTS["expired"], self.certs.tlsa("expired", 3, 1)),
            "eebad": (CERTS["right"], f"3 1 1 {other}"),
            "ta": (CERTS["right"], self.certs.tlsa("ca", 2, 0)),
            "taname": (CERTS["wrong"], self.certs.tlsa("ca", 2, 0)),
            "tabad": (CERTS["right"], f"2 0 1 {other}"),
            "tagood": (CERTS["ta"], self.certs.tlsa("ca", 2, 0)),
            # Of several one is enough; what isn't usable beside them doesn't count.
            "eemany": (CERTS["wrong"], f"3 1 1 {other}", f"3 0 1 {other}", self.certs.tlsa("wrong", 3, 1)),
            "eemixed": (CERTS["wrong"], f"1 1 1 {other}", f"3 1 7 {other}", f"9 1 1 {other}",
                        self.certs.tlsa("wrong", 3, 1)),
            "badmixed": (CERTS["wrong"], f"1 1 1 {other}", f"3 1 7 {other}", f"3 1 1 {other}"),
            "unusable": (CERTS["wrong"], f"0 0 1 {other}", f"3 1 7 {other}", f"3 9 1 {other}", f"3 1 1 {other[2:]}"),
            "bogus": (CERTS["right"], "3 1 1 " + "aaaaaaaa" * 8),
            "notls": (CERTS["none"], f"3 1 1 {other}"),
            "pkix": (CERTS["self"], f"1 1 1 {other}"),  # not usable: encrypts, whoever it is
            "without": (CERTS["self"],),
        }
        text = SOA
        for name, (address, *tlsa) in hosts.items():
            # The name in the certificate of `right` is the domain's MX host.
            text += f"{name} 300 IN MX 10 mx.{name}\nmx.{name} 300 IN A {address}\n"
            text += "".join(f"_25._tcp.mx.{name} 300 IN TLSA {t}\n" for t in tlsa)
        return text

    def close(self):
        self.nsd.stop()
        for s in self.sinks.values():
            s.close()
        shutil.rmtree(self.dir)

    def conf(self, tls, more=""):
        stubs = "".join(f"stub = {zone} {DNS}\n" for zone in ("plain.test", "signed.test", "broken.test", "refused.test"))
        anchors = "".join(f"trust_anchor = {' '.join(ds.split())}\n" for ds in (self.ds, self.broken_ds))
        return hp.QUICK + LONG % (tls, more) + f"\n[dns]\nservers = {DNS}\n{stubs}{anchors}"

    def got(self, domain):
        """Addresses at which a@domain's mail arrived."""
        return [(h, m) for h, s in self.sinks.items() for m in s.mails if f"TO:<a@{domain}>" in m.rcpts[0]]

    def fresh(self):
        for s in self.sinks.values():
            s.hang_up()


def submit(s, *domains):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        for domain in domains:
            c.sendmail("u0@example.org", [f"a@{domain}"], b"Subject: x\r\n\r\n" + domain.encode() + b"\r\n")


def outcome(s, domain):
    """Of its newest try: (status, words)."""
    found = re.findall(rf"to=<a@{re.escape(domain)}>, relay=.*?status=(\w+) \((.*)\)\n", s.log())
    return found[-1] if found else None


def becomes(s, domain, status, words=""):
    got = s.wait(lambda: outcome(s, domain), 40)
    assert got[0] == status and re.search(words, got[1]), (domain, got, status, words)


def goes_to(w, s, domain, address):
    becomes(s, domain, "sent")
    got = w.got(domain)
    assert [h for h, m in got] == [address], (domain, [h for h, m in got])
    return got[0][1]


def mail_goes_where_the_dns_says(w):
    expected = {"order": A, "alias": A, "a": A, "second": B, "both": V6, "own": B, "ownaddress": B, "toalias": C}
    with hp.Server(w.conf("dane")) as s:
        s.settle()
        fails = {"null": "accepts no mail|null MX", "nothere": "doesn't exist", "loop": "loops back",
                 "loopaddress": "loops back", "nohost": "has an address",
                 "empty": "has an address"}
        submit(s, *(f"{n}.plain.test" for n in (*expected, *fails)), "x.refused.test", "broken.test", f"[{C}]",
               f"[IPv6:{V6}]", "many.plain.test")
        for name, address in expected.items():
            goes_to(w, s, f"{name}.plain.test", address)
        goes_to(w, s, f"[{C}]", C)
        goes_to(w, s, f"[ipv6:{V6}]", V6)
        for name, words in fails.items():
            becomes(s, f"{name}.plain.test", "bounced", words)
        becomes(s, "x.refused.test", "deferred", "No name server answers")
        becomes(s, "broken.test", "deferred", "can't be validated")
        assert "dsn=5.1.10" in s.log() and "dsn=5.4.6" in s.log() and "dsn=5.1.2" in s.log()
        s.wait(lambda: len(hp.bodies(s)) == len(fails))
        got = s.wait(lambda: outcome(s, "many.plain.test"), 40)
        assert got[0] in ("sent", "deferred"), got  # 8 of 12 addresses are tried
        w.sinks[V6].close()
        w.fresh()
        for s2 in w.sinks.values():
            s2.mails.clear()
        time.sleep(0.3)
        submit(s, "both.plain.test")
        s.wait(lambda: w.got("both.plain.test"))
        assert [h for h, m in w.got("both.plain.test")] == [A]


def equal_ones_share(w):
    with hp.Server(w.conf("dane")) as s:
        s.settle()
        for n in range(14):
            submit(s, "equal.plain.test")
            s.wait(lambda: len(w.got("equal.plain.test")) == n + 1)
            w.fresh()
        hosts = {h for h, m in w.got("equal.plain.test")}
        assert hosts == {A, B}, hosts


def a_host_that_drops_us_leaves_it_to_the_next(w):
    with hp.Server(w.conf("dane")) as s:
        s.settle()
        for verb, reply in (("greeting", b"421 4.3.2 no"), ("EHLO", b""), ("MAIL", b"421 4.3.2 no"), ("RCPT", b""),
                            ("DATA", b"421 4.3.2 no"), ("text", b"421 4.3.2 no"), ("greeting", b"554 5.3.2 no mail here")):
            w.fresh()
            for x in w.sinks.values():
                x.mails.clear()
            w.sinks[A].replies[verb] = lambda session, argument: reply
            time.sleep(0.2)
            submit(s, "order.plain.test")
            s.wait(lambda: w.got("order.plain.test"))
            assert [h for h, m in w.got("order.plain.test")] == [B], verb
            w.sinks[A].replies.clear()


def one_hosts_refusal_is_no_bounce_while_another_may_come_back(w):
    """Not even one that says that it never takes mail (RFC 7504)."""
    w.sinks[B].replies["greeting"] = lambda session, argument: b"521 5.3.2 no mail here"
    with hp.Server(w.conf("dane")) as s:
        s.settle()
        submit(s, "second.plain.test")
        becomes(s, "second.plain.test", "deferred", "connect to dead.plain.test.*Connection refused")
    w.sinks[B].replies.clear()


def levels(w):
    name = "{}.plain.test".format
    with hp.Server(w.conf("may")) as s:
        s.settle()
        submit(s, *map(name, ("self", "wrong", "expired", "none", "stall")))
        for n in "self", "wrong", "expired":
            assert goes_to(w, s, name(n), CERTS[n]).is_secure
        assert not goes_to(w, s, name("none"), CERTS["none"]).is_secure
        assert not goes_to(w, s, name("stall"), CERTS["stall"]).is_secure
        assert re.search(r"TLS to mx.stall.*TLS handshake failed: timed out", s.log()), s.log()[-3000:]
        assert re.search(r"TLS to mx.self.plain.test: none, ", s.log())
    clear(w)
    with hp.Server(w.conf("encrypt")) as s:
        s.settle()
        submit(s, *map(name, ("self", "none", "stall")))
        assert goes_to(w, s, name("self"), CERTS["self"]).is_secure
        becomes(s, name("none"), "deferred", "TLS is required, but isn't offered|not offered")
        becomes(s, name("stall"), "deferred", "TLS handshake failed: timed out")
    clear(w)
    with hp.Server(w.conf("none")) as s:
        s.settle()
        submit(s, name("self"))
        assert not goes_to(w, s, name("self"), CERTS["self"]).is_secure
    clear(w)
    with hp.Server(w.conf("verify", f"tls_ca = {w.dir}/ca.pem\n")) as s:
        s.settle()
        submit(s, *map(name, ("right", "wrong", "expired", "self", "none")), f"[{CERTS['right']}]")
        assert goes_to(w, s, name("right"), CERTS["right"]).is_secure
        assert re.search(r"TLS to mx.right.plain.test: pkix, ", s.log())
        becomes(s, name("wrong"), "deferred", "certificate not verified: .*(name|mx.wrong)")
        becomes(s, name("expired"), "deferred", "certificate not verified: .*(expired|ended)")
        becomes(s, name("self"), "deferred", "certificate not verified: .*self")
        becomes(s, name("none"), "deferred", "TLS is required, but isn't offered|not offered")
        becomes(s, f"[{CERTS['right']}]", "deferred", "An address has no name")
    clear(w)
    with hp.Server(w.conf("verify")) as s:
        s.settle()
        submit(s, name("right"))
        becomes(s, name("right"), "deferred", "certificate not verified")


def clear(w):
    for s in w.sinks.values():
        s.mails.clear()


def dane(w):
    name = "{}.signed.test".format
    clear(w)
    with hp.Server(w.conf("dane")) as s:
        s.settle()
        submit(s, *map(name, ("ee", "eeold", "eebad", "ta", "taname", "tabad", "bogus", "notls", "pkix", "without",
                            "tagood", "eemany", "eemixed", "badmixed", "unusable")))
        for n, host, proof in (("ee", "wrong", "dane-ee"), ("eeold", "expired", "dane-ee"), ("pkix", "self", "none"),
                               ("without", "self", "none"), ("tagood", "ta", "dane-ta"), ("eemany", "wrong", "dane-ee"),
                               ("eemixed", "wrong", "dane-ee"), ("unusable", "wrong", "none")):
            assert goes_to(w, s, name(n), CERTS[host]).is_secure
            assert f"TLS to mx.{n}.signed.test: {proof}, " in s.log(), n
        for n in "eebad", "tabad", "badmixed":
            becomes(s, name(n), "deferred", "certificate not verified: .*TLSA")
        # The trust anchor is right, but the name in the certificate is another one.
        for n in "ta", "taname":
            becomes(s, name(n), "deferred", "certificate not verified: .*name")
        becomes(s, name("bogus"), "deferred", "TLSA records of the host can't be looked up")
        becomes(s, name("notls"), "deferred", "TLS is required, but isn't offered|not offered")
        assert not w.got(name("notls"))


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", V6 + "/128", "dev", "lo", "nodad"], check=True)
    w = World()
    try:
        mail_goes_where_the_dns_says(w)
        clear(w)
        equal_ones_share(w)
        clear(w)
        a_host_that_drops_us_leaves_it_to_the_next(w)
        one_hosts_refusal_is_no_bounce_while_another_may_come_back(w)
        clear(w)
        levels(w)
        dane(w)
    finally:
        w.close()


sys.exit(hp.in_namespaces(__file__, inside))
