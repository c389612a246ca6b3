#!/usr/bin/env python3
# timeout: 180
"""Several clients on one mailbox: each sees what the others do, at once, and nobody's picture of it
goes wrong. Clients play at random against each other (SEED, STEPS); each keeps its own picture, made
of untagged responses alone, which must be what a fresh SELECT shows."""
import os
import random
import re
import sys
import time

sys.path.insert(0, sys.path[0])
from hp import Server  # noqa: E402
from imap_wire import Wire, fetched, numbers, parse  # noqa: E402

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
STEPS = int(os.environ.get("STEPS", "2000"))
BOXES = ("INBOX", "Other")
FLAGS = (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"red", b"blue")


class Room:
    """What is known of the mailboxes beside the clients' pictures: who is who, and who may go."""

    def __init__(self):
        self.origin = {box: {} for box in BOXES}  # UID -> Subject, or (mailbox, UID) of which it is a copy
        self.doomed = {box: set() for box in BOXES}  # were to be \\Deleted or moved
        self.went = {box: set() for box in BOXES}
        self.mails = 0

    def born(self, box, uid, origin):
        assert uid not in self.origin[box], f"UID {uid} of {box} was used before"
        self.origin[box][uid] = origin

    def subject(self, box, uid):
        origin = self.origin[box][uid]
        return self.subject(*origin) if isinstance(origin, tuple) else origin

    def may_go(self, box, uid):
        """A copy has the flags of its origin, \\Deleted too."""
        origin = self.origin[box][uid]
        return uid in self.doomed[box] or (isinstance(origin, tuple) and self.may_go(*origin))


class Client:
    """A session and its picture: a list of [UID, flags], None where nothing was said of it yet."""

    def __init__(self, server, room, name, condstore=False):
        self.room, self.name, self.condstore = room, name, condstore
        self.wire = Wire(server)
        self.box, self.picture, self.pending, self.trace = None, [], None, []
        if condstore:
            self.wire.ok("ENABLE CONDSTORE")

    # --- the picture ---

    def hear(self, r):
        self.trace.append(r[:200])
        m = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)", r)
        if not m:
            return
        n, what = int(m.group(1)), m.group(2)
        if what == b"EXISTS":
            assert n >= len(self.picture), "fewer messages without an EXPUNGE"
            self.picture += [[None, None] for _ in range(n - len(self.picture))]
        elif what == b"EXPUNGE":
            assert self.may_expunge, "EXPUNGE while sequence numbers must stay"
            uid, _ = self.picture.pop(n - 1)
            self.room.went[self.box] |= {uid} - {None}
        else:
            self.hear_fetch(n, parse(r[m.end():])[0])

    def hear_fetch(self, n, items):
        said = dict(zip((bytes(x) for x in items[::2]), items[1::2]))
        mine = self.picture[n - 1]
        if b"UID" in said:
            assert mine[0] in (None, int(said[b"UID"])), f"message {n} has another UID"
            mine[0] = int(said[b"UID"])
        if b"FLAGS" in said:
            mine[1] = frozenset(bytes(x) for x in said[b"FLAGS"])
            self.told.add(id(mine))
        if self.condstore and b"FLAGS" in said:
            assert b"MODSEQ" in said, "flags without MODSEQ for a client that knows CONDSTORE"

    # --- commands, started and finished apart ---

    def start(self, command, *literals, numbers_stay=False, then=None):
        self.trace = self.trace[-40:] + [command]
        self.may_expunge, self.told = not numbers_stay, set()
        self.pending = (self.wire.start(command, *literals), then)

    def finish(self):
        if not self.pending:
            return
        tag, then = self.pending
        self.pending = None
        said, untagged = self.wire.finish(tag, self.hear)
        self.trace.append(said)
        assert not said.startswith(b"BAD"), said
        if then and said.startswith(b"OK"):
            then(said, untagged)
        self.may_expunge = True
        return untagged

    def run(self, command, *literals, **more):
        self.start(command, *literals, **more)
        return self.finish()

    def select(self, box):
        self.finish()
        self.box, self.picture, self.trace = box, [], []
        said = self.run(f"SELECT {box}")
        self.since = next(int(r.split()[3].rstrip(b"]")) for r in said if b"[HIGHESTMODSEQ " in r)
        self.look()
        self.then = {uid: flags for uid, flags in self.picture if uid}

    def look(self):
        """Asks for what the picture lacks."""
        if any(None in x for x in self.picture):
            lacks = [i + 1 for i, x in enumerate(self.picture) if None in x]
            more = " MODSEQ" if self.condstore else ""
            self.run(f"FETCH {','.join(map(str, lacks))} (UID FLAGS{more})", numbers_stay=True)

    def settled(self):
        """The picture after all that happened was told."""
        self.run("NOOP")
        while any(None in x for x in self.picture):
            self.look()
            self.run("NOOP")
        uids = [uid for uid, _ in self.picture]
        assert uids == sorted(set(uids)), uids
        return [tuple(x) for x in self.picture]

    def caught_up(self):
        """What was at the SELECT, brought up to date by CHANGEDSINCE (RFC 7162) alone; expunged ones stay."""
        got = fetched(self.run(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {self.since})"))
        return self.then | {int(x[b"UID"]): frozenset(map(bytes, x[b"FLAGS"])) for x in got.values()}

    # --- what a client does ---

    def some(self, r, most=6):
        """Messages with known UIDs: (is it by UID, the set's text, the UIDs)."""
        known = [i for i, x in enumerate(self.picture) if x[0]]
        if not known:
            return None
        picked = sorted(r.sample(known, min(len(known), r.randint(1, most))))
        by_uid = r.random() < 0.5
        text = ",".join(str(self.picture[i][0] if by_uid else i + 1) for i in picked)
        return by_uid, text, [self.picture[i][0] for i in picked]

    def store(self, r):
        found = self.some(r)
        if not found:
            return
        by_uid, text, uids = found
        sign, silent = r.choice(("+", "-", "")), r.random() < 0.5
        flags = r.sample(FLAGS, r.randint(0 if not sign else 1, 3))
        if sign == "+" and r.random() < 0.3:
            flags.append(b"\\Deleted")
            self.room.doomed[self.box] |= set(uids)
        command = f"{'UID ' if by_uid else ''}STORE {text} {sign}FLAGS{'.SILENT' if silent else ''} "
        command = command.encode() + b"(" + b" ".join(flags) + b")"

        def stored(*_):
            for x in self.picture:
                uid, old = x
                if silent and uid in uids and old is not None and id(x) not in self.told:
                    x[1] = (old | set(flags) if sign == "+" else
                            old - set(flags) if sign == "-" else frozenset(flags))
        self.start(command, numbers_stay=not by_uid, then=stored)

    def append(self, r):
        box = r.choice(BOXES)
        self.room.mails += 1
        subject = b"%d" % self.room.mails
        flags = r.sample(FLAGS, r.randint(0, 2))

        def appended(said, _):
            uid = int(re.match(rb"OK \[APPENDUID \d+ (\d+)\]", said).group(1))
            self.room.born(box, uid, subject)
        self.start(b"APPEND %s (%s) %%s" % (box.encode(), b" ".join(flags)),
                   b"Subject: " + subject + b"\r\n\r\n", then=appended)

    def copy(self, r, move=False):
        found = self.some(r)
        if not found:
            return
        by_uid, text, uids = found
        here, there = self.box, r.choice(BOXES)
        if move:
            self.room.doomed[here] |= set(uids)

        def copied(said, untagged):
            code = re.search(rb"\[COPYUID \d+ ([\d:,]+) ([\d:,]+)\]",
                             b"\n".join([said] + untagged))
            if not code:
                return
            old, new = numbers(code.group(1)), numbers(code.group(2))
            assert len(old) == len(new) and set(old) <= set(uids)
            for a, b in zip(old, new):
                self.room.born(there, b, (here, a))
        verb = "MOVE" if move else "COPY"
        self.start(f"{'UID ' if by_uid else ''}{verb} {text} {there}", then=copied)

    def move(self, r):
        self.copy(r, True)

    def expunge(self, r):
        found = self.some(r)
        self.start(f"UID EXPUNGE {','.join(map(str, found[2]))}" if found and r.random() < 0.5
                   else "EXPUNGE")

    def fetch(self, r):
        if self.picture:
            a, b = r.randint(1, len(self.picture)), r.randint(1, len(self.picture))
            more = " MODSEQ" if self.condstore else ""
            self.start(f"FETCH {a}:{b} (UID FLAGS{more})", numbers_stay=True)

    def search(self, r):
        self.start(r.choice(("SEARCH", "UID SEARCH")) + " UNSEEN", numbers_stay=True)
        self.may_expunge = self.trace[-1].startswith("UID")

    def noop(self, r):
        self.start("NOOP")

    def idle(self, r):
        """Between its + and DONE other clients go on."""
        self.trace.append("IDLE")
        self.may_expunge, self.told = True, set()
        tag = self.wire.start("IDLE")
        self.wire.send(b"DONE\r\n")
        self.pending = (tag, None)

    def change(self, r):
        self.select(BOXES[BOXES.index(self.box) - 1])


def truth(server, box):
    w = Wire(server)
    w.ok(f"EXAMINE {box}")
    got = fetched(w.ok("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    w.close()
    out = []
    for n in sorted(got):
        x = got[n]
        subject = re.search(rb"Subject: (\S+)", x[b"BODY[HEADER.FIELDS (SUBJECT)]"]).group(1)
        out.append((int(x[b"UID"]), frozenset(bytes(f) for f in x[b"FLAGS"]), subject))
    return out


def compare(server, room, clients):
    for c in clients:
        c.finish()
    real = {box: truth(server, box) for box in BOXES}
    for box in BOXES:
        assert [s for _, _, s in real[box]] == [room.subject(box, uid) for uid, _, _ in real[box]]
        here = {uid for uid, _, _ in real[box]}
        gone = set(room.origin[box]) - here
        assert room.went[box] <= gone, f"{box}: said to be expunged and are there"
        lost = {uid for uid in gone if not room.may_go(box, uid)}
        assert not lost, f"{box} lost {lost}"
    for c in clients:
        mine, theirs = c.settled(), [x[:2] for x in real[c.box]]
        later = c.caught_up() if c.condstore else dict(theirs)
        assert {uid: later.get(uid) for uid, _ in theirs} == dict(theirs), f"{c.name}: CHANGEDSINCE told not all"
        if mine != theirs:
            print(*c.trace, sep="\n    ")
            raise AssertionError(f"{c.name} in {c.box} sees {set(mine) - set(theirs)}, "
                                 f"not {set(theirs) - set(mine)}")


def play(server):
    print(f"SEED={SEED} STEPS={STEPS}", flush=True)
    r, room = random.Random(SEED), Room()
    boss = Wire(server)
    boss.ok("CREATE Other")
    clients = [Client(server, room, f"client {i}", i % 2 == 1) for i in range(6)]
    for i, c in enumerate(clients):
        c.select(BOXES[i % 2])
    does = ["store"] * 6 + ["append"] * 4 + ["copy"] * 2 + ["move", "expunge", "fetch", "fetch", "search",
                                                             "noop", "idle", "change"]
    at = None
    try:
        for step in range(1, STEPS + 1):
            at = r.choice(clients)
            at.finish()
            # The last two stay where they are: they see all of it.
            verb = r.choice(does)
            if verb != "change" or at in clients[:4]:
                getattr(at, verb)(r)
            if step % 150 == 0:
                at = None
                compare(server, room, clients)
        compare(server, room, clients)
    except BaseException:
        for line in at.trace if at else []:
            print("   ", line)
        raise
    for c in clients:
        c.wire.close()


def all_see_it_at_once(server):
    """Others in IDLE hear of each change without asking; those who ask hear of it then."""
    w, asks = Wire(server), Wire(server)
    idle = [Wire(server) for _ in range(4)]
    w.ok("CREATE Quick")
    for x in idle + [w, asks]:
        x.ok("SELECT Quick")
    for x in idle:
        x.start("IDLE")
        assert x.response().startswith(b"+")

    def change(command, *literals, tells):
        start = time.monotonic()
        w.ok(command, *literals)
        for x in idle:
            for pattern in tells:
                got = x.response()
                assert re.fullmatch(pattern, got), (command, got)
        took = time.monotonic() - start
        assert took < 5, f"{command}: heard after {took:.1f} s"
        heard = asks.ok("NOOP")
        assert len(heard) == len(tells) and all(map(re.fullmatch, tells, heard)), heard

    change("APPEND Quick (\\Seen) %s", b"Subject: 1\r\n\r\n", tells=[rb"\* 1 EXISTS"])
    change("APPEND Quick %s %s", b"Subject: 2\r\n\r\n", b"Subject: 3\r\n\r\n", tells=[rb"\* 3 EXISTS"])
    change("STORE 2 +FLAGS (\\Flagged hot)", tells=[rb"\* FLAGS \(.* hot\)", rb"\* OK \[PERMANENTFLAGS \(.* hot \\\*\)\].*", rb"\* 2 FETCH \((?=.*FLAGS \(\\Flagged hot\)).*\)"])
    change("STORE 2 -FLAGS.SILENT (hot)", tells=[rb"\* 2 FETCH \((?=.*FLAGS \(\\Flagged\)).*\)"])
    change("FETCH 3 BODY[]", tells=[rb"\* 3 FETCH \((?=.*FLAGS \(\\Seen\)).*\)"])
    change("COPY 1 Quick", tells=[rb"\* 4 EXISTS"])
    change("STORE 1,3 +FLAGS (\\Deleted)", tells=[rb"\* 1 FETCH .*", rb"\* 3 FETCH .*"])
    change("EXPUNGE", tells=[rb"\* 3 EXPUNGE", rb"\* 1 EXPUNGE"])
    change("MOVE 1 INBOX", tells=[rb"\* 1 EXPUNGE"])
    with server.smtp() as s:
        s.sendmail("a@b.test", ["u0@example.org"], "Subject: by SMTP\r\n\r\nhi\r\n")
    server.wait(lambda: b"MESSAGES 2" in b"".join(w.ok("STATUS INBOX (MESSAGES)")))
    for x in idle:
        tag = b"t%d" % x.n
        x.send(b"DONE\r\n")
        assert x.finish(tag) == (b"OK IDLE ended", [])
    w.ok("SELECT INBOX")
    w.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    w.ok("EXPUNGE")
    for x in idle + [w, asks]:
        x.close()


def numbers_stay_while_a_command_runs(server):
    """A message expunged by another is still there for FETCH, STORE and SEARCH by number, and its
    EXPUNGE is told after, not with, them."""
    a, b = Wire(server), Wire(server)
    a.ok("CREATE Stay")
    for i in range(4):
        a.ok("APPEND Stay %s", b"Subject: %d\r\n\r\n" % i)
    a.ok("SELECT Stay")
    b.ok("SELECT Stay")
    a.ok("STORE 2 +FLAGS (\\Deleted)")
    a.ok("EXPUNGE")
    for command in ("FETCH 1:4 UID", "STORE 3 +FLAGS (\\Seen)", "SEARCH ALL", "FETCH 4 BODY[]"):
        for r in b.ok(command):
            assert b"EXPUNGE" not in r, (command, r)
    got = fetched(b.ok("FETCH 3:4 UID"))
    assert {n: int(x[b"UID"]) for n, x in got.items()} == {3: 3, 4: 4}
    assert b"* 2 EXPUNGE" in b.ok("NOOP")
    got = fetched(b.ok("FETCH 1:* (UID FLAGS)"))
    assert {n: int(x[b"UID"]) for n, x in got.items()} == {1: 1, 2: 3, 3: 4}
    # Gone as a whole: another can't go on in it.
    a.ok("DELETE Stay")
    b.start("FETCH 1 UID")
    assert b.response().startswith(b"* BYE")
    a.close()
    b.close()


def main():
    with Server() as server:
        all_see_it_at_once(server)
        numbers_stay_while_a_command_runs(server)
        play(server)
        report = server.json("store", "check")
        assert not report["violations"], report


main()
