#!/usr/bin/env python3
"""SIGHUP takes a new certificate without ending a session or a process, and keeps the old one when the new
one can't be used. SIGTERM says goodbye to the clients and leaves nothing running."""
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server, trust_all  # noqa: E402

PROMPT_SEC = 3


def new_pair(where):
    """A key and a certificate for the same names, from a second set-up."""
    subprocess.run([PROGRAM, "init", "--domain", "example.org", "--user", "u0", "--password", "pw", "--hostname",
                    "mail.example.org", "--data", where, "-c", where + ".conf"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def served(s, port):
    with socket.create_connection(("127.0.0.1", s.base + port), 10) as raw, \
            trust_all().wrap_socket(raw) as tls:
        return tls.getpeercert(True)


def on_disk(s):
    with open(s.data + "/tls/cert.pem") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def put(s, source, *names):
    for name in names:
        shutil.copy(f"{source}/tls/{name}", f"{s.data}/tls/{name}.new")
        os.rename(f"{s.data}/tls/{name}.new", f"{s.data}/tls/{name}")


def a_new_certificate_is_served_and_sessions_go_on(s, imap, smtp):
    pids = s.pids()
    old = served(s, 993)
    assert old == served(s, 465) == on_disk(s)
    new_pair(s.dir + "/second")
    put(s, s.dir + "/second", "key.pem", "cert.pem")
    s.process.send_signal(signal.SIGHUP)
    s.wait(lambda: served(s, 993) == served(s, 465) == on_disk(s))
    assert on_disk(s) != old
    assert imap.noop()[0] == "OK"
    assert smtp.noop()[0] == 250
    assert s.pids() == pids


def a_certificate_without_its_key_is_refused_and_the_old_one_stays(s, imap):
    good = on_disk(s)
    new_pair(s.dir + "/third")
    put(s, s.dir + "/third", "cert.pem")
    for ruin in (lambda: None, lambda: os.chmod(s.data + "/tls/key.pem", 0o644),
                 lambda: os.unlink(s.data + "/tls/key.pem")):
        ruin()
        said = s.log().count(": the old ")
        s.process.send_signal(signal.SIGHUP)
        s.wait(lambda: s.log().count(": the old ") > said)
        assert served(s, 993) == served(s, 465) == good
        assert imap.noop()[0] == "OK"
    put(s, s.dir + "/second", "key.pem", "cert.pem")


def sigterm_says_goodbye_and_leaves_nothing_running(s, imap, smtp):
    start = time.monotonic()
    s.process.send_signal(signal.SIGTERM)
    assert smtp.sock.recv(100).startswith(b"421 ")
    smtp.close()
    assert s.process.wait(15) == 0
    assert time.monotonic() - start < PROMPT_SEC
    assert s.pids() == {}
    assert s.log().rstrip().endswith("stopped")
    assert "killed" not in s.log()
    assert imap.sock.recv(100).startswith(b"* BYE")


def main():
    # Two keyds, so that the certificate has to wait for both.
    with Server(QUICK + "[processes]\nkeyd = 2\n") as s:
        imap = s.imap(tls=True)
        smtp = smtplib.SMTP_SSL("127.0.0.1", s.base + 465, "client.test", context=trust_all(), timeout=30)
        smtp.ehlo()
        a_new_certificate_is_served_and_sessions_go_on(s, imap, smtp)
        a_certificate_without_its_key_is_refused_and_the_old_one_stays(s, imap)
        sigterm_says_goodbye_and_leaves_nothing_running(s, imap, smtp)


main()
