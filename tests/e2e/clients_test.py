#!/usr/bin/env python3
"""The clients that people use work over TLS: curl, neomutt, mbsync, swaks, Python's own modules."""
# timeout: 180
import email
import hashlib
import imaplib
import mailbox
import os
import pty
import select
import signal
import smtplib
import ssl
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, sys.path[0])
from hp import Server, bodies  # noqa: E402

USERS = ("u0", "u1", "mutt", "sync", "python", "swaks")
TEXT = "From: u0@example.org\r\nTo: u1@example.org\r\nMessage-ID: <{0}@client.test>\r\nSubject: {0}\r\n\r\n{1}\r\n"


def run(*words, ok=True, **more):
    r = subprocess.run(words, capture_output=True, timeout=60, **more)
    if ok:
        assert r.returncode == 0, (words, r.returncode, r.stdout[-3000:], r.stderr[-3000:])
    return r


def certificate(s):
    return s.data + "/tls/cert.pem"


def put(s, name, text):
    path = f"{s.dir}/{name}"
    with open(path, "w", newline="") as f:
        f.write(text)
    return path


def of_subject(s, user, subject, mailbox="INBOX"):
    """The one message of that subject, once it is there; two of them are a failure."""
    def look():
        return [b for b in bodies(s, user, mailbox) if email.message_from_bytes(b)["Subject"] == subject]
    found = s.wait(look)
    assert len(found) == 1, (subject, len(found))
    return found[0]


# --- curl -----------------------------------------------------------------------------------------


def curl(s, scheme, port, path, *more, user="u0", ok=True):
    """The certificate is verified, its host name too."""
    return run("curl", "-sS", "--cacert", certificate(s), "--resolve", f"mail.example.org:{s.base + port}:127.0.0.1",
               "-u", f"{user}@example.org:pw", f"{scheme}://mail.example.org:{s.base + port}/{path}",
               *(["--ssl-reqd"] if scheme in ("smtp", "imap") else []), *more, ok=ok).stdout


def curl_sends_and_fetches_over_tls(s):
    for scheme, port in (("smtps", 465), ("smtp", 587)):
        for mech in ("PLAIN", "LOGIN"):
            name = f"curl-{scheme}-{mech}"
            mail = TEXT.format(name, "sent by curl\r\n.\r\n..two dots")
            curl(s, scheme, port, "client.test", "--mail-from", "u0@example.org", "--mail-rcpt", "u1@example.org",
                 "--login-options", f"AUTH={mech}", "-T", put(s, "mail", mail))
            got = of_subject(s, "u1", name)
            assert got.endswith(mail.encode()), got
    wrong = run("curl", "-sS", "--cacert", certificate(s), "--resolve",
                f"mail.example.org:{s.base + 465}:127.0.0.1", "-u", "u0@example.org:wrong",
                f"smtps://mail.example.org:{s.base + 465}", "--mail-from", "u0@example.org", "--mail-rcpt",
                "u1@example.org", "-T", s.dir + "/mail", ok=False)
    assert wrong.returncode == 67, wrong  # CURLE_LOGIN_DENIED
    assert len(bodies(s, "u1")) == 4


def curl_reads_a_mailbox(s):
    whole = bodies(s, "u1")
    for scheme, port in (("imaps", 993), ("imap", 143)):
        assert curl(s, scheme, port, "INBOX;UID=1", user="u1") == whole[0]
        assert curl(s, scheme, port, "INBOX;UID=2;SECTION=HEADER.FIELDS%20(Subject)", user="u1").startswith(
            b"Subject: curl-smtps-LOGIN\r\n")
        found = curl(s, scheme, port, "INBOX?SUBJECT%20curl-smtp-PLAIN", user="u1")
        assert found.split() == [b"*", b"SEARCH", b"3"], found
        listed = curl(s, scheme, port, "", user="u1")
        assert b'"/" "INBOX"' in listed or b'"/" INBOX' in listed, listed
    mail = TEXT.format("curl-append", "kept by curl")
    curl(s, "imaps", 993, "INBOX", "-T", put(s, "mail", mail), user="u1")
    assert bodies(s, "u1")[-1] == mail.encode()


# --- swaks ----------------------------------------------------------------------------------------


def swaks(s, subject, *more, ok=True):
    where = [] if "--socket" in more else ["--server", "127.0.0.1"]
    return run("swaks", *where, "--helo", "client.test", "--from", "u0@example.org", "--to", "swaks@example.org",
               "--header", f"Subject: {subject}", "--tls-ca-path", certificate(s), "--body", f"this is {subject}",
               *more, ok=ok, text=True)


def swaks_knows_every_way_in(s):
    login = ["--auth-user", "u0@example.org", "--auth-password", "pw"]
    on_connect = ["--tls-on-connect", "--port", str(s.base + 465), "--tls-verify"]
    start_tls = ["--tls", "--port", str(s.base + 587), "--tls-verify"]
    ways = {
        "mx-plain": ["--port", str(s.base + 25), "--from", "ann@outside.test"],
        "mx-tls": ["--port", str(s.base + 25), "--from", "ann@outside.test", "--tls", "--tls-verify"],
        "starttls-plain": [*start_tls, "--auth", "PLAIN", *login],
        "starttls-login": [*start_tls, "--auth", "LOGIN", *login],
        "implicit-plain": [*on_connect, "--auth", "PLAIN", *login],
        "implicit-login": [*on_connect, "--auth", "LOGIN", *login],
        "pipelined": [*on_connect, "--auth", "PLAIN", "--pipeline", *login],
        "lmtp": ["--protocol", "LMTP", "--socket", s.data + "/run/lmtp.sock", "--from", "ann@outside.test"],
    }
    for name, words in ways.items():
        said = swaks(s, name, *words).stdout
        assert "queued as" in said, said
        if "tls" in name or "implicit" in name or name == "pipelined":
            assert "TLS started" in said and "TLSv1.3" in said, said
        got = of_subject(s, "swaks", name)
        assert b"this is " + name.encode() in got, got
        sender = b"ann@outside.test" if name in ("lmtp", "mx-plain", "mx-tls") else b"u0@example.org"
        assert b"Return-Path: <" + sender + b">\r\n" in got, got
    wrong = swaks(s, "wrong", *start_tls, "--auth", "PLAIN", "--auth-user", "u0@example.org", "--auth-password", "no",
                  ok=False)
    assert wrong.returncode == 28 and "535" in wrong.stdout, wrong  # swaks: authentication failed
    clear = swaks(s, "clear", "--port", str(s.base + 587), ok=False)
    assert clear.returncode != 0 and "queued as" not in clear.stdout, clear.stdout
    assert len(bodies(s, "swaks")) == len(ways)


# --- neomutt --------------------------------------------------------------------------------------

MUTTRC = """
set from = "mutt@example.org"
set realname = "A Mutt"
set hostname = "client.test"
set smtp_url = "{smtp}"
set smtp_pass = "pw"
set smtp_authenticators = "{mechanism}"
set imap_user = "mutt@example.org"
set imap_pass = "pw"
set imap_authenticators = "{mechanism}"
set folder = "{imap}"
set spoolfile = "+INBOX"
set record = "+Sent"
set ssl_starttls = yes
set ssl_force_tls = yes
set ssl_verify_host = no
set certificate_file = "{certificate}"
set tmpdir = "{dir}"
set quit = yes
set delete = yes
set move = no
set confirmappend = no
set confirmcreate = no
set wait_key = no
set mark_old = no
set header_cache = ""
set sleep_time = 0
set crypt_autosign = no
set copy = yes
set editor = true
set abort_unmodified = no
"""


def muttrc(s, name, smtp, imap, mechanism):
    account = urllib.parse.quote("mutt@example.org")
    text = MUTTRC.format(smtp=f"{smtp[0]}://{account}@127.0.0.1:{s.base + smtp[1]}", dir=s.dir,
                         imap=f"{imap[0]}://{account}@127.0.0.1:{s.base + imap[1]}/", certificate=certificate(s),
                         mechanism=mechanism)
    return put(s, name, text)


def at_terminal(words, seconds=40):
    """Runs a program that wants a terminal until it ends; what it drew."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", HOME="/nonexistent")
        os.execvp(words[0], words)
    drawn, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            some = os.read(fd, 65536)
        except OSError:
            some = b""
        if not some:
            break
        drawn += some
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    assert status == 0, (status, drawn[-3000:])
    return drawn


def neomutt_sends_mail(s):
    ways = {"mutt-implicit": (("smtps", 465), ("imaps", 993), "plain"),
            "mutt-starttls": (("smtp", 587), ("imap", 143), "login")}
    for name, way in ways.items():
        rc = muttrc(s, name + ".rc", *way)
        attached = put(s, name + ".txt", "attached: " + name + "\n")
        run("neomutt", "-n", "-F", rc, "-s", name, "-a", attached, "--", "mutt@example.org",
            input=b"Written with gr\xc3\xbc\xc3\x9fen.\n", env={**os.environ, "LC_ALL": "C.UTF-8"})
        m = email.message_from_bytes(of_subject(s, "mutt", name))
        text, file = m.get_payload()
        written = text.get_payload(decode=True).decode(text.get_content_charset())
        assert written.splitlines() == ["Written with grüßen."], written
        assert file.get_filename() == name + ".txt" and name in file.get_payload()
        assert "with ESMTPSA" in m["Received"], m["Received"]


def neomutt_works_in_a_mailbox(s):
    """Searches on the server, flags, moves, marks as read, sends with a copy in Sent."""
    for n in range(3):
        mail = TEXT.format(f"pile-{n}", f"body of number {n}: needle-{n}")
        s.imap("mutt").append("INBOX", None, None, mail.encode())
    rc = muttrc(s, "box.rc", ("smtps", 465), ("imaps", 993), "plain")
    at_terminal(["neomutt", "-n", "-F", rc, "-f", "+INBOX", "-e", "push '"
                 "<limit>=b needle-1<enter><flag-message>"
                 "<limit>=b needle-2<enter><save-message>+Kept<enter>"
                 "<limit>~s pile-0<enter><clear-flag>N"
                 "<limit>all<enter><sync-mailbox>"
                 "<mail>u1@example.org<enter>by-hand<enter><send-message><exit>'"])
    with s.imap("mutt") as m:
        m.select("INBOX")
        flagged = m.uid("SEARCH", "FLAGGED")[1][0].split()
        assert len(flagged) == 1, flagged
        assert b"needle-1" in m.uid("FETCH", flagged[0], "(BODY.PEEK[])")[1][0][1]
        assert m.search(None, "BODY", "needle-2")[1] == [b""]
        assert m.search(None, "SEEN", "SUBJECT", "pile-0")[1] != [b""]
        assert m.select("Kept")[1] == [b"1"]
    assert b"needle-2" in of_subject(s, "mutt", "pile-2", "Kept")
    assert of_subject(s, "mutt", "by-hand", "Sent") and of_subject(s, "u1", "by-hand")


# --- mbsync ---------------------------------------------------------------------------------------

MBSYNCRC = """
IMAPStore far
Host 127.0.0.1
Port {port}
User sync@example.org
Pass pw
AuthMechs {mechanism}
SSLType {tls}
CertificateFile {certificate}

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""


def mbsync(s, way=("IMAPS", 993, "LOGIN")):
    tls, port, mechanism = way
    rc = put(s, "mbsyncrc", MBSYNCRC.format(tls=tls, port=s.base + port, mechanism=mechanism,
                                            certificate=certificate(s), maildir=s.dir + "/maildir"))
    return run("mbsync", "-c", rc, "-a", text=True)


FLAGS = {b"\\Flagged": "F", b"\\Answered": "R", b"\\Seen": "S", b"\\Deleted": "T"}


def row(octets, flags):
    """Name, digest and flags of a message, without mbsync's own mark and with lines as a Maildir has them."""
    lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    text = b"\n".join(x for x in lines if not x.startswith(b"X-TUID:"))
    return email.message_from_bytes(text)["Subject"], hashlib.sha256(text).hexdigest(), "".join(sorted(flags))


def far(s):
    """mailbox -> its rows, sorted, as the server has them."""
    out = {}
    with s.imap("sync") as m:
        for line in m.list()[1]:
            name = line.decode().rpartition(' "/" ')[2].strip('"')
            m.select(f'"{name}"', readonly=True)
            rows = []
            for n in m.search(None, "ALL")[1][0].split():
                got = m.fetch(n, "(FLAGS BODY.PEEK[])")[1]
                rows.append(row(got[0][1], [FLAGS[x] for x in imaplib.ParseFlags(got[0][0]) if x in FLAGS]))
            out[name] = sorted(rows)
    return out


def near(s):
    """The same of the Maildirs."""
    out, top = {}, s.dir + "/maildir"
    for where, folders, _ in os.walk(top):
        if "cur" in folders:
            box = mailbox.Maildir(where, create=False)
            out[os.path.relpath(where, top)] = sorted(
                row(box.get_bytes(k), set(box.get_message(k).get_flags()) & set("FRST")) for k in box.keys())
    return out


def expect(s, boxes, message, **wanted):
    """Both sides are equal, have those mailboxes and hold so many messages of each."""
    a, b = far(s), near(s)
    assert a == b, (message, {k: (len(v), len(b.get(k, []))) for k, v in a.items()}, a, b)
    assert sorted(a) == sorted(boxes), (message, sorted(a))
    for name, count in wanted.items():
        assert len(a[name]) == count, (message, name, len(a[name]))


def change_far(s):
    with s.imap("sync") as m:
        m.select("INBOX")
        m.store("1:3", "+FLAGS", "(\\Flagged)")
        m.store("4:6", "+FLAGS", "(\\Deleted)")
        m.expunge()
        m._simple_command("MOVE", "1", "Work")
        m.create("Far")
        m.append("Far", None, None, TEXT.format("far", "made on the server").encode())


def change_near(top):
    box = mailbox.Maildir(top + "/INBOX", create=False)
    path = {email.message_from_bytes(box.get_bytes(k))["Subject"]: f"{top}/INBOX/{box._lookup(k)}" for k in box.keys()}
    stem = os.path.basename(path["in-10"]).partition(":")[0]
    os.rename(path["in-10"], f"{top}/INBOX/cur/{stem}:2,RS")
    os.unlink(path["in-12"])
    for sub in ("cur", "new", "tmp"):
        os.makedirs(f"{top}/Near/{sub}")
    for where, n in (("INBOX", 1), ("Near", 2)):
        for i in range(n):
            with open(f"{top}/{where}/new/{time.time_ns()}.{i}.client", "wb") as f:
                f.write(TEXT.format(f"near-{where}-{i}", "written at home").replace("\r\n", "\n").encode())


def mbsync_takes_everything_and_then_nothing(s):
    with s.imap("sync") as m:
        for name in ("Work", "Work/2026", "Gr&APwA3w-e"):
            m.create(name)
        for n in range(20):
            m.append("INBOX", "(\\Seen)" if n % 2 else None, None, TEXT.format(f"in-{n}", "x" * n * 50).encode())
        for n in range(5):
            m.append("Work/2026", "(\\Flagged)", None, TEXT.format(f"work-{n}", "w").encode())
    os.mkdir(s.dir + "/maildir")
    mbsync(s)
    before = far(s)
    assert {"INBOX", "Work", "Work/2026", "Gr&APwA3w-e"} < set(before), before
    expect(s, before, "first", INBOX=20)
    for way in (("IMAPS", 993, "LOGIN"), ("STARTTLS", 143, "PLAIN"), ("STARTTLS", 143, "SCRAM-SHA-256")):
        mbsync(s, way)
        assert far(s) == before and near(s) == before, way


def mbsync_converges_after_changes_on_both_sides(s):
    boxes = set(far(s))
    change_far(s)
    change_near(s.dir + "/maildir")
    for turn in range(3):
        mbsync(s)
        # 3 expunged, 1 moved, 1 unlinked, 1 new
        expect(s, boxes | {"Far", "Near"}, f"turn {turn}", INBOX=16, Work=1, Far=1, Near=2)
    with s.imap("sync") as m:
        m.select("INBOX")
        assert m.search(None, "ANSWERED", "SEEN", "SUBJECT", "in-10")[1] != [b""]
        assert m.search(None, "SUBJECT", "in-12")[1] == [b""]
        m.select("Far")  # mbsync removes a mailbox only when it is empty
        m.store("1", "+FLAGS", "(\\Deleted)")
        m.expunge()
    mbsync(s)
    with s.imap("sync") as m:
        m.delete("Far")
    for turn in range(2):
        mbsync(s)
        expect(s, boxes | {"Near"}, f"a mailbox was deleted, turn {turn}", INBOX=16, Near=2)


# --- Python ---------------------------------------------------------------------------------------


def python_sends_and_reads_over_tls(s):
    trust = ssl.create_default_context(cafile=certificate(s))
    trust.check_hostname = False  # the name isn't in any DNS; the certificate itself is verified
    for name, port in (("python-implicit", 465), ("python-starttls", 587)):
        mail = TEXT.format(name, "sent by Python")
        if port == 465:
            c = smtplib.SMTP_SSL("127.0.0.1", s.base + port, context=trust, timeout=30)
        else:
            c = smtplib.SMTP("127.0.0.1", s.base + port, timeout=30)
            c.starttls(context=trust)
        c.login("u0@example.org", "pw")
        assert c.sendmail("u0@example.org", ["python@example.org"], mail) == {}
        c.quit()
        assert of_subject(s, "python", name).endswith(mail.encode())
    for port in (993, 143):
        if port == 993:
            m = imaplib.IMAP4_SSL("127.0.0.1", s.base + port, ssl_context=trust)
        else:
            m = imaplib.IMAP4("127.0.0.1", s.base + port)
            assert "LOGINDISABLED" in m.capabilities or "STARTTLS" in m.capabilities, m.capabilities
            m.starttls(trust)
        m.login("python@example.org", "pw")
        assert m.select("INBOX")[1] == [b"2"]
        assert m.uid("SEARCH", "SUBJECT", '"python-starttls"')[1] == [b"2"]
        assert m.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1] == b"sent by Python\r\n"
        m.logout()


with Server(users=USERS) as server:
    curl_sends_and_fetches_over_tls(server)
    curl_reads_a_mailbox(server)
    swaks_knows_every_way_in(server)
    neomutt_sends_mail(server)
    neomutt_works_in_a_mailbox(server)
    mbsync_takes_everything_and_then_nothing(server)
    mbsync_converges_after_changes_on_both_sides(server)
    python_sends_and_reads_over_tls(server)
