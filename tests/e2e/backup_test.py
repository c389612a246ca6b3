#!/usr/bin/env python3
# timeout: 300
"""Backups of a server at work, and servers made from them: first a full copy, then what came since, while mail comes
in; killed in the midst, a backup is what it was before. Restored, each has the mail of its time, with the same UIDs,
and gives none again. Without vault or master key it says what is missing, and makes nothing."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, QUICK, Server, bodies  # noqa: E402
from load import LIMITS, Load  # noqa: E402


def send(s, word, size=10):
    with s.smtp() as m:
        m.sendmail("bob@example.net", [f"u0@{s.domain}"], f"Subject: {word}\r\n\r\n{word * size}\r\n")


def wait_for(s, words):
    s.wait(lambda: {subject(b) for b in bodies(s)} >= set(words))


def subject(b):
    return re.search(rb"Subject: (.*?)\r\n", b).group(1).decode()


def backup(s, folder, *more):
    return json.loads(s.cli("backup", folder, *more, "--json").stdout)


def uids(s):
    """uidvalidity, uidnext, {uid: octets}"""
    m = s.imap()
    _, data = m.status("INBOX", "(UIDVALIDITY UIDNEXT HIGHESTMODSEQ)")
    numbers = dict(re.findall(r"(\w+) (\d+)", data[0].decode().split("(")[1]))
    m.select("INBOX", readonly=True)
    _, data = m.uid("SEARCH", "ALL")
    found = {}
    for uid in data[0].split():
        _, parts = m.uid("FETCH", uid, "(BODY.PEEK[] FLAGS)")
        found[int(uid)] = parts[0][1], re.search(rb"FLAGS \((.*?)\)", parts[0][0] + parts[-1]).group(1)
    m.logout()
    return numbers, found


class Restored(Server):
    """A server of the folder that `restore` made, with the configuration of the old one."""

    def __init__(self, old, data):
        self.dir, self.base, self.domain, self.process = old.dir, old.base, old.domain, None
        self.data, self.conf, self.log_path = data, data + ".conf", data + ".log"
        with open(old.conf) as f, open(self.conf, "w") as to:
            to.write(f.read().replace(old.data, data))
        for name in ("cert.pem", "key.pem"):
            shutil.copy(old.data + "/tls/" + name, data + "/tls/" + name)

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log()[-8000:])
        self.stop()


def restore(s, folder, vault, data, check=True, key=True):
    os.makedirs(data + "/keys", 0o700)
    if key:
        shutil.copy(s.data + "/keys/master.key", data + "/keys/master.key")
    r = subprocess.run([PROGRAM, "restore", folder, *(["--vault", vault] if vault else []), "--data", data, "--json"],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not check:
        return r
    assert r.returncode == 0, r
    out = json.loads(r.stdout)
    assert out["violations"] == 0, out
    return out


def what_is_restored(s):
    full, more, vault = s.dir + "/full", s.dir + "/more", s.dir + "/vault-copy"
    send(s, "early")
    wait_for(s, ["early"])
    a = backup(s, full)
    assert a["kind"] == "full" and not a["was_trimmed"], a
    assert a["octets"] == os.path.getsize(f"{full}/{a['file']}") > 0, a
    backup(s, more)
    # More comes, of every size; flags, a new mailbox, a new user.
    for i in range(20):
        send(s, f"word{i}", 1 + i * i * 40)
    s.cli("user", "add", "late@" + s.domain, "--password", "pw")
    wait_for(s, [f"word{i}" for i in range(20)])
    m = s.imap()
    m.select("INBOX")
    m.store("1:3", "+FLAGS", "(\\Flagged)")
    m.create("Later")
    m.copy("2", "Later")
    m.append("INBOX", None, None, b"Subject: large\r\n\r\n" + b"y" * 900000)
    m.logout()
    b = backup(s, more, "--vault", vault)
    assert b["kind"] == "more" and b["octets"] > 900000 and b["secrets"] >= 4, b
    assert b["octets"] == os.path.getsize(f"{more}/{b['file']}"), b
    assert sorted(os.listdir(more))[0].startswith("full-") and len(os.listdir(more)) == 2, os.listdir(more)
    c = backup(s, more)
    assert c["kind"] in ("same", "more"), c
    return full, more, vault


def restored_is_equal(s, full, more, vault):
    before = uids(s)
    s.stop()
    out = restore(s, more, vault, s.dir + "/new")
    assert out["node"] > 1 and out["replayed"] > 40, out
    new = Restored(s, s.dir + "/new")
    r = new.cli("check", "--local", check=False)
    assert "was restored from the backup" in r.stdout, r
    assert "rows" in new.cli("store", "check", "--offline").stdout
    new.start()
    with new:
        new.wait(lambda: "this server was restored from the backup" in new.log())
        after = uids(new)
        assert after[1] == before[1], (after[1].keys(), before[1].keys())
        assert after[0]["UIDVALIDITY"] == before[0]["UIDVALIDITY"]
        assert int(after[0]["UIDNEXT"]) == int(before[0]["UIDNEXT"]) + (1 << 20), (before, after[0])
        assert int(after[0]["HIGHESTMODSEQ"]) > int(before[0]["HIGHESTMODSEQ"]) + (1 << 31)
        assert bodies(new, "late") == [] and len(bodies(new, mailbox="Later")) == 1
        # It lives: mail comes in, a compaction passes, nothing is wrong, and it says it once.
        send(new, "afterwards")
        wait_for(new, ["afterwards"])
        new.cli("store", "compact")
        assert new.json("store", "check")["violations"] == []
        new.stop()
        new.start()
        assert new.log().count("this server was restored") == 1
        # Its backups aren't the old one's.
        r = new.cli("backup", more, check=False)
        assert r.returncode and "another server" in r.stderr, r
    # A folder in which a database is stays as it is.
    r = subprocess.run([PROGRAM, "restore", more, "--vault", vault, "--data", s.dir + "/new"], capture_output=True,
                       text=True)
    assert r.returncode and "a database is there" in r.stderr, r
    # The full copy alone is the mail of its time; the newer vault has all that it needs.
    restore(s, full, vault, s.dir + "/older")
    with Restored(s, s.dir + "/older") as older:
        older.start()
        assert [subject(b) for b in bodies(older)] == ["early"]
        assert older.json("store", "check")["violations"] == []


def what_is_missing_is_said(s, more, vault):
    r = restore(s, more, None, s.dir + "/no-vault", check=False)
    assert r.returncode and "--vault FOLDER is needed" in r.stderr, r
    r = restore(s, more, s.dir, s.dir + "/no-vault2", check=False)
    assert r.returncode and "no copy of the vault" in r.stderr, r
    r = restore(s, more, vault, s.dir + "/no-key", check=False, key=False)
    assert r.returncode and "master.key isn't there" in r.stderr, r
    r = restore(s, s.dir, vault, s.dir + "/no-backup", check=False)
    assert r.returncode and "no backup" in r.stderr, r
    # Another's key, another's vault.
    other = s.dir + "/other"
    subprocess.run([PROGRAM, "init", "--domain", "other.test", "--user", "x", "--password", "pw", "--data", other, "-c",
                    other + ".conf", "--port-base", "30000"], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    r = restore(s, more, other + "/vault", s.dir + "/other-vault", check=False)
    assert r.returncode and "another cluster" in r.stderr, r
    os.makedirs(s.dir + "/other-key/keys", 0o700)
    shutil.copy(other + "/keys/master.key", s.dir + "/other-key/keys/master.key")
    r = subprocess.run([PROGRAM, "restore", more, "--vault", vault, "--data", s.dir + "/other-key"],
                       capture_output=True, text=True)
    assert r.returncode and "isn't the one of this backup" in r.stderr, r
    # A file of entries that was altered, cut short, or taken away.
    for name, harm, word in (("bent", bend, "entry"), ("short", shorten, "entry"), ("gap", None, "entry")):
        bad = s.dir + "/" + name
        shutil.copytree(more, bad)
        logs = sorted(f for f in os.listdir(bad) if f.startswith("log-"))
        if harm:
            harm(bad + "/" + logs[0])
        else:
            # What its name says isn't believed either.
            renamed = bad + "/" + logs[0].replace("-0000", "-0001", 1)
            os.rename(bad + "/" + logs[0], renamed)
            shorten(renamed)
        r = restore(s, bad, vault, s.dir + "/from-" + name, check=False)
        assert r.returncode and word in r.stderr, r
    for folder in os.listdir(s.dir):
        if folder.startswith(("no-", "other-", "from-")):
            left = s.dir + "/" + folder
            assert not os.path.exists(left + "/db/data.mdb") and not os.path.exists(left + "/restoring"), folder
            assert not os.path.exists(left + "/vault/secrets")


def bend(path):
    with open(path, "r+b") as f:
        f.seek(5000)
        octet = f.read(1)[0]
        f.seek(5000)
        f.write(bytes([octet ^ 1]))


def shorten(path):
    os.truncate(path, os.path.getsize(path) - 50)


def under_load(s):
    """Backups without end while mail comes in, some of them killed; each that ended is restored."""
    folder, vault = s.dir + "/loaded", s.dir + "/loaded-vault"
    kinds = []
    with Load(s) as load:
        s.wait(lambda: load.answered() > 20, 60)
        for i in range(12):
            if i % 3 == 2:
                p = subprocess.Popen([PROGRAM, "backup", folder, "-c", s.conf], stdout=subprocess.DEVNULL)
                time.sleep(0.02 + 0.01 * i)
                p.send_signal(signal.SIGKILL)
                p.wait()
            if i == 6:
                s.cli("store", "compact", check=False)
            kinds.append(backup(s, folder, "--vault", vault)["kind"])
        before = set(load.accepted) | set(load.appended)
        last = backup(s, folder, "--vault", vault)
    load.check()
    assert "more" in kinds and kinds[0] == "full" and "full" in kinds[1:], kinds
    s.stop()
    out = restore(s, folder, vault, s.dir + "/from-load")
    assert out["index"] == last["index"], (out, last)
    with Restored(s, s.dir + "/from-load") as new:
        new.start()
        new.wait(lambda: new.json("queue", "list")["rows"] == [], 60)
        there = [subject(b) for b in bodies(new)]
        assert len(there) == len(set(there)), "something is there twice"
        missing = before - set(there)
        assert not missing, f"answered before the backup began, and not in it: {sorted(missing)[:5]}"
        assert new.json("store", "check")["violations"] == []
    print(f"{len(kinds)} backups under load: {kinds}; {len(there)} mails restored")


def a_compaction_waits_for_a_backup(s):
    """Who reads the file from outside isn't left with another's lock file."""
    code = ("import fcntl,sys,os,struct\nf=open(sys.argv[1],'rb')\n"
            "fcntl.fcntl(f,37,struct.pack('hhqqi4x',fcntl.F_RDLCK,0,0,0,0))\nprint('held',flush=True)\nsys.stdin.read()")
    p = subprocess.Popen([sys.executable, "-c", code, s.data + "/db/data.mdb"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"held\n"
    r = s.cli("store", "compact", check=False)
    assert r.returncode and "busy" in r.stderr, r
    p.communicate()
    s.cli("store", "compact")


def main():
    with Server(extra=QUICK + LIMITS) as s:
        full, more, vault = what_is_restored(s)
        what_is_missing_is_said(s, more, vault)
        restored_is_equal(s, full, more, vault)
        s.start()
        a_compaction_waits_for_a_backup(s)
        # The log was trimmed: it says so.
        r = json.loads(s.cli("backup", more, "--json").stdout)
        assert r["kind"] == "full" and r["was_trimmed"], r
        assert len(os.listdir(more)) == 1
    with Server(extra=QUICK + LIMITS) as s:
        under_load(s)


main()
