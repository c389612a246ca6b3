"""Clients that send, read and change mail on all nodes at once, and write down what they were answered (history.py).
They know nothing of faults: who gets no answer comes again, at another node."""
import collections
import hashlib
import random
import re
import smtplib
import threading
import time

from imap_wire import Closed, Wire

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "$Work"]
MAILBOXES = ["INBOX", "Other"]
SIZES = [200] * 12 + [4000] * 6 + [70000] * 2 + [300000]
OVER = (OSError, Closed, smtplib.SMTPException, EOFError)
ANSWER_SEC = 40
# An operation of which nothing is known yet may still come true until then (twice the engine's deadline).
RESEND_SEC = 60


def text_of(name, size):
    line = (name + " ") * 4
    return "".join(f"{line}{i}\r\n" for i in range(max(1, size // (len(line) + 6))))


def digest(text):
    return hashlib.sha256(text).hexdigest()[:16]


def mail(name, text):
    return f"From: a@outside.test\r\nMessage-ID: <{name}@outside.test>\r\nSubject: {name}\r\n\r\n{text}".encode()


class Load:
    def __init__(self, nodes, history, seed=1, smtp=3, imap=4, appends=2):
        """appends: how often one is made, beside 11 other things."""
        self.nodes, self.history, self.appends = nodes, history, appends
        self.over = threading.Event()
        self.odd, self.said = [], collections.Counter()
        self.threads = [Sender(self, random.Random(f"{seed} smtp {i}"), f"s{i}", self.home(i)) for i in range(smtp)]
        self.threads += [Reader(self, random.Random(f"{seed} imap {i}"), f"i{i}", self.home(i)) for i in range(imap)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *why):
        self.end()

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()

    def users(self):
        return self.nodes[0].users

    def home(self, i):
        """Every other client stays with a node as long as that answers: others may all wait for one that is frozen."""
        return None if i % 2 else self.nodes[i // 2 % len(self.nodes)]


class Client(threading.Thread):
    def __init__(self, load, chance, name, home):
        super().__init__(daemon=True)
        self.load, self.chance, self.name, self.home, self.n = load, chance, name, home, 0
        self.failed = False

    def choose(self):
        return self.chance.choice(self.load.nodes) if self.failed or not self.home else self.home

    def run(self):
        try:
            while not self.load.over.is_set():
                self.go()
        except Exception as e:  # a client that stops would hide what comes later
            self.load.odd.append(f"{self.name}: {e!r}")
            raise

    def next_name(self):
        self.n += 1
        return f"{self.name}-{self.n}"


class Sender(Client):
    """The same mail again until it is taken: a lost 250 must not make two of it."""

    def go(self):
        name = self.next_name()
        users = self.chance.sample(self.load.users(), self.chance.choice([1, 1, 2]))
        text = text_of(name, self.chance.choice(SIZES))
        until = None
        while not self.attempt(name, users, text):
            if self.load.over.is_set():
                until = until or time.monotonic() + RESEND_SEC
                if time.monotonic() > until:
                    return
            time.sleep(0.1)
        time.sleep(self.chance.uniform(0, 0.2))

    def attempt(self, name, users, text):
        node = self.choose()
        result, t0 = None, 0
        try:
            with node.smtp() as c:
                c.ehlo("client.test")
                c.mail("a@outside.test")
                codes = [c.rcpt(f"{u}@{node.domain}")[0] for u in users]
                if set(codes) != {250}:
                    self.note(codes)
                    return False
                result, t0 = "unknown", time.monotonic()
                code, said = c.data(mail(name, text))
                t1 = time.monotonic()
                self.note([code], said)
                result = "ok" if code == 250 else "unknown"
                self.write(result, node, name, users, text, (t0, t1))
        except OVER:
            if result == "unknown":
                self.write(result, node, name, users, text, (t0, time.monotonic()))
        self.failed = result != "ok"
        return not self.failed

    def note(self, codes, said=b""):
        for code in codes:
            self.load.said[f"SMTP {code}"] += 1
            if code >= 500:
                self.load.odd.append(f"{self.name}: {code} {said}")

    def write(self, result, node, name, users, text, times):
        for user in users:
            self.load.history.add(op="smtp", user=user, id=name, sum=digest(text.encode()), result=result, t0=times[0],
                                  t1=times[1], node=node.name, session=self.name)


class Reader(Client):
    """One session after another, each on some node and as some user, each of some commands."""

    def go(self):
        self.node, self.user = self.choose(), self.chance.choice(self.load.users())
        self.session = f"{self.next_name()}"
        self.count, self.known, self.wire, self.failed = 0, {}, None, False
        try:
            self.wire = Wire(self.node, self.user, seconds=ANSWER_SEC)
            for _ in range(self.chance.randrange(5, 40)):
                if self.load.over.is_set():
                    break
                self.step()
                time.sleep(self.chance.uniform(0, 0.1))
        except (AssertionError, *OVER):  # of LOGIN and SELECT, when the node is in trouble
            self.failed = True
            time.sleep(0.1)
        finally:
            if self.wire:
                self.wire.close()

    def step(self):
        if not self.known or self.chance.random() < 0.1:
            self.select(self.chance.choice(MAILBOXES))
        what = [self.read] * 3 + [self.append] * self.load.appends + [self.store] * 5 + [self.copy, self.move, self.expunge]
        self.chance.choice(what)()

    def run_one(self, command, *literals):
        """(OK, NO or BAD, the text, untagged ones)."""
        said, untagged = self.wire.run(command, *literals)
        self.heard(untagged)
        word = said[:3].strip().decode()
        self.load.said[f"IMAP {word} " + " ".join(re.findall(r"^\w+ (\[[A-Z]+)", said.decode(errors="replace")))] += 1
        if word == "BAD":
            self.load.odd.append(f"{self.session}: {command}: {said}")
        return word, said, untagged

    def heard(self, untagged):
        for u in untagged:
            n = re.match(rb"\* (\d+) (EXISTS|EXPUNGE)", u)
            if n and n.group(2) == b"EXPUNGE":
                self.count -= 1
            elif n:
                self.record("exists", time.monotonic(), n=int(n.group(1)), before=self.count)
                self.count = int(n.group(1))

    def record(self, op, t0, **more):
        self.load.history.add(op=op, user=self.user, node=self.node.name, session=self.session, t0=t0,
                              **{"mailbox": self.mailbox, **more})

    def change(self, op, command, literals=(), **more):
        """Runs what changes something, and writes it down; (OK, NO or BAD, the text, untagged ones)."""
        t0 = time.monotonic()
        try:
            word, said, untagged = self.run_one(command, *literals)
        except OVER:
            self.record(op, t0, result="unknown", **more)
            raise
        more["t1"] = time.monotonic()
        new = re.search(rb"\[(?:APPENDUID|COPYUID) \d+ ([\d:]+ )?(\d+)\]", b"\n".join([said, *untagged]))
        if op == "append" and word == "OK":
            more["uid"] = int(new.group(2))
        if op in ("copy", "move") and word == "OK":
            if not new:  # somebody else had expunged it
                return
            more["new"] = int(new.group(2))
        self.record(op, t0, result="ok" if word == "OK" else "no", **more)

    def select(self, mailbox):
        self.mailbox, self.count = mailbox, 0
        word, said, _ = self.run_one(f"SELECT {mailbox} (CONDSTORE)")
        assert word == "OK", said
        self.read()

    def read(self):
        t0 = time.monotonic()
        self.run_one("NOOP")
        word, _, untagged = self.run_one(f"STATUS {self.mailbox} (UIDVALIDITY UIDNEXT HIGHESTMODSEQ)")
        assert word == "OK"
        status = dict(re.findall(rb"(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)", b" ".join(untagged)))
        word, _, untagged = self.run_one("UID FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert word == "OK"
        self.known = messages(untagged)
        self.record("read", t0, messages=self.known, validity=int(status[b"UIDVALIDITY"]),
                    uidnext=int(status[b"UIDNEXT"]), highest=int(status[b"HIGHESTMODSEQ"]))

    def one(self):
        """Some message: (uid, id)."""
        uid = self.chance.choice(sorted(self.known))
        return uid, self.known[uid][0]

    def append(self):
        name = self.next_name()
        text = text_of(name, self.chance.choice(SIZES))
        flags = self.chance.sample(FLAGS, self.chance.randrange(3))
        mailbox = self.chance.choice(MAILBOXES)
        self.change("append", f"APPEND {mailbox} ({' '.join(flags)}) %s", (mail(name, text),), mailbox=mailbox,
                    id=name, sum=digest(text.encode()), flags=flags)

    def store(self):
        if self.known:
            uid, name = self.one()
            how, flags = self.chance.choice("+-"), self.chance.sample(FLAGS, self.chance.randrange(1, 3))
            self.change("store", f"UID STORE {uid} {how}FLAGS ({' '.join(flags)})", uid=uid, id=name, how=how,
                        flags=flags)

    def copy(self, verb="copy"):
        if self.known:
            uid, name = self.one()
            to = self.chance.choice([m for m in MAILBOXES if verb == "copy" or m != self.mailbox])
            self.change(verb, f"UID {verb.upper()} {uid} {to}", uid=uid, id=name, to=to)

    def move(self):
        self.copy("move")

    def expunge(self):
        """Nobody takes \\Deleted away: what is asked for goes."""
        for uid, name in {self.one() for _ in range(4)} if self.known else ():
            self.change("store", f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)", uid=uid, id=name, how="+",
                        flags=["\\Deleted"])
            if self.load.history.records and self.last_was_ok():
                self.change("expunge", f"UID EXPUNGE {uid}", uid=uid, id=name)

    def last_was_ok(self):
        with self.load.history.lock:
            last = next(r for r in reversed(self.load.history.records) if r["session"] == self.session)
            return last["op"] == "store" and last["result"] == "ok"


def messages(untagged, sums=False):
    """{uid: [id, flags, modseq]} of what a FETCH brought, and the digest of its text."""
    found = {}
    for u in untagged:
        subject = re.search(rb"Subject: (\S+)", u)
        if not subject:
            continue  # a change that was told in between
        head = u[:subject.start()]
        uid, modseq = (int(re.search(x, head).group(1)) for x in (rb"UID (\d+)", rb"MODSEQ \((\d+)\)"))
        flags = re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()
        found[uid] = [subject.group(1).decode(), sorted(flags), modseq]
        if sums:
            size = int(re.search(rb"BODY\[TEXT\] \{(\d+)\}\r\n", u).group(1))
            at = re.search(rb"BODY\[TEXT\] \{\d+\}\r\n", u).end()
            found[uid].append(digest(u[at:at + size]))
    return found


def state_of(node):
    """All that a node has of all users (history.py, final)."""
    return {user: {m: mailbox_of(node, user, m) for m in MAILBOXES} for user in node.users}


def mailbox_of(node, user, mailbox):
    w = Wire(node, user)
    said = w.ok(f"STATUS {mailbox} (UIDVALIDITY UIDNEXT HIGHESTMODSEQ)")
    status = dict(re.findall(rb"(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)", b" ".join(said)))
    w.ok(f"EXAMINE {mailbox} (CONDSTORE)")
    got = messages(w.ok("UID FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])"), True)
    w.close()
    return {"validity": int(status[b"UIDVALIDITY"]), "uidnext": int(status[b"UIDNEXT"]),
            "highest": int(status[b"HIGHESTMODSEQ"]), "messages": got}


def make_mailboxes(node):
    for user in node.users:
        w = Wire(node, user)
        for mailbox in MAILBOXES[1:]:
            w.ok(f"CREATE {mailbox}")
        w.close()
