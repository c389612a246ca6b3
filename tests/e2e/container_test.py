#!/usr/bin/env python3
"""`hairpin container`: nodes that set themselves up at their first start by what they find in shared folders, and that
begin nothing anew once such a folder says that the cluster is there."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, free_base  # noqa: E402
from hp_cluster import CLUSTER_PORT, SERVICES  # noqa: E402

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_CANTCREAT = 64, 65, 66, 69, 73
UP_SEC = 60


def wait(what):
    until = time.monotonic() + UP_SEC
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


class Node:
    def __init__(self, where, base, n, *words):
        self.address, self.name = f"127.0.{n}.1", f"dc{n}"
        self.conf, self.data, self.log = (f"{where}/{self.name}{x}" for x in (".conf", "", ".log"))
        self.words = [
            "container", *words, "-c", self.conf, "--data", self.data, "--hostname", f"{self.name}.example.org",
            "--listen", self.address, "--port-base", str(base), "--cluster-address",
            f"{self.address}:{base + CLUSTER_PORT}"]
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, *self.words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(30) if self.process else None

    def fails(self):
        """The first start's exit code and words."""
        done = subprocess.run([PROGRAM, *self.words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60)
        return done.returncode, done.stderr

    def forget(self):
        shutil.rmtree(self.data)
        os.unlink(self.conf)

    def cli(self, *words):
        return subprocess.run([PROGRAM, *words, "-c", self.conf], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)

    def is_healthy(self):
        done = self.cli("cluster", "status", "--healthy")
        assert done.stdout == "", done
        return done.returncode == 0

    def said(self):
        with open(self.log) as f:
            return f.read()


def what_does_not_fit_is_refused(where, base):
    code, words = Node(where, base, 1, "--domain", "example.org", "--user", "ann").fails()
    assert code == EX_USAGE and "--password-file" in words, words
    code, words = Node(where, base, 1, "--arbiter").fails()
    assert code == EX_USAGE and "--join" in words, words
    code, words = Node(where, base, 1, "--domain", "example.org", "--user", "ann", "--password-file",
                       where + "/none").fails()
    assert code == EX_NOINPUT and where + "/none" in words, words
    assert not os.path.exists(where + "/dc1")


def who_waits_for_a_token_can_be_stopped(node):
    node.start()
    wait(lambda: "waiting for a token" in node.said())
    assert node.stop() == 0 and not os.path.exists(node.data)


def what_is_no_token_is_an_error(node, tokens):
    with open(tokens + "/data/token", "w") as f:
        f.write("hairpin-join-1-nonsense\n")
    code, words = node.fails()
    assert code == EX_DATAERR and "token" in words, (code, words)
    os.unlink(tokens + "/data/token")


def a_token_that_was_used_is_thrown_away_and_another_one_comes(first, second, tokens):
    """As if the mark had been lost with the data."""
    token, mark = tokens + "/data/token", tokens + "/data/joined"
    first.start()
    wait(lambda: os.path.exists(token))
    with open(token) as f:
        used = f.read()
    assert os.stat(token).st_mode & 0o777 == 0o600
    second.start()
    wait(lambda: os.path.exists(mark) and second.cli("cluster", "status").returncode == 0)
    assert not os.path.exists(token)
    second.stop()
    second.forget()
    removed = first.cli("cluster", "remove", "dc2.example.org")
    assert removed.returncode == 0, removed
    with open(token, "w") as f:
        f.write(used)
    os.unlink(mark)
    second.start()
    wait(lambda: os.path.exists(mark) and second.cli("cluster", "status").returncode == 0)
    assert second.stop() == 0 and first.stop() == 0


def they_become_a_cluster(nodes, tokens):
    for node in reversed(nodes):
        node.start()
    wait(lambda: all(n.is_healthy() for n in nodes))
    status = json.loads(nodes[1].cli("cluster", "status", "--json").stdout)
    kinds = {x["name"].partition(".")[0]: x["kind"] for x in status["nodes"]}
    assert kinds == {"dc1": "voter", "dc2": "voter", "dc3": "arbiter"}, status
    for kind in ("data", "arbiter"):
        assert os.listdir(f"{tokens}/{kind}") == ["joined"], kind


def a_second_start_only_serves(nodes):
    assert all(n.stop() == 0 for n in nodes)
    code = nodes[0].cli("cluster", "status", "--healthy").returncode
    assert code == EX_UNAVAILABLE, code
    for node in nodes:
        node.start()
    wait(lambda: all(n.is_healthy() for n in nodes))
    assert len(json.loads(nodes[0].cli("cluster", "status", "--json").stdout)["nodes"]) == 3


def alone_it_is_not_healthy(nodes):
    for node in nodes[1:]:
        node.stop()
    wait(lambda: nodes[0].cli("cluster", "status", "--healthy").returncode == 1)
    assert nodes[0].cli("cluster", "status").returncode == 0


def lost_data_begins_and_joins_nothing(nodes):
    nodes[0].stop()
    for node, words in zip(nodes, ("the cluster is there already", "has joined already", "has joined already")):
        node.forget()
        code, said = node.fails()
        assert code == EX_CANTCREAT and words in said, said
        assert not os.path.exists(node.data)


def main():
    where = tempfile.mkdtemp(prefix="hairpin-container-")
    os.chmod(where, 0o755)
    tokens = where + "/tokens"
    os.makedirs(tokens + "/data")
    os.makedirs(tokens + "/arbiter")
    with open(where + "/password", "w") as f:
        f.write("secret words\n")
    base = free_base([f"127.0.{n}.1" for n in (1, 2, 3)], SERVICES)
    nodes = [
        Node(where, base, 1, "--domain", "example.org", "--user", "ann", "--password-file", where + "/password",
             "--tokens", tokens),
        Node(where, base, 2, "--join", tokens + "/data"),
        Node(where, base, 3, "--join", tokens + "/arbiter", "--arbiter")]
    try:
        what_does_not_fit_is_refused(where, base)
        who_waits_for_a_token_can_be_stopped(nodes[1])
        what_is_no_token_is_an_error(nodes[1], tokens)
        a_token_that_was_used_is_thrown_away_and_another_one_comes(nodes[0], nodes[1], tokens)
        they_become_a_cluster(nodes, tokens)
        a_second_start_only_serves(nodes)
        alone_it_is_not_healthy(nodes)
        lost_data_begins_and_joins_nothing(nodes)
    except BaseException:
        for node in nodes:
            if os.path.exists(node.log):
                print(f"--- {node.name}\n" + node.said()[-3000:])
        raise
    finally:
        for node in nodes:
            node.stop(signal.SIGKILL)
        time.sleep(0.5)
        shutil.rmtree(where, ignore_errors=True)
    return 0


sys.exit(main())
