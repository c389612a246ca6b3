#!/usr/bin/env python3
"""Joining: tokens that are good once, in their time, for their kind; what a new node is given and what an
arbiter isn't; a failed try leaves nothing behind; a node that was removed doesn't come back."""
import base64
import glob
import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import sink  # noqa: E402
from dkim_verify import dkimpy  # noqa: E402
from hp import PROGRAM, QUICK, free_base  # noqa: E402

WAIT = 40
OUTSIDE = sink.Sink()


def eventually(what, seconds=WAIT):
    until = time.monotonic() + seconds
    while True:
        try:
            value = what()
        except (OSError, AssertionError, subprocess.SubprocessError, ValueError, smtplib.SMTPException) as e:
            value, why = None, e
        else:
            why = value
        if value:
            return value
        assert time.monotonic() < until, f"waited in vain: {why!r}"
        time.sleep(0.1)


class Node:
    def __init__(self, folder, n, base):
        self.folder, self.n, self.base = folder, n, base
        self.address = f"127.0.{n}.1"
        self.data, self.conf = f"{folder}/dc{n}", f"{folder}/dc{n}.conf"
        self.name = f"dc{n}.example.org"
        self.process = None

    def places(self):
        return ["--hostname", self.name, "--data", self.data, "-c", self.conf, "--listen", self.address,
                "--port-base", str(self.base), "--cluster-address", self.address]

    def init(self):
        r = run("init", "--domain", "example.org", "--user", "ann", "--password", "pw", "--plaintext-auth",
                *self.places())
        assert r.returncode == 0, r
        with open(self.conf, "a") as f:
            f.write(QUICK + f"\n[limits]\nhops = 33\n[relay]\nhost = [127.0.0.1]:{OUTSIDE.port}\ntls = none\n")

    def join(self, token, *more, code=0):
        r = run("join", token, *self.places(), *more)
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
        return r.stdout + r.stderr

    def start(self, clock=0):
        self.log_file = open(f"{self.folder}/log{self.n}", "ab")
        self.process = subprocess.Popen([PROGRAM, "serve", "-c", self.conf], stdin=subprocess.DEVNULL,
                                        stdout=self.log_file, stderr=self.log_file,
                                        env=dict(os.environ, HAIRPIN_CLOCK_OFFSET=str(clock)))
        eventually(lambda: self.status())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def log(self):
        with open(f"{self.folder}/log{self.n}", errors="replace") as f:
            return f.read()

    def cli(self, *words, code=0):
        r = run(*words, "-c", self.conf)
        assert r.returncode == code, (words, r)
        return r.stdout if code == 0 else r.stdout + r.stderr

    def status(self):
        return json.loads(self.cli("cluster", "status", "--json"))

    def token(self, *more):
        return json.loads(self.cli("cluster", "token", "--json", *more))["token"]

    def smtp(self):
        return smtplib.SMTP(self.address, self.base + 25, local_hostname="client.test", timeout=20)


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def kinds(node):
    return {n["id"]: n["kind"] for n in node.status()["nodes"]}


def is_absent(node):
    """Nothing half made is left."""
    return not os.path.exists(node.data) and not os.path.exists(node.conf)


# --- tokens ------------------------------------------------------------------------------------------


def a_token_of_the_wrong_kind_is_refused(one, two, three):
    said = two.join(one.token("--arbiter"), code=65)
    assert "the token is for an arbiter" in said and "--arbiter" in said, said
    said = three.join(one.token(), "--arbiter", code=65)
    assert "the token is for a data node" in said, said
    assert is_absent(two) and is_absent(three)


def an_altered_token_is_refused(one, two):
    token = one.token()
    said = two.join(token[:-7] + ("A" if token[-7] != "A" else "B") + token[-6:], code=65)
    assert "isn't whole" in said and "Copy it again" in said, said
    said = two.join("hello", code=65)
    assert "that is no token" in said, said
    # Another kind, or another hour, with a checksum that is right: the member knows better.
    for field in ("kind", "time"):
        said = two.join(forged(token, field), *(["--arbiter"] if field == "kind" else []), code=77)
        assert "doesn't know this token, or it was altered" in said, said
    assert is_absent(two)


def forged(token, field):
    """The token's fields begin: id, 16 octets; time, a varint; then the kind, if it is an arbiter's."""
    word = token.removeprefix("hairpin-join-1-")
    raw = bytearray(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))[:-4]
    assert raw[0] == 0x0A and raw[1] == 16 and raw[18] == 0x10, raw
    if field == "time":
        raw[19] ^= 1
    else:
        end = next(i for i in range(19, 30) if raw[i] < 0x80) + 1
        raw[end:end] = b"\x18\x01"
    raw += hashed(raw)
    return "hairpin-join-1-" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hashed(raw):
    import hashlib
    return hashlib.blake2b(b"hairpin join token" + raw, digest_size=32).digest()[:4]


def an_expired_token_is_refused_with_both_times(one, two):
    one.stop()
    one.start(clock=-4000)  # not ahead: the log's time never goes back
    token = one.token()
    one.stop()
    one.start()
    said = two.join(token, code=77)
    assert "the token expired: it was good until" in said and "by the clock of" in said, said
    assert is_absent(two)


def nobody_answers_is_said_with_the_next_step(one, two):
    token = one.token()
    one.stop()
    said = two.join(token, code=69)
    one.start()
    assert "see whether the server runs there" in said, said
    assert is_absent(two)


def a_used_token_is_refused(one, two, four, token):
    said = two.join(token)
    assert "This machine is node 2 of the cluster" in said and "hairpin serve -c" in said, said
    said = four.join(token, code=77)
    assert "the token was used already" in said and "hairpin cluster token" in said, said
    assert is_absent(four)
    # Nor does a second set-up overwrite the first one.
    assert "exists already" in two.join(one.token(), code=73)
    return token


def places_with(node, **other):
    """The options of a node, but for some."""
    words = node.places()
    for name, value in other.items():
        words[words.index("--" + name.replace("_", "-")) + 1] = value
    return words


def a_node_that_lacks_entries_is_not_promoted(one):
    since = time.monotonic()
    said = one.cli("cluster", "promote", "2", code=75)
    assert re.search(r"node 2 \(dc2.example.org\) hasn't caught up: it lacks \d+ of the log's entries", said), said
    assert time.monotonic() - since < 5
    r = run("cluster", "verify", "-c", one.conf)
    assert r.returncode == 1 and "those that answered are equal as of log entry" in r.stdout, r


def what_a_member_has_is_refused_and_the_token_stays_good(one, two, four, token):
    for other, what in (({"hostname": two.name.upper()}, f"the name {two.name.upper()} already"),
                        ({"cluster_address": f"{two.address}:{two.base + 4627}"},
                         f"the address {two.address}:{two.base + 4627} already")):
        r = run("join", token, *places_with(four, **other))
        assert r.returncode == 73, r
        for words in (f"node 2 of the cluster ({two.name}) has {what}", "`hairpin cluster remove 2`",
                      "--hostname" if "hostname" in other else "--cluster-address", "the token is still good"):
            assert words in r.stderr, (words, r)
        assert is_absent(four)
    for what in "name", "address":
        assert f"was not taken in: node 2 ({two.name}) has its {what} already" in one.log()


def a_port_that_is_not_free_is_found_before_the_token_is_used(one, node, token):
    for port in 25, 4627:
        with socket.socket() as other:
            other.bind((node.address, node.base + port))
            other.listen()
            said = node.join(token, code=73)
        for words in (f"another program has port {node.base + port} at {node.address}", "`ss -ltnp`", "--port-base",
                      "the token is still good"):
            assert words in said, (words, said)
    r = run("join", token, *places_with(node, listen="198.51.100.7"))
    assert r.returncode == 73 and "no interface of this machine has the address 198.51.100.7" in r.stderr, r
    assert is_absent(node) and [n["id"] for n in one.status()["nodes"]] == [1]


def who_joined_and_never_started_is_not_called_there(one, two):
    said = one.cli("cluster", "status")
    assert re.search(r"^2 +dc2.example.org +learner, to be voter +- +not heard yet ", said, re.M), said
    assert "node 2 (dc2.example.org) has joined and wasn't heard yet: start it there" in said, said


def hours_have_bounds(one):
    assert "--hours" in one.cli("cluster", "token", "--hours", "0", code=64)
    assert "--hours" in one.cli("cluster", "token", "--hours", "169", code=64)
    until = json.loads(one.cli("cluster", "token", "--hours", "168", "--json"))["until_sec"]
    assert abs(until - time.time() - 168 * 3600) < 100, until


# --- what a node was given -----------------------------------------------------------------------------


def octets_of(folder):
    """Every file with what is in it."""
    for path in glob.glob(folder + "/**", recursive=True):
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as f:
                yield path, f.read()


def the_data_node_has_the_keys_and_the_common_configuration(one, two):
    def same(name):
        return [open(f"{n.data}/{name}", "rb").read() for n in (one, two)]
    for name in ("keys/master.key", "tls/cluster.pem"):
        a, b = same(name)
        assert a == b, name
    for name in ("keys/master.key", "tls/node.key", "tls/key.pem"):
        assert os.stat(f"{two.data}/{name}").st_mode & 0o777 == 0o600, name
    a, b = same("tls/node.key")
    assert a != b
    with open(two.conf) as f:
        text = f.read()
    assert "hops = 33" in text and "argon2_memory_kib = 64" in text, text
    assert f"hostname = {two.name}" in text and one.name not in text, text


def wrapped_keys(node):
    """What its vault holds, as it lies there (store/vault_image.h)."""
    with open(glob.glob(node.data + "/vault/*")[0], "rb") as f:
        octets = f.read()
    rows = [octets[at:at + 256] for at in range(256, len(octets), 256)]
    return [r[24:24 + int.from_bytes(r[4:8], "big")] for r in rows if r[0] == 1]


def the_arbiter_has_no_key(one, three):
    with open(one.data + "/keys/master.key") as f:
        text = f.read().split()[1]
    key = base64.b64decode(text)
    assert len(key) == 32
    secrets = [key, text.encode(), key.hex().encode(), b"BEGIN RSA", *wrapped_keys(one)]
    assert len(secrets) > 4
    for path, octets in octets_of(three.data):
        for secret in secrets:
            assert secret not in octets, path
        assert b"secret words" not in octets, path
    assert os.listdir(three.data + "/keys") == []
    assert not os.path.exists(three.data + "/tls/key.pem")
    said = three.cli("cluster", "token", code=69)
    assert "say it on a data node" in said, said


def a_token_says_how_long_it_is_good(one):
    for hours, words in ((), "for 1 hour."), (("--hours", "2"), "for 2 hours."):
        r = run("cluster", "token", *hours, "-c", one.conf)
        assert r.returncode == 0 and words in r.stderr, r


def the_arbiter_says_where_to_ask(three, folder):
    """Empty lists and empty backups would be lies."""
    for words in (("user", "list"), ("user", "show", "ann@example.org"), ("domain", "list"), ("alias", "list"),
                  ("group", "list"), ("service", "list"), ("queue", "list"), ("store", "check"), ("store", "compact"),
                  ("user", "add", "x@example.org", "--password", "pw"), ("cluster", "verify"),
                  ("backup", folder + "/useless")):
        said = three.cli(*words, code=69)
        assert "this node is an arbiter" in said and "data node" in said, (words, said)
    assert not os.path.exists(folder + "/useless")
    three.cli("store", "stats")
    said = three.cli("check")
    assert "nothing wrong was found" in said, said


# --- the cluster ---------------------------------------------------------------------------------------


def all_three_are_members_and_vote(one, two, three):
    eventually(lambda: kinds(one) == {1: "voter", 2: "voter", 3: "arbiter"})
    for node in (one, two, three):
        s = eventually(lambda: (lambda s: s if not s["problems"] else None)(node.status()))
        assert [n["address"] for n in s["nodes"]] == [f"127.0.{n}.1:{one.base + 4627}" for n in (1, 2, 3)], s
        assert [n["name"] for n in s["nodes"]] == [f"dc{n}.example.org" for n in (1, 2, 3)], s
        assert s["leader"] in (1, 2), s
    text = two.cli("cluster", "status")
    assert re.search(r"^2 +dc2.example.org +voter .*this node", text, re.M), text


def mail_that_one_takes_is_on_the_other(one, two):
    with one.smtp() as s:
        s.sendmail("bob@example.net", ["ann@example.org"], "Subject: x\r\n\r\nsecret words\r\n")
    eventually(lambda: json.loads(two.cli("user", "show", "ann@example.org", "--json"))["messages"] >= 1)


def make_key(node, address):
    return json.loads(node.cli("key", "create", address, "--kind", "p256", "--json"))["rows"][0]["id"]


def private_keys_are_on_each_data_node(one, two, early):
    """One that was there before the other joined, and one that came later."""
    for key in (early, make_key(one, "late@example.org")):
        mine = one.cli("key", "export", key, "--pem")
        assert "BEGIN PRIVATE KEY" in mine
        eventually(lambda: run("key", "export", key, "--pem", "-c", two.conf).stdout == mine)
    assert one.cli("cert", "list") == two.cli("cert", "list")


def either_signs_what_leaves_it_with_the_same_keys(one, two):
    rows = json.loads(one.cli("dkim", "show", "example.org", "--json"))["rows"]
    eventually(lambda: json.loads(two.cli("dkim", "show", "example.org", "--json"))["rows"] == rows)
    keys = {r["record"].split(". IN")[0]: "".join(re.findall(r'"([^"]*)"', r["record"])) for r in rows}
    for n, node in enumerate((one, two)):
        with smtplib.SMTP(node.address, node.base + 587, local_hostname="client.test", timeout=20) as s:
            s.starttls(context=ssl._create_unverified_context())
            s.login("ann@example.org", "pw")
            s.sendmail("ann@example.org", ["bob@example.net"], "From: ann@example.org\r\n\r\nx\r\n")
        assert dkimpy([OUTSIDE.wait(n + 1)[n].text], keys) == [[True, True]], OUTSIDE.mails[n].text


def a_node_that_is_away_is_named(one, two, three):
    three.stop()
    said = eventually(lambda: next((p for p in one.status()["problems"] if "node 3 (dc3.example.org) is away since"
                                    in p), None))
    assert "hairpin cluster remove 3" in said, said
    assert any("all of these are needed" in p for p in one.status()["problems"])
    three.start()
    eventually(lambda: not one.status()["problems"])


def a_drained_node_sends_its_clients_away(one, two):
    leader, other = (one, two) if one.status()["leader"] == 1 else (two, one)
    with leader.smtp() as idle:
        leader.cli("cluster", "drain")
        code, text = idle.getreply()  # it had said nothing
        assert code == 421, text
    assert leader.status()["draining"] and eventually(lambda: leader.status()["leader"] == other.n)

    def greeted():
        with socket.create_connection((leader.address, leader.base + 143), 5) as s:
            return s.recv(100)
    assert eventually(lambda: greeted().startswith(b"* BYE [UNAVAILABLE]"))
    with other.smtp() as s:
        s.sendmail("bob@example.net", ["ann@example.org"], "Subject: y\r\n\r\nsecret words\r\n")
    leader.cli("cluster", "drain", "--undo")
    assert eventually(lambda: greeted().startswith(b"* OK"))


def findings(node):
    """(what, cure) of each thing that `check` finds."""
    r = run("check", "--local", "--json", "-c", node.conf)
    assert r.returncode in (0, 1), r
    return [(f["what"], f["cure"]) for f in json.loads(r.stdout)]


def check_looks_at_the_cluster(one, two, three):
    for node in one, two, three:
        assert findings(node) == [], findings(node)
    three.stop()
    found = eventually(lambda: (lambda f: f if len(f) > 1 else None)(findings(one)))
    assert "node 3 (dc3.example.org) is away since" in found[0][0] and "hairpin cluster remove 3" in found[0][1], found
    assert found[1][0] == "2 of the 3 that vote are there: all of these are needed", found
    leader, other = (one, two) if one.status()["leader"] == 1 else (two, one)
    said = leader.cli("cluster", "remove", other.name, code=69)
    assert f"without node {other.n} ({other.name}) only 1 of the 2 that vote would be there" in said, said
    assert "hairpin cluster remove 3" in said and set(kinds(one)) == {1, 2, 3}, said
    two.stop()
    eventually(lambda: not one.status()["nodes"][1]["up"])
    said = one.cli("cluster", "drain", code=69)
    assert "no other data node that votes is there" in said and not one.status()["draining"], said
    found = eventually(lambda: (lambda f: f if "no node leads" in f[0][0] else None)(findings(one)), 60)
    assert "until 2 of the 3 that vote can reach each other" in found[0][0], found
    assert any("node 2 (dc2.example.org) is away" in what for what, _ in found), found
    two.start()
    three.start()
    eventually(lambda: not findings(one))


def a_removed_node_says_so(node, asks_token=True):
    """Wherever somebody looks, with the next step."""
    eventually(lambda: node.status()["removed"])
    found = [f for f in findings(node) if "removed" in f[0]]
    assert found == [("this node was removed from the cluster", found[0][1])], found
    assert "`hairpin join` with a new token" in found[0][1] and "new data folder" in found[0][1], found
    said = node.cli("cluster", "status")
    assert "! this node was removed from the cluster: " in said and said.count("!") == 1, said
    assert "removed" in node.cli("cluster", "status", "--healthy", code=1)
    for words in [["remove", "1"], ["drain"], ["promote", "1"]] + [["token"]] * asks_token:
        said = node.cli("cluster", *words, code=69)
        assert "this node was removed from the cluster" in said and "new token" in said, (words, said)


def a_removed_node_does_not_come_back(one, two, three, token):
    assert "this is that node itself" in two.cli("cluster", "remove", two.name, code=64)
    assert "no node nobody" in one.cli("cluster", "remove", "nobody", code=67)
    two.stop()
    eventually(lambda: one.status()["leader"] == 1)
    said = one.cli("cluster", "remove", two.name)
    assert "Removed" in said, said
    assert 2 not in kinds(one)
    two.start()
    eventually(lambda: "127.0.2.1: closed: it isn't a member of this cluster" in three.log())
    eventually(lambda: "this node was removed from the cluster: what it holds isn't kept up any more"
               in two.log())
    assert 2 not in kinds(one)
    a_removed_node_says_so(two)
    two.stop()
    # With a new token and a new folder it is another node.
    again = Node(two.folder, 4, two.base)
    assert "the token was used already" in again.join(token, code=77)
    again.join(one.token())
    again.start()
    try:
        eventually(lambda: kinds(one) == {1: "voter", 3: "arbiter", 4: "voter"})
        # One that runs hears of it too.
        one.cli("cluster", "remove", "3")
        eventually(lambda: "this node was removed from the cluster" in three.log())
        a_removed_node_says_so(three, asks_token=False)
        three.stop()
        assert any("this node was removed from the cluster" in what for what, _ in findings(three)), findings(three)
        assert "only two nodes vote: both are needed: join a third one, or an arbiter" in one.status()["problems"]
    finally:
        again.stop()


def main():
    folder = tempfile.mkdtemp(prefix="hairpin-join-")
    os.chmod(folder, 0o755)
    base = free_base([f"127.0.{n}.1" for n in (1, 2, 3, 4)], (25, 143, 465, 587, 993, 4627))
    one, two, three, four = (Node(folder, n, base) for n in (1, 2, 3, 4))
    try:
        one.init()
        one.start()
        eventually(lambda: one.status()["nodes"][0]["address"])
        hours_have_bounds(one)
        a_token_says_how_long_it_is_good(one)
        a_token_of_the_wrong_kind_is_refused(one, two, three)
        an_altered_token_is_refused(one, two)
        an_expired_token_is_refused_with_both_times(one, two)
        nobody_answers_is_said_with_the_next_step(one, two)
        spare = one.token()
        a_port_that_is_not_free_is_found_before_the_token_is_used(one, two, spare)
        token = a_used_token_is_refused(one, two, four, spare)
        who_joined_and_never_started_is_not_called_there(one, two)
        a_node_that_lacks_entries_is_not_promoted(one)
        what_a_member_has_is_refused_and_the_token_stays_good(one, two, four, one.token())
        three.join(one.token("--arbiter"), "--arbiter")
        the_data_node_has_the_keys_and_the_common_configuration(one, two)
        early = make_key(one, "early@example.org")
        two.start()
        three.start()
        all_three_are_members_and_vote(one, two, three)
        mail_that_one_takes_is_on_the_other(one, two)
        private_keys_are_on_each_data_node(one, two, early)
        either_signs_what_leaves_it_with_the_same_keys(one, two)
        the_arbiter_has_no_key(one, three)
        the_arbiter_says_where_to_ask(three, folder)
        a_node_that_is_away_is_named(one, two, three)
        check_looks_at_the_cluster(one, two, three)
        a_drained_node_sends_its_clients_away(one, two)
        a_removed_node_does_not_come_back(one, two, three, token)
    except BaseException:
        for node in (one, two, three):
            if node.process:
                print(f"--- dc{node.n}\n{node.log()[-5000:]}")
        raise
    finally:
        for node in (three, two, one):
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
