#!/usr/bin/env python3
"""The release program is one static file, and all that it needs is in it: it serves mail in a root folder
that holds nothing else, in every common charset, over TLS, with the dates of the administrator's zone."""
import base64
import datetime
import imaplib
import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zoneinfo

sys.path.insert(0, sys.path[0])
from hp import QUICK, free_base, trust_all  # noqa: E402

RELEASE = os.environ["HAIRPIN_RELEASE"]
STRIPPED_MAX = 16 << 20
ZONE = "America/St_Johns"  # half an hour off, and with summer time
SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]
WORDS = {
    "žluťoučký": "iso-8859-2 windows-1250",
    "ĉiuĵaŭde": "iso-8859-3",
    "mēness": "iso-8859-4 iso-8859-13 windows-1257",
    "съешь": "iso-8859-5 windows-1251 koi8-r koi8-u ibm866",
    "رسالة": "iso-8859-6 windows-1256",
    "ξεσκεπάζω": "iso-8859-7 windows-1253",
    "שלום": "iso-8859-8 windows-1255",
    "doğruyüz": "iso-8859-9 windows-1254",
    "ŋáđđ": "iso-8859-10",
    "สวัสดี": "tis-620 iso-8859-11",
    "ẁŷġ": "iso-8859-14",
    "grüße": "iso-8859-1 iso-8859-15 windows-1252 utf-8 utf-16",
    "înțeleg": "iso-8859-16",
    "đêơư": "windows-1258",
    "你好世界": "gb18030 gbk gb2312",
    "這是繁體": "big5 big5-hkscs",
    "日本語メール": "shift_jis iso-2022-jp euc-jp",
    "안녕하세요": "euc-kr iso-2022-kr",
}
PYTHON_NAME = {"windows-1258": "cp1258", "ibm866": "cp866", "big5-hkscs": "big5hkscs"}


def answer_everything():
    """A name server that says 192.0.2.1 of all names; its port."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))

    def serve():
        while True:
            raw, client = s.recvfrom(4096)
            asked = raw[12:raw.index(b"\0", 12) + 5]
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1" if asked[-4:] == b"\0\1\0\1" else b""
            s.sendto(raw[:2] + b"\x81\x80\0\1\0" + bytes([bool(record)]) + bytes(4) + asked + record, client)

    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]


class EmptyRoot:
    """A root folder with the program in it, set up and serving."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="hairpin-root-")
        os.chmod(self.root, 0o755)
        shutil.copy(RELEASE, self.root + "/hairpin")
        self.base = free_base()
        self.run("init", "--domain", "example.org", "--user", "u0", "--password", "pw", "--hostname", "mail.example.org",
                 "--data", "/data", "-c", "/conf", "--listen", "127.0.0.1", "--port-base", str(self.base))
        conf = subprocess.run(SUDO + ["cat", self.root + "/conf"], capture_output=True, text=True, check=True).stdout
        assert re.search(r"^timezone = UTC$", conf, re.M), conf
        conf = conf.replace("timezone = UTC", "timezone = " + ZONE) + QUICK
        conf += f"[dns]\nservers = 127.0.0.1:{answer_everything()}\nvalidate = no\n"
        subprocess.run(SUDO + ["tee", self.root + "/conf"], input=conf, text=True, stdout=subprocess.DEVNULL, check=True)
        self.log = open(self.root + ".log", "w+")
        self.process = subprocess.Popen(self.words("serve"), stdin=subprocess.DEVNULL, stderr=self.log,
                                        start_new_session=True)
        until = time.monotonic() + 30
        while subprocess.run(self.words("store", "stats"), capture_output=True).returncode:
            assert self.process.poll() is None and time.monotonic() < until, self.said()
            time.sleep(0.05)

    def words(self, *words):
        more = () if "init" in words else ("-c", "/conf")
        return [*SUDO, "chroot", self.root, "/hairpin", *words, *more]

    def run(self, *words, code=0):
        r = subprocess.run(self.words(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert r.returncode == code, f"{words}: {r.returncode}: {r.stdout}{r.stderr}"
        return r.stdout

    def said(self):
        with open(self.root + ".log") as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.said()[-8000:])
        # sudo hands the signal on.
        self.process.terminate()
        self.process.wait(15)
        self.log.close()
        os.unlink(self.root + ".log")
        subprocess.run(SUDO + ["rm", "-r", self.root], check=True)

    def imap(self):
        m = imaplib.IMAP4_SSL("127.0.0.1", self.base + 993, ssl_context=trust_all())
        m.login("u0@example.org", "pw")
        m.select()
        return m


def the_program_is_one_static_stripped_file():
    kind = subprocess.run(["file", "-b", RELEASE], capture_output=True, text=True, check=True).stdout
    assert "static-pie linked" in kind and ", stripped" in kind, kind
    assert os.path.getsize(RELEASE) <= STRIPPED_MAX


def mails():
    """(charset, word, mail): the word is in the body and, as an encoded word, in the Subject."""
    for word, charsets in WORDS.items():
        for charset in charsets.split():
            octets = word.encode(PYTHON_NAME.get(charset, charset))
            text = base64.b64encode(octets).decode()
            yield charset, word, (f"Subject: =?{charset}?B?{text}?= {charset}\r\nMIME-Version: 1.0\r\n"
                                  f"Content-Type: text/plain; charset={charset}\r\n"
                                  f"Content-Transfer-Encoding: base64\r\n\r\n{text}\r\n")


def every_common_charset_is_searched_as_text(s):
    with smtplib.SMTP("127.0.0.1", s.base + 25, "client.test", timeout=30) as smtp:
        smtp.starttls(context=trust_all())
        for _, _, mail in mails():
            smtp.sendmail("a@example.net", ["u0@example.org"], mail)
    m = s.imap()
    until = time.monotonic() + 20
    while int(m.select()[1][0]) < len(list(mails())) and time.monotonic() < until:
        time.sleep(0.05)
    number_of = {}
    for n in range(1, len(list(mails())) + 1):
        subject = m.fetch(str(n), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1]
        number_of[subject.split()[-1].decode()] = str(n)
    for charset, word, _ in mails():
        for key in "BODY", "SUBJECT":
            m.literal = word.encode()
            found = m.search("UTF-8", key)[1][0].decode().split()
            assert number_of[charset] in found, f"{key} {word} isn't found in {charset}"
            assert len(found) == len(WORDS[word].split()), f"{key} {word}: {found}"
    m.logout()


def dates_are_written_in_the_zone_of_the_configuration(s):
    m = s.imap()
    facts = m.fetch("1", "(INTERNALDATE BODY.PEEK[HEADER.FIELDS (RECEIVED)])")[1][0]
    now = datetime.datetime.now(zoneinfo.ZoneInfo(ZONE))
    zone = now.strftime("%z")
    assert zone in ("-0330", "-0230")
    internal = re.search(rb'INTERNALDATE "([^"]+)"', facts[0]).group(1).decode()
    received = facts[1].decode().rsplit(";", 1)[1].strip()
    for text, shape in (internal, "%d-%b-%Y %H:%M:%S %z"), (received, "%a, %d %b %Y %H:%M:%S %z"):
        assert text.endswith(zone), text
        assert abs(datetime.datetime.strptime(text, shape) - now) < datetime.timedelta(minutes=5), text
    logged = re.match(r"\w+ +\d+ \d\d:\d\d:\d\d", s.said().splitlines()[-1]).group()
    logged = datetime.datetime.strptime(f"{now.year} {logged}", "%Y %b %d %H:%M:%S")
    assert abs(logged - now.replace(tzinfo=None)) < datetime.timedelta(minutes=5), logged
    m.logout()


def names_are_asked_for_without_any_file(s):
    assert "name servers: 127.0.0.1@" in s.said()
    answer = json.loads(s.run("dns", "mail.example.net", "--json"))
    assert answer["records"] == ["192.0.2.1"] and answer["answer"] == "NOERROR", answer


def check_finds_the_trust_store(s):
    said = s.run("check", "--local")
    assert re.search(r"\b1\d\d certificate authorities", said), said


def main():
    the_program_is_one_static_stripped_file()
    if SUDO and subprocess.run(SUDO + ["true"], stderr=subprocess.DEVNULL).returncode:
        print("an empty root folder needs root: only the file itself was looked at")
        return
    with EmptyRoot() as s:
        every_common_charset_is_searched_as_text(s)
        dates_are_written_in_the_zone_of_the_configuration(s)
        check_finds_the_trust_store(s)
        names_are_asked_for_without_any_file(s)


main()
