#!/usr/bin/env python3
# timeout: 300
"""Mail from elsewhere that is forwarded elsewhere leaves with a sender of ours, and its bounces find back."""
import re
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

TEXT = b"From: a@x.test\r\nMessage-ID: <%d@x.test>\r\nSubject: on\r\n\r\nbody\r\n"
numbers = iter(range(1, 1000))


def relay_conf(port, more=""):
    return f"\n[relay]\nhost = [127.0.0.1]:{port}\n{more}\n[mail]\nretry_min = 1s\nretry_max = 2s\n"


def give(s, sender, *to, user=None):
    with s.smtp(587 if user else 25) as c:
        c.ehlo("client.test")
        if user:
            c.login(user, "pw")
        return c.sendmail(sender, to, TEXT % next(numbers))


def leaves(s, to, n):
    """(recipient, sender) of the n mails that leave now."""
    before = len(to.mails)
    yield
    got = sorted((r.split("<")[1].split(">")[0], m.sender.split("<")[1].split(">")[0])
                 for m in to.wait(before + n)[before:] for r in m.rcpts)
    s.wait(lambda: not s.json("queue", "list")["rows"])
    assert len(to.mails) == before + n, to.mails[before:]
    yield got


def rewritten(address, domain, of):
    where, local = of.split("@")[1], of.split("@")[0]
    return re.fullmatch(rf"SRS0=[A-Z2-7]{{6}}=[A-Z2-7]{{2}}={where}={re.escape(local)}@{domain}", address)


def sent(s, to, n, *mail, **more):
    watch = leaves(s, to, n)
    next(watch)
    give(s, *mail, **more)
    return next(watch)


def what_is_forwarded_leaves_as_ours(s, to):
    for address in "alias", "u1", "list":
        got = sent(s, to, 1, "First.A@x.test", f"{address}@example.org")
        assert len(got) == 1 and rewritten(got[0][1], "example.org", "First.A@x.test"), (address, got)
    # The domain is that of the forwarding address.
    got = sent(s, to, 1, "a@x.test", "fwd@second.test")
    assert rewritten(got[0][1], "second.test", "a@x.test"), got
    # One mail over two domains of ours, and past both: a sender each.
    got = sent(s, to, 2, "a@x.test", "alias@example.org", "fwd@second.test")
    assert [g[0] for g in got] == ["fwd@out.test", "team@out.test"], got
    assert rewritten(got[0][1], "second.test", "a@x.test") and rewritten(got[1][1], "example.org", "a@x.test"), got
    return got[1][1]


def other_mail_keeps_its_sender(s, to):
    u0 = "u0@example.org"
    assert sent(s, to, 1, u0, "b@out.test", user=u0) == [("b@out.test", u0)]
    assert sent(s, to, 1, u0, "alias@example.org", user=u0) == [("team@out.test", u0)]
    assert sent(s, to, 1, "", "alias@example.org") == [("team@out.test", "")]
    long = "a" * 60 + "@x.test"
    assert sent(s, to, 1, long, "alias@example.org") == [("team@out.test", long)]
    # A mail in which both are: as forwarded, and as sent.
    s.cli("user", "set", u0, "--send-as", "boss@x.test")
    got = sent(s, to, 2, "boss@x.test", "alias@example.org", "b@out.test", user=u0)
    assert got[0] == ("b@out.test", "boss@x.test") and rewritten(got[1][1], "example.org", "boss@x.test"), got


def a_bounce_finds_back(s, to, address):
    assert sent(s, to, 1, "", address) == [("a@x.test", "")]
    assert sent(s, to, 1, "", address.lower()) == [("a@x.test", "")]
    # The catch-all of that domain takes none of it.
    s.cli("catch-all", "set", "@example.org", "u0@example.org")
    forged = address.replace("=a@", "=b@")
    for sender, rcpt in ("", forged), ("x@y.test", address), ("", "SRS0=AAAAAA=AA=x.test=a@example.org"):
        with s.smtp(25) as c:
            c.ehlo("client.test")
            c.mail(sender)
            code, words = c.rcpt(rcpt)
            assert code == 550 and words.startswith(b"5.1.1 "), (rcpt, code, words)
    with s.smtp(25) as c:
        c.ehlo("client.test")
        c.mail("")
        assert c.rcpt(address.replace("@example.org", "@foreign.test"))[0] == 554
    s.cli("catch-all", "delete", "@example.org")


def a_chain_leads_back_to_the_one_before(s, to):
    first = "SRS0=AAAA=BB=x.test=a@other.test"
    address = sent(s, to, 1, first, "alias@example.org")[0][1]
    assert re.fullmatch(r"SRS1=[A-Z2-7]{6}=other\.test==AAAA=BB=x\.test=a@example\.org", address), address
    assert sent(s, to, 1, "", address) == [(first, "")]


def what_the_next_server_refuses_comes_back_to_the_sender(s, to):
    to.replies["RCPT"] = lambda session, a: b"550 5.1.1 nobody here" if b"team@" in a else None
    before = len(to.mails)
    give(s, "a@x.test", "alias@example.org")
    s.wait(lambda: any(m.rcpts and m.rcpts[0].startswith("TO:<a@x.test>") and m.sender.startswith("FROM:<>")
                       for m in to.mails[before:]))
    s.wait(lambda: not s.json("queue", "list")["rows"])
    to.replies.clear()


def main():
    with sink.Sink() as to, hp.Server(extra=relay_conf(to.port), users=("u0", "u1")) as s:
        s.settle()
        s.cli("alias", "add", "alias@example.org", "team@out.test")
        s.cli("forward", "set", "u1@example.org", "team@out.test")
        s.cli("group", "set", "list@example.org", "team@out.test", "u0@example.org")
        s.cli("domain", "add", "second.test")
        s.cli("alias", "add", "fwd@second.test", "fwd@out.test")
        address = what_is_forwarded_leaves_as_ours(s, to)
        other_mail_keeps_its_sender(s, to)
        a_bounce_finds_back(s, to, address)
        a_chain_leads_back_to_the_one_before(s, to)
        what_the_next_server_refuses_comes_back_to_the_sender(s, to)
        # Without it, what is on its way still comes back.
        with open(s.conf) as f:
            conf = f.read()
        with open(s.conf, "w") as f:
            f.write(conf.replace("[relay]\n", "[relay]\nsrs = no\n"))
        s.stop()
        s.start()
        assert sent(s, to, 1, "a@x.test", "alias@example.org") == [("team@out.test", "a@x.test")]
        assert sent(s, to, 1, "", address) == [("a@x.test", "")]
        assert s.cli("store", "check").returncode == 0


main()
