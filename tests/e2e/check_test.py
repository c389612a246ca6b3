#!/usr/bin/env python3
"""`hairpin check` finds what is wrong and says how to mend it; it never fails itself, and changes nothing.
Each case spoils one thing of a good set-up, looks, and mends it again. The world outside: check_dns_test."""
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server  # noqa: E402

ROOT = os.geteuid() == 0
DAY = 86400


def check(s, clock=0):
    """(what, cure) of each finding, with the clock so many seconds ahead."""
    r = s.cli("check", "--local", "--json", check=False, env=dict(os.environ, HAIRPIN_CLOCK_OFFSET=str(clock)))
    assert r.returncode in (0, 1), (r.returncode, r.stderr)
    found = [(f["what"], f["cure"]) for f in json.loads(r.stdout)]
    assert bool(found) == (r.returncode == 1), (found, r.returncode, r.stderr)
    return found


def finds(s, what, cure, clock=0):
    found = check(s, clock)
    assert any(what in w and cure in c for w, c in found), f"no '{what}' with '{cure}' in {found}"


@contextlib.contextmanager
def changed(path, text):
    """The file holds text meanwhile."""
    with open(path, "rb") as f:
        old = f.read()
    with open(path, "wb") as f:
        f.write(text.encode())
    yield old.decode()
    with open(path, "wb") as f:
        f.write(old)


@contextlib.contextmanager
def mode(path, bits):
    old = os.stat(path).st_mode & 0o7777
    os.chmod(path, bits)
    yield
    os.chmod(path, old)


@contextlib.contextmanager
def moved(path):
    os.rename(path, path + ".away")
    yield
    os.rename(path + ".away", path)


def pair(name):
    """(certificate, key) for 30 days."""
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name, "-keyout", d + "/k",
                        "-out", d + "/c", "-days", "30"], check=True, capture_output=True)
        with open(d + "/c") as c, open(d + "/k") as k:
            return c.read(), k.read()


def secrets(s):
    for below in "keys/master.key", "tls/key.pem":
        path = f"{s.data}/{below}"
        with mode(path, 0o644):
            finds(s, f"{path}: others may read it", f"chmod 600 {path}")
        with moved(path):
            finds(s, f"{path}: No such file", "put the certificate's" if "tls" in below else "backup")
        with changed(path, "rubbish\n"):
            finds(s, "is no private key" if "tls" in below else "is no master key", "PEM" if "tls" in below else "backup")


def certificate(s):
    cert, key = s.data + "/tls/cert.pem", s.data + "/tls/key.pem"
    with moved(cert):
        finds(s, f"{cert}: No such file", "put a certificate chain there")
    with changed(cert, "rubbish\n"):
        finds(s, "holds no certificate", "the server's own first")
    c, k = pair("mail.example.org")
    with changed(cert, c), changed(key, k):
        assert check(s) == []
        finds(s, "cert.pem ends in 4 days", "renew it", clock=25 * DAY + 3600)
        assert any(what.endswith("cert.pem ends in 1 day") for what, _ in check(s, 28 * DAY + 3600))
        finds(s, "cert.pem ended 3 days ago", "renew it", clock=33 * DAY + 3600)
        finds(s, "cert.pem isn't valid yet", "set this machine's clock", clock=-DAY)
    c, k = pair("other.example.net")
    with changed(cert, c):
        finds(s, "key.pem isn't the key of cert.pem", "made together")
        with changed(key, k):
            finds(s, "isn't for mail.example.org", "get one for the host name")


def folders(s):
    for below, bits, what, cure in (("keys", 0o755, "others may read it", "chmod 700"), ("db", 0o777, "others may", "chmod 750"),
                                    ("tls", 0o777, "others may change it", "chmod 755")):
        with mode(f"{s.data}/{below}", bits):
            finds(s, f"{s.data}/{below}: {what}", cure)
    with moved(s.data + "/spool"):
        finds(s, "spool: No such file", "hairpin init")
    if ROOT:
        owner = os.stat(s.data + "/spool").st_uid
        os.chown(s.data + "/spool", 12345, 12345)
        finds(s, "spool belongs to user 12345", f"chown {owner} ")
        os.chown(s.data + "/spool", owner, owner)


def configuration(s):
    with open(s.conf) as f:
        good = f.read()
    with changed(s.conf, good.replace("timezone = ", "timezone = Europe/Atlantis\n#")):
        finds(s, "no zone is called `Europe/Atlantis`", "mend the file")
    with changed(s.conf, good.replace("127.0.0.1", "0.0.0.0")):
        finds(s, "lets passwords cross the network in the clear", "allow_plaintext_auth = no")
    with changed(s.conf, good.replace("kind = mx", "kind = submission")):
        finds(s, "no listener takes mail from other servers", "of kind mx, or filter")
    gateway = "kind = filter\nfrom = 192.0.2.25", "[gateway]\nreinject = 192.0.2.25\n"
    with changed(s.conf, good.replace("kind = mx", gateway[0]) + gateway[1]):
        assert check(s) == []
    if ROOT:
        with changed(s.conf, good.replace("uid = ", "#")):
            finds(s, "would run as root", "set uid and gid")
    with moved(s.conf):
        finds(s, "No such file", "hairpin init")


def ports(s):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", s.base + 25))
        other.listen()
        finds(s, f"listener mx can't listen at 127.0.0.1 port {s.base + 25}: Address already in use", "stop the program")
    with open(s.conf) as f:
        good = f.read()
    with changed(s.conf, good.replace("address = 127.0.0.1", "address = 198.51.100.7", 1)):
        finds(s, "can't listen at 198.51.100.7", "no interface")
    finds(s, "the server doesn't answer", "hairpin serve")


def disk(s):
    """A file system of 200 MB of our own: the folder in it looks nearly full."""
    if not ROOT:
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", s.data + "/spool"], check=True)
    try:
        with open(s.conf) as f:
            good = f.read()
        with changed(s.conf, good.replace(f"data_dir = {s.data}\n", f"data_dir = {s.data}/spool\n")):
            finds(s, "is nearly full: 200 MiB free", "make space")
    finally:
        subprocess.run(["umount", s.data + "/spool"], check=True)


def cluster_files(s):
    """What other nodes know this one by."""
    key, cert, authority = (f"{s.data}/tls/{n}" for n in ("node.key", "node.pem", "cluster.pem"))
    for path in key, cert, authority:
        with moved(path):
            finds(s, f"{path}: No such file", "`hairpin join` anew")
        with changed(path, "rubbish\n"):
            finds(s, "aren't all a key and certificates: the server won't start so", "put it back")
    with mode(key, 0o644):
        finds(s, f"{key}: others may read it", f"chmod 600 {key}")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", s.dir + "/other.key"], check=True)
    with open(s.dir + "/other.key") as f, changed(key, f.read()):
        finds(s, "don't belong together", "put it back")
    with changed(s.data + "/keys/master.key", "hairpin-master-1 " + "A" * 43 + "=\n") as old:
        assert old.split()[0] == "hairpin-master-1", old
        finds(s, "tls/cluster.pem isn't the authority that follows from keys/master.key", "belong together")
    finds(s, "tls/node.pem isn't valid yet", "clock", clock=-60 * 365 * DAY)
    assert check(s) == []


def as_another_user(s):
    """One who may read nothing of it hears that, and no guesses."""
    if ROOT:
        r = subprocess.run([PROGRAM, "check", "--local", "--json", "-c", s.conf], user=12345, group=12345, extra_groups=[],
                           capture_output=True, text=True, cwd="/")
        assert r.returncode == 1 and "run `hairpin check` as root" in r.stdout, r


def main():
    with Server() as s:
        assert check(s) == []
        assert "nothing wrong was found" in s.cli("check", "--local").stdout
        for part in secrets, certificate, folders, configuration:
            part(s)
        assert check(s) == []
        as_another_user(s)
        s.stop()
        for part in ports, disk:
            part(s)
        s.start()
        assert check(s) == []
    with Server(extra=QUICK + "\n[listener cluster]\nkind = cluster\naddress = 127.0.0.1\nport = {lmtp_port}\n") as s:
        cluster_files(s)


main()
