#!/usr/bin/env python3
# timeout: 240
"""Plays the scripts of tests/dialog against the real program, each over a connection of its own.

  # words            a comment; `# port: 25` says where (25, 143, 465, 587, 993, lmtp)
  C: text            sends text and CRLF; \\r \\n \\0 \\\\ and \\xHH stand for octets
  R: text            sends text without a line end
  X: N text          sends text N times
  S: regexp          the next line, whole, without its CRLF
  S*: regexp         lines up to one that matches whole
  TLS                the handshake, now
  NEW                another connection to the same port
  END                the server closes
  VANISH             we close, without a word
  WAIT seconds

Scripts of users: u0, u1 (password pw), u2 (over quota), u3."""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import sys

sys.path.insert(0, sys.path[0])
from hp import QUICK, Server, trust_all  # noqa: E402

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dialog")


class Wrong(Exception):
    pass


class Player:
    def __init__(self, server, port):
        self.server, self.port, self.sock = server, port, None
        self.connect()

    def connect(self):
        self.left = b""
        if self.port == "lmtp":
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(20)
            self.sock.connect(self.server.data + "/run/lmtp.sock")
            return
        self.sock = socket.create_connection(("127.0.0.1", self.server.base + int(self.port)), 20)
        if self.port in ("465", "993"):
            self.tls("")

    def tls(self, _):
        self.sock = trust_all().wrap_socket(self.sock)

    def new(self, _):
        self.sock.close()
        self.connect()

    def send(self, text):
        octets = re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", unescape, text.encode())
        self.sock.sendall(octets)

    def line(self):
        while b"\n" not in self.left:
            try:
                got = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError) as e:
                raise Wrong(f"lost: {e}, after {self.left!r}")
            except socket.timeout:
                raise Wrong(f"silence after {self.left!r}")
            if not got:
                raise Wrong(f"closed after {self.left!r}")
            self.left += got
        line, self.left = self.left.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def expect(self, pattern):
        got = self.line()
        if not re.fullmatch(pattern, got):
            raise Wrong(f"said {got!r}")

    def expect_some(self, pattern):
        seen = []
        while True:
            try:
                seen.append(self.line())
            except Wrong as e:
                raise Wrong(f"{e}; before: {seen[-5:]}")
            if re.fullmatch(pattern, seen[-1]):
                return

    def end(self, _):
        try:
            got = self.left or self.sock.recv(4096)
        except (ConnectionError, ssl.SSLError):
            return
        if got:
            raise Wrong(f"not closed: {got!r}")

    def vanish(self, _):
        self.sock.close()

    def times(self, words):
        n, text = words.split(" ", 1)
        octets = re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", unescape, text.encode()) * int(n)
        try:
            self.sock.sendall(octets)
        except ConnectionError:
            pass

    def wait(self, seconds):
        import time
        time.sleep(float(seconds))


def unescape(m):
    word = m.group(1)
    if word[:1] == b"x" and len(word) == 3:
        return bytes([int(word[1:], 16)])
    return {b"r": b"\r", b"n": b"\n", b"0": b"\0"}.get(word, word)


def play(server, path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    ports = [m.group(1) for m in (re.match(r"# port: (\S+)", x) for x in lines) if m]
    player = Player(server, ports[0] if ports else "25" if path.endswith(".smtp") else "143")
    verbs = [("C: ", lambda t: player.send(t + "\\r\\n")), ("R: ", player.send), ("X: ", player.times),
             ("S: ", player.expect), ("S*: ", player.expect_some), ("TLS", player.tls), ("NEW", player.new),
             ("END", player.end), ("VANISH", player.vanish), ("WAIT ", player.wait)]
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.rstrip() == "C:":
            line = "C: "
        try:
            for mark, do in verbs:
                if line.startswith(mark):
                    do(line[len(mark):])
                    break
            else:
                raise Wrong("no such verb")
        except (Wrong, OSError) as e:
            raise Wrong(f"{os.path.basename(path)}:{number}: {line[:100]}\n    {e}")
    player.sock.close()


def scram(server, port):
    """SCRAM-SHA-256 (RFC 7677) by hand."""
    p = Player(server, port)
    p.expect_some("220 .*")
    p.send("EHLO c.test\\r\\n")
    p.expect_some("250 .*")
    header = "n,,"
    first = "n=u0@example.org,r=fyko+d2lbbFgONRv9qkxdawL"
    p.send("AUTH SCRAM-SHA-256 " + base64.b64encode((header + first).encode()).decode() + "\\r\\n")
    challenge = base64.b64decode(p.line()[4:])
    said = dict(x.split("=", 1) for x in challenge.decode().split(","))
    bare = "c=" + base64.b64encode(header.encode()).decode() + ",r=" + said["r"]
    salted = hashlib.pbkdf2_hmac("sha256", b"pw", base64.b64decode(said["s"]), int(said["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    message = f"{first},{challenge.decode()},{bare}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    p.send(base64.b64encode(f"{bare},p={proof}".encode()).decode() + "\\r\\n")
    line = p.line()
    if line.startswith("334 "):
        verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        if base64.b64decode(line[4:]) != b"v=" + base64.b64encode(verifier):
            raise Wrong("the server's proof is wrong")
        p.send("\\r\\n")
        line = p.line()
    if not line.startswith("235 "):
        raise Wrong(f"SCRAM: {line}")


def main():
    wanted = sys.argv[1:] or sorted(os.listdir(SCRIPTS))
    failed = 0
    limits = "\n[limits]\nmessage_size = 1M\nconnection_rate_per_minute = 0\n"
    with Server(extra=QUICK + limits, users=("u0", "u1", "u2", "u3")) as server:
        server.cli("user", "set", "u2@example.org", "--quota-bytes", "10")
        for name in wanted:
            if not name.endswith((".smtp", ".imap")):
                continue
            try:
                play(server, os.path.join(SCRIPTS, name))
                print("ok", name)
            except Wrong as e:
                failed += 1
                print("FAILED", e)
        for port in ("587", "465"):
            try:
                scram(server, port)
            except Wrong as e:
                failed += 1
                print("FAILED scram", port, e)
        if failed or "AddressSanitizer" in server.log() or "runtime error" in server.log():
            print(server.log()[-6000:])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
