"""Authorities for tests of revocation, made by openssl, and a web server at port 80 that says what it is told to."""
import socket
import subprocess
import threading
import time

DAY = 86400


def openssl(*words, data=None):
    r = subprocess.run(["openssl", *words], input=data, capture_output=True, timeout=60)
    assert r.returncode == 0, (words, r.stderr)
    return r.stdout


def stamp(sec):
    return time.strftime("%y%m%d%H%M%SZ", time.gmtime(sec))


class Authority:
    """With its list of what it gave out, and took back."""

    serial = 0x4711

    def __init__(self, folder, name, by=None, more=""):
        self.folder, self.name, self.given = folder, name, {}
        self.make(name, f"basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n{more}", by)

    def path(self, name, kind):
        return f"{self.folder}/{name}.{kind}"

    def make(self, name, extensions, by, email=None):
        Authority.serial += 1
        serial = Authority.serial
        with open(self.path(name, "cnf"), "w") as f:
            f.write(f"[req]\ndistinguished_name=d\n[d]\n[v3]\nsubjectKeyIdentifier=hash\n{extensions}\n")
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-config", self.path(name, "cnf"),
                "-keyout", self.path(name, "key"), "-out", self.path(name, "csr"))
        sign = ["-CA", self.path(by.name, "pem"), "-CAkey", self.path(by.name, "key")] if by else [
            "-signkey", self.path(name, "key")]
        openssl("x509", "-req", "-in", self.path(name, "csr"), *sign, "-set_serial", str(serial), "-days", "9",
                "-extfile", self.path(name, "cnf"), "-extensions", "v3", "-out", self.path(name, "pem"))
        if by:
            by.given[name] = ("V", serial)
        return self.path(name, "pem")

    def give(self, name, more="", extended="emailProtection", domain="out.test"):
        return self.make(name, f"keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage={extended}\n"
                         f"subjectAltName=email:{name}@{domain}\n{more}", self)

    def revoke(self, name, reason="keyCompromise"):
        self.given[name] = (f"R:{reason}", self.given[name][1])

    def write_index(self):
        index = self.path(self.name, "index")
        with open(index, "w") as f:
            for name, (state, serial) in self.given.items():
                since = f"{stamp(time.time() - 3 * DAY)},{state[2:]}" if state != "V" else ""
                f.write(f"{state[0]}\t{stamp(time.time() + 9 * DAY)}\t{since}\t{serial:04X}\tunknown\t/CN={name}\n")
        with open(index + ".attr", "w") as f:
            f.write("unique_subject = no\n")
        return index

    def list(self, extensions="", how=("-crlhours", "48")):
        """DER."""
        cnf = self.path(self.name, "ca.cnf")
        with open(cnf, "w") as f:
            f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={self.write_index()}\ndefault_md=sha256\n"
                    f"certificate={self.path(self.name, 'pem')}\nprivate_key={self.path(self.name, 'key')}\n"
                    + (f"crl_extensions=e\n[e]\n{extensions}\n" if extensions else ""))
        pem = openssl("ca", "-gencrl", "-config", cnf, *how)
        return openssl("crl", "-outform", "der", data=pem)

    def der(self, name=None):
        return openssl("x509", "-in", self.path(name or self.name, "pem"), "-outform", "der")

    def answer(self, request, signer=None):
        """What openssl's own responder says, signed by itself or by whom it gave the right to."""
        signer = signer or self.name
        with open(self.path(self.name, "req"), "wb") as f:
            f.write(request)
        openssl("ocsp", "-index", self.write_index(), "-CA", self.path(self.name, "pem"), "-rsigner",
                self.path(signer, "pem"), "-rkey", self.path(signer, "key"), "-reqin", self.path(self.name, "req"),
                "-respout", self.path(self.name, "resp"), "-ndays", "1", "-rmd", "sha256")
        with open(self.path(self.name, "resp"), "rb") as f:
            return f.read()


def points(path="1.crl", host="ca.test"):
    return f"crlDistributionPoints=URI:http://{host}/{path}\n"


# --- web server ----------------------------------------------------------------------------------


def page(body, status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


class Web:
    """answers: (host, path) -> octets that are sent, or a function of the connection and the request's body."""

    def __init__(self, address):
        self.answers, self.asked = {}, []
        self.socket = socket.create_server((address, 80))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s = self.socket.accept()[0]
            threading.Thread(target=self.serve, args=[s], daemon=True).start()

    def serve(self, s):
        try:
            with s:
                f = s.makefile("rb")
                path = f.readline().split()[1].decode()
                head = {}
                while (line := f.readline().strip()):
                    name, _, value = line.decode().partition(": ")
                    head[name] = value
                body = f.read(int(head.get("Content-Length", 0)))
                self.asked.append((head["Host"], path))
                answer = self.answers[head["Host"], path]
                if callable(answer):
                    answer(s, body)
                else:
                    s.sendall(answer)
        except OSError:
            pass


def slow(s, body):
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        s.sendall(b"x")
        time.sleep(1)
