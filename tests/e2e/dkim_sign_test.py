#!/usr/bin/env python3
"""`hairpin dkim sign`: OpenDKIM and dkimpy believe what it signs, of mails of all shapes; and no longer when what it
covers was changed, or a field was added."""
import os
import re
import subprocess
import tempfile

from dkim_verify import dkimpy, opendkim, record

PROGRAM, RELEASE = os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]
EX_USAGE, EX_DATAERR, EX_NOINPUT = 64, 65, 66
HEAD = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a test\r\nDate: Fri, 27 Nov 2026 12:00:00 +0000\r\n"
SHAPES = {
    "plain": HEAD + b"\r\nHello\r\n",
    "no body": HEAD + b"\r\n",
    "no empty line": HEAD,
    "only line ends": HEAD + b"\r\n\r\n\r\n\r\n",
    "blanks and line ends": HEAD + b"\r\n  \r\n\t\r\n",
    "no line end at the end": HEAD + b"\r\nHello",
    "empty lines at the end": HEAD + b"\r\nHello\r\n\r\n\r\n",
    "empty lines inside": HEAD + b"\r\n\r\n\r\nHello\r\n\r\n\r\nyou\r\n",
    "blanks": HEAD + b"\r\n  a  b\t\tc \r\n\td \t\r\n",
    "folded": b"From:\r\n Ann\r\n <ann@example.org>\r\nSubject: a\r\n\tb\r\n  c \r\nTo: x@y.example,\r\n z@y.example\r\n\r\nx\r\n",
    "odd fields": b"FROM:ann@example.org\r\nsubject:  s\r\nto:\r\nX-Empty:\r\nReceived: by x\r\n\tfor y\r\n\r\nx\r\n",
    "repeated": HEAD + b"To: c@example.net\r\nCc: 1\r\nTo: d@example.net\r\nCc: 2\r\nReferences: <a@b>\r\n\r\nx\r\n",
    "two Froms": b"From: mallory@example.net\r\n" + HEAD + b"\r\nx\r\n",
    "8-bit": HEAD + b"Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n"
             b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe \xff\xfe\r\n",
    "EAI": "From: jörg@bücher.example\r\nTo: δοκιμή@παράδειγμα.example\r\nSubject: Grüße, 世界\r\n\r\nхай\r\n".encode(),
    "long lines": HEAD.replace(b"a test", b"a " * 450) + b"\r\n" + b"x" * 100000 + b" " * 700 + b"y\r\n",
    "large": HEAD + b"\r\n" + b"".join(b"line %d\r\n" % i for i in range(20000)),
    "signed before": b"DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x; h=from; bh=x; b=y\r\n" + HEAD + b"\r\nx\r\n",
}


def run(*words, mail=b"", program=PROGRAM):
    return subprocess.run([program, "dkim", "sign", *words], input=mail, capture_output=True, timeout=60)


class Keys:
    def __init__(self, folder, rsa_bits=2048):
        self.rsa, self.ed = folder + "/rsa.pem", folder + "/ed.pem"
        self.make(self.rsa, "-algorithm", "rsa", "-pkeyopt", f"rsa_keygen_bits:{rsa_bits}")
        self.make(self.ed, "-algorithm", "ed25519")
        self.words = ("--domain", "Example.ORG", "--selector", "s1", "--key", self.rsa, "--ed25519-selector", "s2",
                      "--ed25519-key", self.ed)
        self.dns = {"s1._domainkey.example.org": record(self.public(self.rsa), "rsa"),
                    "s2._domainkey.example.org": record(self.public(self.ed), "ed25519")}

    @staticmethod
    def make(path, *words):
        subprocess.run(["openssl", "genpkey", *words, "-out", path], check=True, capture_output=True)

    @staticmethod
    def public(path):
        return subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True,
                              capture_output=True).stdout

    def sign(self, mail, **more):
        r = run(*self.words, mail=mail, **more)
        assert r.returncode == 0 and not r.stderr, r
        assert r.stdout.endswith(mail), r.stdout[:3000]
        return r.stdout


def both_verifiers_believe_mails_of_all_shapes(k):
    signed = {name: k.sign(mail, program=RELEASE if name == "large" else PROGRAM) for name, mail in SHAPES.items()}
    for (name, mail), told in zip(signed.items(), dkimpy(signed.values(), k.dns)):
        assert told[:2] == [True, True], (name, told, mail[:3000])
        if name == "two Froms":
            continue  # OpenDKIM has no opinion of those
        told = opendkim(mail, k.dns)
        assert told[:2] == [("pass", "example.org", "rsa-sha256", "s1"), ("pass", "example.org", "ed25519-sha256", "s2")], \
            (name, told, mail[:3000])


def what_is_changed_later_is_not_believed(k):
    signed = k.sign(HEAD + b"\r\nHello\r\n")
    changed = [signed.replace(b"Hello", b"Hallo"), signed.replace(b"a test", b"a jest"), signed + b"more\r\n",
               signed.replace(b"\r\nHello", b"\r\n\r\nHello"), *(
                   field + b": x\r\n" + signed for field in (
                       b"From", b"Subject", b"Content-Type", b"MIME-Version", b"Content-Transfer-Encoding", b"To", b"Cc",
                       b"Date", b"Message-ID", b"Reply-To", b"In-Reply-To", b"References"))]
    for told, mail in zip(dkimpy(changed, k.dns), changed):
        assert True not in told and len(told) == 2, (told, mail)
        assert "pass" not in [t[0] for t in opendkim(mail, k.dns)], mail
    same = [b"X-Seen: yes\r\n" + signed, signed.replace(b"a test", b"a  test "), signed + b"\r\n\r\n",
            signed.replace(b"Subject: a", b"Subject:\r\n a")]
    for told, mail in zip(dkimpy(same, k.dns), same):
        assert told == [True, True], (told, mail)


def line_ends_are_those_of_the_mail(k):
    """And what is signed is what leaves by SMTP."""
    for mail in (SHAPES["plain"], SHAPES["folded"]):
        unix = k.sign(mail.replace(b"\r\n", b"\n"))
        assert b"\r" not in unix
        told, = dkimpy([unix.replace(b"\n", b"\r\n")], k.dns)
        assert told == [True, True], told
    assert not re.search(rb"[^\r]\n", k.sign(SHAPES["plain"]))


def the_same_time_gives_the_same_signature(k):
    one = run(*k.words, "--now", "1528637909", mail=SHAPES["plain"]).stdout
    assert one == run(*k.words, "--now", "1528637909", mail=SHAPES["plain"]).stdout
    assert one.count(b" t=1528637909;") == 2 and b"l=" not in one.partition(b"\r\nFrom")[0].replace(b"bh=", b"")
    assert max(map(len, one.split(b"\r\n"))) <= 78 + 8, one


def a_domain_with_other_letters_goes_as_a_labels(k):
    r = run("--domain", "bücher.example", "--selector", "s1", "--key", k.ed, mail=SHAPES["EAI"])
    told, = dkimpy([r.stdout], {"s1._domainkey.xn--bcher-kva.example": record(k.public(k.ed), "ed25519")})
    assert told == [True] and b"d=xn--bcher-kva.example;" in r.stdout, (told, r)


def mistakes_are_told(k, folder):
    ec, small = folder + "/ec.pem", folder + "/small.pem"
    k.make(ec, "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    k.make(small, "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1023")
    good = ["--domain", "example.org", "--selector", "s1", "--key"]
    for words, mail, code, text in (
            ([*good, ec], HEAD, EX_DATAERR, "neither RSA of 1024"), ([*good, small], HEAD, EX_DATAERR, "neither RSA"),
            ([*good, __file__], HEAD, EX_DATAERR, "not a private key"), ([*good, "/nowhere"], HEAD, EX_NOINPUT, "/nowhere"),
            ([*good, k.ed], b"Subject: x\r\n\r\n", EX_DATAERR, "From"), ([*good, k.ed], b"", EX_DATAERR, "From"),
            ([*good, k.ed], b" x\r\n" + HEAD, EX_DATAERR, "From"),
            ([*good, k.ed], HEAD + b"Cc: x\r\n" * 200, EX_DATAERR, "header can't be signed"),
            ([*good, k.ed, "--now", "today"], HEAD, EX_USAGE, "seconds"), (good[:4], HEAD, EX_USAGE, "--key"),
            ([*good, k.ed, "--ed25519-key", k.ed], HEAD, EX_USAGE, "together"),
            ([*good, k.rsa, "--ed25519-key", k.ed, "--ed25519-selector", "s1"], HEAD, EX_USAGE, "same selector"),
            (["--domain", "example.org", "--selector", "s_1", "--key", k.ed], HEAD, EX_USAGE, "a selector has"),
            (["--domain", "-x", "--selector", "s1", "--key", k.ed], HEAD, EX_USAGE, "")):
        r = run(*words, mail=mail)
        assert r.returncode == code and text.encode() in r.stderr and not r.stdout, (words, r)


def main():
    with tempfile.TemporaryDirectory() as folder:
        k = Keys(folder)
        for test in (both_verifiers_believe_mails_of_all_shapes, what_is_changed_later_is_not_believed,
                     line_ends_are_those_of_the_mail, the_same_time_gives_the_same_signature,
                     a_domain_with_other_letters_goes_as_a_labels):
            test(k)
            print("ok", test.__name__)
        mistakes_are_told(k, folder)
        print("ok mistakes_are_told")


if __name__ == "__main__":
    main()
