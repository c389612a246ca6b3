#!/usr/bin/env python3
"""Logins at smart hosts: real submission ports of this program, whose certificates are proved, with SCRAM-SHA-256 and
with PLAIN; a server that knows LOGIN alone; a wrong password, a server without AUTH, one with another's certificate."""
import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import tempfile

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from certificates import certificate  # noqa: E402
from name_server import A, Names  # noqa: E402

HOST, AGAIN, OTHER = "smart.provider.test", "again.provider.test", "other.provider.test"  # one address
USER, PASSWORD = "u0@provider.test", "a longer pässword"


class Provider(hp.Server):
    """Whose users may submit from elsewhere; what they submit leaves to a sink."""

    def __init__(self, folder, to, more=""):
        super().__init__(hp.QUICK + more + f"\n[relay]\nhost = [127.0.0.1]:{to.port}\n[limits]\n"
                         "connection_rate_per_minute = 0\n", domain="provider.test", plaintext=False)
        self.cli("user", "password", USER, "--password", PASSWORD)
        self.cli("user", "set", USER, "--send-as", "@example.org")
        for source, name in ("smart.key", "key.pem"), ("smart.pem", "cert.pem"):
            shutil.copy(f"{folder}/{source}", f"{self.data}/tls/{name}.new")
            os.rename(f"{self.data}/tls/{name}.new", f"{self.data}/tls/{name}")
        with open(f"{folder}/smart.pem") as f:
            wanted = ssl.PEM_cert_to_DER_cert(f.read())
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.certificate() == wanted)

    def certificate(self):
        with self.connect(465) as raw, hp.trust_all().wrap_socket(raw) as s:
            return s.getpeercert(True)


class Login(sink.Sink):
    """Knows AUTH LOGIN alone."""

    def __init__(self, context):
        super().__init__(offers=(b"PIPELINING", b"8BITMIME", b"AUTH LOGIN"), tls=context)
        self.logins = []
        self.replies["AUTH"] = self.auth
        self.replies["MAIL"] = lambda session, argument: None if self.logins else b"530 5.7.0 log in first"

    def auth(self, session, argument):
        said = [argument]
        for prompt in b"Username:", b"Password:":
            session.say(b"334 " + base64.b64encode(prompt))
            said.append(base64.b64decode(session.f.readline()))
        if not session.is_secure or said != [b"LOGIN", USER.encode(), PASSWORD.encode()]:
            return b"535 5.7.8 no"
        self.logins.append(said)
        return b"235 2.7.0 welcome"


def conf(folder, names, hosts):
    routes = "".join(
        f"[relay {name}.test]\nhost = [{host}]:{port}\nuser = {USER}\npassword_file = {folder}/{secret}\ntls = verify\n"
        for name, host, port, secret in hosts)
    return (hp.QUICK + f"\n[dns]\nstub = test 127.0.0.1:{names.port}\nvalidate = no\n[relay]\ntls_ca = {folder}/ca.pem\n"
            f"timeout = 5s\n{routes}[mail]\nretry_min = 1s\nretry_max = 1s\n[limits]\nconnection_rate_per_minute = 0\n")


def submit(s, domain):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", [f"a@{domain}.test"], b"Subject: x\r\n\r\nto " + domain.encode() + b"\r\n")


def mail_arrives_through_each(s, to, providers, login):
    for domain in "scram", "plain", "login":
        submit(s, domain)
    login.wait(1)
    for m in to.wait(2):
        assert m.sender.startswith("FROM:<u0@example.org>") and m.rcpts[0].split(">")[0] in (
            "TO:<a@scram.test", "TO:<a@plain.test"), (m.sender, m.rcpts)
    for provider, method in zip(providers, ("SCRAM-SHA-256", "PLAIN")):
        assert re.search(rf"sasl_method={method}, sasl_username=<?{USER}", provider.log()), provider.log()[-3000:]
        assert re.search(rf"sasl_username={USER}, .*proto=\S*(TLS|tls)", provider.log()), provider.log()[-3000:]
    assert login.mails[0].text.endswith(b"to login\r\n") and len(login.logins) == 1
    assert s.log().count(f"TLS to {HOST}: pkix, ") >= 3
    assert not re.search("pässword", s.log())


def mail_waits_while_the_login_is_not_taken(s, to, folder):
    why = {"wrong": f"host {AGAIN} said: 535 5.7.8 .*in reply to AUTH command",
           "noauth": "a login is wanted, but the server offers no AUTH"}
    before = len(to.mails)
    for domain in (*why, "name"):
        submit(s, domain)
    for domain, words in why.items():
        # Each try says so, with the cure.
        s.wait(lambda: len(re.findall(rf"courier\[\d+\]: warning: \[relay {domain}.test\]: login as {USER}: .*{words}.*; mail "
                                      "waits: look at user and password_file", s.log())) > 1)
        assert re.search(rf"to=<a@{domain}.test>, relay=none, .*status=deferred", s.log())
    # Whoever else it is never hears the password.
    s.wait(lambda: re.search(r"to=<a@name.test>, .*status=deferred \(.*certificate not verified", s.log()))
    rows = s.json("queue", "list")["rows"]
    assert len(rows) == 3 and len(to.mails) == before, rows
    assert not hp.bodies(s), "a bounce came"
    with open(f"{folder}/wrong", "w") as f:
        f.write(PASSWORD + "\n")
    s.stop()
    s.start()
    s.cli("queue", "retry", "--all")
    m = to.wait(before + 1)[before]
    assert m.text.endswith(b"to wrong\r\n")


def inside(stack):
    folder = tempfile.mkdtemp(prefix="hairpin-login-")
    stack.callback(shutil.rmtree, folder)
    context = certificate(folder, "smart", [HOST, AGAIN])
    for name, password in ("right", PASSWORD), ("wrong", "another"):
        with open(f"{folder}/{name}", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write(password + "\n")
    names = Names("127.0.0.1", 0)
    for host in HOST, AGAIN, OTHER:
        names.records[host, A] = socket.inet_aton("127.0.0.1")
    to, noauth = (stack.enter_context(x) for x in (sink.Sink(), sink.Sink(tls=context)))
    login = stack.enter_context(Login(context))
    providers = [stack.enter_context(Provider(folder, to, more)) for more in ("", "scram = no\n")]
    scram, plain = (x.base + 587 for x in providers)
    s = stack.enter_context(hp.Server(conf(folder, names, [
        ("scram", HOST, scram, "right"), ("plain", HOST, plain, "right"), ("login", HOST, login.port, "right"),
        ("wrong", AGAIN, scram, "wrong"), ("noauth", HOST, noauth.port, "right"),
        ("name", OTHER, login.port, "right")])))
    s.settle()
    mail_arrives_through_each(s, to, providers, login)
    mail_waits_while_the_login_is_not_taken(s, to, folder)
    assert len(login.logins) == 1 and not noauth.mails
    for x in (s, *providers):
        assert "Sanitizer" not in x.log(), x.log()[-4000:]


def main():
    with contextlib.ExitStack() as stack:
        inside(stack)


main()
