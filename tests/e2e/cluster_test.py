#!/usr/bin/env python3
# timeout: 240
"""Three nodes on the loopback: what one takes in another shows at once, a session reads its own writes on any of them,
without a majority mail can be read and nothing is promised, and under kill -9 and SIGSTOP every answer holds."""
import concurrent.futures
import re
import sys
import time

sys.path.insert(0, sys.path[0])
import history  # noqa: E402
from cluster_load import Load, make_mailboxes, mail, state_of  # noqa: E402
from hp_cluster import Cluster  # noqa: E402
from imap_wire import Closed, Wire  # noqa: E402

USERS = ["u0", "u1", "u2", "u3"]
AT_ONCE_SEC = 2
# The engine's deadline is 15 s.
BOUND_SEC = 22


def send(node, name, user="u0"):
    """(reply code, text)."""
    with node.smtp() as c:
        c.ehlo("client.test")
        c.mail("a@outside.test")
        assert c.rcpt(f"{user}@{node.domain}")[0] == 250
        return c.data(mail(name, f"{name}\r\n"))


def subjects(w):
    found = w.ok("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [m.group(1).decode() for m in (re.search(rb"Subject: (\S+)", u) for u in found) if m]


def idle_sees_what_another_node_took_in(c):
    for here, there in (c.data, c.data[::-1]):
        w = Wire(there, "u0", seconds=10)
        w.ok("SELECT INBOX")
        tag = w.start("IDLE")
        assert w.response().startswith(b"+")
        assert send(here, f"idle-{there.name}")[0] == 250
        since = time.monotonic()
        while b"EXISTS" not in w.response():
            pass
        took = time.monotonic() - since
        assert took < AT_ONCE_SEC, f"IDLE at {there.name} heard of it after {took:.1f} s"
        w.send(b"DONE\r\n")
        assert w.finish(tag)[0].startswith(b"OK")
        w.close()


def both_tell_the_same_story_of_a_mail(c):
    c.wait_settled()
    for here in c.data:
        there = next(n for n in c.data if n is not here)
        stories = [n.json("why", f"idle-{there.name}@outside.test")["rows"] for n in c.data]
        assert stories[0] == stories[1], stories
        assert [(r["event"], r["node"]) for r in stories[0]] == [
            (event, f"{here.name}.{c.domain}") for event in ("taken in", "delivered")], stories


def a_session_reads_its_own_writes(c):
    leader = c.wait_leader()
    w = Wire(next(n for n in c.data if n is not leader), "u1")
    for i in range(40):
        w.ok(f"CREATE box-{i}")
        w.ok(f"SELECT box-{i}")
        uid = int(w.code("APPEND box-%d %%s" % i, mail(f"own-{i}", "x\r\n"))[2])
        assert subjects(w) == [f"own-{i}"], "an own APPEND isn't there"
        w.ok(f"UID STORE {uid} +FLAGS.SILENT (\\Flagged \\Deleted)")
        said = w.ok(f"UID FETCH {uid} (FLAGS)")
        assert b"\\Flagged" in said[0] and b"\\Deleted" in said[0], said
        new = w.code(f"UID COPY {uid} INBOX")
        assert new[0] == b"COPYUID", new
        w.ok("EXPUNGE")
        assert subjects(w) == [], "an own EXPUNGE isn't in effect"
        status = b" ".join(w.ok("STATUS INBOX (UIDNEXT)"))
        assert int(re.search(rb"UIDNEXT (\d+)", status).group(1)) > int(new[-1]), "an own COPY isn't there"
        w.ok("SELECT INBOX")
        w.ok(f"DELETE box-{i}")
        assert not any(b"box-%d" % i in x for x in w.ok('LIST "" box-*')), "an own DELETE isn't in effect"
    w.close()


def two_nodes_share_a_sending_limit(c):
    c.data[0].cli("user", "set", "u3@example.org", "--recipients-per-day", "2")
    for node, code in (c.data[0], 250), (c.data[1], 250), (c.data[0], 450), (c.data[1], 450):
        with node.smtp(587) as t:
            t.ehlo("client.test")
            t.login("u3@example.org", "pw")
            said = t.mail("u3@example.org")
            assert said[0] == code, (node.name, said)
            if code == 250:
                assert t.rcpt("u1@example.org")[0] == 250 and t.data(mail(f"limit-{node.name}", "x\r\n"))[0] == 250
    assert all(n.json("user", "show", "u3@example.org")["recipients_day"] == 2 for n in c.data)


def timed(what):
    since = time.monotonic()
    said = what()
    took = time.monotonic() - since
    assert took < BOUND_SEC, f"{said} after {took:.0f} s"
    return said


def append(node, name):
    """OK, NO, or None: it said BYE. The session was there before."""
    w = Wire(node, "u0", seconds=60)
    try:
        said = w.run("APPEND INBOX %s", mail(name, "x\r\n"))[0]
    except Closed as e:
        assert any(b"BYE" in x for x in e.args[0]), "it closed without BYE"
        return None
    assert said.startswith(b"NO [UNAVAILABLE]"), said
    w.ok("NOOP")  # it lives on
    return "NO"


def submit(node, name):
    code, text = send(node, name)
    assert code == 451 and text.startswith(b"4.4.0 "), (code, text)
    return code


def nothing_is_promised(node, name):
    """All at once: what was appended with NO."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        mails = [pool.submit(timed, lambda i=i: submit(node, f"{name}-mail-{i}")) for i in range(2)]
        appends = {f"{name}-append-{i}": pool.submit(timed, lambda i=i: append(node, f"{name}-append-{i}"))
                   for i in range(3)}
        for m in mails:
            m.result()
        return [n for n, a in appends.items() if a.result() == "NO"]


def reads_go_on(node, before):
    w = Wire(node, "u0", seconds=10)
    w.ok("SELECT INBOX")
    assert set(subjects(w)) >= set(before)
    w.ok("SEARCH SUBJECT idle")
    w.close()


def without_a_majority(c):
    """Of a leader that was left, and of a follower."""
    w = Wire(c.data[0], "u0")
    w.ok("SELECT INBOX")
    before, refused = subjects(w), []
    w.close()
    for left in c.data:
        others = [n for n in c.nodes if n is not left]
        for n in others:
            n.kill()
        reads_go_on(left, before)
        refused += nothing_is_promised(left, f"alone-{left.name}")
        reads_go_on(left, before)
        for n in others:
            n.start(wait=False)
        for n in others:
            n.wait_up()
        taken_again(left, f"again-{left.name}")
    c.wait_settled()
    for n in c.data:
        w = Wire(n, "u0")
        w.ok("SELECT INBOX")
        found = subjects(w)
        w.close()
        assert len(found) == len(set(found)), f"a mail is there twice: {found}"
        assert not set(found) & set(refused), f"refused, and there: {set(found) & set(refused)}"
        assert set(found) >= {*before, *(f"again-{x.name}" for x in c.data)}


def taken_again(node, name):
    until = time.monotonic() + 20
    while send(node, name)[0] != 250:
        assert time.monotonic() < until, "no mail is taken though there is a majority"


def every_answer_holds(c):
    h = history.History()
    for n in c.data:
        n.users = USERS[2:]  # who has had no mail so far
    make_mailboxes(c.wait_leader())
    with Load(c.data, h) as load:
        for harm in (kill_the_leader, freeze_a_follower, kill_the_arbiter):
            before = h.answered()
            c.nodes[0].wait(lambda: h.answered() > before + 20)
            harm(c, h)
    assert not load.odd, load.odd
    c.wait_settled()
    faults = history.check(h.records, {n.name: state_of(n) for n in c.data})
    assert not faults, "\n".join(faults[:20])
    for n in c.data:
        assert n.json("store", "check")["violations"] == []


def goes_on(c, h):
    before = h.answered()
    c.nodes[0].wait(lambda: h.answered() > before + 20, 30)


def kill_the_leader(c, h):
    victim = c.wait_leader()
    victim.kill()
    goes_on(c, h)
    victim.start()


def freeze_a_follower(c, h):
    leader = c.wait_leader()
    victim = next(n for n in c.data if n is not leader)
    victim.freeze()
    try:
        goes_on(c, h)
        time.sleep(2)
    finally:
        victim.thaw()


def kill_the_arbiter(c, h):
    c.nodes[2].kill()
    goes_on(c, h)
    c.nodes[2].start()


def main():
    with Cluster(USERS) as c:
        for what in (idle_sees_what_another_node_took_in, both_tell_the_same_story_of_a_mail, a_session_reads_its_own_writes,
                     two_nodes_share_a_sending_limit, without_a_majority, every_answer_holds):
            since = time.monotonic()
            what(c)
            print(f"{what.__name__}: {time.monotonic() - since:.1f} s")


main()
