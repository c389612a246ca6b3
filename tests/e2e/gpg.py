"""GnuPG as the other side of a test, with keys of its own, and the mails that programs make of what it writes."""
import base64
import email
import os
import re
import subprocess


class Gpg:
    """A partner's program. What it is given is a mail's text; whose key it is, is said by address."""

    def __init__(self, where, name="gpg"):
        self.home = f"{where}/{name}"
        os.mkdir(self.home, 0o700)

    def run(self, *words, text=None):
        done = self.tried(*words, text=text)
        assert done.returncode == 0, done.stderr
        return done

    def tried(self, *words, text=None):
        return subprocess.run(["gpg", "--homedir", self.home, "--batch", "--quiet", "--trust-model", "always",
                               "--pinentry-mode", "loopback", "--passphrase", "", *words], input=text, capture_output=True, timeout=60)

    def new(self, name, address, kind="default", password=""):
        """kind: as --quick-gen-key has it; default (RSA) and future-default (Curve25519) have a subkey to encrypt to."""
        self.run("--passphrase", password, "--quick-gen-key", f"{name} <{address}>", kind, "default", "never")

    def file(self, address, where):
        path = f"{where}/{address}.asc"
        with open(path, "wb") as f:
            f.write(self.run("--armor", "--export", address).stdout)
        return path

    def sealed(self, mime, to, by=None, more=()):
        sign = ["--sign", "--local-user", by] if by else []
        return self.run("--armor", "--encrypt", "--recipient", to, *sign, *more, text=mime).stdout

    def decrypt(self, mail):
        """A mail that is PGP/MIME: what became of it, with status on stderr."""
        return self.tried("--status-fd", "2", "--decrypt", text=email.message_from_bytes(mail).get_payload()[1].get_payload(decode=True))

    def opened(self, mail):
        """The text of a mail, and whose signature is good: b"" if there is none."""
        done = self.decrypt(mail)
        assert done.returncode == 0, done.stderr
        good = re.findall(rb"^\[GNUPG:\] GOODSIG \w+ (.*)$", done.stderr, re.M)
        assert len(good) <= 1 and b"BADSIG" not in done.stderr and b"ERRSIG" not in done.stderr, done.stderr
        return done.stdout, b"".join(good)

    def verify(self, mail):
        """A mail that is multipart/signed: whose signature is good. It fails if there is none."""
        m = email.message_from_bytes(mail)
        boundary = b"\r\n--" + m.get_boundary().encode() + b"\r\n"
        for name, octets in ("text", mail.split(boundary)[1]), ("sig", m.get_payload()[1].get_payload(decode=True)):
            with open(f"{self.home}/{name}", "wb") as f:
                f.write(octets)
        done = self.run("--status-fd", "2", "--verify", f"{self.home}/sig", f"{self.home}/text")
        return re.search(rb"^\[GNUPG:\] GOODSIG \w+ (.*)$", done.stderr, re.M)[1]

    def stop(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def encrypted(armor):
    return (b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e\n\n'
            b"--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n"
            b"--e\nContent-Type: application/octet-stream\n\n" + armor + b"\n--e--\n")


def mangled(armor, text=b""):
    """What Exchange makes of it; text: of the first part, which is empty there."""
    return (b"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\n" + text +
            b"\n--m\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n"
            b"--m\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n" +
            base64.encodebytes(armor) + b"\n--m--\n")


def signed(g, mime, by):
    signature = g.run("--armor", "--detach-sign", "--local-user", by, text=crlf(mime)).stdout
    return (b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha512; boundary=s\n\n'
            b"--s\n" + mime + b"\n--s\nContent-Type: application/pgp-signature\n\n" + signature + b"\n--s--\n")
