"""IMAP octet by octet, for tests that want to see all that the server says, and when."""
import re

from hp import trust_all


class Closed(Exception):
    pass


class Wire:
    """A connection. Responses are whole, literals inside, without the last CRLF."""

    def __init__(self, server, user="u0", port=143, tls=False, seconds=60):
        self.sock = server.connect(port, seconds)
        self.left, self.n, self.user, self.bite = b"", 0, user, 1 << 16
        if tls or port == 993:
            self.sock = trust_all().wrap_socket(self.sock)
        self.greeting = self.response()
        if user:
            self.ok(f"LOGIN {user}@{server.domain} pw")

    def fill(self):
        got = self.sock.recv(self.bite)
        if not got:
            raise Closed(self.left)
        self.left += got

    def response(self):
        whole = b""
        while True:
            while b"\r\n" not in self.left:
                self.fill()
            line, self.left = self.left.split(b"\r\n", 1)
            whole += line
            size = re.search(rb"\{(\d+)\}$", line)
            if not size:
                return whole
            n = int(size.group(1))
            while len(self.left) < n:
                self.fill()
            whole += b"\r\n" + self.left[:n]
            self.left = self.left[n:]

    def send(self, octets):
        self.sock.sendall(octets)

    def start(self, command, *literals):
        """Sends a command without waiting; each %s of it is a literal (LITERAL+). Its tag."""
        self.n += 1
        tag = b"t%d" % self.n
        text = command if isinstance(command, bytes) else command.encode()
        between = text.split(b"%s") if literals else [text]
        assert len(between) == len(literals) + 1
        text = between[0] + b"".join(b"{%d+}\r\n" % len(octets) + octets + after
                                     for octets, after in zip(literals, between[1:]))
        self.send(tag + b" " + text + b"\r\n")
        return tag

    def finish(self, tag, seen=None):
        """Up to the tagged response: (its text, untagged ones). seen: called with each at once."""
        untagged = []
        while True:
            try:
                r = self.response()
            except Closed:
                raise Closed(untagged[-1:]) from None
            if r.startswith(tag + b" "):
                return r[len(tag) + 1:], untagged
            untagged.append(r)
            if seen:
                seen(r)

    def run(self, command, *literals):
        return self.finish(self.start(command, *literals))

    def ok(self, command, *literals):
        """The untagged responses of a command that must be OK."""
        said, untagged = self.run(command, *literals)
        assert said.startswith(b"OK"), (command, said)
        return untagged

    def code(self, command, *literals):
        """The response code's words of a command that must be OK: [b'APPENDUID', b'1', b'2']."""
        said, _ = self.run(command, *literals)
        assert said.startswith(b"OK"), (command, said)
        code = re.match(rb"OK \[([^]]*)\]", said)
        return code.group(1).split() if code else []

    def close(self):
        self.sock.close()


class Atom(bytes):
    """What came neither quoted nor as a literal."""


def parse(raw):
    """A response as nested lists of bytes, Atom and None (NIL)."""
    items, at = parse_items(raw, 0)
    assert at == len(raw), raw[at:]
    return items


def parse_items(raw, at):
    items = []
    while at < len(raw) and raw[at] != 0x29:
        c = raw[at:at + 1]
        if c == b" ":
            at += 1
        elif c == b"(":
            inner, at = parse_items(raw, at + 1)
            assert raw[at:at + 1] == b")", raw[at:]
            items.append(inner)
            at += 1
        elif c == b'"':
            quoted = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(raw, at)
            items.append(re.sub(rb"\\(.)", rb"\1", quoted.group(1)))
            at = quoted.end()
        elif literal := re.compile(rb"~?\{(\d+)\}\r\n").match(raw, at):
            at = literal.end() + int(literal.group(1))
            items.append(raw[literal.end():at])
        else:
            word = re.compile(rb"[^ ()\[\"]+(?:\[[^]]*\](?:<\d+>)?)?").match(raw, at)
            items.append(None if word.group() == b"NIL" else Atom(word.group()))
            at = word.end()
    return items, at


def fetched(responses):
    """{number: {item: value}} of FETCH responses, several of one message joined."""
    out = {}
    for r in responses:
        m = re.match(rb"\* (\d+) FETCH ", r)
        if m:
            items = parse(r[m.end():])[0]
            pairs = dict(zip((bytes(x).upper() for x in items[::2]), items[1::2]))
            out.setdefault(int(m.group(1)), {}).update(pairs)
    return out


def numbers(text):
    """The numbers of a set: b"1:3,7"."""
    out = []
    for part in text.split(b","):
        a, _, b = part.partition(b":")
        a, b = int(a), int(b or a)
        out += range(min(a, b), max(a, b) + 1)
    return out
