#!/usr/bin/env python3
"""The checker of histories (history.py) finds nothing wrong with what one node did under load and was killed in
between, and finds each of the lies that are then written into it."""
import copy
import sys
import tempfile
import time

sys.path.insert(0, sys.path[0])
import history  # noqa: E402
from cluster_load import Load, make_mailboxes, state_of  # noqa: E402
from hp import QUICK, Server  # noqa: E402

CONFIG = QUICK + "\n[limits]\nconnection_rate_per_minute = 0\n"


def record():
    users = ["u0", "u1"]
    with Server(extra=CONFIG, users=users) as s:
        s.users, s.name = users, "one"
        make_mailboxes(s)
        h = history.History()
        with Load([s], h) as load:
            time.sleep(4)
            s.kill()
            s.start()
            time.sleep(4)
        assert not load.odd, load.odd
        s.wait(lambda: s.json("queue", "list")["rows"] == [], 30)
        state = state_of(s)
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        h.save(f.name, {"a": state, "b": state})
        return history.load(f.name)


class Tale:
    """A history that may be told otherwise."""

    def __init__(self, records, final):
        self.records, self.final = copy.deepcopy(records), copy.deepcopy(final)

    def acked(self, op):
        return [r for r in self.records if r["op"] == op and r["result"] == "ok"]

    def box(self, node, user, mailbox):
        return self.final[node][user][mailbox]

    def both(self, user, mailbox):
        return [self.box(node, user, mailbox)["messages"] for node in self.final]

    def kept(self, op):
        """(record, mailbox, uid) of what was made so and is there at the end, untouched since."""
        later = {(r["user"], r["mailbox"], r["uid"]) for r in self.records
                 if r["op"] in ("store", "move", "expunge")}
        for r, mailbox, uid in history.made(self.acked(op)):
            if uid in self.both(r["user"], mailbox)[0] and (r["user"], mailbox, uid) not in later:
                return r, mailbox, uid
        raise AssertionError("nothing of that kind was made")


def a_lost_append(t):
    r, mailbox, uid = t.kept("append")
    for m in t.both(r["user"], mailbox):
        del m[uid]


def a_lost_copy(t):
    r, mailbox, uid = t.kept("copy")
    for m in t.both(r["user"], mailbox):
        del m[uid]


def a_lost_mail(t):
    """Of which nobody had read that it is there."""
    r = t.acked("smtp")[-1]
    for read in t.records:
        if read["op"] == "read" and read["user"] == r["user"]:
            read["messages"] = {u: m for u, m in read["messages"].items() if m[0] != r["id"]}
    t.records = [x for x in t.records if x["op"] in ("smtp", "read", "exists") or x["id"] != r["id"]]
    for mailbox in ("INBOX", "Other"):
        for m in t.both(r["user"], mailbox):
            for uid in [u for u, x in m.items() if x[0] == r["id"]]:
                del m[uid]


def a_duplicate(t):
    r = t.acked("smtp")[0]
    for node in t.final:
        box = t.box(node, r["user"], "INBOX")
        box["messages"][box["uidnext"]] = [r["id"], [], box["highest"], r["sum"]]
        box["uidnext"] += 1


def a_mail_that_was_refused(t):
    t.kept("append")[0]["result"] = "no"


def other_text(t):
    r, mailbox, uid = t.kept("append")
    for m in t.both(r["user"], mailbox):
        m[uid][3] = "other"


def an_expunge_undone(t):
    r = t.acked("expunge")[-1]
    name = r["id"]
    text = next(x["sum"] for x in t.records if x.get("id") == name and "sum" in x)
    for m in t.both(r["user"], r["mailbox"]):
        m[r["uid"]] = [name, ["\\Deleted"], 1, text]


def a_flag_undone(t):
    for r in reversed(t.acked("store")):
        m = t.both(r["user"], r["mailbox"])
        others = [x for x in t.records if x["op"] == "store" and x is not r and x["t1"] > r["t0"]]
        if r["uid"] in m[0] and r["flags"] != ["\\Deleted"] and not any(
                x["uid"] == r["uid"] and x["user"] == r["user"] for x in others):
            for x in m:
                flags = set(x[r["uid"]][1])
                x[r["uid"]][1] = sorted(flags - set(r["flags"]) if r["how"] == "+" else flags | set(r["flags"]))
            return
    raise AssertionError("no change was the last")


def a_used_uid(t):
    made = {}
    for r, mailbox, uid in history.made(t.records):
        made.setdefault((r["user"], mailbox), []).append((r, uid))
    (first, _), (_, uid) = next(x for x in made.values() if len(x) > 1)[:2]
    first["uid" if first["op"] == "append" else "new"] = uid


def a_falling_uid(t):
    """Both are new ones, the later is below."""
    found = t.acked("append")
    a, b = next((a, b) for a in found for b in found if a["t1"] < b["t0"] and a["user"] == b["user"]
                and a["mailbox"] == b["mailbox"])
    a["uid"], b["uid"] = b["uid"], a["uid"]


def reads_of_one_session(t, differ):
    for r in t.records:
        if r["op"] == "read":
            for later in t.records:
                if (later["op"] == "read" and later["session"] == r["session"] and later["t1"] > r["t1"]
                        and later["mailbox"] == r["mailbox"] and differ(r, later)):
                    return r, later
    raise AssertionError("no such reads")


def a_read_that_went_back(t):
    first, later = reads_of_one_session(t, lambda a, b: b["highest"] > a["highest"])
    for key in ("messages", "highest", "uidnext"):
        first[key], later[key] = later[key], first[key]


def a_stale_list(t):
    """The numbers are today's, what was listed is yesterday's."""
    first, later = reads_of_one_session(t, lambda a, b: a["messages"].keys() < b["messages"].keys())
    first["messages"], later["messages"] = later["messages"], first["messages"]


def an_own_append_unseen(t):
    for r in t.acked("append"):
        for read in t.records:
            if (read["op"] == "read" and read["session"] == r["session"] and read["t0"] > r["t1"]
                    and read["user"] == r["user"] and read["mailbox"] == r["mailbox"]
                    and r["uid"] in read["messages"]):
                for x in t.records:
                    if x["op"] == "read":
                        x["messages"].pop(r["uid"] if x["session"] == r["session"] else None, None)
                return
    raise AssertionError("no session read what it had appended")


def an_own_flag_unseen(t):
    for r in t.acked("store"):
        for read in t.records:
            if (r["how"] == "+" and read["op"] == "read" and read["session"] == r["session"]
                    and read["mailbox"] == r["mailbox"] and read["t0"] > r["t1"] and r["uid"] in read["messages"]
                    and sum(x["op"] == "store" and x["uid"] == r["uid"] for x in t.records) == 1):
                read["messages"][r["uid"]][1] = []
                return
    raise AssertionError("no session read what it had stored")


def a_message_back_from_the_dead(t):
    for r in t.acked("expunge"):
        for read in t.records:
            if (read["op"] == "read" and read["session"] == r["session"] and read["mailbox"] == r["mailbox"]
                    and read["t0"] > r["t1"]):
                read["messages"][r["uid"]] = [r["id"], ["\\Deleted"], 1]
                return
    raise AssertionError("no session read after it had expunged")


def fewer_exist(t):
    r = next(r for r in t.records if r["op"] == "exists" and r["before"])
    r["n"] = r["before"] - 1


def nodes_differ_in_modseq(t):
    r, mailbox, uid = t.kept("append")
    t.box("b", r["user"], mailbox)["messages"][uid][2] -= 1


def nodes_differ_in_flags(t):
    r, mailbox, uid = t.kept("append")
    t.box("b", r["user"], mailbox)["messages"][uid][1] = ["$Forwarded"]


def nodes_differ_in_uidnext(t):
    t.box("b", "u0", "INBOX")["uidnext"] += 1


def another_validity(t):
    for node in t.final:
        t.box(node, "u0", "INBOX")["validity"] += 1


LIES = {
    a_lost_append: "is lost",
    a_lost_copy: "is lost",
    a_lost_mail: "was answered 250 and is lost",
    a_duplicate: "is there 2 times",
    a_mail_that_was_refused: "is there 1 times, at most 0",
    other_text: "isn't the text that was sent",
    an_expunge_undone: "was expunged and is there again",
    a_flag_undone: "no order of what was answered leaves",
    a_used_uid: "was used twice",
    a_falling_uid: "was given after",
    a_read_that_went_back: "fell from",
    a_stale_list: "was read, and then not",
    an_own_append_unseen: "made by this session, isn't read by it",
    an_own_flag_unseen: "against its own STORE",
    a_message_back_from_the_dead: "is read after this session expunged it",
    fewer_exist: "EXISTS fell",
    nodes_differ_in_modseq: "differ: UID",
    nodes_differ_in_flags: "differ: UID",
    nodes_differ_in_uidnext: "differ: uidnext",
    another_validity: "UIDVALIDITY changed",
}


def main():
    records, final = record()
    faults = history.check(records, final)
    assert not faults, faults
    for lie, words in LIES.items():
        t = Tale(records, final)
        lie(t)
        faults = history.check(t.records, t.final)
        assert any(words in f for f in faults), f"{lie.__name__}: {faults[:10]}"
    print(f"{len(records)} records, {len(LIES)} lies")


main()
