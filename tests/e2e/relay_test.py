#!/usr/bin/env python3
# timeout: 300
"""What leaves for other servers: from the submission port, through the queue, to a server that notes what it gets."""
import os
import re
import smtplib
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

TEXT = b"From: u0@example.org\r\nMessage-ID: <%d@example.org>\r\nSubject: out\r\n\r\n.a dot\r\nbody %d\r\n"


def submit(s, to, n, sender="u0@example.org", **more):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        return c.sendmail(sender, to, TEXT % (n, n), **more)


def relay_conf(port, more=""):
    return f"\n[relay]\nhost = [127.0.0.1]:{port}\n{more}\n[mail]\nretry_min = 1s\nretry_max = 2s\n"


def queue(s):
    return s.json("queue", "list")["rows"]


def a_mail_leaves_whole_and_once(s, to):
    submit(s, ["a@out.test", "b@out.test"], 1)
    m = to.wait(1)[0]
    assert m.sender.startswith("FROM:<u0@example.org>"), m.sender
    assert sorted(r.split(">")[0] for r in m.rcpts) == ["TO:<a@out.test", "TO:<b@out.test"], m.rcpts
    assert m.text.endswith(b"\r\n\r\n.a dot\r\nbody 1\r\n"), m.text
    assert m.text.count(b"Received: ") == 1 and m.helo == b"mail.example.org", (m.text, m.helo)
    s.wait(lambda: not queue(s))
    assert re.search(r"hairpin/courier\[\d+\]: \w+: to=<a@out.test>, relay=127.0.0.1\[127.0.0.1\]:%d, delay=\d+, "
                     r"dsn=2.0.0, status=sent \(250 2.0.0 Ok: queued as 1\)" % to.port, s.log()), s.log()[-2000:]
    time.sleep(0.3)
    assert len(to.mails) == 1


def a_refusal_comes_back_as_a_bounce(s, to):
    to.replies["RCPT"] = lambda session, a: b"550 5.1.1 nobody here" if b"none@" in a else None
    before = len(to.mails)
    submit(s, ["none@out.test", "a@out.test"], 2)
    to.wait(before + 1)
    text = s.wait(lambda: next((b for b in hp.bodies(s) if b"none@out.test" in b), None))
    assert b"127.0.0.1 said:\r\n        550 5.1.1 nobody here\r\n" in text and b"Status: 5.1.1" in text, text
    assert b"<a@out.test>" not in text
    s.wait(lambda: not queue(s))
    to.replies.clear()


def local_parts_of_others_stay_as_they_were_given(s, to):
    def leaves(n, rcpts, sender="u0@example.org", **more):
        before = len(to.mails)
        submit(s, rcpts, n, sender, **more)
        s.wait(lambda: not queue(s))
        return [(m.sender.split()[0], *sorted(m.rcpts)) for m in to.wait(before + 1)[before:]]

    assert leaves(11, ["Mixed.Case+Tag@OUT.test", '"Odd Name"@out.test'], "U0@Example.ORG") == \
        [("FROM:<U0@Example.ORG>", 'TO:<"Odd Name"@out.test>', "TO:<Mixed.Case+Tag@out.test>")]
    # Only their own server knows whether that is one mailbox.
    assert leaves(12, ["Bob@out.test", "bob@out.test"])[0][1:] == ("TO:<Bob@out.test>", "TO:<bob@out.test>")
    assert leaves(13, ["A@out.test"], rcpt_options=["ORCPT=rfc822;First.A@Out.test"])[0][1] == \
        "TO:<A@out.test> ORCPT=rfc822;First.A@Out.test"
    s.cli("alias", "add", "sales@example.org", "Sales.Desk@Partner.test", "U0@Example.org")
    s.cli("group", "set", "team@example.org", "Bob@Out.test", "Ann@out.test")
    s.cli("group", "remove", "team@example.org", "ANN@out.test")
    row = next(r for r in s.json("alias", "list")["rows"] if r["address"] == "sales@example.org")
    assert row["targets"] == ["Sales.Desk@partner.test", "u0@example.org"], row
    inbox = len(hp.bodies(s))
    assert leaves(14, ["SALES@Example.org"])[0][1].startswith("TO:<Sales.Desk@partner.test>")
    assert leaves(15, ["Team@example.org"])[0][1].startswith("TO:<Bob@out.test>")
    s.wait(lambda: len(hp.bodies(s)) == inbox + 1)
    # What goes back to one of ours finds its mailbox, as its sender was written.
    to.replies["RCPT"] = lambda session, a: b"550 5.1.1 nobody here" if b"None@" in a else None
    submit(s, ["None@out.test"], 16, "U0@EXAMPLE.org")
    text = s.wait(lambda: next((b for b in hp.bodies(s) if b"None@out.test" in b), None))
    assert b"Final-Recipient: rfc822;None@out.test\r\n" in text, text
    s.wait(lambda: not queue(s))
    to.replies.clear()


def what_is_put_off_goes_later(s, to):
    to.replies["RCPT"] = [b"450 4.2.0 greylisted"]
    before = len(to.mails)
    submit(s, ["later@out.test"], 3)
    shown = s.wait(lambda: next(iter(queue(s)), None))
    s.wait(lambda: "450 4.2.0 greylisted" in s.cli("queue", "list").stdout or not queue(s))
    assert shown["recipients"][0]["stage"] in ("route", "relay"), shown
    to.wait(before + 1)
    s.wait(lambda: not queue(s))


def a_dead_hop_holds_all_back_and_then_lets_all_go(s, to):
    port = to.port
    to.close()
    for n in range(10, 20):
        submit(s, [f"x{n}@out.test"], n)
    s.wait(lambda: len(queue(s)) == 10 and all(r["stage"] == "relay" for i in queue(s) for r in i["recipients"]))
    assert "Connection refused" in s.cli("queue", "list").stdout
    with sink.Sink(port=port) as again:
        mails = again.wait(10)
        s.wait(lambda: not queue(s))
        assert sorted(m.rcpts[0] for m in mails) == sorted(f"TO:<x{n}@out.test>" for n in range(10, 20))


def main():
    with sink.Sink() as to, hp.Server(extra=relay_conf(to.port)) as s:
        s.settle()
        a_mail_leaves_whole_and_once(s, to)
        a_refusal_comes_back_as_a_bounce(s, to)
        local_parts_of_others_stay_as_they_were_given(s, to)
        what_is_put_off_goes_later(s, to)
        a_dead_hop_holds_all_back_and_then_lets_all_go(s, to)
        assert s.cli("store", "check").returncode == 0


main()
