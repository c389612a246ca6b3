"""What clients asked a cluster for, and were answered, when; and what must be true of that afterwards. A record is
a dictionary; times are one clock's seconds; `result` is ok, no (refused: must have had no effect) or unknown (no
answer, or one that leaves it open). Of all kinds of record (`op`):
  smtp    user id sum result t0 t1                  one attempt; equal ids are equal mails, sent again
  append  user mailbox id sum flags result t0 t1    uid, when ok
  copy, move  user mailbox uid id to result t0 t1   new: the uid there, when ok
  store   user mailbox uid id how flags result t0 t1    how: +, - or = (as STORE's)
  expunge user mailbox uid id result t0 t1
  read    user mailbox validity highest uidnext messages t0 t1    messages: {uid: [id, flags, modseq]}
  exists  user mailbox n before t0 t1               an untagged EXISTS, and how many there were until then
Each has a session (which lives on one node) and a node. What the data nodes say at the end is a dictionary for each:
{user: {mailbox: {validity, uidnext, highest, messages: {uid: [id, flags, modseq, sum]}}}}. `sum` stands for the text."""
import collections
import json
import threading
import time

IGNORED_FLAGS = {"\\Recent"}
AFTER = float("inf")


class History:
    def __init__(self):
        self.records, self.lock = [], threading.Lock()

    def add(self, **record):
        record.setdefault("t1", time.monotonic())
        with self.lock:
            self.records.append(record)

    def save(self, path, final):
        with open(path, "w") as f:
            json.dump({"records": self.records, "final": final}, f)

    def answered(self):
        with self.lock:
            return sum(r.get("result") == "ok" for r in self.records)


def load(path):
    with open(path) as f:
        saved = json.load(f)
    for r in saved["records"]:
        if "messages" in r:
            r["messages"] = {int(uid): m for uid, m in r["messages"].items()}
    for node in saved["final"].values():
        for mailboxes in node.values():
            for m in mailboxes.values():
                m["messages"] = {int(uid): x for uid, x in m["messages"].items()}
    return saved["records"], saved["final"]


def check(records, final):
    """A list of sentences; empty: all that was promised has been kept."""
    faults = []
    differ(final, faults)
    state = next(iter(final.values()))
    numbers(records, final, faults)
    ledger = Ledger(records, state)
    ledger.check(faults)
    flags_last(records, state, faults)
    sessions(records, faults)
    return faults


# --- the nodes among each other ---------------------------------------------------------------------------------------

def differ(final, faults):
    (name, first), *others = final.items()
    for other, state in others:
        for user in sorted(first.keys() | state.keys()):
            mine, theirs = first.get(user, {}), state.get(user, {})
            for mailbox in sorted(mine.keys() | theirs.keys()):
                a, b = mine.get(mailbox), theirs.get(mailbox)
                if a != b:
                    faults.append(f"{user} {mailbox}: {name} and {other} differ: {difference(a, b)}")


def difference(a, b):
    if a is None or b is None:
        return "only one has it"
    for key in ("validity", "uidnext", "highest"):
        if a[key] != b[key]:
            return f"{key} {a[key]} and {b[key]}"
    uids = sorted(u for u in a["messages"].keys() | b["messages"].keys()
                  if a["messages"].get(u) != b["messages"].get(u))
    return f"UID {uids[0]}: {a['messages'].get(uids[0])} and {b['messages'].get(uids[0])} ({len(uids)} in all)"


# --- UIDs, UIDVALIDITY, MODSEQ ----------------------------------------------------------------------------------------

def made(records):
    """(record, mailbox, uid) of each message whose making was answered."""
    for r in records:
        if r.get("result") != "ok":
            continue
        if r["op"] == "append":
            yield r, r["mailbox"], r["uid"]
        elif r["op"] in ("copy", "move"):
            yield r, r["to"], r["new"]


def sightings(records, final):
    """(user, mailbox, uid, id, flags, modseq) of all that was ever seen; flags and modseq may be None."""
    for r, mailbox, uid in made(records):
        yield r["user"], mailbox, uid, r["id"], None, None
    for r in records:
        if r["op"] == "read":
            for uid, (name, flags, modseq) in r["messages"].items():
                yield r["user"], r["mailbox"], uid, name, flags, modseq
    for state in final.values():
        for user, mailboxes in state.items():
            for mailbox, m in mailboxes.items():
                for uid, (name, flags, modseq, _) in m["messages"].items():
                    yield user, mailbox, uid, name, flags, modseq


def numbers(records, final, faults):
    who, how = {}, {}
    for user, mailbox, uid, name, flags, modseq in sightings(records, final):
        if who.setdefault((user, mailbox, uid), name) != name:
            faults.append(f"{user} {mailbox}: UID {uid} was used twice: {who[user, mailbox, uid]} and {name}")
        if modseq is not None:
            seen = how.setdefault((user, mailbox, uid, modseq), kept(flags))
            if seen != kept(flags):
                faults.append(f"{user} {mailbox}: UID {uid} had two states with MODSEQ {modseq}: {seen} and {flags}")
    validity(records, final, faults)
    ascending(records, faults)


def kept(flags):
    return sorted(set(flags) - IGNORED_FLAGS)


def validity(records, final, faults):
    seen = collections.defaultdict(set)
    for r in records:
        if r["op"] == "read":
            seen[r["user"], r["mailbox"]].add(r["validity"])
    for state in final.values():
        for user, mailboxes in state.items():
            for mailbox, m in mailboxes.items():
                seen[user, mailbox].add(m["validity"])
                above = [u for u in m["messages"] if u >= m["uidnext"]]
                newer = [u for u, x in m["messages"].items() if x[2] > m["highest"]]
                if above or newer:
                    faults.append(f"{user} {mailbox}: UIDNEXT or HIGHESTMODSEQ is below UID {(above + newer)[0]}'s")
    for (user, mailbox), values in seen.items():
        if len(values) > 1:
            faults.append(f"{user} {mailbox}: UIDVALIDITY changed: {sorted(values)}")


def ascending(records, faults):
    """Who came after another's answer has a higher UID."""
    by = collections.defaultdict(list)
    for r, mailbox, uid in made(records):
        by[r["user"], mailbox].append((r, uid))
    for (user, mailbox), found in by.items():
        ends = sorted((r["t1"], uid) for r, uid in found)
        at, highest = 0, 0
        for r, uid in sorted(found, key=lambda x: x[0]["t0"]):
            while at < len(ends) and ends[at][0] < r["t0"]:
                highest = max(highest, ends[at][1])
                at += 1
            if uid <= highest:
                faults.append(f"{user} {mailbox}: UID {uid} was given after {highest}")


# --- every message exactly once ---------------------------------------------------------------------------------------

class Ledger:
    """Places, (mailbox, uid), of the mails of one id of a user: how each came, and whether it had to go."""

    def __init__(self, records, state):
        self.state = state
        self.tries = collections.defaultdict(list)      # (user, id) -> records of smtp
        self.known = collections.defaultdict(set)       # (user, id) -> places that were answered
        self.maybe = collections.defaultdict(collections.Counter)  # (user, id) -> mailbox -> makings left open
        self.gone, self.going = set(), {}               # (user, mailbox, uid); going: -> records left open
        self.places = collections.defaultdict(set)      # (user, id) -> places ever seen
        self.live = set()
        self.sums = {}
        for r in records:
            self.take(r)
        for user, mailbox, uid, name, _, _ in sightings(records, {"": state}):
            self.places[user, name].add((mailbox, uid))
        for user, mailboxes in state.items():
            for mailbox, m in mailboxes.items():
                self.live |= {(user, mailbox, uid) for uid in m["messages"]}

    def take(self, r):
        op, result = r["op"], r.get("result")
        if op in ("read", "exists", "store"):
            return
        key = r["user"], r["id"]
        if op == "smtp":
            self.tries[key].append(r)
        if "sum" in r:
            self.sums[key] = r["sum"]
        if op in ("copy", "move", "append") and result == "unknown":
            self.maybe[key][r.get("to", r["mailbox"])] += 1
        if op in ("move", "expunge"):
            place = r["user"], r["mailbox"], r["uid"]
            if result == "ok":
                self.gone.add(place)
            elif result == "unknown":
                self.going.setdefault(place, []).append(r)
        if op in ("copy", "move", "append") and result == "ok":
            self.known[key].add((r["to"], r["new"]) if op != "append" else (r["mailbox"], r["uid"]))

    def check(self, faults):
        for key in sorted(self.places.keys() | self.tries.keys() | self.known.keys()):
            self.check_one(key, faults)
        for user, mailboxes in self.state.items():
            for mailbox, m in mailboxes.items():
                for uid, (name, _, _, text) in m["messages"].items():
                    if self.sums.get((user, name)) != text:
                        faults.append(f"{user} {mailbox}: UID {uid} ({name}) isn't the text that was sent")

    def check_one(self, key, faults):
        user, name = key
        places = self.places[key]
        for mailbox, uid in sorted(places):
            self.check_place((user, mailbox, uid), name, faults)
        for mailbox in {m for m, _ in places} | set(self.maybe[key]) | {"INBOX"}:
            there = {p for p in places - self.known[key] if p[0] == mailbox}
            sent = self.tries[key] if mailbox == "INBOX" else []
            most = self.maybe[key][mailbox] + bool(sent)
            if len(there) > most:
                faults.append(f"{user} {mailbox}: {name} is there {len(there)} times, at most {most} were asked for")
            if any(r["result"] == "ok" for r in sent) and not there:
                faults.append(f"{user} {mailbox}: {name} was answered 250 and is lost")

    def check_place(self, place, name, faults):
        user, mailbox, uid = place
        open_ends = self.going.get(place, [])
        if place in self.live:
            if place in self.gone:
                faults.append(f"{user} {mailbox}: UID {uid} ({name}) was expunged and is there again")
        elif place not in self.gone and not open_ends:
            faults.append(f"{user} {mailbox}: UID {uid} ({name}) is lost")
        elif place not in self.gone and all(r["op"] == "move" for r in open_ends):
            boxes = {r["to"] for r in open_ends}
            if not any(m in boxes for m, _ in self.places[user, name]):
                faults.append(f"{user} {mailbox}: UID {uid} ({name}) was lost by a MOVE")


# --- flags ------------------------------------------------------------------------------------------------------------

def effect(r, flag):
    """What a STORE makes of a flag: True, False, or None (leaves it)."""
    named = flag in r["flags"]
    if r["how"] == "=":
        return named
    return (r["how"] == "+") if named else None


def end(r):
    return r["t1"] if r["result"] == "ok" else AFTER


def may_show(writes, flag, value, since=None, until=AFTER):
    """Whether some order of these writes leaves the flag so, for a reader from until on, who knows of what ended
    before since (or: of all that was answered)."""
    if since is None:
        since = AFTER
    values = [(r, effect(r, flag)) for r in writes if r["t0"] < until and effect(r, flag) is not None]
    bound = [(r, v) for r, v in values if r["result"] == "ok" and r["t1"] <= since]
    for r, v in values:
        if v == value and not any(x["t0"] > end(r) and w != value for x, w in bound):
            return True
    return not any(w != value for x, w in bound)  # as it was made


def by_place(records):
    writes = collections.defaultdict(list)
    for r in records:
        if r["op"] == "store" and r["result"] != "no":
            writes[r["user"], r["mailbox"], r["uid"]].append(r)
    return writes


def begin_flags(records):
    """Of messages that nobody else can have had a hand in the making of: their flags then."""
    return {(r["user"], r["mailbox"], r["uid"]): r["flags"] for r in records
            if r["op"] == "append" and r["result"] == "ok"}


def flags_last(records, state, faults):
    writes, begun = by_place(records), begin_flags(records)
    for user, mailboxes in state.items():
        for mailbox, m in mailboxes.items():
            for uid, (name, flags, _, _) in m["messages"].items():
                place = user, mailbox, uid
                ops = writes.get(place, [])
                for flag in {f for r in ops for f in r["flags"]} | set(kept(flags)):
                    if not may_show(ops, flag, flag in flags):
                        faults.append(f"{user} {mailbox}: UID {uid} ({name}): no order of what was answered leaves "
                                      f"{flag} {'set' if flag in flags else 'unset'}")
                unheard = set(kept(flags)) - {f for r in ops for f in r["flags"]} - set(begun.get(place, flags))
                if unheard or (not ops and place in begun and set(kept(flags)) != set(begun[place])):
                    faults.append(f"{user} {mailbox}: UID {uid} ({name}) has flags that nobody set: {flags}")


# --- sessions ---------------------------------------------------------------------------------------------------------

def sessions(records, faults):
    by, gone, writes = collections.defaultdict(list), collections.defaultdict(list), by_place(records)
    for r in records:
        by[r["session"]].append(r)
        if r["op"] in ("move", "expunge") and r["result"] != "no":
            gone[r["user"], r["mailbox"], r["uid"]].append(r)
    for name, own in by.items():
        Session(name, gone, writes, faults).run(sorted(own, key=lambda r: r["t1"]))


class Session:
    def __init__(self, name, gone, writes, faults):
        self.name, self.gone, self.writes, self.faults = name, gone, writes, faults
        self.last = {}                                  # mailbox -> the last read
        self.own = collections.defaultdict(dict)        # mailbox -> uid -> record of its making here
        self.stored = collections.defaultdict(list)     # place -> records of STORE here
        self.removed = collections.defaultdict(set)     # mailbox -> uids that this session expunged
        self.vanished = collections.defaultdict(set)    # mailbox -> uids that it saw go

    def fault(self, r, text):
        self.faults.append(f"session {self.name} ({r['node']}) {r['user']} {r['mailbox']}: {text}")

    def run(self, own):
        for r in own:
            if r["op"] == "read":
                self.read(r)
            elif r["op"] == "exists" and r["n"] < r["before"]:
                self.fault(r, f"EXISTS fell from {r['before']} to {r['n']}")
            elif r.get("result") == "ok":
                self.write(r)

    def write(self, r):
        if r["op"] in ("append", "copy", "move"):
            to, uid = (r["mailbox"], r["uid"]) if r["op"] == "append" else (r["to"], r["new"])
            self.own[to][uid] = r
        if r["op"] in ("move", "expunge"):
            self.removed[r["mailbox"]].add(r["uid"])
        if r["op"] == "store":
            self.stored[r["user"], r["mailbox"], r["uid"]].append(r)

    def read(self, r):
        mailbox, now = r["mailbox"], r["messages"]
        before = self.last.get(mailbox)
        for uid in self.removed[mailbox] & now.keys():
            self.fault(r, f"UID {uid} is read after this session expunged it")
        for uid in self.vanished[mailbox] & now.keys():
            self.fault(r, f"UID {uid} is read again after it had gone")
        for uid, making in self.own[mailbox].items():
            if uid not in now and not self.may_have_gone(r, uid):
                self.fault(r, f"UID {uid} ({making['id']}), made by this session, isn't read by it")
        if before:
            self.compare(before, r)
        for uid, (_, flags, _) in now.items():
            self.check_flags(r, uid, flags)
        self.last[mailbox] = r

    def may_have_gone(self, r, uid):
        return any(x["t0"] < r["t1"] for x in self.gone.get((r["user"], r["mailbox"], uid), []))

    def compare(self, before, r):
        for key in ("highest", "uidnext"):
            if r[key] < before[key]:
                self.fault(r, f"{key} fell from {before[key]} to {r[key]}")
        for uid, (name, _, modseq) in before["messages"].items():
            if uid not in r["messages"]:
                self.vanished[r["mailbox"]].add(uid)
                if not self.may_have_gone(r, uid):
                    self.fault(r, f"UID {uid} ({name}) was read, and then not, and nobody had expunged it")
            elif r["messages"][uid][2] < modseq:
                self.fault(r, f"MODSEQ of UID {uid} fell from {modseq} to {r['messages'][uid][2]}")

    def check_flags(self, r, uid, flags):
        """Its own changes are in effect, but for those that others have changed."""
        place = r["user"], r["mailbox"], uid
        own = self.stored.get(place)
        if not own:
            return
        for flag in {f for x in own for f in x["flags"]}:
            if not self.may_read(place, own, flag, flag in flags, r):
                self.fault(r, f"UID {uid}: {flag} is read {'set' if flag in flags else 'unset'}, against its own STORE")

    def may_read(self, place, own, flag, value, r):
        says = [x for x in own if effect(x, flag) is not None]
        if not says or effect(says[-1], flag) == value:
            return True
        # Somebody else's, not over before ours began.
        return any(effect(x, flag) == value and end(x) > says[-1]["t0"] and x["t0"] < r["t1"] and x is not says[-1]
                   for x in self.writes[place])
