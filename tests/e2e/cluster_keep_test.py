#!/usr/bin/env python3
# timeout: 600
"""A cluster is proved to be one state; a row that changed on one node's disk is found; and a cluster from the backup of
one node is one of its own, though it answers at the lost node's address and the old members are still there."""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import PROGRAM, bodies  # noqa: E402
from hp_cluster import Cluster  # noqa: E402

BEND = os.environ["B"] + "/release/tests/tools/bend_row"


def send(node, word):
    with node.smtp() as m:
        m.sendmail("bob@example.net", ["u0@" + node.domain], f"Subject: {word}\r\n\r\n{word}\r\n")


def send_again(node, word):
    """Until it is taken."""
    def once():
        try:
            send(node, word)
            return True
        except OSError:
            return False
    node.wait(once, 40)


def verify(node):
    r = node.cli("cluster", "verify", "--json", check=False, timeout=100)
    assert r.stdout, r
    out = json.loads(r.stdout)
    return r.returncode, {row["name"].split(".")[0]: row["state"] for row in out["rows"]}, out


def texts(node):
    return sorted(b.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for b in bodies(node))


def all_are_equal(c):
    for node in c.data:
        code, states, out = verify(node)
        assert code == 0 and states == {"dc1": "equal", "dc2": "equal"}, (code, states)
        assert len({row["digest"] for row in out["rows"]}) == 1
    # The third has no state, and says so.
    r = c.node(3).cli("cluster", "verify", check=False, timeout=100)
    assert r.returncode != 0, r


def a_bent_row_is_found(c):
    dc1, dc2 = c.data
    dc2.stop()
    start = time.monotonic()
    code, states, _ = verify(dc1)
    assert code == 1 and states == {"dc1": "equal", "dc2": "no answer"}, (code, states)
    assert time.monotonic() - start < 30
    st = os.stat(dc2.data + "/db/data.mdb")
    subprocess.run([BEND, dc2.data + "/db", "message", "2"], check=True, stdout=subprocess.DEVNULL)
    if os.geteuid() == 0:
        os.chown(dc2.data + "/db/data.mdb-lock", st.st_uid, st.st_gid)
    dc2.start()
    c.wait_settled()
    code, states, _ = verify(dc1)
    assert code == 1 and states == {"dc1": "equal", "dc2": "damaged"}, (code, states)
    assert "verify: the rows of this node's database" in dc2.log()
    assert ": damaged" in dc1.log()


def take_tls(node, names):
    found = {}
    for name in names:
        with open(node.data + "/tls/" + name, "rb") as f:
            found[name] = f.read()
    return found


def put_tls(node, files):
    for name, text in files.items():
        with open(node.data + "/tls/" + name, "wb") as f:
            f.write(text)
            os.fchmod(f.fileno(), 0o600 if name.endswith("key.pem") or name == "node.key" else 0o644)


def restored_is_its_own(c, folder, vault):
    """dc2 is lost; its machine gets a server from the backup, at the same address, while dc1 and dc3 are still there."""
    dc1, dc2, dc3 = c.nodes
    old_id = dc1.status()["cluster"]
    term = dc1.status()["term"]
    dc2.stop()
    key = dc2.dir + "/master.key"
    shutil.copy(dc2.data + "/keys/master.key", key)
    tls, old_node = take_tls(dc2, ("cert.pem", "key.pem")), take_tls(dc2, os.listdir(dc2.data + "/tls"))
    shutil.rmtree(dc2.data)
    os.makedirs(dc2.data + "/keys", 0o700)
    shutil.move(key, dc2.data + "/keys/master.key")
    subprocess.run([PROGRAM, "restore", folder, "--vault", vault, "--data", dc2.data], check=True,
                   stdout=subprocess.DEVNULL)
    put_tls(dc2, tls)
    dc2.start()
    dc2.wait(lambda: "this server was restored" in dc2.log())
    dc2.wait(lambda: dc2.status()["role"] == "leader")

    def apart():
        there, here = dc2.status(), dc1.status()
        assert len(there["nodes"]) == 1 and there["cluster"] != old_id and there["nodes"][0]["id"] > 100, there
        assert here["cluster"] == old_id and len(here["nodes"]) == 3, here
        other = next(x for x in here["nodes"] if x["id"] == 2)
        assert not other["up"], other

    send_again(dc2, "new world")
    send_again(dc1, "old world")
    dc2.wait(lambda: "new world" in texts(dc2), 40)
    dc1.wait(lambda: "old world" in texts(dc1), 40)
    time.sleep(3)
    apart()
    assert "old world" not in texts(dc2) and "new world" not in texts(dc1)
    assert verify(dc2)[0] == 0
    # Even with the lost node's own name, which nobody should put back.
    dc2.stop()
    put_tls(dc2, old_node)
    dc2.start()
    dc2.wait(lambda: dc2.status()["role"] == "leader")
    time.sleep(3)
    apart()
    assert dc1.status()["term"] <= term + 5
    assert "old world" not in texts(dc2) and "new world" not in texts(dc1)


def main():
    with Cluster(users=["u0"]) as c:
        send_again(c.node(1), "first")
        send_again(c.node(2), "second")
        c.wait_settled()
        folder, vault = c.node(2).dir + "/backup", c.node(2).dir + "/vault-copy"
        said = c.node(2).cli("backup", folder, "--json").stdout
        assert json.loads(said)["kind"] == "full", said
        send_again(c.node(1), "third")
        c.wait_settled()
        all_are_equal(c)
        said = c.node(2).cli("backup", folder, "--vault", vault, "--json").stdout
        assert json.loads(said)["kind"] == "more", said
        a_bent_row_is_found(c)
        restored_is_its_own(c, folder, vault)


main()
