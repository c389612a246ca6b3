"""Programs of OpenPGP, each behind the same few walks: generate, cert, encrypt, decrypt, sign, verify. Keys and certificates
are octets; a walk that fails gives None."""
import os
import re
import subprocess
import tempfile

HAIRPIN = [os.environ["HAIRPIN_RELEASE"], "sop"]
WHO = "Ann <ann@example.org>"


def said(*words, data=b"", env=None):
    return subprocess.run(words, input=data, capture_output=True, timeout=60, env=env)


class Folder:
    """Octets as files."""

    def __init__(self, path):
        self.path, self.n = path, 0

    def file(self, octets):
        self.n += 1
        path = f"{self.path}/{self.n}"
        with open(path, "wb") as f:
            f.write(octets)
        return path


class Sop:
    """One of stateless OpenPGP."""

    def __init__(self, name, words, folder):
        self.name, self.words, self.folder = name, words, folder

    def run(self, *words, data=b""):
        r = said(*self.words, *words, data=data)
        self.error = r.stderr.decode(errors="replace")
        assert r.returncode == 0 or not r.stdout, (self.name, words, "output beside a failure")
        return r.stdout if r.returncode == 0 else None

    def generate(self, profile=None):
        return self.run("generate-key", *([f"--profile={profile}"] if profile else []), WHO)

    def cert(self, key):
        return self.run("extract-cert", data=key)

    def encrypt(self, cert, text):
        return self.run("encrypt", self.folder.file(cert), data=text)

    def decrypt(self, key, message):
        return self.run("decrypt", self.folder.file(key), data=message)

    def sign(self, key, text):
        return self.run("sign", self.folder.file(key), data=text)

    def verify(self, signature, cert, text):
        return self.run("verify", self.folder.file(signature), self.folder.file(cert), data=text)

    def close(self):
        pass


class Gpg:
    name = "gpg"

    def __init__(self, folder):
        self.folder = folder
        self.home = tempfile.mkdtemp(prefix="g", dir="/tmp")

    def run(self, *words, data=b""):
        r = said("gpg", "--homedir", self.home, "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback",
                 "--passphrase", "", "--trust-model", "always", *words, data=data)
        self.error = r.stderr.decode(errors="replace")
        return r.stdout if r.returncode == 0 else None

    def generate(self, kind):
        sign, encrypt = {"rsa3072": ("rsa3072", "rsa3072"), "ed25519": ("ed25519", "cv25519")}.get(kind, (kind, kind))
        assert self.run("--quick-generate-key", WHO, sign, "cert,sign", "never") is not None, self.error
        listed = self.run("--list-keys", "--with-colons")
        fingerprint = re.findall(rb"^fpr:+([0-9A-F]+):", listed, re.M)[-1].decode()
        assert self.run("--quick-add-key", fingerprint, encrypt, "encr", "never") is not None, self.error
        key = self.run("--export-secret-keys", fingerprint)
        self.run("--delete-secret-and-public-key", fingerprint)
        return key

    def take(self, key):
        """Imports, and says its fingerprint."""
        self.run("--import", data=key)
        r = said("gpg", "--homedir", self.home, "--batch", "--with-colons", "--import-options", "show-only", "--import",
                 data=key)
        found = re.search(rb"^fpr:+([0-9A-F]+):", r.stdout, re.M)
        return found and found[1].decode()

    def encrypt(self, cert, text):
        who = self.take(cert)
        return who and self.run("-e", "-r", who, data=text)

    def decrypt(self, key, message):
        self.take(key)
        return self.run("-d", data=message)

    def sign(self, key, text):
        who = self.take(key)
        return who and self.run("--detach-sign", "-u", who, data=text)

    def verify(self, signature, cert, text):
        self.take(cert)
        return self.run("--verify", self.folder.file(signature), "-", data=text)

    def close(self):
        said("gpgconf", "--homedir", self.home, "--kill", "all")
        subprocess.run(["rm", "-rf", self.home], check=True)


class Rnp:
    name = "rnp"

    def __init__(self, folder):
        self.folder = folder

    def run(self, home, *words):
        r = said(*words[:1], "--homedir", home, "--password", "", *words[1:])
        self.error = r.stderr.decode(errors="replace")
        return r.returncode == 0

    def within(self, key, text, *words):
        """What rnp makes of a text with that key alone in its ring."""
        home = tempfile.mkdtemp(dir=self.folder.path)
        if not self.run(home, "rnpkeys", "--import", self.folder.file(key)):
            return None
        if not self.run(home, "rnp", *words, "--output", home + "/out", "--overwrite", self.folder.file(text)):
            return None
        with open(home + "/out", "rb") as f:
            return f.read()

    def encrypt(self, cert, text):
        return self.within(cert, text, "--encrypt", "-r", "ann@example.org")

    def decrypt(self, key, message):
        return self.within(key, message, "--decrypt")

    def sign(self, key, text):
        return self.within(key, text, "--sign", "--detach", "-u", "ann@example.org")

    def verify(self, signature, cert, text):
        home = tempfile.mkdtemp(dir=self.folder.path)
        path = self.folder.file(text)
        os.rename(self.folder.file(signature), path + ".sig")
        self.run(home, "rnpkeys", "--import", self.folder.file(cert))
        return b"good" if self.run(home, "rnp", "--verify", path + ".sig") else None

    def close(self):
        pass


def reads(writer, reader, key, cert, text):
    message = writer.encrypt(cert, text)
    return message is not None and reader.decrypt(key, message) == text


def verifies(writer, reader, key, cert, text):
    signature = writer.sign(key, text)
    if signature is None or reader.verify(signature, cert, text) is None:
        return False
    assert reader.verify(signature, cert, text + b"x") is None, (reader.name, "takes a changed text")
    return True
