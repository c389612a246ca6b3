#!/usr/bin/env python3
# timeout: 180
"""SEARCH is over decoded text: each charset, in each transfer encoding and header form, is found as
Python decodes it, and what stands on the wire (encoded words, quoted-printable, base64, the octets of
other charsets) isn't found."""
import base64
import quopri
import random
import re
import sys
import unicodedata

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402
from imap_wire import Wire  # noqa: E402

# Label in the mail -> Python's codec.
ONE_OCTET = {f"ISO-8859-{n}": f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)}
ONE_OCTET |= {f"windows-{n}": f"cp{n}" for n in range(1250, 1259)}
ONE_OCTET |= {f"IBM{n}": f"cp{n}" for n in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 865, 866, 869)}
ONE_OCTET |= {"windows-874": "cp874", "KOI8-R": "koi8-r", "KOI8-U": "koi8-u", "KOI8-T": "koi8-t", "TIS-620": "tis-620",
              "macintosh": "mac-roman", "x-mac-cyrillic": "mac-cyrillic", "x-mac-centraleurope": "mac-latin2",
              "PTCP154": "ptcp154", "hp-roman8": "hp-roman8", "latin1": "latin-1", "cp1252": "cp1252"}
# Label -> codec, words.
MANY_OCTETS = {
    "UTF-8": ("utf-8", "Příliš žluťoučký 北京市 😀😃"), "utf8": ("utf-8", "Ærøskøbing"), "UTF-7": ("utf-7", "Grüße aus Köln"),
    "UTF-16": ("utf-16", "Пример текста"), "UTF-16LE": ("utf-16-le", "Ελληνικά"), "UTF-16BE": ("utf-16-be", "日本国"),
    "UTF-32": ("utf-32", "Мир"), "UTF-32LE": ("utf-32-le", "😀 ok ü"), "UTF-32BE": ("utf-32-be", "Žiža"),
    "GB18030": ("gb18030", "汉语拼音 镕"), "GBK": ("gbk", "中华人民共和国"), "gb2312": ("gb2312", "电子邮件"),
    "HZ-GB-2312": ("hz", "简体中文测试"), "Big5": ("big5", "繁體中文功能"), "Big5-HKSCS": ("big5hkscs", "香港增補字符集"),
    "EUC-KR": ("euc-kr", "안녕하세요"), "ks_c_5601-1987": ("cp949", "뷁 똠방각하"), "ISO-2022-KR": ("iso2022-kr", "대한민국"),
    "Shift_JIS": ("shift_jis", "表示ソース能力"), "windows-31j": ("cp932", "①髙橋様"), "EUC-JP": ("euc-jp", "日本語の件名"),
    "ISO-2022-JP": ("iso2022-jp", "会議の資料について"), "ISO-2022-JP-2": ("iso2022-jp-2", "漢字かな")}
IN_WORDS = lambda label: not re.match("UTF-(7|16|32)|HZ|ISO-2022-KR", label)  # noqa: E731


def letters(codec, r):
    """A word of that charset's upper half."""
    high = bytes(range(0x80, 0x100)).decode(codec, "ignore")
    good = [c for c in high if c.isalpha() and unicodedata.normalize("NFKD", c) and c.encode(codec)[0] > 0x7f]
    return "".join(r.sample(good, min(9, len(good))))


def words_of_all():
    r = random.Random(9051)
    out = {label: (codec, "q" + letters(codec, r) + " z") for label, codec in ONE_OCTET.items()}
    return out | MANY_OCTETS


class Mail:
    """One message, and what a reader of it sees: in its Subject, in its whole header, in its text."""

    def __init__(self, raw, subject="", header="", body=""):
        self.raw, self.subject, self.header, self.body = raw, subject, header, body


def part(label, octets, encoding):
    """A body with its two header lines."""
    text = {"8bit": lambda x: x, "base64": base64.encodebytes, "quoted-printable": lambda x: quopri.encodestring(x)}
    body = text[encoding](octets).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if encoding != "8bit" else octets
    return (b"Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n"
            % (label.encode(), encoding.encode()) + body)


def word(label, octets, form):
    if form == "b":
        return b"=?%s?b?%s?=" % (label.encode(), base64.b64encode(octets))
    return b"=?%s?q?%s?=" % (label.encode(), b"".join(b"=%02X" % c for c in octets))


def bodies():
    for label, (codec, text) in words_of_all().items():
        long = "x" * 50 + " " + text + " " + "y" * 30 + text
        for encoding in ("8bit", "base64", "quoted-printable"):
            if encoding == "8bit" and re.match("UTF-(16|32)", label):
                continue
            yield Mail(b"Subject: plain\r\n" + part(label, long.encode(codec), encoding), "plain", "", long)


def headers():
    for label, (codec, text) in words_of_all().items():
        if not IN_WORDS(label):
            continue
        for form in "bq":
            # In two encoded words: the blank between them is none (RFC 2047 section 6.2).
            half = len(text) // 2
            two = word(label, text[:half].encode(codec), form) + b"\r\n " + word(label, text[half:].encode(codec), form)
            yield Mail(b"Subject: re " + two + b" end\r\nX-Other: x\r\n\r\nnothing\r\n", f"re {text} end", "", "nothing")
            yield Mail(b"From: " + word(label, text.encode(codec), form) + b" <a@b.test>\r\n\r\nnothing\r\n", header=text, body="nothing")


def odd_ones():
    gruss = "Grüße"
    utf8 = gruss.encode()
    # Raw UTF-8 in a header (SMTPUTF8), and in a body without a charset.
    yield Mail(b"Subject: raw " + utf8 + b"\r\n\r\nbody " + utf8 + b" raw\r\n", f"raw {gruss}", "", f"body {gruss} raw")
    # A character cut in two by the border of encoded words: many mailers do it.
    yield Mail(b"Subject: =?utf-8?b?" + base64.b64encode(utf8[:3]) + b"?= =?utf-8?b?" + base64.b64encode(utf8[3:]) +
               b"?=\r\n\r\n", gruss)
    # RFC 2231: a language, continuations, percent signs.
    yield Mail(b"Content-Disposition: attachment; filename*0*=iso-8859-1'de'gr%FC; filename*1*=%DFe; x*=utf-8''%C3%A4\r\n"
               b"\r\n\r\n", header="attachment; filename=grüße; x=ä")
    # A word over a soft line break, over base64's lines, folded in a header.
    yield Mail(b"Content-Transfer-Encoding: quoted-printable\r\n\r\nsoftli=\r\nnebreak =   \r\nend=3D\r\n",
               body="softlinebreak end=")
    yield Mail(b"Content-Transfer-Encoding: base64\r\n\r\nc3Bs\r\naXQg d29\r\nyZHM\r\n=\r\n", body="split words")
    yield Mail(b"Subject: folded\r\n over\r\n\t lines\r\n\r\n", "folded over\t lines")
    # What only looks encoded.
    yield Mail(b"Subject: =?utf-8?x?abc?= and =?nope\r\n\r\n=?utf-8?q?kept=3D?=\r\n", "=?utf-8?x?abc?= and =?nope", "",
               "=?utf-8?q?kept=3D?=")
    # At the border of stored parts (65,504 octets), and of a SEARCH's chunks.
    for at in (65_480, 65_490, 65_500, 131_000):
        head = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
        yield Mail(head + b"-" * (at - len(head)) + "über-die-grenze".encode() + b"-" * 100, body="über-die-grenze")
    # A delivery report.
    yield Mail(b"Content-Type: multipart/report; boundary=r\r\n\r\n--r\r\n\r\nSorry\r\n--r\r\n"
               b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; gone@b.test\r\n--r--\r\n",
               body="Sorry Final-Recipient: rfc822; gone@b.test")
    # Parts of parts, and a mail within.
    inner = b"Subject: =?iso-8859-1?q?inn=E9r?=\r\n" + part("KOI8-R", "внутри".encode("koi8-r"), "base64")
    yield Mail(b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
               b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" +
               part("Shift_JIS", "深い".encode("shift_jis"), "quoted-printable") + b"\r\n--b\r\n" +
               part("Big5", "部分".encode("big5"), "base64") + b"\r\n--b--\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n" +
               inner + b"\r\n--a--\r\n", "outer", "innér", "深い 部分 внутри")


def same(a, b):
    """Does b hold a, as people read it?"""
    def fold(s):
        return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", s).casefold())
    return fold(a) in fold(b)


def expected(mails, key, needle):
    def text(m):
        if key == "SUBJECT":
            return [m.subject]
        if key == "FROM":
            return [m.header] if m.raw.startswith(b"From:") else []
        return [m.body] if key == "BODY" else [m.subject, m.header, m.body]
    return [n for n, m in enumerate(mails, 1) if any(same(needle, t) for t in text(m))]


def found(w, key, needle):
    said = w.ok(f"SEARCH CHARSET UTF-8 {key} %s", needle.encode())
    return [int(x) for x in said[-1].split()[2:]]


def check(w, mails, needles):
    wrong = []
    for needle in needles:
        for key in ("SUBJECT", "FROM", "BODY", "TEXT"):
            got, want = found(w, key, needle), expected(mails, key, needle)
            if got != want:
                more, less = sorted(set(got) - set(want)), sorted(set(want) - set(got))
                wrong.append(f"{key} {needle!r}: finds {more}, not {less}: "
                             f"{[mails[n - 1].raw[:150] for n in (more + less)[:2]]}")
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:30])


def nothing_raw(w, mails):
    """What the wire has and no reader sees."""
    for needle in ("=C3=BC", "=FC", "?utf-8?b?", "R3LDvMOfZQ", "GrÃ¼Ã", "%FC", "i=\r\nn", "c3Bs", "$B"):
        for key in ("BODY", "TEXT", "SUBJECT"):
            if "?utf-8" in needle and key == "BODY":
                continue
            got = [n for n in found(w, key, needle) if needle not in mails[n - 1].subject + mails[n - 1].body]
            assert not got, (key, needle, [mails[n - 1].raw[:120] for n in got])


def main():
    mails = list(bodies()) + list(headers()) + list(odd_ones())
    texts = sorted({text for _, text in words_of_all().values()})
    r = random.Random(1)
    inside = [t[1:r.randint(3, len(t))] for t in r.sample(texts, 20)]
    upper = [t.upper() for t in r.sample(texts, 40) if t.upper() != t and t.upper().casefold() == t.casefold()]
    odd = ["grüße", "GRÜSSE", "softlinebreak", "split words", "folded over", "ed over", "über-die-grenze", "深い", "部分",
           "ВНУТРИ", "innér", "outer", "raw", "kept=3D", "=?nope", "nothing", "no such text", "re q", "filename=grüße", "x=Ä", "GONE@b"]
    with Server() as server:
        w = Wire(server)
        for at in range(0, len(mails), 50):
            some = mails[at:at + 50]
            w.ok("APPEND INBOX" + " %s" * len(some), *(m.raw for m in some))
        w.ok("SELECT INBOX")
        for name, needle in (("Content-Disposition", "filename=grüße"), ("Subject", "über"), ("X-Other", "x")):
            assert found(w, f"HEADER {name}", needle) == [
                n for n, m in enumerate(mails, 1) if (name + ":").encode() in m.raw and (
                    same(needle, m.header if name[0] == "C" else m.subject) or name[0] == "X")]
        check(w, mails, texts + inside + upper + odd)
        nothing_raw(w, mails)
        w.close()


main()
