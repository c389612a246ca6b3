#!/usr/bin/env python3
# timeout: 600
"""A gateway for somebody else's mail server, which is Debian's Postfix and Dovecot, set up as docs/hairpin-recipes.7 says:
what comes in and what goes out passes the gateway once and comes out whole, also when either side is killed. MAILS (1000)
and KILLS (1, of each side) make it longer."""
import collections
import os
import re
import smtplib
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import postfix  # noqa: E402
import postfix_mails as mails  # noqa: E402
import sink  # noqa: E402
from postfix_recipe import GATEWAY, PAGE, SIZE_MAX, Ports, company, gateway_conf, recipe, settle  # noqa: E402

MAILS = int(os.environ.get("MAILS", "1000"))
KILLS = int(os.environ.get("KILLS", "1"))
LARGE = 10 << 20
SENDERS = 6
IN_HAND_MAX = 40  # mails of the gateway, or of Postfix, that are sent and not yet noted as sent


# --- mails on their way -----------------------------------------------------------------------------


class Sender(threading.Thread):
    """One client of each side, that sends what is left until there is no more."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_, self.clients, self.error = run, {}, None

    def run(self):
        try:
            while (m := self.run_.next()) is not None:
                while not self.send(m):
                    time.sleep(0.05)
            for c in self.clients.values():
                c.quit()
        except BaseException as e:  # noqa: B036
            self.error = e

    def client(self, way):
        if way not in self.clients:
            self.clients[way] = self.run_.post.outside() if way == "in" else self.run_.post.user()
        return self.clients[way]

    def send(self, m):
        """True: it was taken. Who got no answer to the dot doesn't know: a new mail is made of it."""
        began_text = False
        try:
            c = self.client(m.way)
            said = [c.mail(m.sender, m.mail_options)]
            for r in m.to:
                said.append(c.rcpt(r, m.rcpt_options))
            began_text = True
            said.append(c.data(m.text))
            c.command_encoding = "ascii"
        except (OSError, smtplib.SMTPException):
            self.clients.pop(m.way, None)
            if began_text:
                self.run_.lose_sight_of(m)
            return False
        assert all(code // 100 == 2 for code, _ in said), (m.n, said)
        with self.run_.lock:
            self.run_.taken.append(m)
        return True


class Run:
    """A lot of mails at once."""

    def __init__(self, post, todo):
        self.post, self.todo, self.taken, self.unsure = post, list(todo), [], []
        self.lock = threading.Lock()
        self.senders = [Sender(self) for _ in range(SENDERS)]
        for s in self.senders:
            s.start()

    def next(self):
        with self.lock:
            return self.todo.pop(0) if self.todo else None

    def lose_sight_of(self, m):
        self.unsure.append(m.to[:])
        m.renew()

    def join(self):
        for s in self.senders:
            s.join()
            if s.error:
                raise s.error


def key_of(address):
    return address.lower()


class Arrived:
    """recipient, in lower case -> (as it was written, sender, text, options) of what it got: in all mailboxes, and outside."""

    def __init__(self, post, out):
        self.of = collections.defaultdict(list)
        for n in range(postfix.USERS):
            for text in post.mails(f"u{n}"):
                m = re.match(rb"Return-Path: <(.*?)>\r\nDelivered-To: (\S+)\r\n", text)
                assert m, text[:2000]
                self.note(m[2].decode(), m[1].decode(), text, [])
        for m in out.mails:
            for r in m.rcpts:
                address, options = re.match(r"TO:<(.*)>(?: (.*))?$", r).groups()
                sender = re.match(r"FROM:<(.*?)>", m.sender)[1]
                self.note(address, sender, m.text, m.sender.split()[1:] + (options or "").split())

    def note(self, address, *what):
        self.of[key_of(address)].append((address, *what))


def check_one(m, wanted, address, sender, text, options):
    assert sender == m.sender and address.rpartition("@")[0] == wanted.rpartition("@")[0], (m.n, sender, address, wanted)
    assert mails.is_whole(text, m.text), (m.n, m.text[:300], text[:3000])
    assert (b"\tsmime=none\r\n" in text) == (m.way == "in"), text[:2000]
    assert text.count(b"X-Hairpin-Gateway: " + m.way.encode() + b"\r\n") == 1 and b"X-Hairpin-Guard" not in text, text[:2000]
    if m.way == "out":
        for o in m.mail_options + m.rcpt_options:
            assert o in options or o == "BODY=8BITMIME" or o == "SMTPUTF8", (m.n, o, options)


def check_all(run, arrived, more_than_once=False):
    """Each once, whole. What came more often: number of the mail -> copies of it."""
    wanted, doubles = collections.Counter(), {}
    for m in run.taken:
        for r in m.to:
            wanted[key_of(r)] += 1
    for m in run.taken:
        for r in m.to:
            got = arrived.of[key_of(r)]
            assert len(got) >= wanted[key_of(r)], f"{m.n} to {r} is lost ({m.text[:200]})"
            for one in got:
                check_one(m, r, *one)
            if len(got) > wanted[key_of(r)]:
                assert more_than_once, f"{m.n} to {r} came {len(got)} times"
                doubles[m.n] = [text for _, _, text, _ in got]
    return doubles


def bulk(first, n):
    for i in range(first, first + n):
        yield mails.make(i, "out" if i // 7 % 2 else "in")


def every_shape_passes_whole_and_once(post, gateway, out):
    large = [mails.make_large(900000 + i, way, size) for i, (way, size) in enumerate(
        [("in", LARGE), ("out", LARGE), ("in", SIZE_MAX - 1000), ("out", SIZE_MAX - 1000)])]
    again = mails.make(900100, "in")
    run = Run(post, [*large, again, again, again, *bulk(0, MAILS * 6 // 10)])
    run.join()
    settle(post, gateway)
    check_all(run, Arrived(post, out))


# --- kills ------------------------------------------------------------------------------------------


def either_side_is_killed_under_load(post, gateway, out):
    n = MAILS - MAILS * 6 // 10
    run = Run(post, bulk(100000, n))
    kills = []
    for i in range(2 * KILLS):
        post.wait(lambda: len(run.taken) > n * (i + 1) // (2 * KILLS + 1), 120)
        side = post if i % 2 else gateway
        kills.append(time.time())
        side.kill()
        time.sleep(0.2)
        side.start()
    run.join()
    settle(post, gateway)
    doubles = check_all(run, Arrived(post, out), True)
    for copies in doubles.values():
        traces = [mails.trace_of(c) for c in copies]
        # The gateway took it once, whatever Postfix heard of it; the last hop alone may be told twice.
        assert len({t[-1] for t in traces}) == len({t[-2] for t in traces}) == 1, traces
        # Short before a kill: the date has whole seconds, and a mail may have waited for its next hop.
        assert any(-5 < min(t[0][0] for t in traces) - k < 1 for k in kills), (traces, kills)
    assert len(doubles) <= IN_HAND_MAX * len(kills), len(doubles)
    print(f"{len(run.taken)} mails, {len(kills)} kills: {len(doubles)} came twice, {len(run.unsure)} weren't answered")
    assert gateway.cli("store", "check").returncode == 0


# --- what is known of a mail ------------------------------------------------------------------------


def say(c, line):
    code, text = c.docmd(line)
    assert code // 100 in (2, 3), (line, code, text)


def from_a_client(post, helo, address, name="[UNAVAILABLE]", port=4711, n=0):
    """A mail of a client with that address and name, for which Postfix has another's word."""
    with postfix.Smtp(post.port, "127.0.0.8") as c:
        c.ehlo("front.test")
        say(c, f"XCLIENT NAME={name} ADDR={address} PORT={port}")
        c.command_encoding = "utf-8"
        c.ehlo(helo)
        say(c, "MAIL FROM:<a@out.test>")
        say(c, f"RCPT TO:<u0+x{n}@example.org>")
        code, text = c.data(b"Subject: x\r\n\r\n%d\r\n" % n)
        assert code == 250, text
        return re.search(rb"queued as (\w+)", text)[1].decode()


def who_the_client_was_is_known_on_both_sides(post, gateway):
    clients = [("helo.first.test", "192.0.2.77", "mx.first.test", "mx.first.test[192.0.2.77]"),
               ("[192.0.2.78]", "192.0.2.78", "a_b.first.test", "a_b.first.test[192.0.2.78]"),
               ("six.test", "IPV6:2001:db8::77", "[UNAVAILABLE]", "unknown[2001:db8::77]"),
               ("h" * 300 + ".test", "192.0.2.79", "[UNAVAILABLE]", "unknown[192.0.2.79]"),
               ("gr\xfc\xdf.test", "192.0.2.80", "[UNAVAILABLE]", "unknown[192.0.2.80]")]
    if not os.path.exists("/proc/net/if_inet6"):
        clients = [c for c in clients if "IPV6" not in c[1]]
    for n, (helo, address, name, orig) in enumerate(clients):
        queue_id = from_a_client(post, helo, address, name, 4711, n)
        back = f"client=unknown[{GATEWAY}], orig_queue_id={queue_id}, orig_client={orig}"
        post.wait(lambda: back in post.log())
        line = re.search(rf".*orig_id=<{queue_id}>.*", gateway.log())
        assert line and f"orig_client={orig}, orig_port=<4711>, orig_proto=<ESMTP>" in line[0], gateway.log()[-2000:]
        can_t_be_told = len(helo) > 255 or not helo.isascii()
        assert ("orig_helo=" not in line[0] if can_t_be_told else f"orig_helo=<{helo}>" in line[0]), line[0]
    assert not re.search(r"in reply to XFORWARD", post.log()), re.findall(r".*XFORWARD.*", post.log())
    with post.user("u3") as c:
        c.sendmail("u3@example.org", ["login@out.test"], b"Subject: x\r\n\r\nx\r\n")
    queue_id = post.wait(lambda: re.search(r"(\w+): client=.*, sasl_username=u3@example.org", post.log()))[1]
    post.wait(lambda: re.search(rf"orig_queue_id={queue_id}, orig_client=unknown\[{postfix.USER}\]", post.log()))
    settle(post, gateway)


def a_success_is_reported_once(post, gateway, out):
    before = len(out.mails)
    with post.outside() as c:
        c.sendmail("dsn@out.test", ["u1+dsn@example.org"], b"Subject: dsn\r\n\r\nx\r\n", ["RET=HDRS", "ENVID=e+2B1"],
                   ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first@first.test"])
    report = out.wait(before + 1)[before]
    settle(post, gateway)
    assert len(out.mails) == before + 1 and report.sender.startswith("FROM:<>"), [m.text for m in out.mails[before:]]
    for part in (b"Action: relayed", b"Original-Envelope-Id: e+1", b"Original-Recipient: rfc822;first@first.test"):
        assert part in report.text, report.text


def a_failure_is_reported_once(post, gateway, out):
    out.replies["RCPT"] = lambda session, a: b"550 5.1.1 no such one" if b"<nobody@" in a else None
    with post.user("u4") as c:
        c.sendmail("u4@example.org", ["nobody@out.test"], b"Subject: fails\r\n\r\nx\r\n")
    post.wait(lambda: [m for m in post.mails("u4") if b"no such one" in m])
    settle(post, gateway)
    del out.replies["RCPT"]
    assert len([m for m in post.mails("u4") if b"nobody@out.test" in m]) == 1


def an_alias_is_expanded_once_it_is_back(post, gateway, out):
    before = len(out.mails)
    with post.outside() as c:
        c.sendmail("a@out.test", ["team@example.org"], b"Subject: to the team\r\n\r\nx\r\n")
    m = out.wait(before + 1)[before]
    settle(post, gateway)
    inside = [t for u in ("u1", "u2") for t in post.mails(u) if b"to the team" in t]
    assert m.rcpts[0].startswith("TO:<friend@out.test>") and len(inside) == 2 and len(out.mails) == before + 1
    assert all(t.count(b"X-Hairpin-Gateway: in") == 1 and t.count(b"Received: ") == 4 for t in inside), inside


# --- when it isn't as it should be ------------------------------------------------------------------


def a_gateway_that_is_down_delays(post, gateway, out):
    gateway.stop()
    run = Run(post, bulk(200000, 20))
    run.join()
    post.wait(lambda: post.queue().count("Connection refused") >= 20)
    gateway.start()
    settle(post, gateway)
    check_all(run, Arrived(post, out))


def who_can_t_wait_goes_round_the_gateway(post, gateway, out):
    """As the manual says it."""
    gateway.stop()
    run = Run(post, [mails.Mail(210000 + i, b"Subject: round\r\n\r\nx\r\n", way) for i, way in enumerate(("in", "out"))])
    run.join()
    old = re.findall(r"^(?:content_filter|receive_override_options) = .*$", postfix.read(post.etc + "/main.cf"), re.M)
    post.change("content_filter=", "receive_override_options=")
    assert postfix.as_root("/usr/sbin/postsuper", "-c", post.etc, "-r", "ALL").returncode == 0
    post.wait(lambda: not post.queue())
    arrived = Arrived(post, out)
    for m in run.taken:
        (_, _, text, _), = arrived.of[key_of(m.to[0])]
        assert text.endswith(m.text) and b"X-Hairpin" not in text, text
    post.change(*old)
    gateway.start()


def the_second_gateway_is_asked_when_the_first_is_down(post, gateway, out, ports):
    page = re.search(r"gateway:\[gw1.example.org\]:10025,\[gw2.example.org\]:10025", postfix.read(PAGE))[0]
    old = f"content_filter=gateway:[{GATEWAY}]:{ports.filter}"
    post.change("content_filter=" + page.replace("gw1.example.org]:10025", f"{GATEWAY}]:{hp.free_port()}")
                .replace("gw2.example.org]:10025", f"{GATEWAY}]:{ports.filter}"))
    run = Run(post, bulk(220000, 10))
    run.join()
    settle(post, gateway)
    check_all(run, Arrived(post, out))
    post.change(old)


def a_postfix_in_between_passes_on_what_is_for_another_server(post, gateway, out):
    inner = "127.0.0.30"
    with sink.Sink() as company:
        text = recipe("/etc/postfix/main.cf", ("example.org=relay:[inner.example.org]:25", f"edge.test=relay:[127.0.0.1]:{company.port}"),
                      ("relay_domains = example.org", "relay_domains = edge.test"), ("/etc/postfix", post.etc),
                      ("127.0.0.0/8 192.0.2.30/32", inner + "/32"), section="A POSTFIX IN BETWEEN")
        post.write("relay_recipients", "ann@edge.test x\n")
        assert postfix.as_root("cp", post.dir + "/relay_recipients", post.etc).returncode == 0
        assert postfix.as_root("/usr/sbin/postmap", "-c", post.etc, post.etc + "/relay_recipients").returncode == 0
        post.change(*text.splitlines())
        gateway.cli("domain", "add", "edge.test")
        before = len(out.mails)
        with post.outside() as c:
            c.sendmail("a@out.test", ["ann@edge.test"], b"Subject: in\r\n\r\nx\r\n")
            assert c.docmd("MAIL FROM:<a@out.test>")[0] == 250 and c.docmd("RCPT TO:<b@edge.test>")[0] == 550
        with postfix.Smtp(post.port, inner) as c:
            c.ehlo("inner.test")
            c.sendmail("ann@edge.test", ["b@out.test"], b"Subject: out\r\n\r\nx\r\n")
        came, left = company.wait(1)[0], out.wait(before + 1)[before]
        settle(post, gateway)
        for m, way in ((came, b"in"), (left, b"out")):
            assert m.text.count(b"X-Hairpin-Gateway: " + way) == 1 and b"X-Hairpin-Guard" not in m.text, m.text
        assert len(company.mails) == 1 and len(out.mails) == before + 1


def point(gateway, port):
    """Its reinject port is changed."""
    gateway.stop()
    with open(gateway.conf) as f:
        text = re.sub(rf"(?<=\nreinject = {postfix.HOST}:)\d+", str(port), f.read())
    assert f"{postfix.HOST}:{port}\n" in text
    with open(gateway.conf, "w") as f:
        f.write(text)
    gateway.start()


def a_circle_ends_in_one_report(post, gateway, out, ports, wrong):
    """One of each way; what leaves isn't taken by port 25 from the gateway, which keeps it then."""
    point(gateway, wrong)
    before = len(out.mails)
    with post.outside() as c:
        c.sendmail("circle@out.test", [f"u5+in{wrong}@example.org"], b"Message-ID: <c1@test>\r\nSubject: circle\r\n\r\nx\r\n")
    if wrong == ports.wrong:
        with post.user("u6") as c:
            c.sendmail("u6@example.org", ["x@out.test"], b"Message-ID: <c2@test>\r\nSubject: circle\r\n\r\nx\r\n")
        post.wait(lambda: [t for t in post.mails("u6") if b"c2@test" in t])
    report = out.wait(before + 1)[before]
    settle(post, gateway)
    assert report.rcpts[0].startswith("TO:<circle@out.test>") and b"5.4.6" in report.text, report.text
    assert len(out.mails) == before + 1, [m.text for m in out.mails[before:]]
    assert not [t for t in post.mails("u5") if b"+in%d@" % wrong in t]
    if wrong == ports.wrong:
        report, = [t for t in post.mails("u6") if b"c2@test" in t]
        assert b"5.4.6" in report, report


def main():
    ports = Ports()
    with sink.Sink() as out, company(out, ports) as post, hp.Server(extra=gateway_conf(ports)) as gateway:
        who_the_client_was_is_known_on_both_sides(post, gateway)
        a_success_is_reported_once(post, gateway, out)
        a_failure_is_reported_once(post, gateway, out)
        an_alias_is_expanded_once_it_is_back(post, gateway, out)
        every_shape_passes_whole_and_once(post, gateway, out)
        either_side_is_killed_under_load(post, gateway, out)
        a_gateway_that_is_down_delays(post, gateway, out)
        who_can_t_wait_goes_round_the_gateway(post, gateway, out)
        the_second_gateway_is_asked_when_the_first_is_down(post, gateway, out, ports)
        a_postfix_in_between_passes_on_what_is_for_another_server(post, gateway, out)
        a_circle_ends_in_one_report(post, gateway, out, ports, ports.wrong)
        a_circle_ends_in_one_report(post, gateway, out, ports, post.port)


main()
