#!/usr/bin/env python3
# timeout: 120
"""What `hairpin check` sees of the world: records of real name servers (NSD) below a root that is signed here, servers
at port 25, the program's own listeners. All in a network namespace. Each wrong record stands there once."""
import concurrent.futures
import contextlib
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from name_server import Nsd, Zones  # noqa: E402

ROOTS = ["198.41.0.4", "199.9.14.201", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
         "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33"]
# Ours, and with other reverse names; others' servers; one that says nothing; a name server that doesn't.
US, NO_PTR, BAD_PTR, OTHER_PTR = (f"203.0.114.{n}" for n in (10, 11, 12, 13))
FOREIGN, MUTE, SILENT = "203.0.113.25", "203.0.113.26", "203.0.113.53"
AWAY = "192.0.2.200"  # nobody's
HOST = "mail.good.org"
ZONE = "@ 300 IN SOA ns.org. hostmaster.org. 1 3600 600 86400 60\n@ 300 IN NS ns.org.\n"
SPF, DMARC = '"v=spf1 mx -all"', '"v=DMARC1; p=quarantine"'
OUTBOUND = ("gmail.com", "outlook.com", "gmx.net")
# Directory: domain -> what differs from a good one (None: it isn't there), and records beside these.
DOMAINS = {
    "nomx.org": ({"MX": None}, ""),
    "null.org": ({"MX": "0 ."}, ""),
    "foreign.org": ({"MX": "10 mx.foreign"}, f"mx.foreign 300 IN A {AWAY}\n"),
    "both.org": ({}, f"both 300 IN MX 20 backup.both\nbackup.both 300 IN A {AWAY}\n"),
    "alias.org": ({"MX": "10 mx.alias"}, f"mx.alias 300 IN CNAME {HOST}.\n"),
    "lost.org": ({}, "lost 300 IN MX 30 mx.lost\n"),
    "named.org": ({"MX": "10 mx.named"}, f"mx.named 300 IN A {US}\n"),
    "dane.org": ({"MX": "10 mx.dane"},
                  f"mx.dane 300 IN A {US}\n_25._tcp.mx.dane 300 IN TLSA 3 1 1 {'0123456789abcdef' * 4}\n"),
    "nospf.org": ({"SPF": None}, ""),
    "fail.org": ({"SPF": f'"v=spf1 ip4:{FOREIGN} -all"'}, ""),
    "soft.org": ({"SPF": f'"v=spf1 include:_spf.soft.org ~all"'}, f'_spf.soft 300 IN TXT "v=spf1 ip4:{FOREIGN} ?all"\n'),
    "broken.org": ({"SPF": '"v=spf1 ipv4:192.0.2.1 -all"'}, ""),
    "macro.org": ({"SPF": '"v=spf1 exists:%{i}.spf.org -all"'}, ""),
    "nodmarc.org": ({"DMARC": None}, ""),
    "baddmarc.org": ({"DMARC": '"v=DMARC1; p=maybe"'}, ""),
    "sts.org": ({}, '_mta-sts.sts 300 IN TXT "v=STSv1; id=1"\n'),
    "badsts.org": ({}, '_mta-sts.badsts 300 IN TXT "v=STSv1; id=!"\n'),
    "bogus.org": ({"MX": "77 mail.good"}, ""),
}


# --- the world -----------------------------------------------------------------------------------


class Certificates:
    def __init__(self, folder):
        self.dir = folder
        self.run("req", "-x509", *self.key("ca"), "-out", "ca.pem", "-days", "30", "-subj", "/CN=authority")

    def run(self, *words):
        r = subprocess.run(["openssl", *words], cwd=self.dir, capture_output=True)
        assert r.returncode == 0, (words, r.stderr)

    def key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"

    def make(self, name, *hosts, days=30):
        """(chain, key) of the authority's."""
        self.run("req", "-new", *self.key(name), "-out", name + ".csr", "-subj", "/CN=" + hosts[0])
        with open(f"{self.dir}/{name}.ext", "w") as f:
            f.write("subjectAltName = " + ",".join("DNS:" + h for h in hosts) + "\n")
        self.run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", str(days),
                 "-extfile", name + ".ext", "-out", name + ".pem")
        return self.read(name + ".pem") + self.read("ca.pem"), self.read(name + ".key")

    def self_signed(self, name, host):
        self.run("req", "-x509", *self.key(name), "-out", name + ".pem", "-days", "30", "-subj", "/CN=" + host,
                 "-addext", "subjectAltName=DNS:" + host)
        return self.read(name + ".pem"), self.read(name + ".key")

    def read(self, name):
        with open(f"{self.dir}/{name}") as f:
            return f.read()

    def tlsa(self, name):
        der = subprocess.run(f"openssl x509 -in {name}.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum",
                             shell=True, cwd=self.dir, capture_output=True, text=True, check=True)
        return "3 1 1 " + der.stdout.split()[0]


def records(name, wrong):
    """Of a domain below org: those that `init` wants, but for what is wrong."""
    label = name.removesuffix(".org")
    good = {"MX": "10 mail.good", "SPF": SPF, "DMARC": DMARC, **wrong}
    rows = ((label, "MX", good["MX"]), (label, "TXT", good["SPF"]), ("_dmarc." + label, "TXT", good["DMARC"]))
    return "".join(f"{owner} 300 IN {kind} {data}\n" for owner, kind, data in rows if data)


class World:
    """What is published of a server that was set up."""

    def __init__(self, init_output):
        self.dir = tempfile.mkdtemp(prefix="hairpin-check-")
        self.certs = Certificates(self.dir)
        self.right = self.certs.make("right", HOST, "mx.dane.org")
        zones = Zones(self.dir)
        # To the letter what init printed.
        printed = "".join(line + "\n" for line in init_output.splitlines() if re.match(r"\S+\. IN ", line))
        assert printed.count("IN TXT") == 4 and printed.count("IN MX") == 1, init_output
        text = ZONE + printed.replace("<address of this machine>", US).replace(". IN ", ". 300 IN ")
        text += f"_25._tcp.mail.good 300 IN TLSA {self.certs.tlsa('right')}\nns 300 IN A {ROOTS[0]}\n"
        for host, address in (("noptr", NO_PTR), ("badptr", BAD_PTR), ("otherptr", OTHER_PTR), ("there", OTHER_PTR),
                              ("away", AWAY), ("private", "10.1.2.3"), ("mx.out", FOREIGN), ("mute", MUTE)):
            text += f"{host} 300 IN A {address}\n"
        for name, (wrong, more) in DOMAINS.items():
            text += records(name, wrong) + more
        ds = zones.signed("org", text)
        zones.change("org", "MX\t77 mail.good", "MX\t10 mail.good")
        reverse = {10: HOST, 12: "mail.good.org", 13: "there.org"}
        zones.plain("114.0.203.in-addr.arpa", ZONE + "".join(f"{n} 300 IN PTR {h}.\n" for n, h in reverse.items()))
        for name in OUTBOUND:
            zones.plain(name, ZONE + "@ 300 IN MX 10 mx.out.org.\n")
        plain = ("114.0.203.in-addr.arpa", *OUTBOUND)
        root = (f". 300 IN SOA a.root-servers.net. x. 1 3600 600 86400 60\n. 300 IN NS a.root-servers.net.\n"
                f"a.root-servers.net. 300 IN A {ROOTS[0]}\nns.org. 300 IN A {ROOTS[0]}\n{ds}\n" +
                "".join(f"{z}. 300 IN NS ns.org.\n" for z in ("org", *plain)))
        self.root_ds = " ".join(zones.signed(".", root).split())
        self.nsd = Nsd(self.dir, ROOTS, [".", "org", *plain])
        self.out = sink.Sink(FOREIGN, 25)
        self.mute = socket.create_server((MUTE, 25))
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.silent.bind((SILENT, 53))

    def close(self):
        self.nsd.stop()
        self.out.close()
        self.mute.close()
        shutil.rmtree(self.dir)


class Mail(hp.Server):
    """At the real ports, with what the world has of it."""
    world = None
    host = US

    def start(self):
        if not self.world:
            self.world = World(self.init_output)
            self.put(*self.world.right)
            with open(self.conf) as f:
                text = f.read().replace("address = 127.0.0.1", f"address = {US}")
            with open(self.conf, "w") as f:
                f.write(text + f"\n[relay]\ntls_ca = {self.world.dir}/ca.pem\n[dns]\nservers = recursive\n"
                        f"trust_anchor = {self.world.root_ds}\n"
                        f"[listener more]\nkind = mx\naddress = {NO_PTR}\n[limits]\nconnection_rate_per_minute = 0\n")
        super().start()

    def __exit__(self, *why):
        super().__exit__(*why)
        self.world.close()

    def put(self, chain, key):
        for name, text in ("cert", chain), ("key", key):
            with open(f"{self.data}/tls/{name}.pem", "w") as f:
                f.write(text)

    def variant(self, *changes):
        """Another configuration for this server's data folder: check reads it, the server doesn't."""
        with open(self.conf) as f:
            text = f.read()
        for old, new in changes:
            assert old in text, (old, text)
            text = text.replace(old, new)
        path = tempfile.mktemp(dir=self.dir, suffix=".conf")
        with open(path, "w") as f:
            f.write(text)
        return path

    def hosted(self, name):
        return self.variant((f"hostname = {HOST}\n", f"hostname = {name}\n"))


# --- looking -------------------------------------------------------------------------------------


def check(s, *options, conf=None):
    r = subprocess.run([hp.PROGRAM, "check", "--json", *options, "-c", conf or s.conf], capture_output=True, text=True)
    assert r.returncode in (0, 1) and "Sanitizer" not in r.stderr, r
    found = json.loads(r.stdout)
    for f in found:
        assert set(f) == {"severity", "topic", "subject", "what", "cure"} and f["cure"], f
    assert any(f["severity"] != "note" for f in found) == (r.returncode == 1), (r.returncode, found)
    return found


def about(found, topic=None, subject=None):
    """[(severity, what)]"""
    return [(f["severity"], f["what"]) for f in found
            if topic in (None, f["topic"]) and subject in (None, f["subject"])]


def finds(found, severity, topic, subject, what, cure=""):
    hits = [f for f in found if (f["severity"], f["topic"], f["subject"]) == (severity, topic, subject)
            and re.search(what, f["what"]) and cure in f["cure"]]
    assert len(hits) == 1, (severity, topic, subject, what, cure, about(found, topic) or found)


def only(found, severity, topic, subject, what, cure=""):
    finds(found, severity, topic, subject, what, cure)
    assert len(about(found, topic, subject)) == 1, about(found, topic, subject)


# --- what must hold ------------------------------------------------------------------------------


def what_init_printed_is_all_that_check_wants(s):
    found = check(s)
    assert about(found) == [("note", "no MTA-STS policy: nobody has to use TLS to bring the mail of good.org")], found
    text = s.cli("check").stdout
    assert "nothing wrong was found" in text and "- note: no MTA-STS" in text, text
    assert s.cli("check", "--local").stdout.startswith("nothing wrong")
    assert len(s.world.out.said("EHLO " + HOST)) >= 1 and not s.world.out.said("MAIL"), s.world.out.verbs


def each_wrong_record_is_found(s):
    for name in (*DOMAINS, "absent.org"):
        s.cli("domain", "add", name)
    found = check(s)
    assert not about(found, subject="good.org"), found
    publish = "publish: {}. IN MX 10 mail.good.org.".format
    only(found, "error", "mx", "nomx.org", "no MX record", publish("nomx.org"))
    only(found, "error", "mx", "null.org", "null MX", publish("null.org"))
    only(found, "error", "mx", "foreign.org", r"but to mx.foreign.org \(preference 10\)", publish("foreign.org"))
    only(found, "note", "mx", "both.org", r"also be brought to backup.both.org \(preference 20\)", "hands the mail on")
    only(found, "error", "mx", "alias.org", "mx.alias.org, which is an alias", "its own: mail.good.org")
    only(found, "error", "mx", "lost.org", "mx.lost.org, which has no address", "give it one")
    only(found, "warning", "mx", "named.org", "calls this server mx.named.org, and tls/cert.pem isn't", "name mail.good.org")
    only(found, "error", "mx", "bogus.org", "wrongly signed", "hairpin dns bogus.org MX")
    only(found, "error", "mx", "absent.org", "no domain absent.org", "domain delete")
    assert not about(found, "spf", "bogus.org") and not about(found, "spf", "absent.org")
    finds(found, "error", "tlsa", "mx.dane.org", "don't fit tls/cert.pem", s.world.certs.tlsa("right"))
    only(found, "warning", "spf", "nospf.org", "no SPF record", 'publish: nospf.org. IN TXT "v=spf1 mx -all"')
    only(found, "error", "spf", "fail.org", rf"says fail of {US} \(-all\)", "v=spf1 mx -all")
    only(found, "warning", "spf", "soft.org", rf"says softfail of {US} \(~all\)")
    only(found, "error", "spf", "broken.org", "broken: ipv4:192.0.2.1")
    only(found, "note", "spf", "macro.org", r"can't be judged here: it hangs on exists:%\{i\}")
    only(found, "warning", "dmarc", "nodmarc.org", "no DMARC record", "publish: _dmarc.nodmarc.org. IN TXT \"v=DMARC1")
    only(found, "error", "dmarc", "baddmarc.org", "broken", "p=quarantine")
    only(found, "note", "mta-sts", "sts.org", "wants no reports", "_smtp._tls.sts.org")
    only(found, "warning", "mta-sts", "badsts.org", "broken")
    assert len(about(found, "dkim", "dane.org")) == 2, about(found, "dkim")  # made when it was added, and nowhere published
    named = {name for name in DOMAINS if about([f for f in found if f["topic"] != "dkim"], subject=name)}
    assert named == set(DOMAINS) - {"dane.org"}, named
    for name in (*DOMAINS, "absent.org"):
        s.cli("domain", "delete", name)


def dkim_keys_are_compared(s):
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True).stdout
    s.cli("dkim", "delete", "good.org", "ed25519", "--force")
    assert not about(check(s), "dkim")
    r = subprocess.run([hp.PROGRAM, "dkim", "import", "good.org", "ed25519", "-c", s.conf], input=pem, capture_output=True)
    assert r.returncode == 0, r
    assert not about(check(s), "dkim")  # it waits
    s.cli("dkim", "activate", "good.org", "ed25519", "--force")
    only(check(s), "error", "dkim", "good.org", "key at ed25519._domainkey.good.org isn't the one", "v=DKIM1; k=ed25519")
    s.cli("dkim", "delete", "good.org", "ed25519", "--force")
    s.cli("domain", "add", "more.good.org")
    found = check(s)
    only(found, "error", "mx", "more.good.org", "no domain more.good.org")
    s.cli("domain", "delete", "more.good.org")


def reverse_names_lead_back(s):
    runs = {name: s.hosted(name + ".org") for name in ("noptr", "badptr", "otherptr", "private", "away", "nowhere")}
    runs["short"] = s.hosted("short")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = dict(zip(runs, pool.map(lambda conf: check(s, conf=conf), runs.values())))
    cure = "reverse name (PTR) of {} set to {}.org".format
    only(found["noptr"], "error", "reverse", NO_PTR, "no reverse name", cure(NO_PTR, "noptr"))
    only(found["badptr"], "error", "reverse", BAD_PTR, "is mail.good.org, which doesn't lead back", cure(BAD_PTR, "badptr"))
    only(found["otherptr"], "warning", "reverse", OTHER_PTR, "is there.org, but this server calls itself otherptr.org")
    only(found["nowhere"], "error", "address", "nowhere.org", "no address in the DNS", "publish: nowhere.org. IN A")
    finds(found["private"], "warning", "address", "private.org", "10.1.2.3, which nobody reaches from outside")
    assert not about(found["private"], "reverse")
    finds(found["away"], "note", "address", "away.org", f"{AWAY}, which isn't this machine's own", "behind a router")
    finds(found["away"], "note", "tls", "away.org", rf"{AWAY}:25, {AWAY}:465.*: it can't be seen from here", "from outside")
    assert not [f for f in found["away"] if f["topic"] == "tls" and f["severity"] != "note"], found["away"]
    only(found["short"], "error", "address", "short", "no name of the DNS", "mail.example.org")
    # Somebody of another name answers there.
    finds(found["noptr"], "error", "tls", "noptr.org", rf"{NO_PTR}:25: another server answers: it calls itself {HOST}")


def mail_that_cannot_leave_is_said(s):
    """Well-known servers, a chosen one, a smart host."""
    w, relay = s.world, "\n[relay]\n"
    smart = lambda host, more="": s.variant((relay, f"{relay}host = {host}\n{more}"))  # noqa: E731
    login = f"user = u\npassword_file = /none\ntls = verify\n"
    jobs = {
        "closed": lambda: check(s, "--outbound", f"{FOREIGN}:26"),
        "open": lambda: check(s, "--outbound", f"[{FOREIGN}]:25"),
        "smart": lambda: check(s, conf=smart(f"[{FOREIGN}]")),
        "port": lambda: check(s, conf=smart(f"[{FOREIGN}]:465")),
        "name": lambda: check(s, conf=smart("[nowhere.org]")),
        "tls": lambda: check(s, conf=smart("[mx.out.org]", "tls = encrypt\n")),
        "login": lambda: check(s, conf=smart(f"[{HOST}]:25", login)),
        "submission": lambda: check(s, conf=smart(f"[{HOST}]:587", login)),
        "verify": lambda: check(s, conf=smart(f"[mx.dane.org]:587", login.replace("verify", "dane-only"))),
    }
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = dict(zip(jobs, pool.map(lambda job: job(), jobs.values())))
    only(found["closed"], "error", "outbound", f"{FOREIGN}:26", "doesn't answer: .*Connection refused", "--outbound")
    assert not about(found["open"], "outbound") and not about(found["smart"], "smart-host"), found
    only(found["port"], "error", "smart-host", f"[{FOREIGN}]:465", "doesn't answer: .*Connection refused", "port 587")
    only(found["name"], "error", "smart-host", "[nowhere.org]", "can't be found", "mend `host`")
    only(found["tls"], "error", "smart-host", "[mx.out.org]", "gives no TLS.*tls = encrypt.*doesn't offer STARTTLS")
    only(found["login"], "error", "smart-host", f"[{HOST}]:25", "offers no login", "587")
    assert not about(found["submission"], "smart-host"), found["submission"]
    only(found["verify"], "error", "smart-host", "[mx.dane.org]:587", "isn't used with tls = dane-only|TLSA")
    # A smart host's address has to be in the SPF record too; none of the others is called then.
    only(found["smart"], "warning", "spf", "good.org", rf"says fail of the smart host {FOREIGN}", "provider")
    assert not about(found["submission"], "spf"), found["submission"]
    w.out.close()
    only(check(s), "error", "outbound", None, "no other mail server can be called at port 25.*Connection refused",
         "use a smart host")


@contextlib.contextmanager
def shown(s, pair, back):
    """The listeners show this one; in tls/ there is another one again."""
    s.put(*pair)
    s.process.send_signal(1)
    want = ssl.PEM_cert_to_DER_cert(pair[0][:pair[0].index("-----END") + 25])

    def is_shown():
        with socket.create_connection((US, 993), 5) as c, hp.trust_all().wrap_socket(c) as t:
            return t.getpeercert(True) == want
    s.wait(lambda: all(is_shown() for _ in range(4)))
    s.put(*back)
    yield


def others_see_the_certificates(s):
    certs, right = s.world.certs, s.world.right
    ports = rf"{US}:25, {US}:465, {US}:587, {US}:993, {US}:143: "
    with shown(s, certs.make("wrong", "other.org"), right):
        found = check(s)
        finds(found, "error", "tls", HOST, ports + "the certificate shown isn't tls/cert.pem", "SIGHUP")
        finds(found, "error", "tls", HOST, ports + f"the certificate shown isn't for {HOST}", "cert.pem")
        assert len(about(found, "tls")) == 2, found
    with shown(s, certs.make("expired", HOST, days=-1), right):
        found = check(s)
        finds(found, "error", "tls", HOST, ports + "the certificate shown has expired")
        assert len(about(found, "tls")) == 2, found
    with shown(s, certs.make("soon", HOST, days=3), right):
        finds(check(s), "warning", "tls", HOST, ports + "the certificate shown ends in [23] days")
    own = certs.self_signed("own", HOST)
    with shown(s, own, own):
        found = check(s)
        finds(found, "warning", "tls", HOST, f"^{US}:25: self-signed certificate: servers that prove")
        finds(found, "error", "tls", HOST, f"^{US}:465, .*: self-signed certificate: mail programs", "authority")
        finds(found, "error", "tlsa", HOST, "don't fit tls/cert.pem")
    with shown(s, right, right):
        assert not about(check(s), "tls"), check(s)
    # Who listens at loopback alone is for nobody else; who misses one of the addresses is missed there.
    found = check(s, conf=s.variant(("port = 993", "port = 994"), ("port = 143", "port = 144")))
    finds(found, "error", "tls", HOST, f"{US}:994, {US}:144: nobody is reached there: Connection refused", "0.0.0.0")


def what_stands_in_front_is_seen(s):
    """A server of the same name, which isn't ours: it takes STARTTLS away, or ends TLS itself."""
    out, name, conf = s.world.out, "mx.out.org", s.hosted("mx.out.org")
    out.replies["EHLO"] = lambda session, argument: b"250 mx.out.org"
    finds(check(s, conf=conf), "error", "tls", name, f"^{FOREIGN}:25: STARTTLS isn't offered", "takes STARTTLS away")
    s.world.certs.make("out", name)
    out.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    out.tls.load_cert_chain(s.world.dir + "/out.pem", s.world.dir + "/out.key")
    out.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    out.replies["EHLO"] = lambda session, argument: b"250 mx.out.org" if session.is_secure else \
        b"250-mx.out.org\r\n250 STARTTLS"
    found = check(s, conf=conf)
    finds(found, "warning", "tls", name, f"^{FOREIGN}:25: only TLSv1.2", "in front of the server")
    finds(found, "error", "tls", name, f"^{FOREIGN}:25: the certificate shown isn't tls/cert.pem")
    out.tls = None
    del out.replies["EHLO"]


def hostile_servers_are_borne(s):
    """Greetings without an end, and with what a terminal would obey."""
    said = {27: b"220 \x1b[31m\xff\r\n221 no\r\n", 28: b"220 " + b"a" * 200000, 29: b"220-x\r\n" * 20000}

    def serve(server, text):
        c = server.accept()[0]
        with contextlib.suppress(OSError):
            c.sendall(text)
            c.recv(100)
        c.close()
    for port, text in said.items():
        server = socket.create_server((FOREIGN, port))
        threading.Thread(target=serve, args=(server, text), daemon=True).start()
        (found,) = [f for f in check(s, "--outbound", f"{FOREIGN}:{port}") if f["topic"] == "outbound"]
        assert found["severity"] == "error" and found["what"].isprintable() and found["what"].isascii(), found


def a_silent_server_ends_in_time(s):
    began = time.monotonic()
    only(check(s, "--outbound", "mute.org"), "error", "outbound", "mute.org", "it took the call, and said nothing")
    assert 5 <= time.monotonic() - began < 15


def a_silent_dns_ends_in_time(silent):
    """And a server that isn't there is said."""
    began = time.monotonic()
    found = check(silent)
    took = time.monotonic() - began
    assert took < 20, took
    only(found, "error", "resolver", None, rf"name servers {SILENT}@53: no answer from the DNS", "recursive")
    # Who is named by his address is called all the same.
    only(found, "error", "smart-host", f"[{FOREIGN}]:26", "doesn't answer: .*Connection refused")
    assert len(found) == 2, found
    silent.stop()
    found = check(silent)
    only(found, "note", "network", None, "neither the DNS nor other servers were asked")
    print(f"silent name server: {took:.1f} s")


def wrong_settings_are_refused(s):
    for old, new, words in (("servers = recursive", "servers = ns.example.org", "servers in [dns]"),
                            ("\n[relay]\n", "\n[relay]\nhost = [a\n", "[relay]: host")):
        found = check(s, conf=s.variant((old, new)))
        assert found[0]["topic"] == "configuration" and words in found[0]["what"], found
    for words in ("--outbound", "a b"), ("--outbound", "192.0.2.1", "--local"), ("--outbound", "a,b"):
        r = s.cli("check", *words, check=False)
        assert r.returncode == 64 and "--outbound" in r.stderr, r


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (*ROOTS, US, NO_PTR, BAD_PTR, OTHER_PTR, FOREIGN, MUTE, SILENT):
        subprocess.run(["ip", "address", "add", address + "/32", "dev", "lo"], check=True)
    base, hp.free_base = hp.free_base, lambda: 0
    with Mail(hp.QUICK + "\n[relay]\n", domain="good.org", plaintext=False) as s:
        hp.free_base = base
        with hp.Server(hp.QUICK + f"\n[dns]\nservers = {SILENT}\n[relay]\nhost = [{FOREIGN}]:26\n") as silent, \
                concurrent.futures.ThreadPoolExecutor(2) as pool:
            background = pool.submit(a_silent_dns_ends_in_time, silent), pool.submit(a_silent_server_ends_in_time, s)
            what_init_printed_is_all_that_check_wants(s)
            each_wrong_record_is_found(s)
            dkim_keys_are_compared(s)
            reverse_names_lead_back(s)
            wrong_settings_are_refused(s)
            others_see_the_certificates(s)
            what_stands_in_front_is_seen(s)
            hostile_servers_are_borne(s)
            mail_that_cannot_leave_is_said(s)
            for job in background:
                job.result()


sys.exit(hp.in_namespaces(__file__, inside))
