#!/usr/bin/env python3
"""`cluster verify` on one node: equal while mail comes in; a row that changed on the disk without a word is found, and
said in the log and by the exit code."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, sys.path[0])
from hp import QUICK, Server, bodies  # noqa: E402
from load import LIMITS, Load  # noqa: E402

BEND = os.environ["B"] + "/release/tests/tools/bend_row"


def verify(s):
    r = s.cli("cluster", "verify", "--json", check=False)
    return r.returncode, json.loads(r.stdout)


def states(out):
    return [row["state"] for row in out["rows"]]


def main():
    with Server(extra=QUICK + LIMITS) as s:
        with Load(s) as load:
            indexes = []
            for _ in range(10):
                before = load.answered()
                code, out = verify(s)
                assert code == 0 and out["equal"] and states(out) == ["equal"], out
                assert len(out["rows"][0]["digest"]) == 64
                indexes.append(out["index"])
                s.wait(lambda: load.answered() > before + 5, 60)
        load.check()
        assert indexes == sorted(set(indexes)), indexes
        # Two that ask at once: one is told to wait.
        both = [subprocess.Popen([os.environ["HAIRPIN"], "cluster", "verify", "-c", s.conf], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [p.communicate()[1] for p in both]
        assert sorted(p.returncode for p in both) in ([0, 0], [0, 75]), said
        r = s.cli("cluster", "verify")
        assert "all nodes are equal" in r.stdout, r
        count = len(bodies(s))
        s.stop()
        # The flags of the newest message.
        subprocess.run([BEND, s.data + "/db", "message", "2"], check=True)
        if os.geteuid() == 0:
            st = os.stat(s.data + "/db")
            for name in os.listdir(s.data + "/db"):
                os.chown(s.data + "/db/" + name, st.st_uid, st.st_gid)
        s.start()
        assert len(bodies(s)) == count
        code, out = verify(s)
        assert code == 1 and not out["equal"] and states(out) == ["damaged"], (code, out)
        assert "verify: the rows of this node's database aren't" in s.log()
        assert "(): damaged" in s.log() or ": damaged" in s.log()
        assert "digest isn't that of the rows" in str(json.loads(s.cli("store", "check", "--json",
                                                                        check=False).stdout)["violations"])
        s.stop(signal.SIGTERM)
        s.start()


main()
