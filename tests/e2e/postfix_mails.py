"""Mails of all shapes, each with the options of its envelope, and whom it is to reach."""
import base64
import email.utils
import random
import re

# What a mail's way writes on top of it; all else of its header stays, in its order.
TRACE = re.compile(rb"(?:(?:Received|Return-Path|Delivered-To|X-Hairpin-Gateway|Authentication-Results):[^\n]*\n(?:[ \t][^\n]*\n)*)*")
LINE_MAX = 998
RENEWED = 1000000


class Mail:
    def __init__(self, n, text, way):
        self.n, self.text, self.way = n, text, way
        self.sender = f"a{n}@out.test" if way == "in" else "u0@example.org"
        self.to = [self.address(0)]
        self.mail_options, self.rcpt_options = [], []

    def renew(self):
        """Another one: who sent the first doesn't know what became of it."""
        self.to = [r.replace(f"m{self.n}", f"m{self.n + RENEWED}") for r in self.to]
        self.n += RENEWED

    def address(self, i, name=None):
        """The i-th recipient; every mail has its own."""
        if self.way == "in":
            return f"{name or 'u%d' % ((self.n + i) % 20)}+m{self.n}@example.org"
        return f"{name or 'b%d' % i}.m{self.n}@out.test"


def head(n, *more):
    return b"".join(line + b"\r\n" for line in (
        b"From: <a@out.test>", b"To: <b@example.org>", b"Subject: number %d" % n, b"Message-ID: <m%d@test>" % n,
        b"Date: Fri, 27 Nov 2026 00:00:00 +0000", *more))


def tiny(n):
    return b"Subject: t\r\n\r\nx\r\n"


def one_octet_line(n):
    return head(n) + b"\r\n\r\n"


def empty_body(n):
    return head(n) + b"\r\n"


def no_empty_line(n):
    return head(n)


def latin1(n):
    return head(n, b"Content-Type: text/plain; charset=iso-8859-1") + b"\r\ngr\xfc\xdfe \xa0\xff\r\n\x80\r\n"


def raw_header(n):
    return head(n, "X-Raw: grüße \xff".encode("utf-8"), b"X-Bin: \xe4\xf6\xfc") + b"\r\nutf-8: \xc3\xa4\r\n"


def long_lines(n):
    return (head(n, b"X-Long: " + b"h" * (LINE_MAX - 8)) + b"\r\n" + b"y" * LINE_MAX + b"\r\n" + b"." * LINE_MAX + b"\r\n" +
            b" " * LINE_MAX + b"\r\n" + b"z" * (LINE_MAX - 1) + b"\r\n")


def dots(n):
    return head(n) + b"\r\n.\r\n..\r\n...\r\n.a\r\n. \r\n\r\n.\r\n.\r\n"


def odd_fields(n):
    return head(n, b"x-empty:", b"X-Blank: ", b"sUBJECT-x: y", b"X:", b"X-Tab:\tv", b"X-Twice: 1",
                b"x-twice: 2", b"X-Colons: a:b:c", b"!#$%: printable", b"X-Ctl: \x01\x7f\x1b[1m") + b"\r\nbody\r\n"


def folded(n):
    return head(n, b"X-Folded: one\r\n two\r\n\tthree\r\n  \t four", b"X-Value-Below:\r\n value",
                b"References: <1@a>\r\n" + b"".join(b" <%d@ref.test>\r\n" % i for i in range(200)) + b" <x@y>") + b"\r\n.\r\n"


def no_message_id(n):
    return b"From: <a@out.test>\r\nSubject: none %d\r\nDate: Fri, 27 Nov 2026 00:00:00 +0000\r\n\r\nx\r\n" % n


def no_from_no_date(n):
    return b"Subject: none %d\r\nMIME-Version: 1.0\r\n\r\nx\r\n" % n


def two_message_ids(n):
    return head(n, b"Message-ID: <again%d@test>" % n) + b"\r\nx\r\n"


def same_message_id(n):
    return b"Message-ID: <always@test>\r\nSubject: the same\r\n\r\nthe same\r\n"


def not_a_mail_of_lines(n):
    return head(n) + b"\r\nFrom a\r\n>From b\r\nFrom: c\r\n \r\n\t\r\ntrailing  \r\n\x01\x0b\x0c\x7f\x1b\r\n\r\n\r\n"


def received(n):
    return b"".join(b"Received: from a by b%d; Fri, 27 Nov 2026 00:00:00 +0000\r\n" % i for i in range(40)) + head(n) + b"\r\nx\r\n"


def many_fields(n):
    return head(n, *(b"X-Field-%d: %s" % (i, b"v" * (i % 120)) for i in range(600))) + b"\r\nx\r\n"


def mixed_case(n):
    return b"FROM: <A@OUT.test>\r\nsUbJeCt: MiXeD\r\nMESSAGE-id: <MiXed%d@Test>\r\n\r\nX\r\n" % n


def part(kind, text, more=b""):
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + text + b"\r\n"


def nested(n):
    data = base64.encodebytes(random.Random(n).randbytes(9000)).replace(b"\n", b"\r\n")
    inner = (b"--i\r\n" + part(b"text/plain; charset=utf-8", "ä".encode(), b"Content-Transfer-Encoding: 8bit\r\n") + b"--i\r\n" +
             part(b"text/html", b"<p>=3D</p>", b"Content-Transfer-Encoding: quoted-printable\r\n") + b"--i--\r\n")
    outer = (b"preamble\r\n--o\r\n" + part(b"multipart/alternative; boundary=i", inner) + b"--o\r\n" +
             part(b"message/rfc822", head(n) + b"\r\n.inner\r\n") + b"--o\r\n" +
             part(b"application/octet-stream; name=\"a b.bin\"", data, b"Content-Transfer-Encoding: base64\r\n") +
             b"--o--\r\nepilogue\r\n")
    return head(n, b"MIME-Version: 1.0", b"Content-Type: multipart/mixed;\r\n boundary=\"o\"") + b"\r\n" + outer


def of_size(n, size):
    text = head(n) + b"\r\n"
    line = bytes(random.Random(n).choices(range(33, 127), k=76)) + b"\r\n"
    text += line * ((size - len(text)) // 78)
    return text + (b"z" * (size - len(text) - 2) + b"\r\n" if size - len(text) > 2 else b"")


def around_64k(n):
    """The part of a sealed body, the most that stays in memory, and what Postfix reads at once."""
    return of_size(n, random.Random(n).choice([4096, 65504, 65536, 262144]) + n % 7 - 3)


SHAPES = [tiny, one_octet_line, empty_body, no_empty_line, latin1, raw_header, long_lines, dots, odd_fields, folded,
          no_message_id, no_from_no_date, two_message_ids, same_message_id, not_a_mail_of_lines, received, many_fields,
          mixed_case, nested, around_64k]


# --- envelopes --------------------------------------------------------------------------------------


def plain(m):
    pass


def declared_8bit(m):
    m.mail_options = ["BODY=8BITMIME"]


def many_recipients(m):
    """More than Postfix sends in one transaction."""
    m.to = [m.address(i) for i in range(20 if m.way == "in" else 60)]


def null_sender(m):
    m.sender = ""
    m.rcpt_options = ["NOTIFY=NEVER"]


def with_dsn(m):
    m.mail_options = ["RET=HDRS", "ENVID=id+2B%d+3D" % m.n]
    m.rcpt_options = ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first+2B%d@first.test" % m.n]


def in_capitals(m):
    m.to = [m.address(0, "U%d" % (m.n % 20) if m.way == "in" else "MiXed").replace("example", "Example")]


def quoted(m):
    m.to = ['"q \\" m%d"@out.test' % m.n] if m.way == "out" else m.to


def in_utf8(m):
    """Out alone: Dovecot's LMTP knows no SMTPUTF8."""
    m.mail_options = ["BODY=8BITMIME"]
    if m.way == "out":
        m.mail_options.append("SMTPUTF8")
        m.to = [m.address(0, "jürgen")]


ENVELOPES = [plain, declared_8bit, plain, null_sender, with_dsn, plain, in_capitals, quoted, plain, in_utf8, plain]


def make(n, way):
    """The n-th: all shapes with all envelopes, as their numbers have no divisor in common; a large one now and then."""
    shape = SHAPES[n % len(SHAPES)]
    m = Mail(n, shape(n), way)
    ENVELOPES[n % len(ENVELOPES)](m)
    if n % 50 == 7:
        many_recipients(m)
    return m


def make_large(n, way, size):
    return Mail(n, of_size(n, size), way)


def is_whole(got, sent):
    """Octet by octet, behind nothing but what a mail's way writes on top."""
    if not got.endswith(sent):
        return False
    return TRACE.fullmatch(got[:len(got) - len(sent)]) is not None


def trace_of(text):
    """(when, queue id) of the Received fields that each pass of Postfix, and the gateway, wrote; the newest first."""
    head = re.sub(rb"\r\n[ \t]+", b" ", text.partition(b"\r\n\r\n")[0]).decode("latin-1")
    found = []
    for line in head.split("\r\n"):
        if m := re.match(r"Received: .*? by (mail|gw1)\.example\.org .*? id ([\w.-]+).*; (.*)$", line):
            found.append((email.utils.parsedate_to_datetime(m[3]).timestamp(), m[1], m[2]))
    return found
