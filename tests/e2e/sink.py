"""A mail server that takes what it is given, notes it, and misbehaves where it is told to."""
import socket
import threading


def shut(s):
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    s.close()


class Mail:
    def __init__(self, helo, sender):
        self.helo, self.sender, self.rcpts, self.text, self.forward = helo, sender, [], b"", {}
        self.chunks = []


class Sink:
    """tls: a context for STARTTLS, which is offered then. replies: verb -> what is said to it instead; a bytes reply, a list of them (one for each time, then as usual),
    or a function of (session, argument), whose None means: as usual. b"" closes the connection; False: nothing is said."""

    def __init__(self, host="127.0.0.1", port=0, offers=(b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN"), lmtp=False,
                 tls=None):
        self.offers, self.lmtp, self.tls = offers, lmtp, tls
        self.mails, self.verbs, self.replies, self.sessions, self.ends = [], [], {}, [], []
        self.changed = threading.Condition()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family, backlog=200)
        self.host, self.port = self.socket.getsockname()[:2]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def close(self):
        shut(self.socket)
        self.hang_up()

    def hang_up(self):
        for s in self.sessions:
            shut(s)
        self.sessions.clear()

    def accept(self):
        while True:
            try:
                s = self.socket.accept()[0]
            except OSError:
                return
            self.sessions.append(s)
            threading.Thread(target=Session(self, s).run, daemon=True).start()

    def said(self, verb):
        return [line for line in self.verbs if line.upper().startswith(verb.upper())]

    def wait(self, n, seconds=20):
        """Until n mails have been taken."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.mails) >= n, seconds), f"{len(self.mails)} of {n} mails"
            return self.mails


class Session:
    def __init__(self, sink, s):
        self.sink, self.s, self.f = sink, s, s.makefile("rb")
        self.helo, self.mail, self.is_secure = b"", None, False

    def say(self, reply):
        self.s.sendall(reply + b"\r\n")

    def run(self):
        try:
            self.answer("greeting", b"", lambda a: b"220 sink.test ESMTP")
            while True:
                line = self.f.readline()
                if not line:
                    return
                if not line.endswith(b"\n"):
                    return
                self.sink.verbs.append(line.rstrip(b"\r\n").decode(errors="replace"))
                verb, _, argument = line.strip().partition(b" ")
                name = verb.decode().upper()
                if name == "BDAT":
                    self.chunk = self.f.read(int(argument.split()[0]))
                self.answer(name, argument, getattr(self, "on_" + name.lower(), lambda a: b"502 5.5.2 what?"))
                if name == "QUIT":
                    return
        except (OSError, EOFError, ValueError) as e:
            self.sink.ends.append(repr(e))
        finally:
            self.f.close()
            self.s.close()

    def answer(self, name, argument, usual):
        reply = self.sink.replies.get(name)
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else None
        if callable(reply):
            reply = reply(self, argument)
        if reply is None:
            reply = usual(argument)
        if reply == b"":
            raise EOFError
        if reply is not False:
            self.say(reply)

    def on_ehlo(self, argument):
        self.helo = argument
        lines = [b"sink.test", *self.sink.offers, *([b"STARTTLS"] if self.sink.tls and not self.is_secure else [])]
        return b"\r\n".join(b"250-" + x for x in lines[:-1]) + (b"\r\n" if lines[1:] else b"") + b"250 " + lines[-1]

    on_lhlo = on_ehlo

    def on_starttls(self, argument):
        self.say(b"220 2.0.0 go on")
        self.s = self.sink.tls.wrap_socket(self.s, server_side=True)
        self.f.close()
        self.f, self.is_secure = self.s.makefile("rb"), True
        return False

    def on_helo(self, argument):
        self.helo = argument
        return b"250 sink.test"

    def on_mail(self, argument):
        self.mail = Mail(self.helo, argument.decode())
        self.mail.is_secure, self.mail.to = self.is_secure, self.sink.host
        return b"250 2.1.0 Ok"

    def on_rcpt(self, argument):
        if not self.mail:
            return b"503 5.5.1 MAIL first"
        self.mail.rcpts.append(argument.decode())
        return b"250 2.1.5 Ok"

    def on_rset(self, argument):
        self.mail = None
        return b"250 2.0.0 Ok"

    def on_noop(self, argument):
        return b"250 2.0.0 Ok"

    def on_quit(self, argument):
        return b"221 2.0.0 Bye"

    def on_bdat(self, argument):
        if not self.mail or not self.mail.rcpts:
            return b"503 5.5.1 RCPT first"
        self.mail.text += self.chunk
        self.mail.chunks.append(len(self.chunk))
        return self.taken() if argument.upper().endswith(b"LAST") else b"250 2.0.0 Ok"

    def on_data(self, argument):
        if not self.mail or not self.mail.rcpts:
            return b"503 5.5.1 RCPT first"
        self.say(b"354 go on")
        self.read_text()
        self.answer("text", b"", lambda a: self.taken())
        return False

    def read_text(self):
        lines = []
        while True:
            line = self.f.readline()
            if not line:
                raise EOFError
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.mail.text = b"".join(lines)

    def taken(self):
        with self.sink.changed:
            self.sink.mails.append(self.mail)
            self.sink.changed.notify_all()
            n = len(self.sink.mails)
        reply = b"250 2.0.0 Ok: queued as %d" % n
        return b"\r\n".join([reply] * len(self.mail.rcpts)) if self.sink.lmtp else reply
