#!/usr/bin/env python3
"""`hairpin sop` against PGPainless (Java) and OpenPGP.js (JavaScript), both ways, with keys of each side: OpenPGP.js alone
among the peers has version 6 keys and AEAD."""
# timeout: 600
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e"]
import interop  # noqa: E402

HAIRPIN = [os.environ["HAIRPIN_RELEASE"], "sop"]
MODULES = os.environ["B"] + "/openpgpjs"
TEXT = b"Ein Geheimnis.\r\nUnd noch eine Zeile.\r\n" * 400
WHO = "Ann <ann@example.org>"


def openpgpjs():
    """From npm, once."""
    found = f"{MODULES}/node_modules/openpgp/dist/node/openpgp.min.mjs"
    if not os.path.exists(found):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", MODULES, "openpgp@6.3.2"],
                       check=True, timeout=300)
    os.environ["OPENPGP_MODULE"] = found
    return ["node", f"{HERE}/openpgp_sop.mjs"]


class Folder:
    """Files that are arguments, and what a program of stateless OpenPGP says."""

    def __init__(self, path):
        self.path, self.files = path, 0

    def file(self, data):
        self.files += 1
        path = f"{self.path}/{self.files}"
        with open(path, "wb") as f:
            f.write(data)
        return path

    def run(self, program, *words, data=b""):
        """What it writes, or None."""
        r = subprocess.run([*program, *words], input=data, capture_output=True, timeout=60)
        if r.returncode:
            self.said = (program[-1], words, r.stderr.decode(errors="replace")[:500])
            assert program is not HAIRPIN or not r.stdout, "output beside a failure"
            return None
        return r.stdout

    def reads(self, writer, reader, key, cert):
        """Does reader open what writer encrypts to the key?"""
        sealed = self.run(writer, "encrypt", cert, data=TEXT)
        return sealed and self.run(reader, "decrypt", key, data=sealed) == TEXT

    def reads_password(self, writer, reader):
        password = self.file(b"Birnbaum 42")
        sealed = self.run(writer, "encrypt", f"--with-password={password}", data=TEXT)
        return sealed and self.run(reader, "decrypt", f"--with-password={password}", data=sealed) == TEXT

    def verifies(self, writer, reader, key, cert):
        signature = self.run(writer, "sign", key, data=TEXT)
        if not signature:
            return None
        path = self.file(signature)
        assert self.run(reader, "verify", path, cert, data=TEXT + b"x") is None, "a changed text"
        return self.run(reader, "verify", path, cert, data=TEXT) is not None

    def both(self, writer, reader, key, cert):
        """Signed and encrypted; the reader wants both."""
        signed = self.run(writer, "encrypt", f"--sign-with={key}", cert, data=TEXT)
        out = f"{self.path}/verifications"
        if os.path.exists(out):
            os.remove(out)
        proof = [f"--verifications-out={out}"] if reader[0] != "node" else []
        return signed and self.run(reader, "decrypt", f"--verify-with={cert}", *proof, key, data=signed) == TEXT


def keys(folder, peers):
    """(whose, what, key file, certificate file)"""
    made = [(HAIRPIN, "hairpin", p) for p in ("rfc4880", "rfc4880-rsa3072", "rfc4880-p256", "rfc9580")]
    made += [(peers[p], p, None) for p in ("PGPainless", "gosop")]
    made += [(peers["OpenPGP.js"], "OpenPGP.js", p) for p in ("curve25519", "rsa3072", "p256", "p384", "p521", "v6",
                                                              "v6-448")]
    for program, name, profile in made:
        key = folder.run(program, "generate-key", *([f"--profile={profile}"] if profile else []), WHO)
        assert key, folder.said
        cert = folder.run(program, "extract-cert", data=key)
        assert cert, folder.said
        yield name, profile or "curve25519", folder.file(key), folder.file(cert)


def a_password_of_2_gib_opens(folder):
    """RFC 9580 appendix A.12.3."""
    with open(f"{HERE}/../data/pgp/rfc9580/A.12.message", "rb") as f:
        opened = folder.run(HAIRPIN, "decrypt", f"--with-password={folder.file(b'password')}", data=f.read())
    assert opened == b"Hello, world!", folder.said


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        peers = {"PGPainless": ["pgpainless-cli"], "OpenPGP.js": openpgpjs(), "gosop": ["gosop"]}
        tables = []
        columns = [("encrypted", Folder.reads), ("signed", Folder.verifies), ("both", Folder.both)]
        made = list(keys(folder, peers))
        for name, peer in peers.items():
            table = interop.Table("key of", f"{name}: kind", *(x for what, _ in columns for x in (
                f"ours {what}", f"its {what}")))
            for owner, profile, key, cert in made:
                if owner in peers and owner != name:
                    continue
                if name != "OpenPGP.js" and profile == "rfc9580":
                    table.add(owner, profile, *[None] * 6)  # it has no version 6
                    continue
                cells = []
                for _, walk in columns:
                    if name == "gosop" and walk is not Folder.reads:
                        cells += [None, None]  # Debian's is broken elsewhere
                        continue
                    for writer, reader in ((HAIRPIN, peer), (peer, HAIRPIN)):
                        went = walk(folder, writer, reader, key, cert)
                        cells.append(bool(went))
                        if not went:
                            print(name, owner, profile, walk.__name__, folder.said)
                table.add(owner, profile, *cells)
            cells = [folder.reads_password(HAIRPIN, peer), folder.reads_password(peer, HAIRPIN)]
            table.add("-", "a password", *map(bool, cells), *[None] * 4)
            tables.append(table)
        a_password_of_2_gib_opens(folder)
        interop.settle("OpenPGP by PGPainless and OpenPGP.js", *tables)


main()
