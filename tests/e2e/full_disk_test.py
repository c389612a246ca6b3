#!/usr/bin/env python3
# timeout: 180
"""A full disk: new mail is refused with 452 4.3.1 and NO [LIMIT], expunge goes on, nothing answered is lost, and when
there is space again mail is taken by itself. Needs root, for a small file system of its own."""
import os
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
from hp import QUICK, ServerOn, bodies  # noqa: E402

LIMITS = "\n[limits]\nconnection_rate_per_minute = 0\n"


def mail(n, size):
    return (f"From: a@outside.test\r\nMessage-ID: <{n}@outside.test>\r\nSubject: {n}\r\n\r\n"
            + ("x" * 70 + "\r\n") * (size // 72)).encode()


def send(s, n, size=40000):
    with s.smtp() as c:
        try:
            c.sendmail("a@outside.test", ["u0@example.org"], mail(n, size))
            return 250, b""
        except smtplib.SMTPRecipientsRefused as e:
            return list(e.recipients.values())[0]
        except smtplib.SMTPResponseException as e:
            return e.smtp_code, e.smtp_error


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(b"\0" * 65536) == 65536:
                pass
        except OSError:
            pass


def until_refused(s, taken):
    for n in range(1000, 4000):
        code, text = send(s, n)
        if code != 250:
            return code, text
        taken.append(n)
    raise AssertionError("it never got full")


def until_taken(s, taken):
    until = time.monotonic() + 15
    while send(s, len(taken) + 5000)[0] != 250:
        assert time.monotonic() < until, "no mail is taken though there is space"
        time.sleep(0.2)
    taken.append(len(taken) + 5000)


def no_copy_is_begun(s, where):
    """Without one free block a compaction, at night or by hand, has no place: the store says so, and goes on."""
    store = s.pids()["store/0"]
    fill(where + "/rest")
    done = s.cli("store", "compact", check=False)
    assert done.returncode != 0 and done.stderr, done
    assert s.pids()["store/0"] == store
    os.unlink(where + "/rest")


def go(s, where):
    taken = [1]
    assert send(s, 1)[0] == 250
    s.wait(lambda: len(bodies(s)) == 1)
    fill(where + "/filler")
    code, text = until_refused(s, taken)
    assert code == 452 and b"4.3.1" in text, (code, text)
    no_copy_is_begun(s, where)
    # A body for the spool has no place either.
    code, text = send(s, 9999, 300000)
    assert code == 452 and b"4.3.1" in text, (code, text)
    m = s.imap()
    kind, answer = m.append("INBOX", None, None, mail("appended", 1000))
    assert kind == "NO" and (b"[LIMIT]" in answer[0] or b"[OVERQUOTA]" in answer[0]), answer
    # What was taken is delivered, and can be deleted.
    s.wait(lambda: s.json("queue", "list")["rows"] == [], 60)
    m.select()
    assert len(m.search(None, "ALL")[1][0].split()) == len(taken)
    m.store("1", "+FLAGS", "\\Deleted")
    assert m.expunge()[0] == "OK"
    assert s.json("store", "check")["violations"] == []
    os.unlink(where + "/filler")
    until_taken(s, taken)
    s.wait(lambda: len(bodies(s)) == len(taken) - 1)
    assert s.json("store", "check")["violations"] == []


def main():
    if os.geteuid() != 0:
        print("skipped: only root can mount a small file system")
        return
    where = tempfile.mkdtemp(prefix="hairpin-full-")
    os.chmod(where, 0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", where], check=True)
    try:
        with ServerOn(where, extra=QUICK + LIMITS) as s:
            go(s, where)
    finally:
        subprocess.run(["umount", "-l", where], check=True)
        os.rmdir(where)


main()
