"""A cluster of our own for a test: dc1 and dc2 (data) and dc3 (arbiter), made by the documented commands alone. Either
on addresses of the loopback (no privileges; a node can be stopped, killed and frozen), or with a network namespace
for each node and a switch of ours between them (root; lines can be delayed, cut and made to lose as well)."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from hp import OUTSIDE, PROGRAM, QUICK, Server, free_base, is_alive

CONFIG = QUICK + "\n[limits]\nconnection_rate_per_minute = 0\n"
CLUSTER_PORT = 26
SERVICES = (25, CLUSTER_PORT, 143, 465, 587, 993)
CLONE_NEWNET = 0x40000000
ANSWER_SEC = 10
UP_SEC = 30
CLOSE_ENTRIES = 500


class Plain:
    """On the loopback."""

    def address(self, n):
        return f"127.0.{n}.1"

    client_address = address

    def words(self, n):
        return []

    def connect(self, n, address, seconds):
        return socket.create_connection(address, seconds)

    def close(self):
        pass


class Net:
    """A namespace for each node, and net_switch between them. A client of a node is in the node's namespace: what is
    done to lines isn't done to it."""

    def __init__(self, nodes, seed, delay_ms):
        self.names = {n: f"hp{os.getpid()}-{n}" for n in range(1, nodes + 1)}
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        self.files = {n: os.open(f"/run/netns/{name}", os.O_RDONLY) for n, name in self.names.items()}
        self.switch = subprocess.Popen(
            [os.environ["B"] + "/release/tests/tools/net_switch", str(seed), *self.names.values()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.switch.stdout.readline() == "ready\n"
        for n, name in self.names.items():
            run("ip", "-n", name, "addr", "add", self.address(n) + "/24", "dev", "hp0")
            run("ip", "-n", name, "link", "set", "hp0", "up")
        self.say("delay", None, None, delay_ms)

    def address(self, n):
        return f"198.18.0.{n}"

    def client_address(self, n):
        return "127.0.0.1"

    def words(self, n):
        return ["nsenter", f"--net=/run/netns/{self.names[n]}"]

    def enter(self, fd):
        if self.libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def inside(self, n, make):
        """A socket belongs to the namespace in which it was made; a thread can be in one of its own."""
        self.enter(self.files[n])
        try:
            return make()
        finally:
            self.enter(self.home)

    def connect(self, n, address, seconds):
        return self.inside(n, lambda: socket.create_connection(address, seconds))

    def say(self, verb, a, b, *value):
        words = [verb, *(self.names[x] if x else "*" for x in (a, b)), *map(str, value)]
        self.switch.stdin.write(" ".join(words) + "\n")
        self.switch.stdin.flush()
        answer = self.switch.stdout.readline()
        assert answer == "ok\n", answer

    def close(self):
        self.switch.stdin.close()
        self.switch.wait(10)
        for fd in (self.home, *self.files.values()):
            os.close(fd)
        for name in self.names.values():
            run("ip", "netns", "del", name)


def run(*args):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL)


class Node(Server):
    def __init__(self, cluster, n, is_arbiter=False, where=None):
        self.cluster, self.n, self.name, self.is_arbiter = cluster, n, f"dc{n}", is_arbiter
        self.users, self.domain, self.base = cluster.users, cluster.domain, cluster.base
        self.host, self.address = cluster.net.client_address(n), cluster.net.address(n)
        self.dir = tempfile.mkdtemp(prefix=f"hairpin-dc{n}-", dir=where)
        os.chmod(self.dir, 0o755)
        self.conf, self.data = self.dir + "/hairpin.conf", self.dir + "/data"
        fd, self.log_path = tempfile.mkstemp(prefix=f"hairpin-log-dc{n}-")
        os.close(fd)
        self.process, self.log_file, self.offset_sec = None, None, 0
        self.program = cluster.program

    def words(self):
        """Of init and of join."""
        return ["--hostname", f"{self.name}.{self.domain}", "--data", self.data, "-c", self.conf, "--listen",
                self.host, "--port-base", str(self.base), "--cluster-address",
                f"{self.address}:{self.base + CLUSTER_PORT}", "--plaintext-auth"]

    def make(self, *verb):
        out = subprocess.run([*self.cluster.net.words(self.n), self.program, *verb, *self.words()],
                             capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert out.returncode == 0, out.stdout + out.stderr
        with open(self.conf, "a") as f:
            f.write(self.cluster.extra + ("" if "[relay]" in self.cluster.extra else OUTSIDE))
            f.flush()
            os.fsync(f.fileno())

    def start(self, wait=True):
        self.log_file = open(self.log_path, "ab")
        env = dict(os.environ)
        if self.offset_sec:
            env["HAIRPIN_CLOCK_OFFSET"] = str(self.offset_sec)
        self.process = subprocess.Popen(
            [*self.cluster.net.words(self.n), self.program, "serve", "-c", self.conf],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file, env=env)
        if wait:
            self.wait_up()

    def wait_up(self, seconds=UP_SEC):
        """Until it serves clients; an arbiter, until it says how it is."""
        until = time.monotonic() + seconds
        while not self.is_up():
            assert self.process.poll() is None, f"{self.name} ended:\n" + self.log()[-4000:]
            assert time.monotonic() < until, f"{self.name} isn't up:\n" + self.log()[-4000:]
            time.sleep(0.05)

    def is_up(self):
        if not self.status():
            return False
        if self.is_arbiter:
            return True
        try:
            with self.connect(143, 5) as s:
                return s.recv(4) == b"* OK"
        except OSError:
            return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, sig=signal.SIGTERM):
        if self.is_running():
            self.process.send_signal(sig)
            self.process.wait(20)
        if self.log_file:
            self.log_file.close()

    def connect(self, port, seconds=30):
        return self.cluster.net.connect(self.n, (self.host, self.base + port), seconds)

    def signal(self, sig):
        pids = [self.process.pid, *self.pids().values()]
        for pid in pids if sig == signal.SIGSTOP else reversed(pids):
            if is_alive(pid):
                os.kill(pid, sig)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def cli(self, *args, check=True, **more):
        return super().cli(*args, check=check, timeout=more.pop("timeout", 60), **more)

    def status(self):
        """What `cluster status` says; None: nothing."""
        try:
            r = self.cli("cluster", "status", "--json", check=False, timeout=ANSWER_SEC)
        except subprocess.TimeoutExpired:
            return None
        return json.loads(r.stdout) if r.returncode == 0 else None


class Cluster:
    def __init__(self, users=("u0", "u1", "u2"), extra="", namespaces=False, seed=1, **more):
        """more: delay_ms; where: {n: folder} of nodes whose data is on a file system of the test's own; arbiter:
        False: none; program."""
        self.users, self.extra, self.domain = list(users), extra or CONFIG, "example.org"
        self.program = more.get("program", PROGRAM)
        count = 3 if more.get("arbiter", True) else 2
        self.net = Net(count, seed, more.get("delay_ms", 0)) if namespaces else Plain()
        self.base = 20000 if namespaces else free_base([self.net.address(n) for n in range(1, count + 1)],
                                                        SERVICES)
        where = more.get("where", {})
        self.nodes = [Node(self, n, n == 3, where.get(n)) for n in range(1, count + 1)]
        self.data = self.nodes[:2]
        try:
            self.set_up()
        except BaseException:
            self.close(True)
            raise

    def set_up(self):
        first = self.nodes[0]
        first.make("init", "--domain", self.domain, "--user", self.users[0], "--password", "pw")
        first.start()
        for user in self.users[1:]:
            first.cli("user", "add", f"{user}@{self.domain}", "--password", "pw")
        for node in self.nodes[1:]:
            self.join(node)
        self.wait_settled()

    def join(self, node):
        kind = ["--arbiter"] if node.is_arbiter else []
        first = self.nodes[0]
        # A node that has just started tells the cluster first where it is reached.
        said = first.wait(lambda: first.cli("cluster", "token", *kind, "--json", check=False).stdout, UP_SEC)
        node.make("join", json.loads(said)["token"], *kind)
        node.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(bool(kind))

    def close(self, failed):
        """After a failure with what the logs say of errors; all of them stay then where KEEP says."""
        for node in self.nodes:
            if node.is_running():
                node.thaw()
                node.stop(signal.SIGKILL if failed else signal.SIGTERM)
            if failed:
                print(f"--- {node.name}, {node.log_path}\n" + quiet(node.log()))
            if not failed or not os.environ.get("KEEP"):
                os.unlink(node.log_path)
                node.wait(lambda n=node: not n.pids())
                shutil.rmtree(node.dir, ignore_errors=True)
        self.net.close()

    def node(self, n):
        return self.nodes[n - 1]

    def running(self):
        return [n for n in self.nodes if n.is_running()]

    # --- what they say -------------------------------------------------------------------------------------------

    def statuses(self, nodes=None):
        said = {n.name: n.status() for n in nodes or self.running()}
        return {name: s for name, s in said.items() if s}

    def leader(self, nodes=None):
        """Who says so itself, with the highest term; None: nobody."""
        said = [(s["term"], name) for name, s in self.statuses(nodes).items() if s["role"] == "leader"]
        return next(n for n in self.nodes if n.name == max(said)[1]) if said else None

    def wait_leader(self, nodes=None, seconds=30):
        """A node that can take mail: a leader that holds data."""
        def there():
            found = self.leader(nodes)
            return found if found and not found.is_arbiter else None
        return self.nodes[0].wait(there, seconds)

    def wait_settled(self, seconds=60):
        """Until all vote, one leads, and all have the same log, applied, and no mail waits."""
        until = time.monotonic() + seconds
        while True:
            said = self.statuses(self.nodes)
            if self.is_settled(said):
                return
            assert time.monotonic() < until, f"not settled after {seconds} s: {said}"
            time.sleep(0.1)

    def wait_settled_votes(self, seconds=60):
        """Until all follow one leader, closely, whatever goes on meanwhile."""
        self.nodes[0].wait(lambda: self.follow(self.statuses(self.nodes)), seconds)

    def follow(self, said):
        if len(said) < len(self.nodes):
            return False
        heads = {(s["leader"], s["term"]) for s in said.values()}
        lag = max(s["last"] for s in said.values()) - min(s["commit"] for s in said.values())
        return len(heads) == 1 and 0 not in {h[0] for h in heads} and lag < CLOSE_ENTRIES

    def is_settled(self, said):
        if len(said) < len(self.nodes) or len({s["leader"] for s in said.values()}) != 1:
            return False
        if len(self.nodes) == 3 and any(x["kind"] == "learner" for s in said.values() for x in s["nodes"]):
            return False
        last = {s["last"] for s in said.values()}
        applied = {s["applied"] for s in said.values() if self.is_data(s)}
        return len(last) == 1 and applied == last and all(
            n.json("queue", "list")["rows"] == [] for n in self.data)

    def is_data(self, status):
        return next(x for x in status["nodes"] if x["self"])["goal"] != "arbiter"

    # --- what is done to the lines between them ----------------------------------------------------------------------

    def cut(self, node):
        """From all others, both ways."""
        self.net.say("cut", node.n, None)
        self.net.say("cut", None, node.n)

    def cut_way(self, a, b):
        self.net.say("cut", a.n, b.n)

    def lose(self, percent):
        self.net.say("loss", None, None, percent)

    def heal(self):
        self.net.say("heal", None, None)


def quiet(log):
    """Without what says that all is well."""
    lines = [x for x in log.splitlines() if not any(w in x for w in ("status=", "login: ", "disconnect", "logged out"))]
    return "\n".join(lines[-60:])
