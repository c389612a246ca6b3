#!/usr/bin/env python3
# timeout: 300
"""MTA-STS: policies from real web servers over TLS, mail servers at port 25 with certificates of an authority of the
test's own. All in a network namespace, with a name server that answers from a dictionary."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from certificates import certificate  # noqa: E402
from name_server import A, MX, TXT, Names, wire  # noqa: E402

DNS, WEB, RIGHT, WRONG, PLAIN = "127.0.1.53", "127.0.1.80", "127.0.1.1", "127.0.1.2", "127.0.1.3"
CONF = f"""
[dns]
stub = test {DNS}
validate = no
[relay]
tls_ca = %s
sts_timeout = 13s
[mail]
retry_min = 1h
retry_max = 1h
"""
POLICY = "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: 604800\r\n"
WAIT_SEC, FETCH_SEC, SLACK_SEC = 10, 13, 5
LINGER_SEC = 3  # then no connection of an earlier mail is used again


# --- name server ---------------------------------------------------------------------------------


class Domains(Names):
    def domain(self, domain, address, number="1"):
        """By MX at that address; with a record of that number unless it is None."""
        mx = "mx." + domain
        self.records.update({(domain, MX): b"\0\x0a" + wire(mx), (mx, A): socket.inet_aton(address),
                             ("mta-sts." + domain, A): socket.inet_aton(WEB)})
        text = f"v=STSv1; id={number};".encode()
        self.records["_mta-sts." + domain, TXT] = bytes([len(text)]) + text if number else None


# --- web server ----------------------------------------------------------------------------------


def page(text, kind="text/plain", status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n{more}\r\n{text}".encode()


class Web:
    """answers: host -> octets that are sent, or a function of the connection."""

    def __init__(self, context):
        self.answers, self.asked, self.context = {}, [], context
        self.start()

    def start(self):
        self.socket = socket.create_server((WEB, 443))
        threading.Thread(target=self.accept, args=[self.socket], daemon=True).start()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def accept(self, listener):
        while True:
            try:
                s = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=[s], daemon=True).start()

    def serve(self, s):
        try:
            with self.context.wrap_socket(s, server_side=True) as c:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = c.recv(4096)
                    if not more:
                        return
                    request += more
                host = re.search(rb"\r\nHost: (\S+)\r\n", request)[1].decode()
                self.asked.append((host, request.split(b"\r\n")[0].decode()))
                answer = self.answers[host]
                if callable(answer):
                    answer(c)
                else:
                    c.sendall(answer)
        except OSError:
            pass


def slow(c):
    c.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        time.sleep(1)
        c.sendall(b"X: y\r\n")


def endless(c):
    c.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        c.sendall(b"X: y\r\n" * 1000)


# --- mail ----------------------------------------------------------------------------------------


def with_tls(to, context):
    def starttls(session, argument):
        session.say(b"220 go on")
        session.s = context.wrap_socket(session.s, server_side=True)
        session.f = session.s.makefile("rb")
        return False

    to.offers = (*to.offers, b"STARTTLS")
    to.replies["STARTTLS"] = starttls
    return to


def send(s, domain):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", [f"x@{domain}"], b"From: u0@example.org\r\nSubject: out\r\n\r\nbody\r\n")


def logged(s, words, seconds=20):
    return s.wait(lambda: re.search(words, s.log()), seconds)


def is_sent(s, domain, seconds=20):
    logged(s, rf"to=<x@{domain}>, relay=mx\.{domain}\[[0-9.]+\]:25, .*status=sent", seconds)


def is_deferred(s, domain, why):
    send(s, domain)
    logged(s, rf"to=<x@{domain}>.*status=deferred \(.*{why}")
    assert not re.search(rf"to=<x@{domain}>.*status=sent", s.log())


# --- what must hold ------------------------------------------------------------------------------


def a_policy_that_is_met_lets_mail_go(w, s):
    w.domain("good.test", RIGHT, page(POLICY % ("enforce", "mx.good.test")))
    send(s, "good.test")
    is_sent(s, "good.test")
    logged(s, "MTA-STS: good.test: policy 1: mode=enforce, hosts=1, max_age=604800")
    assert "TLS to mx.good.test: pkix, " in s.log(), s.log()[-2000:]
    assert w.web.asked[1:] == [("mta-sts.good.test", "GET /.well-known/mta-sts.txt HTTP/1.1")], w.web.asked
    chunks = POLICY % ("enforce", "*.chunks.test")
    w.domain("chunks.test", RIGHT, (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    f"{len(chunks):x}\r\n{chunks}\r\n0\r\n\r\n").encode())
    send(s, "chunks.test")
    is_sent(s, "chunks.test")
    assert "TLS to mx.chunks.test: pkix, " in s.log()


def a_policy_that_is_not_met_holds_mail_back(w, s):
    w.domain("name.test", RIGHT, page(POLICY % ("enforce", "mx.elsewhere.test")))
    is_deferred(s, "name.test", "The MTA-STS policy of the domain doesn't name this host")
    w.domain("cert.test", WRONG, page(POLICY % ("enforce", "mx.cert.test")))
    is_deferred(s, "cert.test", "Server certificate not verified")
    w.domain("plain.test", PLAIN, page(POLICY % ("enforce", "mx.plain.test")))
    is_deferred(s, "plain.test", "")


def a_policy_in_testing_lets_mail_go_and_is_logged(w, s):
    w.domain("trial.test", RIGHT, page(POLICY % ("testing", "mx.elsewhere.test")))
    send(s, "trial.test")
    is_sent(s, "trial.test")
    logged(s, "TLS to mx.trial.test: The MTA-STS policy, in testing, doesn't name this host")
    w.domain("trial2.test", WRONG, page(POLICY % ("testing", "mx.trial2.test")))
    send(s, "trial2.test")
    is_sent(s, "trial2.test")
    logged(s, "TLS to mx.trial2.test: the MTA-STS policy, in testing, isn't met: ")
    w.domain("nothing.test", WRONG, page(POLICY % ("none", "mx.elsewhere.test")))
    send(s, "nothing.test")
    is_sent(s, "nothing.test")


def what_is_no_policy_is_none(w, s):
    good = POLICY % ("enforce", "mx.elsewhere.test")
    bad = {
        "moved": (page(good, status="301 Moved", more="Location: https://mta-sts.good.test/x\r\n"), "another status"),
        "missing": (page(good, status="404 Not Found"), "another status"),
        "html": (page(good, kind="text/html"), "it isn't text/plain"),
        "large": (page(good + "x: " + "y" * 65536), "too big"),
        "garbage": (b"\0\xff\n" * 1000, "malformed"),
        "endless": (endless, "a limit was reached"),
        "cut": (page(good)[:-10], "ended before the answer did"),
        "open": (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{good}".encode(), "not supported"),
        "broken": (page("version: STSv1\r\nmode: enforce\r\n"), "malformed"),
    }
    for name, (answer, why) in bad.items():
        domain = name + ".test"
        w.domain(domain, WRONG, answer)
        send(s, domain)
        is_sent(s, domain)
        logged(s, rf"MTA-STS: {domain}: no policy was fetched: .*{why}")
    w.domain("unproved.test", WRONG, page(good))
    w.names.records["mta-sts.unproved.test", A] = socket.inet_aton(WRONG)
    with socket.create_server((WRONG, 443)) as listener:
        threading.Thread(target=w.web.accept, args=[listener], daemon=True).start()
        w.web.context, right = w.wrong, w.web.context
        send(s, "unproved.test")
        is_sent(s, "unproved.test")
        logged(s, r"MTA-STS: unproved.test: no policy was fetched: TLS: ")
        w.web.context = right
        listener.shutdown(socket.SHUT_RDWR)
    w.domain("unsaid.test", WRONG, page(good), None)
    send(s, "unsaid.test")
    is_sent(s, "unsaid.test")
    assert not [host for host, _ in w.web.asked if host == "mta-sts.unsaid.test"]


def a_slow_web_server_holds_mail_up_for_seconds_only(w, s):
    """Begins it; the end of the fetch comes later."""
    w.domain("slow.test", WRONG, slow)
    since = time.monotonic()
    send(s, "slow.test")
    is_sent(s, "slow.test", WAIT_SEC + SLACK_SEC)
    assert time.monotonic() - since > WAIT_SEC - 1
    return since


def the_fetch_ended_in_time(s, since):
    logged(s, "MTA-STS: slow.test: no policy was fetched: no whole answer in time",
           since + FETCH_SEC + SLACK_SEC - time.monotonic())


def a_policy_counts_though_nothing_says_so_any_more(w, s):
    w.web.stop()
    w.names.records["_mta-sts.good.test", TXT] = None
    w.names.domain("chunks.test", WRONG, "2")
    w.names.records["mx.good.test", A] = socket.inet_aton(WRONG)
    s.stop()
    with open(s.log_path, "w"):
        pass
    s.start()
    is_deferred(s, "good.test", "Server certificate not verified")
    is_deferred(s, "chunks.test", "Server certificate not verified")
    logged(s, "MTA-STS: chunks.test: no policy was fetched, the one before counts: connect: Connection refused")
    assert "MTA-STS: good.test" not in s.log()


def a_new_id_brings_a_new_policy(w, s):
    """The mail that meets it goes by the old one still."""
    w.web.start()
    w.domain("trial.test", RIGHT, page(POLICY % ("enforce", "mx.elsewhere.test")), "2")
    send(s, "trial.test")
    is_sent(s, "trial.test")
    logged(s, "MTA-STS: trial.test: policy 2: mode=enforce")
    time.sleep(LINGER_SEC)
    send(s, "trial.test")
    logged(s, "to=<x@trial.test>.*status=deferred .*policy of the domain doesn't name this host")


class World:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="hairpin-sts-")
        self.names = Domains(DNS)
        self.wrong = certificate(self.dir, "wrong", ["elsewhere.test"])
        right = certificate(self.dir, "right", ["mx.good.test", "mx.chunks.test", "mx.name.test", "mx.trial.test"])
        hosts = ("good chunks name cert plain trial trial2 nothing moved missing html large garbage endless cut open "
                 "broken unproved unsaid slow")
        self.web = Web(certificate(self.dir, "web", [f"mta-sts.{h}.test" for h in hosts.split()]))
        self.sinks = [with_tls(sink.Sink(RIGHT, 25), right), with_tls(sink.Sink(WRONG, 25), self.wrong),
                      sink.Sink(PLAIN, 25)]
        return self

    def __exit__(self, *why):
        for to in self.sinks:
            to.close()
        shutil.rmtree(self.dir)

    def domain(self, domain, address, answer, number="1"):
        self.names.domain(domain, address, number)
        self.web.answers["mta-sts." + domain] = answer


def what_is_kept_is_shown(s):
    rows = {row["domain"]: row for row in s.json("sts", "list")["rows"]}
    assert {domain: row["mode"] for domain, row in rows.items()} == {
        "good.test": "enforce", "chunks.test": "enforce", "name.test": "enforce", "cert.test": "enforce",
        "plain.test": "enforce", "trial.test": "testing", "trial2.test": "testing", "nothing.test": "none"}, rows
    row = rows["chunks.test"]
    assert row["mx"] == ["*.chunks.test"] and row["id"] == "1" and row["ends"] - row["fetched"] == 604800, row
    assert s.json("sts", "show", "Chunks.test") == row
    assert re.search(r"^chunks.test +enforce +\*.chunks.test +1 +\d{4}-\d\d-\d\d", s.cli("sts", "list").stdout, re.M)
    r = s.cli("sts", "show", "html.test", check=False)
    assert r.returncode == 67 and "no MTA-STS policy of html.test is kept" in r.stderr, r


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]  # with the whole sandbox
    with World() as w, hp.Server(hp.QUICK + CONF % (w.dir + "/ca.pem")) as s:
        since = a_slow_web_server_holds_mail_up_for_seconds_only(w, s)
        a_policy_that_is_met_lets_mail_go(w, s)
        a_policy_that_is_not_met_holds_mail_back(w, s)
        a_policy_in_testing_lets_mail_go_and_is_logged(w, s)
        what_is_kept_is_shown(s)
        what_is_no_policy_is_none(w, s)
        the_fetch_ended_in_time(s, since)
        a_policy_counts_though_nothing_says_so_any_more(w, s)
        a_new_id_brings_a_new_policy(w, s)
        assert s.cli("store", "check").returncode == 0


sys.exit(hp.in_namespaces(__file__, inside))
