#!/usr/bin/env python3
"""What a server offers, and what is done where it doesn't: 8-bit text is converted for it, and decodes to the same;
domains are told as A-labels; BDAT where it has CHUNKING, which may go wrong at every chunk."""
import contextlib
import email
import email.policy
import random
import re
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

PLAIN = b"PIPELINING", b"DSN", b"SIZE 40000000"
EIGHT = *PLAIN, b"8BITMIME"
UTF8 = *EIGHT, b"SMTPUTF8"
HEAD = b"From: u0@example.org\r\nMessage-ID: <%d@example.org>\r\n"
CHUNK = 32 << 10  # the least that is sent as a chunk of its own


def conf(to, other, wrong):
    return (hp.QUICK + f"\n[relay]\nhost = [127.0.0.1]:{to.port}\ntimeout = 3s\n"
            f"[relay off.test]\nhost = [127.0.0.1]:{other.port}\ndiscard_ehlo_keywords = chunking\n"
            + "".join(f"[relay wrong{i}.test]\nhost = [127.0.0.1]:{w.port}\n" for i, w in enumerate(wrong)) +
            "[mail]\nretry_min = 1s\nretry_max = 1s\n[limits]\nconnection_rate_per_minute = 0\n")


class Play:
    def __init__(self, s, to, other, wrong):
        self.s, self.to, self.other, self.wrong, self.n = s, to, other, wrong, 0

    def offers(self, *words):
        self.to.offers = words
        self.to.replies.clear()
        self.to.verbs.clear()
        self.to.hang_up()

    def submit(self, text, rcpt="a@out.test", sender="u0@example.org", options=("BODY=8BITMIME",)):
        """The whole text, as it was submitted."""
        self.n += 1
        text = HEAD % self.n + text
        with self.s.smtp(587) as c:
            c.ehlo("client.test")
            c.login("u0@example.org", "pw")
            c.sendmail(sender, [rcpt], text, mail_options=options)
        return text

    def arrives(self, text, to=None, **more):
        """(what was submitted, the mail as it came)"""
        to = to or self.to
        before = len(to.mails)
        text = self.submit(text, **more)
        to.wait(before + 1)
        self.is_empty()  # else hanging up would come too early
        return text, to.mails[before]

    def is_empty(self):
        self.s.wait(lambda: not self.s.json("queue", "list")["rows"])

    def bounces(self, text, status, words, **more):
        before = len(hp.bodies(self.s))
        self.submit(text, **more)
        report = self.s.wait(lambda: hp.bodies(self.s)[before:])[0]
        assert b"Status: " + status in report and re.search(words, b" ".join(report.split())), report


# --- 8BITMIME ------------------------------------------------------------------------------------


def part(kind, body, encoding="8bit"):
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def mixed(boundary, *parts, kind="mixed", more=b""):
    lines = b"".join(b"--" + boundary + b"\r\n" + p + b"\r\n" for p in parts)
    return (b"Content-Type: multipart/" + kind.encode() + b"; boundary=" + boundary + more + b"\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n\r\n" + lines + b"--" + boundary + b"--\r\n")


def texts():
    rand = random.Random(3)
    latin = "Où ça ? Là-bas, à l'été = fête.  \r\n-- \r\nA. Dupré\r\n"
    russian = "Съешь ещё этих мягких французских булок.\r\n" * 20
    octets = bytes(rand.choice([*range(1, 10), *range(14, 256)]) for _ in range(3000)).replace(b"\x85", b"x")
    inner = b"MIME-Version: 1.0\r\nSubject: in\r\n" + part("text/plain; charset=iso-8859-1", latin.encode("latin-1"))
    mime = b"MIME-Version: 1.0\r\nSubject: out\r\n"
    yield "utf-8", mime + part("text/plain; charset=utf-8", latin.encode())
    yield "latin-1", mime + part("text/html; charset=iso-8859-1", latin.encode("latin-1"))
    yield "cyrillic", mime + part("text/plain; charset=utf-8", russian.encode())
    yield "no mime", b"Subject: out\r\n\r\n" + latin.encode("latin-1")
    yield "no line end", mime + part("text/plain; charset=utf-8", "für".encode())
    yield "parts", mime + mixed(
        b"a", mixed(b"b", part("text/plain; charset=utf-8", latin.encode()), part("text/html", b"<p>x</p>", "7bit"),
                    kind="alternative"),
        part("message/rfc822", inner), part("application/x-y; name=z", octets),
        part("image/gif", b"R0lGODlh", "base64"), b"\r\nno header, " + latin.encode())
    yield "digest", mime + mixed(b"d", b"\r\n" + inner, b"\r\n" + inner, kind="digest")
    yield "beside a signature", mime + mixed(
        b"a", mixed(b"s", part("text/plain", b"signed", "7bit"), part("application/pgp-signature", b"sig", "7bit"),
                    kind="signed"), part("text/plain; charset=utf-8", latin.encode()))
    yield "large", mime + part("text/plain; charset=utf-8", (latin + russian[:200]).encode() * 4000)


def leaves(text):
    for p in email.message_from_bytes(text).walk():
        if not p.is_multipart():
            yield p.get_content_type(), p.get_param("name"), p.get_payload(decode=True)


def an_8_bit_mail_is_converted_and_decodes_to_the_same(p):
    p.offers(*PLAIN)
    for name, text in texts():
        sent, m = p.arrives(text)
        assert max(m.text) < 128, name
        assert "BODY" not in m.sender, m.sender
        assert max(map(len, m.text.split(b"\r\n"))) < 100, name
        lengths = [int(x) for x in re.findall(r"SIZE=(\d+)", m.sender)]
        assert len(m.text) <= lengths[0] < 1.2 * len(m.text) + 2000, (name, lengths, len(m.text))
        for (kind, label, was), (kind2, label2, now) in zip(leaves(sent), leaves(m.text), strict=True):
            assert (kind, label) == (kind2, label2), name
            assert was.rstrip(b"\r\n") == now.rstrip(b"\r\n"), (name, was[:300], now[:300])
        if name == "beside a signature":
            assert sent[sent.index(b"--s"):sent.index(b"--s--")] in m.text
        again = email.message_from_bytes(m.text, policy=email.policy.default)
        assert not [d for part in again.walk() for d in part.defects], name
    assert re.search(r"courier\[\d+\]: \w+: converted to 7-bit for 127.0.0.1: quoted-printable=1, base64=3\n", p.s.log())


def a_dkim_signature_that_is_void_now_is_told(p):
    p.offers(*PLAIN)
    p.arrives(b"DKIM-Signature: v=1; a=x\r\nSubject: x\r\n\r\nf\xfcr\r\n")
    assert "base64=0, its DKIM signature is void now\n" in p.s.log()


def what_needs_no_conversion_passes_as_it_is(p):
    p.offers(*PLAIN)
    sent, m = p.arrives(b"Subject: x\r\n\r\n7 bits = enough\r\n")
    assert m.text.endswith(sent) and "BODY" not in m.sender
    p.offers(*EIGHT)
    sent, m = p.arrives(b"Subject: x\r\n\r\nf\xc3\xbcr\r\n", options=())
    assert m.text.endswith(sent) and "BODY=8BITMIME" in m.sender, m.sender


def what_cannot_be_converted_comes_back_with_the_cure(p):
    p.offers(*PLAIN)
    p.bounces(mixed(b"s", part("text/plain", b"f\xfcr"), part("application/pgp-signature", b"sig", "7bit"), kind="signed"),
              b"5.6.3", rb"127.0.0.1 doesn't take, and it is signed \(multipart/signed\), so its 8-bit text mustn't be "
              rb"converted: sign it as quoted-printable or base64")
    p.bounces(b"Subject: f\xfcr\r\n\r\nx\r\n", b"5.6.3", b"a header field has 8-bit octets, .*: write it as RFC 2047")
    assert not p.to.said("MAIL")


# --- SMTPUTF8 ------------------------------------------------------------------------------------


def domains_go_as_a_labels(p):
    p.offers(*EIGHT)
    p.s.cli("user", "set", "u0@example.org", "--send-as", "u0@müller.test")
    m = p.arrives(b"Subject: x\r\n\r\nf\xc3\xbcr\r\n", rcpt="A@b\xfccher.test", sender="u0@m\xfcller.test",
                  options=["SMTPUTF8", "BODY=8BITMIME"])[1]
    assert m.sender.startswith("FROM:<u0@xn--mller-kva.test>") and "SMTPUTF8" not in m.sender, m.sender
    assert m.rcpts[0].startswith("TO:<A@xn--bcher-kva.test>"), m.rcpts
    assert max(m.text.split(b"\r\n\r\n")[0]) < 128


def a_local_part_leaves_as_it_came(p):
    p.offers(*EIGHT)
    for rcpt in "Some.One+Tag@OUT.test", '"A b\\"c"@out.test':
        m = p.arrives(b"Subject: x\r\n\r\nx\r\n", rcpt=rcpt)[1]
        assert m.rcpts[0].startswith(f"TO:<{rcpt.split('@')[0]}@out.test>"), m.rcpts


def what_needs_smtputf8_comes_back(p):
    p.offers(*EIGHT)
    p.bounces("Subject: für\r\n\r\nx\r\n".encode(), b"5.6.9", b"the message's header needs SMTPUTF8",
              options=["SMTPUTF8", "BODY=8BITMIME"])
    p.bounces(b"Subject: x\r\n\r\nx\r\n", b"5.6.7", b"the recipient's address needs SMTPUTF8", rcpt="f\xfcr@out.test",
              options=["SMTPUTF8"])
    assert not p.to.said("MAIL")
    p.offers(*UTF8)
    sent, m = p.arrives("Subject: für\r\n\r\nx\r\n".encode(), rcpt="f\xfcr@out.test", options=["SMTPUTF8", "BODY=8BITMIME"])
    assert "SMTPUTF8" in m.sender and m.text.endswith(sent)


# --- CHUNKING ------------------------------------------------------------------------------------

LINES = b"Subject: x\r\n\r\n.\r\n..\r\n" + b"0123456789abcdef\r\n" * 40000  # 720 KB


def a_mail_goes_in_chunks(p):
    p.offers(*EIGHT, b"CHUNKING")
    sent, m = p.arrives(b"Subject: x\r\n\r\n.\r\n..\r\nshort\r\n")
    assert m.text.endswith(sent) and m.chunks == [len(m.text)], m.chunks
    assert not p.to.said("DATA") and p.to.said("BDAT") == [f"BDAT {len(m.text)} LAST"]
    for offers in (*EIGHT, b"CHUNKING"), (b"8BITMIME", b"CHUNKING"):
        p.offers(*offers)
        sent, m = p.arrives(LINES)
        assert m.text.endswith(sent) and len(m.chunks) > 3 and min(m.chunks[:-1]) >= CHUNK, m.chunks
        assert not p.to.said("DATA")
    sent, m = p.arrives(LINES, to=p.other, rcpt="a@off.test")
    assert m.text.endswith(sent) and not m.chunks and p.other.said("DATA")


def at_chunk(n, act):
    """As its nth BDAT is answered; once."""
    seen = []

    def answer(session, argument):
        seen.append(argument)
        return act(session) if len(seen) == n else None
    return answer


def says(reply):
    return lambda session: reply


def takes_and_closes(session):
    session.on_bdat(b"LAST")
    return b""


# What a server does at which chunk: each has a server and a domain of its own.
SHORT = b"Subject: x\r\n\r\nshort\r\n"
WRONG = [*((f"{name}, {n}", LINES, n, act, 1) for name, act in
           {"421": says(b"421 4.3.2 going down"), "closes": says(b""), "451": says(b"451 4.3.0 later"),
            "garbage": says(b"hello"), "354": says(b"354 go on")}.items() for n in (1, 2)),
         ("closes, only", SHORT, 1, says(b""), 1), ("451, only", SHORT, 1, says(b"451 4.3.0 later"), 1),
         ("takes it and closes", SHORT, 1, takes_and_closes, 2)]


def what_goes_wrong_goes_again(p):
    """With PIPELINING and without."""
    sent = []
    for i, (name, text, n, act, copies) in enumerate(WRONG):
        to = p.wrong[i]
        to.offers = b"8BITMIME", b"CHUNKING", *([b"PIPELINING"] if i % 2 else [])
        to.replies["BDAT"] = at_chunk(n, act)
        sent.append(p.submit(text, rcpt=f"a@wrong{i}.test"))
    for i, (name, text, n, act, copies) in enumerate(WRONG):
        p.wrong[i].wait(copies)
    p.is_empty()
    for i, (name, text, n, act, copies) in enumerate(WRONG):
        got = [m.text for m in p.wrong[i].mails]
        assert len(got) == copies and all(x.endswith(sent[i]) for x in got), (name, len(got))


def a_refused_chunk_is_the_last_one(p):
    for n in 1, 2:
        p.offers(*EIGHT, b"CHUNKING")
        p.to.replies["BDAT"] = at_chunk(n, says(b"552 5.3.4 too big"))
        p.bounces(LINES, b"5.3.4", b"552 5.3.4 too big")
        assert not [x for x in p.to.said("BDAT") if x.endswith("LAST")], "a refused mail went on"
        p.to.replies.clear()
        p.arrives(SHORT)
        assert len(p.to.said("EHLO")) == 1 and p.to.said("RSET")


def main():
    with contextlib.ExitStack() as stack:
        to, other, *wrong = [stack.enter_context(sink.Sink(offers=(*EIGHT, b"CHUNKING"))) for _ in range(2 + len(WRONG))]
        s = stack.enter_context(hp.Server(conf(to, other, wrong)))
        s.settle()
        p = Play(s, to, other, wrong)
        for test in (an_8_bit_mail_is_converted_and_decodes_to_the_same, a_dkim_signature_that_is_void_now_is_told,
                     what_needs_no_conversion_passes_as_it_is, what_cannot_be_converted_comes_back_with_the_cure,
                     domains_go_as_a_labels, a_local_part_leaves_as_it_came, what_needs_smtputf8_comes_back, a_mail_goes_in_chunks,
                     what_goes_wrong_goes_again, a_refused_chunk_is_the_last_one):
            began = time.monotonic()
            test(p)
            print(f"{time.monotonic() - began:5.1f} s: {test.__name__}", flush=True)
        assert s.cli("store", "check").returncode == 0
        assert "Sanitizer" not in s.log() and "died" not in s.log(), s.log()[-4000:]


main()
