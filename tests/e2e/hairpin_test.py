#!/usr/bin/env python3
# timeout: 500
"""A mail server and its gateways: what comes in and what goes out passes a gateway's engine once, and comes back."""
import concurrent.futures
import re
import smtplib
import socket
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

SIZE_MAX = 1 << 20
PACE = f"\n[mail]\nretry_min = 1s\nretry_max = 2s\n[limits]\nmessage_size = {SIZE_MAX}\n"
BODY = b"\r\n.a dot\r\nlast line \xe4\xf6 \r\n\r\n"


def text(n, who=b"u0@example.org"):
    return b"From: <%s>\r\nMessage-ID: <%d@test>\r\nSubject: number %d\r\n" % (who, n, n) + b"X-Mark: %d\r\n" % n + BODY


def gateway_conf(port, reinject, more=""):
    """A gateway at 127.0.0.1:port."""
    return hp.QUICK + PACE + (f"\n[gateway]\nreinject = {reinject}\n[relay]\ntls = may\n"
                              f"[listener filter]\nkind = filter\naddress = 127.0.0.1\nport = {port}\n"
                              f"from = 127.0.0.1/32\n{more}")


def mail_conf(targets, reinject, to_port, loopback="127.0.0.1/32"):
    return hp.QUICK + PACE + (f"\n[relay]\nhost = [127.0.0.1]:{to_port}\ntls = may\n"
                              f"[listener reinject]\nkind = reinject\naddress = 127.0.0.1\nport = {reinject}\n"
                              f"from = {loopback}\n"
                              f"[listener mx]\nfilter = {targets}\n[listener submission]\nfilter = {targets}\n")


class Mx(smtplib.SMTP):
    """From an address that is none of the gateways'."""

    def __init__(self, s, source="127.0.0.9", port=None):
        self.source = source
        super().__init__(s.host, port or s.base + 25, local_hostname="out.test", timeout=30)

    def _get_socket(self, host, port, seconds):
        return socket.create_connection((host, port), seconds, (self.source, 0))


def mail_in(s, n, to=("u0@example.org",), data=None, **more):
    with Mx(s) as c:
        c.ehlo("out.test")
        return c.sendmail("a@out.test", list(to), data or text(n, b"a@out.test"), **more)


def mail_out(s, n, to=("b@out.test",), **more):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        return c.sendmail("u0@example.org", list(to), text(n), **more)


def wait_for(s, n):
    return s.wait(lambda: next((b for b in hp.bodies(s) if b"X-Mark: %d\r\n" % n in b), None), 30)


def is_idle(s):
    return not s.json("queue", "list")["rows"]


def check_passed(got, n, way):
    assert got.count(b"X-Hairpin-Gateway: " + way + b"\r\n") == 1, got
    assert b"X-Hairpin-Guard" not in got, got
    assert got.endswith(text(n, b"a@out.test" if way == b"in" else b"u0@example.org")), got


def a_mail_from_outside_passes_the_gateway_once(mail, gateway):
    mail_in(mail, 1, mail_options=["BODY=8BITMIME"])
    got = wait_for(mail, 1)
    check_passed(got, 1, b"in")
    assert got.count(b"Received: ") == 3 and got.count(b"Return-Path: <a@out.test>") == 1, got
    assert re.search(r"orig_client=unknown\[127.0.0.9\], orig_port=<\d+>, orig_proto=<ESMTP>, orig_helo=<out.test>, "
                     r"orig_id=<\w+>", gateway.log()), gateway.log()[-3000:]
    assert re.search(r"smtpd\[\d+\]: \w+: client=unknown\[127.0.0.1\], orig_client=unknown\[127.0.0.9\]", mail.log())


def sent_of(s):
    return s.json("user", "show", "u0@example.org")["recipients_day"]


def a_mail_to_the_outside_passes_the_gateway_once(mail, gateway, to):
    before, sent = len(to.mails), sent_of(mail)
    mail_out(mail, 2, mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=e+2B2"],
             rcpt_options=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;b@first.test"])
    m = to.wait(before + 1)[before]
    check_passed(m.text, 2, b"out")
    assert b"Return-Path" not in m.text, m.text
    assert "BODY=8BITMIME" in m.sender and "RET=HDRS" in m.sender and "ENVID=e+2B2" in m.sender, m.sender
    assert m.rcpts == ["TO:<b@out.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@first.test"], m.rcpts
    assert "orig_login=<u0@example.org>" in gateway.log()
    assert sent_of(mail) == sent + 1, "what comes back is counted again"


def who_is_in_both_worlds_gets_it_once_in_each(mail, to):
    before = len(to.mails)
    mail_out(mail, 3, ["u0@example.org", "c@out.test", "d@out.test"])
    m = to.wait(before + 1)[before]
    assert sorted(r.split()[0] for r in m.rcpts) == ["TO:<c@out.test>", "TO:<d@out.test>"], m.rcpts
    assert b"X-Hairpin-Gateway: out\r\n" in m.text
    assert b"X-Hairpin-Gateway: in\r\n" in wait_for(mail, 3)
    mail.wait(lambda: is_idle(mail))
    assert len(to.mails) == before + 1


def odd_addresses_survive(mail, to):
    """As they were written, and with the original recipient's as Postfix writes it."""
    for n, (address, orcpt) in enumerate((("j\xfcrgen@out.test", "rfc822;j+C3+BCrgen@out.test"),
                                          ('"q \\" a"@out.test', 'rfc822;"q+20\\"+20a"@out.test'),
                                          ("MiXeD+x=y@out.test", "rfc822;MiXeD+2Bx+3Dy@out.test"))):
        before = len(to.mails)
        with mail.smtp(587) as c:
            c.ehlo("client.test")
            c.login("u0@example.org", "pw")
            c.sendmail("u0@example.org", [address], text(40 + n), ["SMTPUTF8", "BODY=8BITMIME"], ["ORCPT=" + orcpt])
        m = to.wait(before + 1)[before]
        assert m.rcpts == [f"TO:<{address}> ORCPT={orcpt}"], (m.sender, m.rcpts)


def strangers_are_turned_away_from_the_port_behind(mail, gateway, ports):
    for s, port in zip((mail, gateway), ports):
        try:
            Mx(s, port=port)
            raise AssertionError("a stranger came in")
        except smtplib.SMTPConnectError as e:
            assert e.smtp_code == 554 and b"5.7.1" in e.smtp_error, e
        assert re.search(r"NOQUEUE: reject: client=unknown\[127.0.0.9\], session=\w+, 554 5.7.1", s.log())
    with smtplib.SMTP("127.0.0.1", ports[0], local_hostname="gw.test") as c:
        c.ehlo()
        assert "xforward" in c.esmtp_features
        assert c.docmd("MAIL FROM:<a@out.test>")[0] == 250
        assert c.docmd("RCPT TO:<nobody@example.org>")[0] == 550
        assert c.docmd("RCPT TO:<b@out.test>")[0] == 250
    with Mx(mail) as c:
        c.ehlo()
        assert "xforward" not in c.esmtp_features and c.docmd("XFORWARD NAME=x")[0] == 502


def a_mail_of_two_gateways_is_taken_once(mail, port):
    """Both had it in hand: each adds its own Received field, so that the texts differ."""
    answers = []
    for n, ident in enumerate(("4F", "4F", "50")):
        with smtplib.SMTP("127.0.0.1", port, local_hostname=f"gw{n}.test") as c:
            c.ehlo()
            assert c.docmd("XFORWARD NAME=first.test ADDR=192.0.2.1 IDENT=" + ident)[0] == 250
            c.docmd("MAIL FROM:<a@out.test>")
            c.docmd("RCPT TO:<u0@example.org>")
            answers.append(c.data(b"Received: from a by gw%d; Fri, 27 Nov 2026 00:00:00 +0000\r\n" % n
                                  + text(9, b"a@out.test")))
            assert c.noop()[0] == 250  # it has read the answer
    assert answers[0] == answers[1] != answers[2] and all(a[0] == 250 for a in answers), answers
    mail.wait(lambda: is_idle(mail))
    assert sum(b"X-Mark: 9\r\n" in b for b in hp.bodies(mail)) == 2
    assert "orig_client=first.test[192.0.2.1]" in mail.log()


def the_largest_mail_passes_whole(mail):
    data = text(10, b"a@out.test")
    data += (b"y" * 76 + b"\r\n") * ((SIZE_MAX - len(data)) // 78)
    data += b"z" * (SIZE_MAX - len(data) - 2) + b"\r\n"
    mail_in(mail, 10, data=data)
    assert wait_for(mail, 10).endswith(data)
    try:
        mail_in(mail, 11, data=data[:-2] + b"z\r\n")
        raise AssertionError("one octet more was taken")
    except smtplib.SMTPSenderRefused as e:
        assert e.smtp_code == 552, e


def what_the_gateway_can_t_give_back_its_sender_hears_of(mail, gateway):
    mail.cli("user", "add", "short@example.org", "--password", "pw")
    gateway.stop()
    mail_out(mail, 5, ["short@example.org"])
    mail.wait(lambda: "Connection refused" in mail.cli("queue", "list").stdout)
    mail.cli("user", "delete", "short@example.org")
    gateway.start()
    report = mail.wait(lambda: next((b for b in hp.bodies(mail) if b"<short@example.org>" in b and b"5.1.1" in b), None))
    assert b"X-Hairpin-Gateway: in" in report, report
    mail.wait(lambda: is_idle(mail) and is_idle(gateway))
    assert sum(b"<short@example.org>" in b for b in hp.bodies(mail)) == 1


def what_the_gateway_refuses_is_bounced_once(mail, door):
    """The sink behaves as a content filter."""
    with sink.Sink(port=door) as filter:
        filter.replies["RCPT"] = [b"450 4.7.1 not yet"]
        filter.replies["text"] = lambda session, a: b"550 5.7.0 not this one"
        with Mx(mail, port=mail.odd) as c:
            c.ehlo("out.test")
            c.sendmail("u0@example.org", ["u0@example.org"], text(6))
        report = mail.wait(lambda: next((b for b in hp.bodies(mail) if b"550 5.7.0 not this one" in b), None))
        assert report.count(b"<u0@example.org>") >= 1
        assert len(filter.said("RCPT")) == 2 and not filter.mails, filter.verbs
        mail.wait(lambda: is_idle(mail))


def forged_fields_are_taken_out_and_count_for_nothing(mail):
    forged = (b"X-Hairpin-Guard: v=1; d=in; t=1795531953;\r\n m=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\r\n"
              b"X-Hairpin-Gateway: out\r\n")
    mail_in(mail, 7, data=forged + text(7, b"a@out.test"))
    check_passed(wait_for(mail, 7), 7, b"in")


def a_forged_guard_at_a_gateway_counts_for_nothing_and_its_own_ends_the_mail(gateway, port):
    """What the gateway hands over is caught, bent, and brought to it again."""
    with sink.Sink(port=port) as back:
        def give(data):
            with smtplib.SMTP("127.0.0.1", gateway.door, local_hostname="mail.test") as c:
                c.ehlo()
                return c.sendmail("a@out.test", ["u0@example.org"], data)

        give(b"Message-ID: <g1@test>\r\n" + BODY)
        first = back.wait(1)[0].text
        guard = re.search(rb"X-Hairpin-Guard: v=1; d=in; t=\d+; m=[A-Za-z0-9+/]{43}=\r\n", first)[0]
        give(guard + b"Message-ID: <g2@test>\r\n" + BODY)
        other = back.wait(2)[1].text
        assert other.count(b"X-Hairpin-Guard") == 1 and guard not in other, other
        give(guard.replace(b"d=in", b"d=out") + b"Message-ID: <g1@test>\r\n" + BODY)
        back.wait(3)
        try:
            give(first)
            raise AssertionError("a second pass")
        except smtplib.SMTPDataError as e:
            assert e.smtp_code == 554 and b"5.4.6 Mail loop" in e.smtp_error and b"`reinject`" in e.smtp_error, e
        # the other way is another matter: its field says then that it went both ways
        with smtplib.SMTP("127.0.0.1", gateway.door, local_hostname="mail.test") as c:
            c.ehlo()
            c.sendmail("a@out.test", ["x@out.test"], first)
        assert b"d=both;" in back.wait(4)[3].text


def a_circle_ends_in_one_report(mail, gateway):
    with Mx(mail, port=mail.odd) as c:
        c.ehlo("out.test")
        c.sendmail("u0@example.org", ["u0@example.org"], text(8))
    mail.wait(lambda: any(b"5.4.6 Mail loop" in b for b in hp.bodies(mail)))
    mail.wait(lambda: is_idle(mail) and is_idle(gateway))
    seen = [b for b in hp.bodies(mail) if b"8@test" in b]
    assert len(seen) == 1 and b"5.4.6" in seen[0] and b"port that has no content filter" in seen[0], seen


def a_gateway_killed_under_load_loses_and_doubles_nothing(mail, first, second, to):
    numbers = range(1000, 1120)
    before = len(to.mails)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(mail_out if n % 4 == 0 else mail_in, mail, n) for n in numbers]
        mail.wait(lambda: "status=sent" in first.log()[-20000:] and sum(w.done() for w in work) > 30, 60)
        first.kill()
        for w in work:
            assert w.result() == {}
    mail.wait(lambda: is_idle(mail) and is_idle(second), 60)
    assert "status=sent" in second.log()
    first.start()
    mail.wait(lambda: is_idle(first) and is_idle(mail), 60)
    inside = [n for n in numbers if n % 4]
    got = sorted(int(re.search(rb"X-Mark: (\d+)", b)[1]) for b in hp.bodies(mail) if b"\r\nX-Mark: 1" in b)
    got = [n for n in got if n >= 1000]
    assert got == inside, (set(inside) - set(got), [n for n in got if got.count(n) > 1])
    sent = sorted(int(re.search(rb"X-Mark: (\d+)", m.text)[1]) for m in to.mails[before:])
    assert sent == [n for n in numbers if n % 4 == 0], sent


def main():
    filters, odd, door = [hp.free_port(), hp.free_port()], hp.free_port(), hp.free_port()
    reinject = hp.free_port()
    targets = ", ".join(f"[127.0.0.1]:{p}" for p in filters)
    more = f"[listener odd]\nkind = mx\naddress = 127.0.0.1\nport = {odd}\nfilter = [127.0.0.1]:{door}\n"
    with sink.Sink() as to, hp.Server(extra=mail_conf(targets, reinject, to.port) + more) as mail, \
            hp.Server(extra=gateway_conf(filters[0], f"127.0.0.1:{reinject}")) as gateway:
        mail.odd = odd
        a_mail_from_outside_passes_the_gateway_once(mail, gateway)
        a_mail_to_the_outside_passes_the_gateway_once(mail, gateway, to)
        who_is_in_both_worlds_gets_it_once_in_each(mail, to)
        odd_addresses_survive(mail, to)
        strangers_are_turned_away_from_the_port_behind(mail, gateway, (reinject, filters[0]))
        a_mail_of_two_gateways_is_taken_once(mail, reinject)
        forged_fields_are_taken_out_and_count_for_nothing(mail)
        the_largest_mail_passes_whole(mail)
        what_the_gateway_can_t_give_back_its_sender_hears_of(mail, gateway)
        what_the_gateway_refuses_is_bounced_once(mail, door)
        with hp.Server(extra=gateway_conf(door, f"127.0.0.1:{odd}")) as wrong:
            a_circle_ends_in_one_report(mail, wrong)
        catch = hp.free_port()
        with hp.Server(extra=gateway_conf(door, f"127.0.0.1:{catch}")) as alone:
            alone.door = door
            a_forged_guard_at_a_gateway_counts_for_nothing_and_its_own_ends_the_mail(alone, catch)
        with hp.Server(extra=gateway_conf(filters[1], f"127.0.0.1:{reinject}")) as second:
            a_gateway_killed_under_load_loses_and_doubles_nothing(mail, gateway, second, to)
        for s in mail, gateway:
            assert s.cli("store", "check").returncode == 0


main()
