"""Name servers for tests (NSD), and zones for them that are signed here (ldns); and one that answers from a
dictionary."""
import os
import re
import socket
import struct
import subprocess
import threading
import time

NSD = os.environ.get("B", "build") + "/nsd/usr/sbin/nsd"
A, MX, TXT = 1, 15, 16
SOA = "@ 300 IN SOA ns.org. hostmaster.org. 1 3600 600 86400 60\n@ 300 IN NS ns.org.\n"


class Zones:
    """Zone files in a folder, signed or not, and what is delegated to them."""

    def __init__(self, folder):
        self.dir = folder

    def run(self, *words):
        r = subprocess.run(words, cwd=self.dir, capture_output=True, text=True)
        assert r.returncode == 0, (words, r)
        return r.stdout.split()

    def plain(self, name, text):
        with open(f"{self.dir}/{name}.zone", "w") as f:
            f.write(f"$ORIGIN {name.rstrip('.')}.\n{text}")

    def signed(self, name, text, *dates):
        """Its DS record."""
        self.plain(name, text)
        key, = self.run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name)
        self.run("ldns-signzone", *dates, "-o", name, "-f", f"{name}.new", f"{name}.zone", key)
        os.rename(f"{self.dir}/{name}.new", f"{self.dir}/{name}.zone")
        with open(f"{self.dir}/{key}.ds") as f:
            return f.read().strip()

    def change(self, name, old, new):
        path = f"{self.dir}/{name}.zone"
        with open(path) as f:
            text = f.read()
        assert old in text, text
        with open(path, "w") as f:
            f.write(text.replace(old, new))


class Nsd:
    def __init__(self, folder, addresses, zones):
        address = addresses[0]
        self.conf = f"{folder}/{address}.conf"
        listen = "".join(f" ip-address: {a}\n" for a in addresses)
        with open(self.conf, "w") as f:
            f.write(f'server:\n{listen} username: ""\n zonesdir: "{folder}"\n database: ""\n'
                    f' pidfile: "{self.conf}.pid"\n xfrdfile: "{self.conf}.xfrd"\n zonelistfile: "{self.conf}.list"\n'
                    f' cookie-secret-file: ""\n verbosity: 0\nremote-control:\n control-enable: no\n' +
                    "".join(f'zone:\n name: "{z}"\n zonefile: "{z}.zone"\n' for z in zones))
        with open(self.conf + ".log", "w") as log:
            self.process = subprocess.Popen([NSD, "-d", "-c", self.conf], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        until = time.monotonic() + 10
        while not self.is_up(address, zones[0]):
            assert self.process.poll() is None and time.monotonic() < until, open(self.conf + ".log").read()

    def is_up(self, address, zone):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            s.connect((address, 53))
            try:
                s.send(question(zone, 6))
                return s.recv(4096)[3] & 15 == 0
            except OSError:
                time.sleep(0.05)
                return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def question(name, kind, number=1):
    return struct.pack(">6H", number, 0, 1, 0, 0, 0) + wire(name) + struct.pack(">2H", kind, 1)


class Names:
    """records: (name, type) -> contents of one record; whatever else is asked for isn't there."""

    def __init__(self, host, port=53):
        self.records = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            raw, client = self.socket.recvfrom(4096)
            end = raw.index(b"\0", 12) + 5
            name = re.sub(rb"[\x00-\x1f]", b".", raw[12:end - 5])[1:].decode().lower()
            kind, = struct.unpack(">H", raw[end - 4:end - 2])
            data = self.records.get((name, kind))
            record = b"" if data is None else b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 0, len(data)) + data
            self.socket.sendto(raw[:2] + struct.pack(">5H", 0x8580, 1, bool(record), 0, 0) + raw[12:end] + record,
                               client)
