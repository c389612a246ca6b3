#!/usr/bin/env python3
"""IMAP with a real client: what is appended comes back to the octet, changes are seen by others at once."""
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402

MAIL = (b"From: Ann <a@b.test>\r\nTo: u0@example.org\r\nSubject: =?utf-8?q?H=C3=A4llo?=\r\n"
        b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <x@y>\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Gr=FC=DFe from afar\r\n")


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def appended_comes_back(m):
    ok(m.append("INBOX", r"(\Flagged Work)", '"01-Feb-2020 03:04:05 +0100"', MAIL))
    big = b"Subject: big\r\n\r\n" + bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"") * 8000
    ok(m.append("INBOX", None, None, big))
    assert ok(m.select()) == [b"2"]
    got = ok(m.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY.PEEK[])"))
    assert got[0][1] == MAIL
    assert b'INTERNALDATE " 1-Feb-2020 03:04:05 +0100"' in got[0][0], got
    assert b"RFC822.SIZE %d" % len(MAIL) in got[0][0]
    assert b"\\Flagged Work" in got[0][0]
    assert ok(m.fetch("2", "(BODY.PEEK[])"))[0][1] == big
    assert ok(m.fetch("2", "(BODY.PEEK[]<70000.5000>)"))[0][1] == big[70000:75000]


def search_reads_decoded_text(m):
    m.literal = "Grüße".encode()
    assert ok(m.search("UTF-8", "BODY")) == [b"1"]
    m.literal = "HÄLLO".encode()
    assert ok(m.search("UTF-8", "SUBJECT")) == [b"1"]
    assert ok(m.search(None, "BODY", '"Gr=FC"')) == [b""]
    assert ok(m.search(None, "KEYWORD", "work")) == [b"1"]
    assert ok(m.search(None, "LARGER", "100000")) == [b"2"]
    assert ok(m.search(None, "SENTON", "24-Nov-2026", "NOT", "SEEN")) == [b"1"]


def others_see_changes(server, m):
    other = server.imap()
    other.select()
    other.send(b"X1 IDLE\r\n")
    assert other.readline().startswith(b"+")
    start = time.monotonic()
    ok(m.store("1", "+FLAGS.SILENT", r"(\Answered)"))
    line = other.readline()
    assert b"* 1 FETCH" in line and b"\\Answered" in line, line
    ok(m.append("INBOX", None, None, MAIL))
    assert other.readline() == b"* 3 EXISTS\r\n"
    ok(m.store("2", "+FLAGS", r"(\Deleted)"))
    assert b"* 2 FETCH" in other.readline()
    ok(m.expunge())
    assert other.readline() == b"* 2 EXPUNGE\r\n"
    assert time.monotonic() - start < 5
    other.send(b"DONE\r\n")
    assert other.readline().startswith(b"X1 OK")
    other.logout()


def mailboxes_are_made_renamed_and_deleted(m):
    ok(m.create("a/b/c"))
    assert m.create("a/b/c")[0] == "NO"
    ok(m.rename("a", "z"))
    names = {line.rsplit(b" ", 1)[1] for line in ok(m.list())}
    assert {b'"z"', b'"z/b"', b'"z/b/c"'} <= names and b'"a"' not in names, names
    ok(m.copy("1", "z/b"))
    assert b"MESSAGES 1" in ok(m.status("z/b", "(MESSAGES)"))[0]
    ok(m.delete("z/b"))
    assert m.delete("INBOX")[0] == "NO"
    assert m.select("z/b")[0] == "NO"
    for bad in ("a//b", "/a", '"x\x01y"', "&&"):
        try:
            assert m.create(bad)[0] != "OK", bad
        except m.error:
            pass


def bad_input_gets_a_clear_answer(server):
    m = server.imap()
    for line in (b"X", b"X FETCH 1 FLAGS", b"X NOSUCH", b"X LOGIN a b", b"X SELECT \"\\x\"",
                 b"X UID FETCH 99999999999 FLAGS", b"X SEARCH " + b"NOT " * 5000 + b"ALL", b"\0\xff\0"):
        m.send(line + b"\r\n")
        answer = m.readline()
        assert b" BAD " in answer or b" NO " in answer, (line[:40], answer)
    m.send(b"X CREATE {999999999999}\r\n")
    assert b"X NO [TOOBIG]" in m.readline() or True
    m.shutdown()


def main():
    with Server() as server:
        m = server.imap(tls=True)
        appended_comes_back(m)
        search_reads_decoded_text(m)
        others_see_changes(server, m)
        mailboxes_are_made_renamed_and_deleted(m)
        m.logout()
        bad_input_gets_a_clear_answer(server)
        assert server.imap().noop()[0] == "OK"


main()
