"""Mail that comes in by SMTP and by APPEND, all the time, from clients that try again; and whether all that was
answered is there afterwards, exactly once, whole."""
import collections
import random
import threading
import time

from hp import bodies

LIMITS = "\n[limits]\nconnection_rate_per_minute = 0\n"


class Load:
    def __init__(self, server, smtp=4, imap=2):
        self.s = server
        self.over = threading.Event()
        self.accepted = {}           # SMTP: answered 250; name -> octets of its body
        self.appended = {}           # IMAP: answered OK
        self.tried = set()           # IMAP: asked for
        self.failed = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.smtp, args=(i,)) for i in range(smtp)]
        self.threads += [threading.Thread(target=self.imap, args=(i,)) for i in range(imap)]

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

    def answered(self):
        return len(self.accepted) + len(self.appended)

    def smtp(self, who):
        n = 0
        while not self.over.is_set():
            name = f"smtp-{who}-{n}"
            text = f"{name} ".encode().hex() * random.randrange(1, 800)
            n += self.send(name, text)

    # The same mail again until it is taken: a lost 250 must not make two of it.
    def send(self, name, text):
        mail = (f"From: a@outside.test\r\nMessage-ID: <{name}@outside.test>\r\nSubject: {name}\r\n\r\n"
                f"{text}\r\n").encode()
        until = None
        while True:
            try:
                with self.s.smtp() as c:
                    c.ehlo("client.test")
                    code = c.mail("a@outside.test")[0], c.rcpt("u0@example.org")[0]
                    if code == (250, 250) and c.data(mail)[0] == 250:
                        with self.lock:
                            self.accepted[name] = len(text)
            except Exception:
                pass
            if name in self.accepted:  # whatever became of the QUIT
                return 1
            self.failed += 1
            if self.over.is_set():
                until = until or time.monotonic() + 20
                if time.monotonic() > until:
                    return 0
            time.sleep(0.02)

    def imap(self, who):
        n = 0
        m = None
        while not self.over.is_set():
            n += 1
            name = f"imap-{who}-{n}"
            text = "x" * random.choice([10, 5000, 200000])
            try:
                m = m or self.s.imap()
                with self.lock:
                    self.tried.add(name)
                if m.append("INBOX", None, None, f"Subject: {name}\r\n\r\n{text}\r\n".encode())[0] == "OK":
                    with self.lock:
                        self.appended[name] = len(text)
            except Exception:
                m = None
                time.sleep(0.05)

    def check(self):
        s = self.s
        s.wait(lambda: s.json("queue", "list")["rows"] == [], 60)
        found = [(subject(b), b) for b in bodies(s)]
        times = collections.Counter(name for name, _ in found)
        twice = [name for name, n in times.items() if n > 1]
        assert not twice, f"more than once: {twice[:10]}"
        size = self.accepted | self.appended
        missing = [name for name in size if name not in times]
        assert not missing, f"answered and lost: {missing[:10]} of {len(size)}"
        for name, b in found:
            # A last SMTP client may have given up before it read its 250.
            assert name in size or name in self.tried or name.startswith("smtp-"), name
            text = b.split(b"\r\n\r\n", 1)[1]
            assert name not in size or len(text) == size[name] + 2, f"{name} isn't whole"
        report = s.json("store", "check")
        assert report["violations"] == [], report


def subject(body):
    for line in body.split(b"\r\n"):
        if line.startswith(b"Subject: "):
            return line[9:].decode()
    raise AssertionError(body[:500])
