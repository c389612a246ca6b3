"""Keys and certificates for the tests of S/MIME, made by openssl in a folder of their own."""
import os
import subprocess

KINDS = {
    "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "x25519": ["X25519"],
    "ed25519": ["ED25519"],
}
USAGE = {"rsa": "digitalSignature,keyEncipherment", "x25519": "keyAgreement", "ed25519": "digitalSignature"}


def openssl(*words, data=b"", check=True):
    r = subprocess.run(["openssl", *words], input=data, capture_output=True, timeout=60)
    assert r.returncode == 0 or not check, (words, r.stderr)
    return r if not check else r.stdout


class Keys:
    """An authority (P-256), and for each kind KIND.key, KIND.crt of KIND@example.org."""

    def __init__(self, folder, kinds=tuple(KINDS)):
        self.folder = folder
        with open(f"{folder}/ca.cnf", "w") as f:
            f.write("[req]\ndistinguished_name=d\n[d]\n[v3]\nbasicConstraints=critical,CA:TRUE\n"
                    "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
        self.make_key("ca", KINDS["p256"])
        openssl("req", "-x509", "-new", "-key", self.key("ca"), "-subj", "/O=Example/CN=Authority", "-config",
                f"{folder}/ca.cnf", "-extensions", "v3", "-days", "3650", "-out", self.crt("ca"))
        for serial, kind in enumerate(kinds, 0x4711):
            self.make_key(kind, KINDS[kind])
            self.make_certificate(kind, kind, serial)

    def key(self, name):
        return f"{self.folder}/{name}.key"

    def crt(self, name):
        return f"{self.folder}/{name}.crt"

    def make_key(self, name, how):
        openssl("genpkey", "-algorithm", how[0], *how[1:], "-out", self.key(name))

    def make_certificate(self, name, kind, serial, days=365):
        usage = USAGE.get(kind, "digitalSignature,keyAgreement")
        with open(f"{self.folder}/{name}.cnf", "w") as f:
            f.write(f"[v3]\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nkeyUsage=critical,{usage}\n"
                    f"extendedKeyUsage=emailProtection\nsubjectAltName=email:{name}@example.org\n")
        # X25519 can't sign a request: the authority's key does, and the certificate gets the other.
        openssl("pkey", "-in", self.key(name), "-pubout", "-out", f"{self.folder}/{name}.pub")
        openssl("req", "-new", "-key", self.key("ca"), "-subj", f"/O=Example/CN={name}", "-out",
                f"{self.folder}/{name}.csr")
        openssl("x509", "-req", "-in", f"{self.folder}/{name}.csr", "-CA", self.crt("ca"), "-CAkey", self.key("ca"),
                "-force_pubkey", f"{self.folder}/{name}.pub", "-set_serial", str(serial), "-days", str(days),
                "-extfile", f"{self.folder}/{name}.cnf", "-extensions", "v3", "-out", self.crt(name))


class Gpgsm:
    """GnuPG's S/MIME with one of the RSA keys, in a folder of its own. Version 2.2 has no key agreement, OAEP or GCM."""

    def __init__(self, keys, name):
        self.home = f"{keys.folder}/gnupg"
        os.mkdir(self.home, 0o700)
        self.settle("gpgsm.conf", "disable-crl-checks\ndisable-dirmngr\n")
        fingerprint = openssl("x509", "-in", keys.crt("ca"), "-noout", "-fingerprint", "-sha1").decode()
        self.settle("trustlist.txt", fingerprint.split("=")[1].strip() + " S relax\n")
        self.run("--import", keys.crt("ca"))
        # The old algorithms of such a file are the only ones that it reads.
        openssl("pkcs12", "-export", "-inkey", keys.key(name), "-in", keys.crt(name), "-passout", "pass:", "-certpbe",
                "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-out", f"{self.home}/key.p12")
        self.run("--passphrase-fd", "0", "--import", f"{self.home}/key.p12", data=b"\n")

    def settle(self, name, text):
        with open(f"{self.home}/{name}", "w") as f:
            f.write(text)

    def run(self, *words, data=b"", check=True):
        r = subprocess.run(["gpgsm", "--homedir", self.home, "--batch", "--yes", "--pinentry-mode", "loopback", *words],
                           input=data, capture_output=True, timeout=60)
        assert r.returncode == 0 or not check, (words, r.stderr.decode(errors="replace"))
        return r

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], capture_output=True, timeout=20)
