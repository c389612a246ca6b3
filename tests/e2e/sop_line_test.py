#!/usr/bin/env python3
"""The command line of `hairpin sop` in wrong hands: descriptors that are closed, disks that are full, files that are there
already, dates of all forms, passwords that nobody can type. It fails with the draft's code, and leaves nothing behind."""
import os
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
from sop_peers import HAIRPIN, Folder, Sop, said  # noqa: E402

TEXT = b"Ein Geheimnis.\n"


def code(*words, data=b"", env=None):
    r = said(*HAIRPIN, *words, data=data, env=env)
    assert r.returncode == 0 or (not r.stdout and r.stderr), (words, r)
    return r.returncode


def shell(redirection, *words):
    """HAIRPIN words, as a shell starts it with that redirection."""
    r = subprocess.run(["sh", "-c", f'"$@" {redirection}', "sh", *HAIRPIN, *words], capture_output=True, timeout=60)
    return r.returncode, r.stdout


def standard_descriptors(folder, us, k, c, text, files):
    """Whoever finds no room for what he says doesn't say that all is well."""
    signature, clear, message = files
    lines = [("version",), ("help",), ("list-profiles", "encrypt"), ("generate-key",), ("extract-cert", k), ("sign", k),
             ("verify", signature, c), ("encrypt", c), ("decrypt", k), ("inline-sign", k), ("inline-verify", c),
             ("revoke-key",), ("change-key-password",), ("armor",), ("dearmor",)]
    stdin = {"extract-cert": k, "decrypt": message, "inline-verify": clear, "armor": signature, "dearmor": signature,
             "revoke-key": k, "change-key-password": k}
    for words in lines:
        words = words[:1] if words[0] == "extract-cert" else words
        source = stdin.get(words[0], text)
        for sink in (">/dev/full", ">&-"):
            got = shell(f"<{source} {sink}", *words)
            assert got == (1, b""), (words, sink, got)
    for words in (("sign", k), ("encrypt", c), ("inline-sign", k), ("verify", signature, c), ("decrypt", k), ("armor",)):
        assert shell("<&-", *words) == (61, b""), words
    # What is said of signatures that are no good stays out of the text.
    both = us.run("inline-sign", "--as=clearsigned", k, folder.file(us.generate()), data=TEXT)
    got = shell(f"<{folder.file(both)} 2>&-", "inline-verify", c)
    assert got == (0, TEXT), got


def other_verbs(folder):
    for words in (["version"], ["help"], ["help", "key"], ["--version"], ["key", "--help"], ["addr", "parse", "a@b.test"],
                  ["config", "--defaults"]):
        for sink in (">/dev/full", ">&-"):
            r = subprocess.run(["sh", "-c", f'"$@" {sink}', "sh", HAIRPIN[0], *words], capture_output=True, timeout=60)
            assert r.returncode == 74 and r.stderr, (words, sink, r)
    # What takes the place of a closed one is no way out of a chroot.
    p = subprocess.Popen(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *HAIRPIN, "armor"], stdin=subprocess.PIPE)
    while os.path.realpath(f"/proc/{p.pid}/exe") != os.path.realpath(HAIRPIN[0]):
        time.sleep(0.01)
    time.sleep(0.1)
    there = [os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in (1, 2)]
    p.communicate(b"nonsense", timeout=60)
    assert p.returncode == 41 and not any(x.startswith("/") for x in there), (p.returncode, there)
    mail = folder.file(b"Subject: x\r\n\r\nhi\r\n")
    r = subprocess.run(["sh", "-c", f'"$@" <{mail} 2>&-', "sh", HAIRPIN[0], "smime", "encrypt", folder.path + "/none"],
                       capture_output=True, timeout=60)
    assert r.returncode == 66 and not r.stdout, r


def outputs(folder, k, c, text, files):
    """What can't be written is said first, and nothing is written then."""
    _, clear, message = files
    there, new = folder.file(b"x"), folder.path + "/new"
    os.symlink(folder.path + "/nowhere", folder.path + "/dangling")
    for bad, want in ((there, 59), (folder.path + "/dangling", 59), ("@ENV:X", 71), ("@X", 71)):
        with open(message, "rb") as f:
            data = f.read()
        got = code("decrypt", f"--session-key-out={new}", f"--verify-with={c}", f"--verifications-out={bad}", k, data=data)
        assert got == want and not os.path.exists(new), (bad, got)
        with open(clear, "rb") as f:
            data = f.read()
        assert code("inline-detach", f"--signatures-out={bad}", data=data) == want, bad
    for words, want in ((["--profile=rfc4880", "--profile=rfc9580"], 83), (["--as=text", "--as=text"], 83),
                        (["--no-armor", "--no-armor"], 0), (["--for=any"], 0), (["--for=nobody"], 37)):
        assert code("encrypt", *words, c, data=TEXT) == want, words
    # A file of a special name.
    where = os.getcwd()
    os.chdir(folder.path)
    try:
        with open(c) as f:
            env = {**os.environ, "CERT": f.read()}
        assert code("encrypt", "@ENV:CERT", data=TEXT, env=env) == 0
        with open("@ENV:CERT", "w") as f:
            f.write(env["CERT"])
        assert code("encrypt", "@ENV:CERT", data=TEXT, env=env) == 73
        assert code("encrypt", "./@ENV:CERT", data=TEXT) == 0
    finally:
        os.chdir(where)


def dates(k, c, message, signature):
    for date, before, after in (("2020-01-01T02:00:00+02:00", 0, 3), ("20200101T000000Z", 0, 3), ("now", 3, 0), ("-", 0, 0),
                                ("1960-01-01T00:00:00Z", 0, 3), ("2099-12-31T23:59:59Z", 3, 0),
                                ("2020-02-31T00:00:00Z", 37, 37), ("2020-01-01", 37, 37)):
        if date != "now":  # which may be the signature's own second
            assert code("verify", f"--not-before={date}", signature, c, data=TEXT) == before, date
        assert code("verify", f"--not-after={date}", signature, c, data=TEXT) == after, date
    for option in ("--verify-not-before=-", "--verify-not-after=now"):
        assert code("decrypt", option, k, data=message) == 23


def keys_and_passwords(folder, us, k, c, message):
    """A private key where a certificate is wanted; passwords that protect nothing; whose message it is."""
    signature = folder.file(us.run("sign", k, data=TEXT))
    for words, data in ((["encrypt", k], TEXT), (["verify", signature, k], TEXT), (["encrypt", c, k], TEXT),
                        (["decrypt", f"--verify-with={k}", f"--verifications-out={folder.path}/v", k], message)):
        assert code(*words, data=data) == 41, words
    for word in (b"", b"\n", b" \t\r\n", b"one\ntwo\n", b"a\0b", b"a\x7f", b"a\xff"):
        password = folder.file(word)
        assert code("generate-key", f"--with-key-password={password}") == 31, word
        assert code("encrypt", f"--with-password={password}", data=TEXT) == 31, word
        with open(k, "rb") as f:
            assert code("change-key-password", f"--new-key-password={password}", data=f.read()) == 31, word
    password, umlaut = folder.file(b"Birnbaum"), folder.file("Birnbäume und Apfel ".encode())
    locked = us.run("generate-key", f"--with-key-password={password}")
    lk = folder.file(locked)
    assert code("decrypt", lk, data=us.encrypt(us.cert(locked), TEXT)) == 67
    assert code("decrypt", lk, data=message) == 29, "nobody need open a key that the message isn't for"
    sealed = us.run("encrypt", f"--with-password={umlaut}", data=TEXT)
    assert code("decrypt", f"--with-password={umlaut}", data=sealed) == 0
    assert code("decrypt", f"--with-password={password}", lk, data=sealed) == 29


def what_is_not_signed_is_no_riddle(us, k, c, message):
    for data in (message, TEXT, b""):
        assert us.run("inline-verify", c, data=data) is None and "no message that is signed and not encrypted" in us.error, us.error


def who_cannot_be_encrypted_to_is_named(folder, us, k, c):
    signs = us.cert(us.run("generate-key", "--signing-only", "S <s@x.test>"))
    with open(k, "rb") as f:
        gone = us.run("revoke-key", data=f.read())
    for octets, why in ((signs, "the OpenPGP key isn't for encrypting"), (gone, "the OpenPGP key is revoked")):
        bad = folder.file(octets)
        assert code("encrypt", c, bad, c, data=TEXT) == 17
        us.run("encrypt", c, bad, c, data=TEXT)
        assert f"{bad}: nothing can be encrypted to it: {why}" in us.error, us.error


def help_of_one_verb(us):
    assert us.run("help", "dearmor").decode().splitlines()[-1] == "hairpin sop dearmor <ARMORED"
    assert len(us.run("help").splitlines()) > 15 > len(us.run("help", "encrypt").splitlines())
    assert code("help", "conjure") == 69 and code("help", "sign", "verify") == 37


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        us = Sop("hairpin", HAIRPIN, folder)
        key = us.generate()
        k, c, text = folder.file(key), folder.file(us.cert(key)), folder.file(TEXT)
        message = us.encrypt(us.cert(key), TEXT)
        files = [folder.file(x) for x in (us.sign(key, TEXT), us.run("inline-sign", "--as=clearsigned", k, data=TEXT), message)]
        help_of_one_verb(us)
        who_cannot_be_encrypted_to_is_named(folder, us, k, c)
        what_is_not_signed_is_no_riddle(us, k, c, message)
        standard_descriptors(folder, us, k, c, text, files)
        other_verbs(folder)
        outputs(folder, k, c, text, files)
        dates(k, c, message, files[0])
        keys_and_passwords(folder, us, k, c, message)


main()
