#!/usr/bin/env python3
"""Each process may die: it is back within a second, other sessions go on, nothing that was said OK is lost."""
import os
import signal
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import Server, bodies  # noqa: E402


def mail(n):
    return b"Subject: %d\r\n\r\nbody %d\r\n" % (n, n)


def main():
    with Server() as s:
        kept = []
        for victim in ("keyd/0", "auth/0", "filterd/0", "courier/0", "store/0", "smtpd/0", "imapd/1"):
            m = s.imap()
            assert m.append("INBOX", None, None, mail(len(kept)))[0] == "OK"
            kept.append(mail(len(kept)))
            old = s.pids()[victim]
            start = time.monotonic()
            os.kill(old, signal.SIGKILL)
            s.wait(lambda: s.pids().get(victim, old) != old, 3)
            assert time.monotonic() - start < 1.5, victim
            try:
                m.noop()
            except Exception:
                assert victim.startswith("imapd"), victim + " took a session with it"
            s.wait(lambda: works(s), 10)
        assert bodies(s) == kept
        s.stop(signal.SIGKILL)
        s.wait(lambda: not s.pids())
        s.start()
        assert bodies(s) == kept
        assert s.cli("store", "check").returncode == 0


def works(s):
    try:
        m = s.imap()
        return m.select()[0] == "OK" and m.logout()
    except Exception:
        return False


main()
