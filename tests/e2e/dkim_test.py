#!/usr/bin/env python3
"""What leaves is signed with DKIM, last of all that is done to it, if it is from us and from inside; OpenDKIM and dkimpy
believe it, with the records that are printed. Keys are exchanged without a mail that isn't believed."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from dkim_verify import dkimpy, opendkim, record  # noqa: E402
from name_server import TXT, Names  # noqa: E402

EX_DATAERR, EX_NOUSER, EX_TEMPFAIL, EX_USAGE = 65, 67, 75, 64
ALL = (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN")
CONF = """
[relay]
host = [127.0.0.1]:%d
tls = none
[relay box.test]
host = [127.0.0.1]:%d
transport = lmtp
[mail]
retry_min = 1s
retry_max = 1s
[dns]
stub = example.org 127.0.0.1@%d
validate = no
"""
HEAD = b"From: Ann <u0@example.org>\r\nTo: x@else.test\r\nSubject: a test\r\n"


class World:
    def __init__(self):
        self.sink, self.box, self.names = sink.Sink(), sink.Sink(lmtp=True), Names("127.0.0.1", 0)
        self.s = hp.Server(hp.QUICK + CONF % (self.sink.port, self.box.port, self.names.port), users=("u0", "u1"))

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.s.__exit__(*why)
        self.sink.close()
        self.box.close()

    def keys(self, domain="example.org"):
        """Of `dkim show`: {name in the DNS: text}."""
        found = {}
        for row in self.s.json("dkim", "show", domain)["rows"]:
            name, text = re.fullmatch(r"(\S+)\. IN TXT (.*)", row["record"]).groups()
            found[name] = "".join(re.findall(r'"([^"]*)"', text))
        return found

    def sent(self, text, to="x@else.test", user="u0@example.org", options=(), at=None):
        """What the sink got of a mail that a user sent."""
        at = at or self.sink
        n = len(at.mails)
        with self.s.smtp(587) as c:
            c.ehlo("client.test")
            c.login(user, "pw")
            c.sendmail(user, [to], text, mail_options=list(options))
        return at.wait(n + 1)[n].text

    def from_outside(self, text, to="u1@example.org", sender="a@out.test"):
        with self.s.smtp() as c:
            c.ehlo("out.test")
            c.sendmail(sender, [to], text)


def selectors(mail):
    head = mail.partition(b"\r\n\r\n")[0]
    return [m.decode() for m in re.findall(rb"^DKIM-Signature: [^;]*;[^;]*;[^;]*;\r\n\td=[^;]*;\r\n\ts=([^;]*);", head, re.M)]


def believed(mail, keys, domain="example.org"):
    """Both signatures, by both verifiers."""
    told, = dkimpy([mail], keys)
    assert told == [True, True], (told, mail[:3000])
    told = opendkim(mail, keys)
    assert [t[:3] for t in told] == [("pass", domain, "rsa-sha256"), ("pass", domain, "ed25519-sha256")], (told, mail[:3000])


def mail_of_a_user_is_signed_and_believed(w):
    keys = w.keys()
    assert list(keys) == ["rsa._domainkey.example.org", "ed25519._domainkey.example.org"]
    for name, text in keys.items():
        assert f"\n{name}. IN TXT \"{text[:200]}" in w.s.init_output
    for text, options in (
            (HEAD + b"\r\nHello\r\n", ()), (HEAD + b"\r\n", ()), (HEAD + b"\r\n\r\n\r\n.\r\n..\r\n\r\n", ()),
            (HEAD + b"To: y@else.test\r\nCc: z@else.test\r\nReferences: <a>\r\n <b>\r\n\r\n a \t b \r\nc", ()),
            (HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n",
             ("BODY=8BITMIME",)),
            ("From: Änn <u0@example.org>\r\nSubject: 世界\r\n\r\nхай\r\n".encode(), ("BODY=8BITMIME", "SMTPUTF8")),
            (HEAD + b"\r\n" + b"a long line  " * 70 + b"\r\n" + b"lines\r\n" * 50000, ())):
        believed(w.sent(text, options=options), keys)
    assert re.search(r"courier\[\d+\]: \w+: signed for example.org with rsa \(RSA\), ed25519 \(Ed25519\)\n", w.s.log())


def the_story_of_a_mail_says_how_it_was_signed(w):
    w.sent(HEAD + b"Message-ID: <story@test>\r\n\r\nx\r\n")
    words = "signed for example.org with rsa (RSA), ed25519 (Ed25519)"
    w.s.wait(lambda: " sent " in w.s.cli("why", "story@test").stdout)
    rows = [r for r in w.s.json("why", "story@test")["rows"] if r["text"] == words]
    assert len(rows) == 1 and rows[0]["recipient"] == "x@else.test", w.s.cli("why", "story@test")


def what_was_converted_to_7_bit_is_signed_as_it_is_then(w):
    w.sink.offers = ()
    w.sink.hang_up()
    text = w.sent(HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit"
                  b"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n", options=("BODY=8BITMIME",))
    w.sink.offers = ALL
    w.sink.hang_up()
    assert b"\r\n\r\nR3LDvMOfZQ0K" in text and max(text) < 128, text
    believed(text, w.keys())


def what_others_wrote_is_not_signed(w):
    """Not even what came from outside and says that it is from us."""
    w.s.cli("forward", "set", "u1@example.org", "x@else.test")
    for who in (b"a@out.test", b"u0@example.org"):
        n = len(w.sink.mails)
        w.from_outside(b"From: <%s>\r\nSubject: x\r\n\r\nx\r\n" % who)
        assert not selectors(w.sink.wait(n + 1)[n].text)
    w.s.cli("forward", "clear", "u1@example.org")
    w.s.cli("user", "set", "u0@example.org", "--send-as", "u0@other.test")
    assert not selectors(w.sent(b"From: u0@other.test\r\n\r\nx\r\n"))
    w.s.cli("user", "set", "u0@example.org", "--send-as", "")


def a_report_of_ours_is_signed_for_the_domain_above(w):
    w.sink.replies["RCPT"] = lambda session, argument: b"550 5.1.1 no\r\n" if b"gone" in argument else None
    w.s.cli("forward", "set", "u1@example.org", "gone@else.test")
    n = len(w.sink.mails)
    w.from_outside(b"From: a@out.test\r\n\r\nx\r\n")
    text = w.sink.wait(n + 1)[n].text
    w.sink.replies.clear()
    w.s.cli("forward", "clear", "u1@example.org")
    assert b"From: Mail Delivery System <MAILER-DAEMON@mail.example.org>" in text
    believed(text, w.keys())


def a_mailboxes_server_gets_it_as_it_is(w):
    assert not selectors(w.sent(HEAD + b"\r\nx\r\n", to="x@box.test", at=w.box))


def another_host_gets_the_same_signature(w):
    """Nothing is signed anew because the first try failed with a connection."""
    n = w.s.log().count(": signed for ")
    tries = []
    w.sink.replies["DATA"] = lambda session, argument: b"" if tries.append(1) or len(tries) == 1 else None
    believed(w.sent(HEAD + b"\r\nx\r\n"), w.keys())
    w.sink.replies.clear()
    assert len(tries) > 1 and w.s.log().count(": signed for ") - n <= len(tries)


def every_domain_has_keys_of_its_own(w):
    added = w.s.json("domain", "add", "second.test")
    assert [r["state"] for r in added["rows"]] == ["signs"] * 2, added
    w.s.cli("user", "add", "v@second.test", "--password", "pw")
    keys = w.keys("second.test")
    assert not set(keys.values()) & set(w.keys().values())
    believed(w.sent(b"From: v@second.test\r\n\r\nx\r\n", user="v@second.test"), keys, "second.test")
    listed = w.s.json("dkim", "list")["rows"]
    assert sorted((r["domain"], r["selector"], r["key"], r["state"]) for r in listed) == sorted(
        (d, k.lower(), k, "signs") for d in ("example.org", "second.test") for k in ("RSA", "Ed25519")), listed
    w.s.cli("user", "delete", "v@second.test")
    w.s.cli("domain", "delete", "second.test")
    assert len(w.s.json("dkim", "list")["rows"]) == 2
    assert w.s.cli("dkim", "show", "second.test", check=False).returncode == EX_NOUSER
    assert w.s.json("store", "check")["violations"] == []


def refused(w, code, words, *verb):
    r = w.s.cli("dkim", *verb, check=False)
    assert r.returncode == code and words in r.stderr, (verb, r)


def publish(w, keys):
    for name, text in keys.items():
        parts = [text[i:i + 255].encode() for i in range(0, len(text), 255)]
        w.names.records[name, TXT] = b"".join(bytes([len(p)]) + p for p in parts)


def new_keys_sign_when_the_dns_has_them(w):
    old = w.keys()
    made = w.s.json("dkim", "rotate", "example.org")["rows"]
    new = [r["selector"] for r in made]
    assert [r["state"] for r in made] == ["waits"] * 2 and re.fullmatch(r"rsa-\d{8} ed25519-\d{8}", " ".join(new)), made
    refused(w, EX_DATAERR, "waits already", "rotate", "example.org")
    keys = w.keys()
    assert len(keys) == 4
    publish(w, {n: "v=DKIM1; p=" for n in keys})
    refused(w, EX_TEMPFAIL, "the DNS doesn't have the record of " + new[0], "activate", "example.org")
    assert selectors(w.sent(HEAD + b"\r\nx\r\n")) == ["rsa", "ed25519"]
    publish(w, {n: t for n, t in keys.items() if n.startswith("rsa")})
    refused(w, EX_TEMPFAIL, "the record of " + new[1], "activate", "example.org")
    publish(w, {n: t[:-4] + "AAA=" for n, t in keys.items() if not n.startswith("rsa")})
    refused(w, EX_TEMPFAIL, "the record of " + new[1], "activate", "example.org")
    publish(w, keys)
    w.s.cli("dkim", "activate", "example.org")
    text = w.sent(HEAD + b"\r\nx\r\n")
    assert selectors(text) == new
    believed(text, {n: t for n, t in keys.items() if n not in old})
    refused(w, EX_DATAERR, "signed with it now", "delete", "example.org", new[0])
    # What goes wrong with new ones is undone.
    w.s.cli("dkim", "activate", "example.org", "rsa")
    assert selectors(w.sent(HEAD + b"\r\nx\r\n")) == ["rsa", new[1]]
    w.s.cli("dkim", "activate", "example.org", new[0])
    for selector in ("rsa", "ed25519"):
        w.s.cli("dkim", "delete", "example.org", selector)
    refused(w, EX_NOUSER, "no key of that selector", "delete", "example.org", "rsa")
    refused(w, EX_NOUSER, "key that waits", "activate", "example.org")
    assert selectors(w.sent(HEAD + b"\r\nx\r\n")) == new
    again = [r["selector"] for r in w.s.json("dkim", "rotate", "example.org")["rows"]]
    assert again == [n + "-2" for n in new], again
    for selector in again:
        w.s.cli("dkim", "delete", "example.org", selector)
    assert w.s.json("store", "check")["violations"] == []


def a_key_of_another_server_is_taken(w):
    path = w.s.dir + "/rsa.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "1024"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], check=True,
                            capture_output=True).stdout

    def take(selector, file):
        with open(file) as f:
            return subprocess.run([hp.PROGRAM, "dkim", "import", "example.org", selector, "-c", w.s.conf], stdin=f,
                                  capture_output=True, text=True)
    r = take("mail.2024", path)
    assert r.returncode == 0 and "waits" in r.stdout and '"' + record(public, "rsa")[:200] in r.stdout, r
    assert take("mail.2024", path).returncode == EX_USAGE and take("a_b", path).returncode == EX_USAGE
    assert "private key in PEM" in take("other", w.s.conf).stderr
    w.s.cli("dkim", "activate", "example.org", "mail.2024", "--force")
    text = w.sent(HEAD + b"\r\nx\r\n")
    assert selectors(text)[0] == "mail.2024"
    believed(text, w.keys())


def nothing_leaves_unsigned_while_keyd_dies(w):
    n, count = len(w.sink.mails), 30
    for i in range(count):
        with w.s.smtp(587) as c:
            c.login("u0@example.org", "pw")
            c.sendmail("u0@example.org", ["x@else.test"], HEAD + b"X-Mark: %d\r\n\r\nx\r\n" % i)
        if i % 10 == 5:
            os.kill(w.s.pids()["keyd/0"], signal.SIGKILL)
            time.sleep(0.5)
    mails = w.sink.wait(n + count, 40)[n:]
    assert len(mails) == count and all(len(selectors(m.text)) == 2 for m in mails)


def it_can_be_switched_off(w):
    w.s.stop()
    with open(w.s.conf) as f:
        text = f.read()
    with open(w.s.conf, "w") as f:
        f.write(text.replace("[relay]\n", "[relay]\ndkim = no\n"))
    w.s.start()
    w.s.settle()
    assert not selectors(w.sent(HEAD + b"\r\nx\r\n"))


def main():
    with World() as w:
        for test in (mail_of_a_user_is_signed_and_believed, the_story_of_a_mail_says_how_it_was_signed, what_was_converted_to_7_bit_is_signed_as_it_is_then,
                     what_others_wrote_is_not_signed, a_report_of_ours_is_signed_for_the_domain_above,
                     a_mailboxes_server_gets_it_as_it_is, another_host_gets_the_same_signature,
                     every_domain_has_keys_of_its_own, new_keys_sign_when_the_dns_has_them,
                     a_key_of_another_server_is_taken, nothing_leaves_unsigned_while_keyd_dies, it_can_be_switched_off):
            began = time.monotonic()
            test(w)
            print(f"ok {test.__name__} {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
