#!/usr/bin/env python3
"""A session that slept through more changes than the store keeps sees the mailbox as it is."""
import re
import sys

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402

MESSAGES, ROUNDS = 900, 13  # more than 10,000 changes


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def main():
    with Server() as server:
        busy = server.imap()
        for _ in range(MESSAGES):
            ok(busy.append("INBOX", None, None, b"Subject: x\r\n\r\n"))
        ok(busy.select())
        asleep = server.imap()
        ok(asleep.select())
        for i in range(ROUNDS):
            ok(busy.store("1:*", "FLAGS.SILENT", r"(\Seen)" if i % 2 else r"(\Flagged)"))
        ok(busy.store("5,7", "+FLAGS.SILENT", r"(\Deleted)"))
        ok(busy.expunge())
        ok(busy.append("INBOX", None, None, b"Subject: new\r\n\r\n"))
        asleep.send(b"n1 NOOP\r\n")
        picture, lines = {n + 1: None for n in range(MESSAGES)}, []
        while not lines or not lines[-1].startswith(b"n1 "):
            lines.append(asleep.readline())
        text = b"".join(lines)
        for seq, flags, uid in re.findall(rb"\* (\d+) FETCH \(FLAGS \(([^)]*)\) UID (\d+)\)", text):
            assert seq == uid, "numbers stay while changes are told"
            picture[int(uid)] = flags
        gone = [int(n) for n in re.findall(rb"\* (\d+) EXPUNGE", text)]
        assert gone == [7, 5], gone
        assert {flags for uid, flags in picture.items() if uid not in (5, 7)} == {rb"\Flagged"}
        assert b"* %d EXISTS" % (MESSAGES - 1) in text
        assert ok(asleep.fetch(str(MESSAGES - 1), "(UID)"))[0].endswith(b"(UID %d)" % (MESSAGES + 1))
        report = server.json("store", "check")
        assert not report["violations"], report


main()
