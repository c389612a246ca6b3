#!/usr/bin/env python3
# timeout: 400
"""A server to which mail leaves, and which misbehaves: whatever it does, each mail ends once at it, or comes back, or
waits where it can be seen; and the courier keeps nothing of it."""
import contextlib
import os
import random
import re
import smtplib
import socket
import struct
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

TEXT = b"From: u0@example.org\r\nSubject: n%d\r\n\r\nbody %d\r\n"
TIMEOUT = 2  # seconds; of every reply
ROUTES = 31  # cases that are played side by side: each has a domain and a server of its own
CONF = (hp.QUICK + "\n[relay]\nhost = [127.0.0.1]:%d\nconnect_timeout = 2s\ntimeout = 2s\ndata_done_timeout = 2s\n%s"
        "\n[mail]\nretry_min = 1s\nretry_max = 1s\n\n[limits]\nconnection_rate_per_minute = 0\n"
        "recipients_per_hour = 0\nrecipients_per_day = 0\n")
VERBS = "greeting", "EHLO", "MAIL", "RCPT", "DATA", "text"


# --- what a server may do ------------------------------------------------------------------------


def closes(session, argument):
    return b""


def resets(session, argument):
    session.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.f.close()
    session.s.close()
    return b""


def says(reply):
    return lambda session, argument: reply


def stays_silent(session, argument):
    time.sleep(TIMEOUT + 1)
    return b""


def answers_late(reply):
    def act(session, argument):
        time.sleep(TIMEOUT + 0.7)
        return reply
    return act


def drips(session, argument):
    for octet in b"250-" + b"x" * 60:
        session.s.sendall(bytes([octet]))
        time.sleep(0.1)
    return b""


def floods(line, n):
    def act(session, argument):
        for _ in range(n):
            session.s.sendall(line)
        return b"250 2.0.0 Ok"
    return act


def takes_and(act):
    """Behind the final dot: it has the mail, and doesn't say so."""
    def both(session, argument):
        session.taken()
        return act(session, argument)
    return both


def lies_in_advance(session, argument):
    """The replies to what wasn't said yet."""
    session.s.sendall(b"250 2.1.0 Ok\r\n" * 3 + b"354 go on\r\n250 2.0.0 Ok: queued as 0\r\n")
    return b"250 2.0.0 Ok"


def takes_and_goes(session, argument):
    session.taken()
    session.say(b"250 2.0.0 Ok: queued")
    return b""


# verb, what it does instead of answering, for how many times, how many copies it may have got at most (RFC 5321 4.1.1.4:
# who has a mail, and didn't say so, gets it again).
BAD = {
    **{f"closes at {v}": (v, closes, 1, 1) for v in VERBS},
    **{f"resets at {v}": (v, resets, 1, 1) for v in VERBS},
    **{f"says 421 at {v}": (v, says(b"421 4.3.2 going down"), 1, 1) for v in VERBS},
    **{f"is silent at {v}": (v, stays_silent, 1, 1) for v in VERBS},
    **{f"speaks no SMTP at {v}": (v, says(b"\x00\xff garbage\r\n\r\n\r\n"), 1, 1) for v in VERBS},
    **{f"has a code that makes no sense at {v}": (v, says(b"199 hm"), 1, 1) for v in VERBS},
    **{f"drips its reply at {v}": (v, drips, 1, 1) for v in ("greeting", "EHLO", "RCPT")},
    **{f"says 1 MB at {v}": (v, floods(b"250-" + b"x" * 996 + b"\r\n", 1024), 1, 1) for v in ("EHLO", "MAIL", "text")},
    **{f"has a line of 1 MB at {v}": (v, floods(b"250-" + b"x" * 65000, 16), 1, 1) for v in ("EHLO", "RCPT")},
    "answers MAIL late": ("MAIL", answers_late(b"250 2.0.0 Ok"), 1, 1),
    "takes the mail, and says so late": ("text", takes_and(answers_late(b"250 2.0.0 Ok")), 1, 2),
    "takes the mail and closes": ("text", takes_and(closes), 1, 2),
    "takes the mail and resets": ("text", takes_and(resets), 1, 2),
    "takes the mail and says garbage": ("text", takes_and(says(b"hello")), 1, 2),
    "takes the mail, says so and closes": ("text", takes_and_goes, 1, 1),
    "says 250 to DATA": ("DATA", says(b"250 2.0.0 Ok"), 1, 1),
    "says 354 to MAIL": ("MAIL", says(b"354 go on"), 1, 1),
    "says 354 to RCPT": ("RCPT", says(b"354 go on"), 1, 1),
    "answers RCPT twice": ("RCPT", says(b"250 2.1.5 Ok\r\n250 2.1.5 Ok"), 1, 1),
    "answers before it was asked, at EHLO": ("EHLO", lies_in_advance, 1, 1),
    "answers before it was asked, at the greeting": ("greeting", lies_in_advance, 1, 1),
    "says 354 to the text": ("text", says(b"354 go on"), 1, 1),
    "mixes codes in one reply": ("EHLO", says(b"250-x\r\n550 y"), 1, 1),
    "says 451 to the text": ("text", says(b"451 4.3.0 later"), 2, 1),
    "says 452 to RCPT": ("RCPT", says(b"452 4.2.2 full"), 2, 1),
    "refuses at the greeting for now": ("greeting", says(b"450 4.3.0 later"), 2, 1),
    "says 554 at the greeting": ("greeting", says(b"554 5.3.2 no SMTP service here"), 2, 1),
    "has an enhanced code that contradicts": ("RCPT", says(b"450 5.1.1 no"), 1, 1),
}
# What is for good: verb, reply, what the report has.
FOR_GOOD = {
    "MAIL": (b"553 5.1.8 not you", "5.1.8"),
    "RCPT": (b"550 5.1.1 nobody", "5.1.1"),
    "DATA": (b"554 5.7.1 not that", "5.7.1"),
    "text": (b"554 5.7.1 spam", "5.7.1"),
    "greeting": (b"521 5.3.2 no mail here", "5.3.2"),
}


class Times:
    """Does it n times, then is as usual."""

    def __init__(self, act, n):
        self.act, self.left = act, n

    def __call__(self, session, argument):
        if self.left == 0:
            return None
        self.left -= 1
        return self.act(session, argument)


# --- the test ------------------------------------------------------------------------------------


def submit(s, n, to="a@out.test"):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        return c.sendmail("u0@example.org", [to], TEXT % (n, n))


def queue(s):
    return s.json("queue", "list")["rows"]


def copies(to, n):
    return sum(b"\r\nbody %d\r\n" % n in m.text for m in list(to.mails))


def play(s, servers, cases, first):
    """Each (verb, act) with a server of its own; until nothing waits."""
    for i, (to, (verb, act)) in enumerate(zip(servers, cases)):
        to.hang_up()  # else the mail would go over the connection of the one before
        to.replies = {verb: act}
        submit(s, first + i, f"a@bad{i}.test")
    s.wait(lambda: not queue(s), 60)


def they_end_well(s, servers, names, first):
    began = time.monotonic()
    acts = [Times(BAD[name][1], BAD[name][2]) for name in names]
    play(s, servers, [(BAD[name][0], act) for name, act in zip(names, acts)], first)
    for n, (to, name, once) in enumerate(zip(servers, names, acts), first):
        got, most = copies(to, n), BAD[name][3]
        print(f"{got} of {most}: {name}", flush=True)
        assert once.left == 0 and 1 <= got <= most, (name, got)
    print(f"{time.monotonic() - began:5.1f} s for {len(names)} of them", flush=True)


def each_misbehaviour_ends_well(s, servers):
    names = list(BAD)
    for at in range(0, len(names), ROUTES):
        they_end_well(s, servers, names[at:at + ROUTES], at + 1)
    m = s.imap()
    assert m.select("INBOX")[1] == [b"0"], "a report came of what was only for now"
    m.logout()


def what_is_for_good_comes_back_once(s, servers):
    before = [len(to.mails) for to in servers]
    play(s, servers, [(verb, says(reply)) for verb, (reply, status) in FOR_GOOD.items()], 1000)
    texts = s.wait(lambda: len(hp.bodies(s)) == len(FOR_GOOD) and hp.bodies(s))
    for i, (verb, (reply, status)) in enumerate(FOR_GOOD.items()):
        report, = [t for t in texts if b"a@bad%d.test" % i in t]
        assert f"Status: {status}".encode() in report, (verb, report)
    assert before == [len(to.mails) for to in servers]


def state(s):
    pid = s.pids()["courier/0"]
    with open(f"/proc/{pid}/status") as f:
        rss = int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])
    return pid, len(hp.open_files(pid)), rss


def nothing_is_kept_of_it(s, to, mails=200):
    """Each session goes wrong somewhere, or not, by chance."""
    rand = random.Random(4)
    acts = [closes, resets, says(b"421 4.3.2 going down"), says(b"451 4.3.0 later"), says(b"\xff\x00"), says(b"250-x\r\n" * 600)]

    def perhaps(verb):
        def act(session, argument):
            if rand.random() < 0.12:
                how = rand.choice(acts)
                return how(session, argument)
            return None
        return act

    before = state(s)
    for verb in VERBS:
        to.replies[verb] = perhaps(verb)
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        for n in range(2000, 2000 + mails):
            c.sendmail("u0@example.org", ["a@out.test"], TEXT % (n, n))
    began = time.monotonic()
    s.wait(lambda: not queue(s), 200)
    took = time.monotonic() - began
    to.replies.clear()
    got = [copies(to, n) for n in range(2000, 2000 + mails)]
    assert got == [1] * mails, [(i, x) for i, x in enumerate(got) if x != 1]
    s.wait(lambda: state(s)[1] <= before[1], 10)
    after = state(s)
    print(f"{mails} mails in {took:.1f} s, {len(to.sessions)} sessions: files {before[1]} -> {after[1]}, "
          f"memory {before[2]} -> {after[2]} KiB")
    assert after[0] == before[0], "the courier died"


def run():
    with contextlib.ExitStack() as stack:
        to, *servers = (stack.enter_context(sink.Sink()) for _ in range(1 + ROUTES))
        routes = "".join(f"[relay bad{i}.test]\nhost = [127.0.0.1]:{x.port}\n" for i, x in enumerate(servers))
        s = stack.enter_context(hp.Server(CONF % (to.port, routes)))
        s.settle()
        each_misbehaviour_ends_well(s, servers)
        what_is_for_good_comes_back_once(s, servers)
        nothing_is_kept_of_it(s, to)
        assert s.cli("store", "check").returncode == 0
        assert "Sanitizer" not in s.log() and "died" not in s.log(), s.log()[-4000:]


def memory_stays(rounds=6, mails=100):
    hp.PROGRAM = os.environ["HAIRPIN_RELEASE"]
    with sink.Sink() as to, hp.Server(CONF % (to.port, "")) as s:
        s.settle()
        seen = []
        for i in range(rounds):
            to.mails.clear()
            nothing_is_kept_of_it(s, to, mails)
            seen.append(state(s))
        # What a round has in hand at its peak differs: what stays is seen at the least.
        first, last = (min(rss for _, _, rss in half) for half in (seen[:rounds // 2], seen[rounds // 2:]))
    assert last < first + 4096, seen


def main():
    run()
    memory_stays()


main()
