"""Programs of OpenPGP, each behind the same few walks: generate, cert, encrypt, decrypt, sign, verify, and with a signature
inside: seal, open_signed, inline, read_inline. Keys and certificates are octets; a walk that fails gives None."""
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

    proof = "--verifications-out"

    def __init__(self, name, words, folder):
        self.name, self.words, self.folder = name, words, folder

    def run(self, *words, data=b""):
        r = said(*self.words, *words, data=data)
        self.error = r.stderr.decode(errors="replace")
        assert r.returncode == 0 or not r.stdout or self.name != "hairpin", (words, "output beside a failure")
        return r.stdout if r.returncode == 0 else None

    def generate(self, profile=None):
        return self.run("generate-key", *([f"--profile={profile}"] if profile else []), WHO)

    def cert(self, key):
        return self.run("extract-cert", data=key)

    def encrypt(self, cert, text, *words):
        return self.run("encrypt", *words, self.folder.file(cert), data=text)

    def decrypt(self, key, message):
        return self.run("decrypt", self.folder.file(key), data=message)

    def sign(self, key, text):
        return self.run("sign", self.folder.file(key), data=text)

    def verify(self, signature, cert, text):
        return self.run("verify", self.folder.file(signature), self.folder.file(cert), data=text)

    def seal(self, key, cert, text):
        return self.run("encrypt", f"--sign-with={self.folder.file(key)}", self.folder.file(cert), data=text)

    def open_signed(self, key, cert, message):
        """The text, if a signature of it is good."""
        proof = self.folder.file(b"")
        os.remove(proof)
        text = self.run("decrypt", f"--verify-with={self.folder.file(cert)}", f"{self.proof}={proof}",
                        self.folder.file(key), data=message)
        return text if text is not None and os.path.exists(proof) and os.path.getsize(proof) else None

    def inline(self, key, text, clear):
        return self.run("inline-sign", *(["--as=clearsigned"] if clear else []), self.folder.file(key), data=text)

    def read_inline(self, cert, message):
        return self.run("inline-verify", self.folder.file(cert), data=message)

    def lock(self, password, text, *words):
        return self.run("encrypt", *words, f"--with-password={self.folder.file(password)}", data=text)

    def unlock(self, password, message):
        return self.run("decrypt", f"--with-password={self.folder.file(password)}", data=message)

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

    def encrypt(self, cert, text, *words):
        who = self.take(cert)
        return who and self.run("-e", "-r", who, *words, data=text)

    def decrypt(self, key, message):
        self.take(key)
        return self.run("-d", data=message)

    def sign(self, key, text):
        who = self.take(key)
        return who and self.run("--detach-sign", "-u", who, data=text)

    def verify(self, signature, cert, text):
        self.take(cert)
        return self.run("--verify", self.folder.file(signature), "-", data=text)

    def good(self, message):
        self.status = self.folder.file(b"")
        text = self.run("--status-file", self.status, "-d", data=message)
        with open(self.status, "rb") as f:
            return text if b"GOODSIG" in f.read() else None

    def seal(self, key, cert, text):
        who = self.take(key)
        return who and self.run("-se", "-u", who, "-r", who, data=text)

    def open_signed(self, key, cert, message):
        self.take(key)
        return self.good(message)

    def inline(self, key, text, clear):
        who = self.take(key)
        return who and self.run("--clearsign" if clear else "-s", "-u", who, data=text)

    def read_inline(self, cert, message):
        self.take(cert)
        return self.good(message)

    def lock(self, password, text, *words):
        return self.run("-c", "--passphrase", password.decode(), *words, data=text)

    def unlock(self, password, message):
        return self.run("-d", "--passphrase", password.decode(), data=message)

    def close(self):
        said("gpgconf", "--homedir", self.home, "--kill", "all")
        subprocess.run(["rm", "-rf", self.home], check=True)


class Rnp:
    name = "rnp"
    # What its dialog wants to hear.
    KINDS = {"ed25519": "22", "nistp256": "19\n1", "nistp384": "19\n2", "nistp521": "19\n3", "brainpoolP256r1": "19\n4",
             "brainpoolP384r1": "19\n5", "brainpoolP512r1": "19\n6", "rsa2048": "1\n2048", "rsa3072": "1\n3072",
             "rsa4096": "1\n4096"}

    def __init__(self, folder):
        self.folder = folder

    def run(self, home, *words, data=b"", password=b""):
        r = said(*words[:1], "--homedir", home, "--password", password, *words[1:], data=data)
        self.error = r.stderr.decode(errors="replace")
        return r.stdout if r.returncode == 0 else None

    def home(self, *keys):
        home = tempfile.mkdtemp(dir=self.folder.path)
        for key in keys:
            if self.run(home, "rnpkeys", "--import", self.folder.file(key)) is None:
                return None
        return home

    def generate(self, kind, *words, password=b""):
        home = self.home()
        made = self.run(home, "rnpkeys", "--generate-key", "--expert", "--userid", WHO, *words,
                        data=self.KINDS[kind].encode() + b"\n", password=password)
        return made and self.run(home, "rnpkeys", "--export-key", "--secret", "ann@example.org", password=password)

    def within(self, key, text, *words, password=b""):
        """What rnp makes of a text with that key alone in its ring."""
        home = self.home(*([key] if key else []))
        if home is None or self.run(home, "rnp", *words, "--output", home + "/out", "--overwrite", self.folder.file(text),
                                    password=password) is None:
            return None
        with open(home + "/out", "rb") as f:
            return f.read()

    def encrypt(self, cert, text, *words):
        return self.within(cert, text, "--encrypt", "-r", "ann@example.org", *words)

    def decrypt(self, key, message):
        return self.within(key, message, "--decrypt")

    def sign(self, key, text):
        return self.within(key, text, "--sign", "--detach", "-u", "ann@example.org")

    def verify(self, signature, cert, text):
        home = self.home(cert)
        path = self.folder.file(text)
        os.rename(self.folder.file(signature), path + ".sig")
        return home and self.run(home, "rnp", "--verify", path + ".sig")

    def seal(self, key, cert, text):
        return self.within(key, text, "--encrypt", "--sign", "-r", "ann@example.org", "-u", "ann@example.org")

    def open_signed(self, key, cert, message):
        text = self.within(key, message, "--decrypt")
        return text if "Good signature" in self.error else None

    def inline(self, key, text, clear):
        return self.within(key, text, "--clearsign" if clear else "--sign", "-u", "ann@example.org")

    def read_inline(self, cert, message):
        return self.open_signed(cert, cert, message)

    def lock(self, password, text, *words):
        return self.within(None, text, "--symmetric", *words, password=password)

    def unlock(self, password, message):
        return self.within(None, message, "--decrypt", password=password)

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


def reads_signed(writer, reader, key, cert, text):
    message = writer.seal(key, cert, text)
    return message is not None and reader.open_signed(key, cert, message) == text


def reads_inline(writer, reader, key, cert, text):
    message = writer.inline(key, text, False)
    return message is not None and reader.read_inline(cert, message) == text


def reads_clear(writer, reader, key, cert, text):
    """The last line's end isn't the text's, and how lines end is nobody's."""
    message = writer.inline(key, text, True)
    got = message is not None and reader.read_inline(cert, message)
    return got and got.replace(b"\r\n", b"\n").strip() == text.replace(b"\r\n", b"\n").strip()


def opens(writer, reader, password, text):
    message = writer.lock(password, text)
    return message is not None and reader.unlock(password, message) == text
