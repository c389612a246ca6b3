#!/usr/bin/env python3
"""`smime encrypt` and `smime decrypt` against Bouncy Castle, both ways: it writes GCM with attributes behind the text
(RFC 5083), which openssl does not."""
# timeout: 120
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../e2e"]
import interop  # noqa: E402
from smime_keys import Keys  # noqa: E402

RELEASE = os.environ["HAIRPIN_RELEASE"]
JARS = ":".join(f"/usr/share/java/{x}.jar" for x in ("bcprov", "bcpkix", "bcutil"))
TEXT = b"Content-Type: text/plain\r\n\r\nEin Geheimnis.\r\n" * 50
KEYS = [("RSA PKCS#1 v1.5", "rsa", "rsa"), ("RSA OAEP SHA-256", "oaep", "rsa"), ("ECDH P-256", "p256", "p256"),
        ("ECDH P-384", "p384", "p384"), ("ECDH P-521", "p521", "p521")]
CIPHERS = [("3DES-CBC", None), ("AES-128-CBC", "aes128-cbc"), ("AES-192-CBC", None), ("AES-256-CBC", "aes256-cbc"),
           ("AES-128-GCM", "aes128-gcm"), ("AES-192-GCM", None), ("AES-256-GCM", "aes256-gcm")]


def run(*words, data):
    return subprocess.run([RELEASE, "smime", *words], input=data, capture_output=True, timeout=30)


def bouncy(jobs):
    """What it says to each."""
    r = subprocess.run(["java", "-cp", JARS, f"{HERE}/Bouncy.java"], input="\n".join(jobs) + "\n", capture_output=True,
                       text=True, timeout=110)
    said = r.stdout.splitlines()
    assert r.returncode == 0 and len(said) == len(jobs), (r.stdout, r.stderr)
    return said


def read(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    with tempfile.TemporaryDirectory() as folder:
        k = Keys(folder)
        with open(f"{folder}/text", "wb") as f:
            f.write(TEXT)
        jobs, rows = [], [(key, cipher) for key in KEYS for cipher in CIPHERS]
        for i, ((_, kind, name), (cipher, own)) in enumerate(rows):
            jobs.append(f"seal {kind} {k.crt(name)} {cipher} {folder}/text {folder}/theirs{i}")
            if own:
                r = run("encrypt", k.crt(name), "--der", "--cipher", own, *(["--oaep"] if kind == "oaep" else []),
                        data=TEXT)
                assert r.returncode == 0, r
                with open(f"{folder}/ours{i}", "wb") as f:
                    f.write(r.stdout)
                jobs.append(f"open {kind} {k.key(name)} {folder}/ours{i} {folder}/opened{i}")
        said = dict(zip(jobs, bouncy(jobs)))
        table = interop.Table("key", "cipher", "it reads ours", "we read its")
        for i, ((label, kind, name), (cipher, own)) in enumerate(rows):
            it_reads = we_read = None
            for job, answer in said.items():
                if job.endswith(f"/opened{i}"):
                    it_reads = answer == "ok" and read(f"{folder}/opened{i}") == TEXT
                    if "UnsupportedOperationException" in answer:
                        it_reads = None
                    elif not it_reads:
                        print(label, cipher, answer)
                if job.endswith(f"/theirs{i}") and answer == "ok":
                    r = run("decrypt", k.key(name), k.crt(name), data=read(f"{folder}/theirs{i}"))
                    we_read = r.returncode == 0 and r.stdout == TEXT
                elif job.endswith(f"/theirs{i}"):
                    print(label, cipher, answer)
            table.add(label, cipher, it_reads, we_read)
        interop.settle("encryption with Bouncy Castle", table)
        assert all("no" not in row for row in table.rows), table.text()


main()
