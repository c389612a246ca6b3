#!/usr/bin/env python3
# timeout: 240
"""Each process may be killed, in the release program and in the debug build: it is back within a second, the
sessions of the others go on, and nothing that was answered with OK or 250 is lost, once or twice over."""
import collections
import os
import re
import signal
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402

BACK_SEC = 1.0
SLACK_SEC = 0.5  # until a machine with other work to do lets us see it


def mail(n):
    return b"Subject: %d\r\n\r\nbody %d\r\n" % (n, n)


class Sessions:
    """IMAP sessions, at least one in each imapd, and SMTP sessions."""

    def __init__(self, server):
        self.server = server
        self.imap = {}  # pid of the imapd -> session
        self.smtp = [server.smtp() for _ in range(2)]
        imapds = {pid for name, pid in server.pids().items() if name.startswith("imapd")}
        server.wait(lambda: self.open() and imapds <= set(self.imap))

    def open(self):
        m = self.server.imap()
        m.select()
        pid = int(re.findall(r"hairpin/imapd\[(\d+)\]: login:", self.server.log())[-1])
        if pid in self.imap:
            m.logout()
        else:
            self.imap[pid] = m
        return True

    def go_on(self, victim, name):
        """All but the victim's own."""
        for pid, m in self.imap.items():
            if pid != victim:
                assert m.noop()[0] == "OK", name
        if not name.startswith("smtpd"):
            for smtp in self.smtp:
                assert smtp.noop()[0] == 250, name

    def replace(self):
        for m in self.imap.values():
            try:
                m.logout()
            except (OSError, m.abort):
                pass
        for smtp in self.smtp:
            smtp.close()
        self.__init__(self.server)


def works(s):
    try:
        m = s.imap()
        return m.select()[0] == "OK" and m.logout()
    except (OSError, hp.imaplib.IMAP4.error):
        return False


def kill_and_see(s, sessions, name):
    victim = s.pids()[name]
    start = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    s.wait(lambda: s.pids().get(name, victim) != victim, 5)
    assert time.monotonic() - start < BACK_SEC + SLACK_SEC, name
    sessions.go_on(victim, name)
    s.wait(lambda: works(s), 10)
    if name.startswith(("imapd", "smtpd")):
        sessions.replace()


def every_process_comes_back_and_nothing_is_lost(s):
    kept = collections.Counter()
    sessions = Sessions(s)
    names = sorted(s.pids())
    assert {n.split("/")[0] for n in names} == {"store", "keyd", "auth", "smtpd", "imapd", "filterd", "courier",
                                                "resolver", "fetch"}
    for name in names:
        n = len(kept)
        assert s.imap().append("INBOX", None, None, mail(n))[0] == "OK"
        smtp = s.smtp()
        assert smtp.sendmail("a@example.net", ["u0@example.org"], mail(n + 1)) == {}
        kept.update((n, n + 1))
        kill_and_see(s, sessions, name)
    s.wait(lambda: numbers(s) == kept)
    s.stop(signal.SIGKILL)
    s.wait(lambda: not s.pids())
    s.start()
    assert numbers(s) == kept
    assert s.cli("store", "check").returncode == 0


def who_cannot_recognise_a_repeat_takes_no_mail(s):
    """keyd rests, smtpd is new: the mail that comes now may be one whose 250 was lost with the old smtpd."""
    keyds = [pid for name, pid in s.pids().items() if name.startswith("keyd")]
    before = {name: pid for name, pid in s.pids().items() if name.startswith("smtpd")}
    for pid in keyds:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        s.wait(lambda: all(s.pids().get(name, pid) != pid for name, pid in before.items()))
        with s.smtp() as smtp:
            smtp.ehlo("client.test")
            smtp.mail("a@example.net")
            assert smtp.rcpt("u0@example.org")[0] == 250
            code, text = smtp.data(b"Message-ID: <1@example.net>\r\n\r\nbody 1\r\n")
            assert code == 451, (code, text)
    finally:
        for pid in keyds:
            os.kill(pid, signal.SIGCONT)
    s.wait(lambda: taken(s))


def taken(s):
    try:
        return s.smtp().sendmail("a@example.net", ["u0@example.org"], mail(0)) == {}
    except hp.smtplib.SMTPException:
        return False


def numbers(s):
    """How often each mail is there."""
    return collections.Counter(int(b.split(b"\r\nbody ")[1]) for b in hp.bodies(s))


def who_ends_as_soon_as_he_begins_takes_nobody_with_him(s):
    """Each new process is killed the moment that it is there, most before their parent has told them anything."""
    parent = s.process.pid
    victims = 0
    with open(f"/proc/{parent}/task/{parent}/children") as f:
        known = set(f.read().split())
        os.kill(s.pids()["store/0"], signal.SIGKILL)
        until = time.monotonic() + 3
        while time.monotonic() < until and s.process.poll() is None:
            f.seek(0)
            for pid in set(f.read().split()) - known:
                known.add(pid)
                victims += 1
                os.kill(int(pid), signal.SIGKILL)
    assert s.process.poll() is None and victims > 2, (s.process.poll(), victims)
    s.wait(lambda: taken(s), 30)


def main():
    for program in os.environ["HAIRPIN"], os.environ["HAIRPIN_RELEASE"]:
        hp.PROGRAM = program
        with hp.Server() as s:
            every_process_comes_back_and_nothing_is_lost(s)
            who_cannot_recognise_a_repeat_takes_no_mail(s)
            who_ends_as_soon_as_he_begins_takes_nobody_with_him(s)


main()
