#!/usr/bin/env python3
"""`make install` puts program, pages and unit below DESTDIR, and the program runs as the unit runs it: with the
unit's few capabilities the sandbox is whole."""
import os
import re
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def install(where):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-s", "install", "DESTDIR=" + where, "B=" + os.environ["B"]], cwd=ROOT, env=env, check=True,
                   stdout=subprocess.DEVNULL)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def everything_is_in_its_place(where):
    found = {os.path.relpath(os.path.join(d, f), where) for d, _, files in os.walk(where) for f in files}
    docs = os.listdir(ROOT + "/docs") if os.path.isdir(ROOT + "/docs") else []
    pages = {f"usr/share/man/man{f[-1]}/{f}" for f in docs if re.search(r"\.[1578]$", f)}
    texts = {"usr/share/doc/hairpin/" + f for f in ["README.md"] + docs if f.endswith(".md")}
    assert found == {"usr/sbin/hairpin", "lib/systemd/system/hairpin.service"} | pages | texts, found
    assert mode(where + "/usr/sbin/hairpin") == 0o755
    assert all(mode(f"{where}/{f}") == 0o644 for f in found - {"usr/sbin/hairpin"})
    with open(where + "/usr/sbin/hairpin", "rb") as a, open(os.environ["HAIRPIN_RELEASE"], "rb") as b:
        assert a.read() == b.read()


def read_unit(where):
    with open(where + "/lib/systemd/system/hairpin.service") as f:
        lines = [line.strip() for line in f]
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def the_unit_starts_what_was_installed(where, unit):
    program, verb = unit["ExecStart"].split()
    assert verb == "serve" and os.access(where + program, os.X_OK)


def the_unit_lets_the_processes_sandbox_themselves(unit):
    """@system-service has none of these: without them the sandbox would be the unit's alone."""
    assert {"chroot", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= \
        set(unit["SystemCallFilter"].split())


def the_unit_lets_link_call_other_nodes(unit):
    """Whatever their addresses are."""
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= set(unit["RestrictAddressFamilies"].split())
    assert not {"PrivateNetwork", "IPAddressDeny", "SocketBindDeny", "RestrictNetworkInterfaces"} & set(unit), unit
    assert "@system-service" in unit["SystemCallFilter"].split()


def systemd_finds_no_mistake_in_the_unit_and_little_exposed(where):
    """It calls what is below 5 OK, and the network itself costs 0.5 to 1."""
    path = where + "/lib/systemd/system/hairpin.service"
    r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=33", path], capture_output=True,
                       text=True)
    assert r.returncode == 0, r.stdout[-300:] + r.stderr
    assert "Unknown key" not in r.stderr, r.stderr


def the_capabilities_of_the_unit_are_enough(where, unit):
    """As systemd would: with no others in the bounding set, and no new privileges."""
    caps = [c.lower().removeprefix("cap_") for c in unit["CapabilityBoundingSet"].split()]
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        wrapper = d + "/hairpin"
        with open(wrapper, "w") as f:
            f.write("#!/bin/sh\nexec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all," +
                    ",".join("+" + c for c in caps) + f' -- {where}/usr/sbin/hairpin "$@"\n')
        os.chmod(wrapper, 0o755)
        hp.PROGRAM = wrapper
        with hp.Server(hp.QUICK + "\n[node]\ndebug_log = yes\n") as s:
            assert "not in force" not in s.log()
            m = s.imap()
            assert m.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")[0] == "OK"
            for pid in s.pids().values():
                os.kill(pid, 9)
            s.wait(lambda: hp.bodies(s) if is_back(s) else None)


def is_back(s):
    try:
        return s.imap().logout()
    except (OSError, hp.imaplib.IMAP4.error):
        return False


def main():
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)
        install(where)
        everything_is_in_its_place(where)
        unit = read_unit(where)
        the_unit_starts_what_was_installed(where, unit)
        the_unit_lets_the_processes_sandbox_themselves(unit)
        the_unit_lets_link_call_other_nodes(unit)
        systemd_finds_no_mistake_in_the_unit_and_little_exposed(where)
        if os.geteuid() == 0:
            the_capabilities_of_the_unit_are_enough(where, unit)


main()
