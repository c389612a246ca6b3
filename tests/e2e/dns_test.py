#!/usr/bin/env python3
# timeout: 240
"""The DNS with its signatures, against real name servers (NSD) with zones signed here: a root, a top level domain and
what is below. All of it in a network namespace of its own, where the root's servers have their real addresses, so that
the resolver walks down from its built-in hints. What a server may lie is said by one of the test's own."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
from name_server import SOA, Nsd, Zones, wire  # noqa: E402

# All of the root's servers that have an address of IPv4, or most first questions would go nowhere.
ROOTS = ["198.41.0.4", "199.9.14.201", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
         "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33"]
TLD, LIAR, SILENT = "198.51.100.53", "198.51.100.66", "198.51.100.99"
DNS = "\n[dns]\nservers = %s\n%s\n"
EX_USAGE = 64
NOERROR, NXDOMAIN, SERVFAIL = "NOERROR", "NXDOMAIN", "SERVFAIL"
BIG = ['"' + f"{n:03}" * 80 + '"' for n in range(200)]
GOOD = SOA + """
@ 300 IN MX 10 mail
@ 300 IN TXT "v=spf1 " "-all"
www 300 IN A 192.0.2.1
www 300 IN AAAA 2001:db8::1
mail 300 IN A 192.0.2.2
_25._tcp.mail 300 IN TLSA 3 1 1 ( 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef )
_imaps._tcp 300 IN SRV 0 1 993 mail
a1 300 IN CNAME a2
a2 300 IN CNAME a3
a3 300 IN CNAME www
out 300 IN CNAME www.plain.org.
l1 300 IN CNAME l2
l2 300 IN CNAME l1
*.many 300 IN A 192.0.2.7
""" + "".join(f"big 300 IN TXT {text}\n" for text in BIG)
PLAIN = SOA + "www 300 IN A 192.0.2.9\nvictim 300 IN A 192.0.2.10\n1.0.0.10.in 300 IN PTR www\n"


# --- name servers --------------------------------------------------------------------------------


def a_record(name, address):
    return wire(name) + struct.pack(">2HIH", 1, 1, 300, 4) + socket.inet_aton(address)


class Liar:
    """Answers what is asked of lies.org as the first label of the name wants it. Of other names it says 192.0.2.66, so
    it is also a server without DNSSEC that works for others."""

    def __init__(self):
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LIAR, 53))
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.silent.bind((SILENT, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            raw, client = self.socket.recvfrom(4096)
            end = raw.index(b"\0", 12) + 5
            name = re.sub(rb"[\x00-\x1f]", b".", raw[12:end - 5])[1:].decode().lower()
            kind, = struct.unpack(">H", raw[end - 4:end - 2])
            self.asked.append((name, kind))
            for answer in self.answers(name, kind, raw[:2], raw[12:end]):
                self.socket.sendto(answer, client)

    def answers(self, name, kind, number, asked):
        def message(records, who=number, what=asked, flags=0x8580, more=()):
            return (who + struct.pack(">5H", flags, 1, len(records), 0, len(more)) + what + b"".join(records) +
                    b"".join(more))

        other = bytes([number[0] ^ 1, number[1]])
        right = message([a_record(name, "192.0.2.66")] if kind == 1 else [])
        if name.startswith("wrongid."):
            return [message([a_record(name, "192.0.2.13")], other)]
        if name.startswith("othername."):
            return [message([a_record("www.lies.org", "192.0.2.13")], what=wire("www.lies.org") + asked[-4:])]
        if name.startswith("first."):
            return [message([a_record(name, "192.0.2.13")], other), right]
        if name.startswith("poison."):
            extra = a_record("victim.plain.org", "192.0.2.13")
            return [message([a_record(name, "192.0.2.66"), extra], more=[extra])]
        if name.startswith("garbage."):
            return [right[:12] + b"\xff" * 40]
        if name.startswith("refused."):
            return [message([], flags=0x8185)]
        return [right]


class World:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="hairpin-dns-")
        zones = Zones(self.dir)
        below = {
            "good.org": zones.signed("good.org", GOOD),
            "expired.org": zones.signed("expired.org", PLAIN, "-i", "20200101", "-e", "20200201"),
            "broken.org": zones.signed("broken.org", PLAIN),
        }
        zones.change("broken.org", "192.0.2.9", "192.0.2.99")
        below["stripped.org"] = zones.signed("stripped.org", PLAIN)
        for name in "stripped.org", "plain.org":
            zones.plain(name, PLAIN)
        tld = SOA + f"ns 300 IN A {TLD}\nliar 300 IN A {LIAR}\nsilent 300 IN A {SILENT}\n"
        for name in (*below, "plain.org"):
            tld += f"{name}. 300 IN NS ns.org.\n"
        tld += "lies 300 IN NS liar\nmute 300 IN NS silent\n" + "\n".join(below.values()) + "\n"
        ds = zones.signed("org", tld)
        self.root_ds = zones.signed(".", f". 300 IN SOA a.root-servers.net. x. 1 3600 600 86400 60\n"
                                    f". 300 IN NS a.root-servers.net.\na.root-servers.net. 300 IN A {ROOTS[0]}\n"
                                    f"org. 300 IN NS ns.org.\nns.org. 300 IN A {TLD}\n{ds}\n")
        self.good_ds = below["good.org"]
        self.servers = [Nsd(self.dir, ROOTS, ["."]), Nsd(self.dir, [TLD], ["org", *below, "plain.org"])]
        self.liar = Liar()
        return self

    def __exit__(self, *why):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.dir)

    def anchor(self):
        return "trust_anchor = " + re.sub(r"\s+", " ", self.root_ds)


# --- asking --------------------------------------------------------------------------------------


def ask(s, name, kind="A"):
    """By the command line's socket: the program that asks it takes long to start, with sanitizers."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(60)
        c.connect(s.data + "/run/control.sock")
        c.sendall(json.dumps({"verb": "dns", "name": name, "type": kind}).encode() + b"\n")
        out = b""
        while more := c.recv(65536):
            out += more
    return json.loads(out)


def gives(s, name, kind, answer, security, records):
    got = ask(s, name, kind)
    assert got["ok"] and (got["answer"], got["security"]) == (answer, security), (name, got)
    assert sorted(got["records"]) == sorted(records), (name, got)
    assert got["type"] == kind
    return got


def is_bogus(s, name, words):
    got = gives(s, name, "A", SERVFAIL, "bogus", [])
    assert re.search(words, got["why"]), got
    assert s.log().count("warning: bogus: ") == 1  # once a minute


# --- what must hold ------------------------------------------------------------------------------


def signed_zones_are_secure(s):
    gives(s, "www.good.org", "A", NOERROR, "secure", ["192.0.2.1"])
    gives(s, "WWW.Good.Org.", "AAAA", NOERROR, "secure", ["2001:db8::1"])
    got = gives(s, "good.org", "MX", NOERROR, "secure", ["10 mail.good.org"])
    assert 0 < got["ttl"] <= 300 and got["why"] == "", got
    gives(s, "good.org", "TXT", NOERROR, "secure", ['"v=spf1 " "-all"'])
    gives(s, "_25._tcp.mail.good.org", "TLSA", NOERROR, "secure", ["3 1 1 " + "0123456789abcdef" * 4])
    gives(s, "_imaps._tcp.good.org", "SRV", NOERROR, "secure", ["0 1 993 mail.good.org"])
    got = ask(s, "Bücher.good.org")
    assert got["name"] == "xn--bcher-kva.good.org" and got["answer"] == NXDOMAIN, got
    gives(s, "good.org", "NS", NOERROR, "secure", ["ns.org"])
    gives(s, "good.org", "SOA", NOERROR, "secure", ["ns.org hostmaster.org 1 3600 600 86400 60"])
    gives(s, "any.many.good.org", "A", NOERROR, "secure", ["192.0.2.7"])
    assert len(ask(s, "good.org", "TYPE48")["records"]) == 1


def that_nothing_is_there_is_proved_too(s):
    got = gives(s, "none.good.org", "A", NXDOMAIN, "secure", [])
    assert got["why"] == "there is no such name" and 0 < got["ttl"] <= 60, got
    got = gives(s, "mail.good.org", "TLSA", NOERROR, "secure", [])
    assert "no record of this type" in got["why"], got
    gives(s, "none.plain.org", "A", NXDOMAIN, "insecure", [])
    gives(s, "www.plain.org", "MX", NOERROR, "insecure", [])


def aliases_lead_to_their_end(s):
    got = gives(s, "a1.good.org", "A", NOERROR, "secure", ["192.0.2.1"])
    assert got["name"] == "www.good.org", got
    got = gives(s, "out.good.org", "A", NOERROR, "insecure", ["192.0.2.9"])
    assert got["name"] == "www.plain.org", got
    gives(s, "a1.good.org", "CNAME", NOERROR, "secure", ["a2.good.org"])
    began = time.monotonic()
    got = ask(s, "l1.good.org")
    assert got["answer"] == SERVFAIL and got["records"] == [] and got["why"], got
    assert time.monotonic() - began < 10


def what_is_wrongly_signed_is_bogus(s):
    gives(s, "www.plain.org", "A", NOERROR, "insecure", ["192.0.2.9"])
    is_bogus(s, "www.expired.org", "signature expired")
    is_bogus(s, "www.broken.org", "signature crypto failed|bogus|validation failure")
    gives(s, "victim.broken.org", "A", NOERROR, "secure", ["192.0.2.10"])
    is_bogus(s, "www.stripped.org", "no signatures|DNSKEY|key")


def large_answers_come_by_tcp(s):
    gives(s, "big.good.org", "TXT", NOERROR, "secure", BIG)


def lies_are_not_believed(s):
    gives(s, "www.lies.org", "A", NOERROR, "insecure", ["192.0.2.66"])
    gives(s, "first.lies.org", "A", NOERROR, "insecure", ["192.0.2.66"])
    gives(s, "poison.lies.org", "A", NOERROR, "insecure", ["192.0.2.66"])
    gives(s, "victim.plain.org", "A", NOERROR, "insecure", ["192.0.2.10"])
    for name in "refused", "garbage":
        got = gives(s, name + ".lies.org", "A", SERVFAIL, "insecure", [])
        assert got["why"], got


def in_the_background(work):
    out = []
    thread = threading.Thread(target=lambda: out.append(work()))
    thread.start()
    return thread, out


def silence_ends_in_time_and_holds_up_nobody(s):
    began = time.monotonic()
    asked = [in_the_background(lambda name=name: ask(s, name)) for name in
             ("www.mute.org", "wrongid.lies.org", "othername.lies.org", *(f"n{n}.mute.org" for n in range(20)))]
    time.sleep(1)
    quick = time.monotonic()
    gives(s, "new.many.good.org", "A", NOERROR, "secure", ["192.0.2.7"])
    assert time.monotonic() - quick < 2
    for thread, out in asked:
        thread.join(40)
        assert out and out[0]["answer"] == SERVFAIL and out[0]["records"] == [], out
    took = time.monotonic() - began
    assert took < 30, took
    print(f"silent servers: answered after {took:.1f} s: {asked[0][1][0]['why']}")


def what_is_no_name_or_type_is_refused(s):
    for name, kind, words in (("a..b", "A", "not a name"), ("", "A", "not a name"), ("x" * 64, "A", "not a name"),
                              ("é..b", "A", ""), ("é" * 300, "A", "éé"), ("good.org", "MXX", "not a type"),
                              ("good.org", "ANY", "not a type"),
                              ("good.org", "TYPE41", "not a type"), ("good.org", "TYPE255", "not a type")):
        got = ask(s, name, kind)
        assert not got["ok"] and got["code"] == EX_USAGE and words in got["error"], got


def the_verb_shows_it(s):
    out = s.cli("dns", "good.org", "mx").stdout
    assert "records: 10 mail.good.org\n" in out and "security: secure\n" in out, out
    assert s.json("dns", "www.good.org")["records"] == ["192.0.2.1"]
    out = s.cli("dns", "www.expired.org").stdout
    assert "security: bogus\n" in out and "expired" in out, out


def a_killed_resolver_is_back_and_nobody_waits_in_vain(s):
    pid = s.pids()["resolver/0"]
    thread, out = in_the_background(lambda: ask(s, "again.mute.org"))
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    thread.join(40)
    assert out and out[0]["answer"] == SERVFAIL and "the resolver did not answer" in out[0]["why"], out
    s.wait(lambda: s.pids().get("resolver/0") not in (None, pid))
    os.kill(s.pids()["resolver/0"], signal.SIGKILL)
    while (got := ask(s, "www.good.org"))["answer"] != NOERROR:
        assert "the resolver did not answer" in got["why"], got
    assert got["records"] == ["192.0.2.1"], got


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) >> 10


def thousands_of_names_cost_bounded_memory(s, n=20000, threads=8):
    failed = []

    def some(first):
        for i in range(first, n, threads):
            got = ask(s, f"{i}.{'x' * 60}.many.good.org")
            if got.get("records") != ["192.0.2.7"]:
                failed.append(got)

    began, before = time.monotonic(), rss(s.pids()["resolver/0"])
    work = [threading.Thread(target=some, args=(i,)) for i in range(threads)]
    for t in work:
        t.start()
    for t in work:
        t.join()
    after = rss(s.pids()["resolver/0"])
    assert not failed, (len(failed), failed[0])
    print(f"{n} names in {time.monotonic() - began:.1f} s, resolver {before} -> {after} MB")
    assert after < 40, after


def libunbound_keeps_quiet(s):
    assert "libunbound" not in s.log(), [x for x in s.log().splitlines() if "libunbound" in x][:5]
    odd = [x for x in s.log().splitlines() if "hairpin" not in x]
    assert not odd, odd


def walked_from_the_root(w):
    with hp.Server(hp.QUICK + DNS % ("recursive", w.anchor())) as s:
        s.wait(lambda: "name servers: the root's" in s.log())
        signed_zones_are_secure(s)
        that_nothing_is_there_is_proved_too(s)
        aliases_lead_to_their_end(s)
        what_is_wrongly_signed_is_bogus(s)
        large_answers_come_by_tcp(s)
        lies_are_not_believed(s)
        what_is_no_name_or_type_is_refused(s)
        the_verb_shows_it(s)
        a_killed_resolver_is_back_and_nobody_waits_in_vain(s)
        silence_ends_in_time_and_holds_up_nobody(s)
        libunbound_keeps_quiet(s)


def without_the_roots_key_all_is_bogus(w):
    """The built-in anchors are in force: a root that others signed isn't believed."""
    with hp.Server(hp.QUICK + DNS % ("recursive", "")) as s:
        is_bogus(s, "www.good.org", "trust anchor|DNSKEY|key")
        is_bogus(s, "www.plain.org", "trust anchor|DNSKEY|key")


def servers_that_work_for_us_are_asked(w):
    with hp.Server(hp.QUICK + DNS % (LIAR, "")) as s:
        s.wait(lambda: f"name servers: {LIAR}@53" in s.log())
        is_bogus(s, "www.good.org", "trust anchor|DNSKEY|key")
    with hp.Server(hp.QUICK + DNS % (LIAR + ":53", "validate = no")) as s:
        gives(s, "www.good.org", "A", NOERROR, "insecure", ["192.0.2.66"])
        gives(s, "1.0.0.10.in-addr.arpa", "A", NOERROR, "insecure", ["192.0.2.66"])
        assert ("1.0.0.10.in-addr.arpa", 1) in w.liar.asked


def private_zones_have_servers_and_anchors_of_their_own(w):
    stubs = (f"stub = good.org {TLD}\nstub = good.org {ROOTS[0]}\nstub = plain.org {TLD}:53\nstub = stripped.org {TLD}\n"
             f"stub = private.test {LIAR}\n"
             f"trust_anchor = {' '.join(w.good_ds.split())}\n")
    with hp.Server(hp.QUICK + DNS % (SILENT, stubs)) as s:
        gives(s, "www.good.org", "A", NOERROR, "secure", ["192.0.2.1"])
        gives(s, "www.plain.org", "A", NOERROR, "insecure", ["192.0.2.9"])
        # Whoever names servers for a zone, and no anchor, says that it is unsigned.
        gives(s, "www.stripped.org", "A", NOERROR, "insecure", ["192.0.2.9"])
        gives(s, "www.private.test", "A", NOERROR, "insecure", ["192.0.2.66"])


def the_hosts_servers_are_asked_by_default(w):
    """An empty resolv.conf, as an empty root folder has it, leaves the root's servers."""
    text = "[dns]\nvalidate = no\n"
    with open(w.dir + "/resolv.conf", "w"):
        pass
    subprocess.run(["mount", "--bind", w.dir + "/resolv.conf", "/etc/resolv.conf"], check=True)
    with hp.Server(hp.QUICK + text) as s:
        s.wait(lambda: "name servers: /etc/resolv.conf names none: the root's" in s.log())
        gives(s, "www.good.org", "A", NOERROR, "insecure", ["192.0.2.1"])
        with open(w.dir + "/resolv.conf", "w") as f:
            f.write(f"search x.test\nnameserver fe80::1%eth0\nnameserver {LIAR}\n")
        s.stop()
        s.start()
        s.wait(lambda: f"name servers: {LIAR}@53" in s.log())
        gives(s, "www.good.org", "A", NOERROR, "insecure", ["192.0.2.66"])
    subprocess.run(["umount", "/etc/resolv.conf"], check=True)


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (*ROOTS, TLD, LIAR, SILENT):
        subprocess.run(["ip", "address", "add", address + "/32", "dev", "lo"], check=True)
    with World() as w:
        walked_from_the_root(w)
        without_the_roots_key_all_is_bogus(w)
        servers_that_work_for_us_are_asked(w)
        the_hosts_servers_are_asked_by_default(w)
        private_zones_have_servers_and_anchors_of_their_own(w)
        hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]
        with hp.Server(hp.QUICK + DNS % ("recursive", w.anchor())) as s:
            # With the whole sandbox, which the debug build lacks.
            signed_zones_are_secure(s)
            large_answers_come_by_tcp(s)
            what_is_wrongly_signed_is_bogus(s)
            thousands_of_names_cost_bounded_memory(s)
            signed_zones_are_secure(s)
            libunbound_keeps_quiet(s)


sys.exit(hp.in_namespaces(__file__, inside))
