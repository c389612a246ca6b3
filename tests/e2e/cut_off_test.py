#!/usr/bin/env python3
"""A process that has lost a living one that it needs starts anew by itself, and serves again; others go on."""
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import AS_ROOT, QUICK, Server  # noqa: E402


def main():
    with Server(extra=QUICK + "\n[processes]\nimapd = 2\n") as s:
        lost, other = s.imap(), s.imap()
        name, pid = s.server_of(lost.sock)
        while s.server_of(other.sock)[1] == pid:
            other = s.imap()
        store, neighbour = s.pids()["store/0"], s.server_of(other.sock)[1]
        # Its next frame comes from the store: what another session's APPEND changed.
        tracer = subprocess.Popen(
            [*AS_ROOT, "strace", "-q", "-p", str(pid), "-e", "trace=recvmsg", "-e",
             "inject=recvmsg:error=ECONNRESET:when=1"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        s.wait(lambda: other.append("INBOX", None, None, b"Subject: x\r\n\r\n")[0] == "OK"
               and s.pids().get(name) not in (None, pid), 30)
        said = tracer.communicate(timeout=10)[1]
        assert "(INJECTED)" in said, said
        assert "cut off by a process that is needed: starting anew" in s.log()
        again = s.imap()
        while s.server_of(again.sock)[1] == neighbour:
            again = s.imap()
        assert again.append("INBOX", None, None, b"Subject: y\r\n\r\n")[0] == "OK"
        assert other.noop()[0] == "OK"
        assert s.pids()["store/0"] == store and s.server_of(other.sock)[1] == neighbour


main()
