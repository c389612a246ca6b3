#!/usr/bin/env python3
# timeout: 120
"""Who goes where: [relay] for the rest, [relay DOMAIN] for one domain, [relay .DOMAIN] for all below it."""
import sys

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

CONF = """
[relay]
host = [127.0.0.1]:{smart}
[relay box.test]
host = [127.0.0.1]:{lmtp}
transport = lmtp
[relay .deep.test]
host = [127.0.0.1]:{deep}
"""


def submit(s, *to):
    with s.smtp(587) as c:
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", to, f"Message-ID: <{to[0]}@example.org>\r\n\r\nhi\r\n".encode())


def rcpts(to):
    return sorted(r[4:-1].split(">")[0] for m in to.mails for r in m.rcpts)


def each_domain_goes_its_way(s, smart, lmtp, deep):
    submit(s, "a@box.test", "none@box.test", "b@x.deep.test", "c@deep.test", "d@rest.test", "e@y.x.deep.test")
    s.wait(lambda: not s.json("queue", "list")["rows"])
    assert rcpts(smart) == ["c@deep.test", "d@rest.test"], rcpts(smart)
    assert rcpts(deep) == ["b@x.deep.test", "e@y.x.deep.test"], rcpts(deep)
    assert rcpts(lmtp) == ["a@box.test", "none@box.test"] and lmtp.said("LHLO") and not lmtp.said("EHLO")
    assert smart.said("EHLO") and not smart.said("LHLO")


def lmtp_has_an_answer_for_each_recipient(s, lmtp):
    text = s.wait(lambda: next((b for b in hp.bodies(s) if b"none@box.test" in b), None))
    assert b"smtp; 550 5.1.1 no such box" in text and b"Final-Recipient: rfc822;a@box.test" not in text, text
    log = s.log()
    assert "to=<a@box.test>, relay=127.0.0.1[127.0.0.1]" in log and "status=sent (250 2.0.0 Ok: queued as" in log


def main():
    with sink.Sink() as smart, sink.Sink(lmtp=True) as lmtp, sink.Sink() as deep:
        lmtp.replies["text"] = lambda session, a: (
            session.sink.mails.append(session.mail) or
            b"250 2.0.0 Ok: queued as 1\r\n550 5.1.1 no such box")
        with hp.Server(extra=hp.QUICK + CONF.format(smart=smart.port, lmtp=lmtp.port, deep=deep.port)) as s:
            each_domain_goes_its_way(s, smart, lmtp, deep)
            lmtp_has_an_answer_for_each_recipient(s, lmtp)


main()
