#!/usr/bin/env python3
"""What each process may not do, it can't: each tries, once it is in its sandbox, to open a file outside, to
connect and to run a program, and logs what came of it; the kernel says the rest (/proc). The release program,
as root and as a normal user; the debug build, which has no seccomp, for what Landlock alone does."""
import os
import re
import shutil
import sys
import tempfile
import traceback

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402

ROLES = {"store", "keyd", "auth", "smtpd", "imapd", "filterd", "courier", "link", "resolver", "fetch"}
# What a process may do of what the others try.
MAY = {
    "link": {"connect", "accept"}, "resolver": {"connect", "datagram"}, "fetch": {"connect"}, "smtpd": {"accept"},
    "imapd": {"accept"}, "courier": {"accept", "connect"},
}
NOBODY = 12345
CONFIG = """
[node]
debug_log = yes
[listener peers]
kind = cluster
address = 127.0.0.1
port = %d
"""
REFUSED = {"Operation not permitted", "Permission denied"}


def tries(s, pid):
    """What the process logged: {what: error}."""
    line = re.search(rf"\[{pid}\]: sandbox: tried: (.*)", s.log())
    assert line, f"process {pid} didn't try"
    return dict(part.split(": ") for part in line.group(1).split(", "))


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def every_process_is_refused_what_it_may_not(s, with_seccomp):
    pids = s.pids()
    assert {name.split("/")[0] for name in pids} == ROLES
    for name, pid in pids.items():
        got = tries(s, pid)
        refused = {"open /", "connect", "datagram", "unix socket", "accept", "exec"} - MAY.get(name.split("/")[0], set())
        assert set(got) == refused | {"open /etc/passwd"}, got
        # In a root folder of its own there is no such file; the folder itself is there.
        assert got["open /etc/passwd"] in REFUSED | {"No such file or directory"}, (name, got)
        for what in refused if with_seccomp else ("open /",):
            assert got[what] in REFUSED, (name, got)
        st = status(pid)
        assert st["NoNewPrivs"] == "1" and st["Seccomp"] == ("2" if with_seccomp else "0"), (name, st)
    assert "sandbox: leaks" not in s.log()


def said_missing(s):
    lines = re.findall(r"not in force here: (.*)", s.log())
    assert len(lines) <= 1, lines
    return lines[0] if lines else ""


def as_root(s):
    assert said_missing(s) == ""
    the_parent_keeps_little_of_root(s)
    for name, pid in s.pids().items():
        st = status(pid)
        assert "0" not in st["Uid"].split() and "0" not in st["Gid"].split(), (name, st["Uid"])
        assert st["Groups"].strip() == "", (name, st["Groups"])
        assert int(st["CapPrm"], 16) == int(st["CapEff"], 16) == 0, (name, st["CapEff"])
        assert os.readlink(f"/proc/{pid}/root") == s.data, name


def the_parent_keeps_little_of_root(s):
    # dac_override, kill, setgid, setuid, sys_chroot
    kept = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 18
    st = status(s.process.pid)
    assert int(st["CapEff"], 16) == int(st["CapPrm"], 16) == kept, st["CapEff"]
    assert int(st["CapBnd"], 16) & ~kept == 0, st["CapBnd"]


def as_a_normal_user(s):
    said = said_missing(s)
    assert said == "a user of its own (not started as root), a root folder of its own", said


def run(program, with_seccomp, more):
    hp.PROGRAM = program
    with hp.Server(hp.QUICK + CONFIG % hp.free_port()) as s:
        every_process_is_refused_what_it_may_not(s, with_seccomp)
        more(s)
        m = s.imap()
        assert m.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")[0] == "OK"


def as_nobody(work):
    """In a child without privileges."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.chdir("/")
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def main():
    release, debug = os.environ["HAIRPIN_RELEASE"], os.environ["HAIRPIN"]
    run(debug, False, lambda s: None)
    if os.geteuid():
        run(release, True, as_a_normal_user)
        return
    run(release, True, as_root)
    # A copy, since the tree may lie where only root gets.
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        shutil.copy(release, d + "/hairpin")
        as_nobody(lambda: run(d + "/hairpin", True, as_a_normal_user))


main()
