"""A hairpin of our own for a test: a fresh data folder, free loopback ports, the real program."""
import fcntl
import imaplib
import json
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ["HAIRPIN"]
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
# Unless a test says where: nobody is asked, and what would leave waits.
OUTSIDE = "\n[relay]\nhost = [127.0.0.1]:1\n"
# Whatever the time is when a test runs.
NO_NIGHT = "\n[log]\ncompact_hour = 24\n"
QUICK = "\n[auth]\nargon2_memory_kib = 64\nargon2_passes = 1\nthrottle = no\n"


PORTS = (24, 25, 143, 465, 587, 993)
claimed = {}  # a base -> its lock, until this process ends


def free_base(addresses=("127.0.0.1",), ports=PORTS):
    """A number n such that n + each of the ports is free at the addresses, and no other test's; below those that the system gives to
    connections."""
    for base in range(20000, 32000, 1000):
        lock = None
        try:
            lock = claimed.get(base) or open(f"/tmp/hairpin-ports-{base}", "a")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for address in addresses:
                for port in ports:
                    with socket.socket() as s:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        s.bind((address, base + port))
            claimed[base] = lock
            return base
        except OSError:
            if lock and base not in claimed:
                lock.close()
    raise RuntimeError("no free ports")


class Smtp(smtplib.SMTP):
    """Connects as its server says."""

    def __init__(self, server, port, seconds):
        self.server = server
        super().__init__(server.host, server.base + port, local_hostname="client.test", timeout=seconds)

    def _get_socket(self, host, port, seconds):
        return self.server.connect(port - self.server.base, seconds)


class Imap(imaplib.IMAP4):
    def __init__(self, server, port, seconds=None):
        self.server = server
        super().__init__(server.host, server.base + port, seconds)

    def _create_socket(self, seconds):
        return self.server.connect(self.port - self.server.base, seconds)


def in_namespaces(script, inside):
    """What sys.exit wants: the script starts itself anew in namespaces of its own for network and mounts, and is `inside`
    there."""
    if sys.argv[1:] == ["inside"]:
        inside()
        return 0
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n", "-E"]
    if sudo and subprocess.run([*sudo, "true"], stderr=subprocess.DEVNULL).returncode:
        print("namespaces need root: nothing was tried")
        return 0
    return subprocess.run([*sudo, "unshare", "-n", "-m", sys.executable, os.path.abspath(script), "inside"]).returncode


def free_port():
    """One that nobody listens at now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    log_path = None
    host = "127.0.0.1"

    def __init__(self, extra="", users=("u0",), domain="example.org", plaintext=True):
        self.dir = tempfile.mkdtemp(prefix="hairpin-")
        os.chmod(self.dir, 0o755)
        self.base = free_base()
        self.conf = self.dir + "/hairpin.conf"
        self.data = self.dir + "/data"
        self.domain = domain
        self.process = None
        self.log_path = self.log_path or self.dir + "/log"
        out = subprocess.run(
            [PROGRAM, "init", "--domain", domain, "--user", users[0], "--password", "pw", "--hostname",
             "mail." + domain, "--data", self.data, "-c", self.conf, "--listen", "127.0.0.1", "--port-base",
             str(self.base), *(["--plaintext-auth"] if plaintext else [])],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert out.returncode == 0, out.stdout + out.stderr
        self.init_output = out.stdout
        with open(self.conf, "a") as f:
            f.write((extra or QUICK).replace("{lmtp_port}", str(self.base + 24)) +
                    ("" if "[relay]" in extra else OUTSIDE) +
                    ("" if "compact_hour" in extra else NO_NIGHT))
            f.flush()
            os.fsync(f.fileno())
        self.start()
        self.settle()
        for user in users[1:]:
            self.cli("user", "add", f"{user}@{domain}", "--password", "pw")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log()[-8000:])
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen([PROGRAM, "serve", "-c", self.conf], stdin=subprocess.DEVNULL,
                                        stdout=self.log_file, stderr=self.log_file)
        until = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log()
            try:
                if self.cli("store", "stats", check=False).returncode == 0:
                    with self.connect(143, 5) as s:
                        assert s.recv(4) == b"* OK"
                    return
            except OSError:
                pass
            assert time.monotonic() < until, "not up:\n" + self.log()
            time.sleep(0.05)

    def settle(self, seconds=10):
        """A new server makes its first queue key: until then mail is put off."""
        until, seen, same = time.monotonic() + seconds, None, 0
        while same < 3 and time.monotonic() < until:
            time.sleep(0.1)
            applied = self.json("store", "stats")["applied"]
            same, seen = (same + 1, applied) if applied == seen else (0, applied)

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(15)
        self.log_file.close()

    def kill(self):
        """As kill -9 does it, until every process has let go of its files and ports."""
        mine = [*self.pids().values(), self.process.pid]
        self.stop(signal.SIGKILL)
        self.wait(lambda: not any(map(is_alive, mine)))

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def cli(self, *args, check=True, **more):
        r = subprocess.run([PROGRAM, *args, "-c", self.conf], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, **more)
        if check:
            assert r.returncode == 0, f"{args}: {r.returncode}: {r.stdout}{r.stderr}"
        return r

    def json(self, *args):
        return json.loads(self.cli(*args, "--json").stdout)

    def connect(self, port, seconds=30):
        """A socket; the port is that of the service."""
        return socket.create_connection((self.host, self.base + port), seconds)

    def imap(self, user="u0", password="pw", tls=False):
        if tls:
            m = imaplib.IMAP4_SSL(self.host, self.base + 993, ssl_context=trust_all())
        else:
            m = Imap(self, 143)
        if user:
            m.login(f"{user}@{self.domain}", password)
        return m

    def smtp(self, port=25):
        return Smtp(self, port, 30)

    def pids(self):
        """role/instance -> pid"""
        found = {}
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/cmdline", errors="replace") as f:
                    words = f.read().split("\0")
            except OSError:
                continue
            if words[1:2] == ["role"] and words[4:5] == [self.conf]:
                found[f"{words[2]}/{words[3]}"] = int(pid)
        return found

    def server_of(self, client):
        """(role/instance, pid) of the process that serves this socket."""
        here, there = client.getpeername()[1], client.getsockname()[1]
        with open("/proc/net/tcp") as f:
            lines = [line.split() for line in f.readlines()[1:]]
        inode = next(x[9] for x in lines
                     if int(x[1].split(":")[1], 16) == here and int(x[2].split(":")[1], 16) == there)
        for name, pid in self.pids().items():
            if f"socket:[{inode}]" in open_files(pid):
                return name, pid
        raise AssertionError("nobody serves it")

    def wait(self, what, seconds=20):
        """Until what() is true; its value."""
        until = time.monotonic() + seconds
        while True:
            value = what()
            if value:
                return value
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)


class ServerOn(Server):
    """Its folder is on a file system of the test's own; its log isn't, as that one gets in trouble."""

    def __init__(self, where, **more):
        fd, self.log_path = tempfile.mkstemp(prefix="hairpin-log-")
        os.close(fd)
        tempfile.tempdir = where
        try:
            super().__init__(**more)
        finally:
            tempfile.tempdir = None

    def __exit__(self, *why):
        super().__exit__(*why)
        os.unlink(self.log_path)


def is_alive(pid):
    """It isn't yet when its command line is gone: files are closed later than that."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def open_files(pid):
    """What its descriptors are. By root: our processes can't be looked into by their own user."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    found = subprocess.run([*sudo, "find", f"/proc/{pid}/fd", "-type", "l", "-printf", "%l\\n"],
                           capture_output=True, text=True).stdout.splitlines()
    assert found, f"the files of process {pid} can't be seen"
    return found


def trust_all():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loads no authorities: that takes 50 ms
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def bodies(server, user="u0", mailbox="INBOX"):
    """Every message's octets, in UID order."""
    m = server.imap(user)
    m.select(mailbox, readonly=True)
    _, data = m.search(None, "ALL")
    out = []
    for n in data[0].split():
        _, parts = m.fetch(n, "(BODY.PEEK[])")
        out.append(parts[0][1])
    m.logout()
    return out
