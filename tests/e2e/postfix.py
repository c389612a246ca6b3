"""A company's mail server for a test: Debian's own Postfix and Dovecot, in a folder and at ports of the test's own.
Nothing of /etc is read or written. It begins without a gateway; a test adds what docs/hairpin-recipes.7 says."""
import imaplib
import os
import smtplib
import socket
import subprocess
import tempfile
import time

import hp

HOST = "127.0.0.25"
OUTSIDE, USER = "127.0.0.9", "127.0.0.7"  # from here come other servers' mails, and users'; nobody trusts them
SBIN = "/usr/lib/postfix/sbin"
USERS = 20
MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = {sbin}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
myhostname = mail.example.org
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = all
smtp_bind_address = {host}
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_dns_support_level = disabled
mynetworks = {host}/32
biff = no
append_dot_mydomain = no
recipient_delimiter = +
message_size_limit = {size_max}
virtual_mailbox_domains = example.org
virtual_mailbox_maps = inline:{{ {users} }}
virtual_alias_maps = inline:{{ {{ team@example.org=u1@example.org,u2@example.org,friend@out.test }} }}
virtual_transport = lmtp:unix:{dir}/lmtp.sock
lmtp_destination_recipient_limit = 1
relayhost = [127.0.0.1]:{relay}
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/auth.sock
smtpd_sasl_authenticated_header = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = {dir}/tls.pem
smtpd_authorized_xclient_hosts = 127.0.0.8
in_flow_delay = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""
MASTER = """\
{host}:{smtp} inet n - n - - smtpd
{host}:{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
pickup    unix n - n 1     1 pickup
cleanup   unix n - n -     0 cleanup
qmgr      unix n - n 300   1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n -     - trivial-rewrite
bounce    unix - - n -     0 bounce
defer     unix - - n -     0 bounce
trace     unix - - n -     0 bounce
verify    unix - - n -     1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n -     - proxymap
proxywrite unix - - n -    1 proxymap
smtp      unix - - n -     - smtp
relay     unix - - n -     - smtp
showq     unix n - n -     - showq
error     unix - - n -     - error
retry     unix - - n -     - error
discard   unix - - n -     - discard
lmtp      unix - - n -     - lmtp
anvil     unix - - n -     1 anvil
scache    unix - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
DOVECOT = """\
protocols = imap lmtp
listen = {host}
base_dir = {dir}/dovecot
state_dir = {dir}/dovecot-state
log_path = {dir}/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:{dir}/mail/%n
mail_home = {dir}/mail/%n
mail_uid = nobody
mail_gid = nogroup
recipient_delimiter = +
mail_max_userip_connections = 100
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service auth {{
  unix_listener {dir}/auth.sock {{
    mode = 0666
  }}
}}
service lmtp {{
  unix_listener {dir}/lmtp.sock {{
    mode = 0666
  }}
}}
passdb {{
  driver = static
  args = password=pw
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/mail/%n allow_all_users=yes
}}
"""


def as_root(*words, **more):
    return subprocess.run([*hp.AS_ROOT, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def started_by(pid):
    """It and all that it started, while it is alive."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    parents[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found = [pid]
    for parent in found:
        found += [child for child, p in parents.items() if p == parent]
    return found


class Smtp(smtplib.SMTP):
    """From an address of the client's own."""

    def __init__(self, port, source):
        self.source = source
        super().__init__(HOST, port, local_hostname="client.test", timeout=60)

    def _get_socket(self, host, port, seconds):
        return socket.create_connection((host, port), seconds, (self.source, 0))


class Postfix:
    def __init__(self, relay, main="", master="", size_max=12 << 20):
        """relay: the port of the outside. main, master: appended to main.cf and master.cf; {dir} in them is the folder."""
        self.dir = tempfile.mkdtemp(prefix="postfix-")
        os.chmod(self.dir, 0o755)
        self.etc = self.dir + "/etc"
        self.port, self.submission, self.imap_port = hp.free_port(), hp.free_port(), hp.free_port()
        self.values = {"dir": self.dir, "host": HOST, "sbin": SBIN, "relay": relay, "smtp": self.port,
                       "submission": self.submission, "imap": self.imap_port, "size_max": size_max,
                       "users": " ".join("{ u%d@example.org=x }" % n for n in range(USERS))}
        for name in ("etc", "queue", "data", "mail", "dovecot", "dovecot-state"):
            os.mkdir(f"{self.dir}/{name}")
        self.write("etc/main.cf", MAIN.format(**self.values) + main.replace("{dir}", self.dir))
        self.write("etc/master.cf", MASTER.format(**self.values) + master.replace("{dir}", self.dir))
        self.write("dovecot.conf", DOVECOT.format(**self.values))
        self.make_certificate()
        self.postfix = self.dovecot = None

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def make_certificate(self):
        r = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=mail.example.org", "-days", "2", "-keyout", self.dir + "/tls.key", "-out",
                            self.dir + "/tls.crt"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert r.returncode == 0, r
        self.write("tls.pem", read(self.dir + "/tls.key") + read(self.dir + "/tls.crt"))

    def __enter__(self):
        as_root("chown", "-R", "root:root", self.etc, self.dir + "/queue", check=True)
        as_root("chown", "postfix", self.dir + "/data", check=True)
        as_root("chown", "nobody:nogroup", self.dir + "/mail", check=True)
        r = as_root("/usr/sbin/postfix", "-c", self.etc, "check")
        assert r.returncode == 0, r
        self.dovecot = self.run("/usr/sbin/dovecot", "-F", "-c", self.dir + "/dovecot.conf")
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log()[-8000:])
        self.kill()
        for pid in reversed(started_by(self.dovecot.pid)):
            as_root("kill", "-9", str(pid))
        self.dovecot.wait()
        as_root("rm", "-rf", self.dir)

    def run(self, *words):
        with open(self.dir + "/output", "ab") as out:
            return subprocess.Popen([*hp.AS_ROOT, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def start(self):
        """In the foreground, so that it ends with the test."""
        self.postfix = self.run(SBIN + "/master", "-c", self.etc, "-s")
        self.wait(self.answers)

    def answers(self):
        assert self.postfix.poll() is None and self.dovecot.poll() is None, read(self.dir + "/output") + self.log()[-3000:]
        try:
            with Smtp(self.port, HOST) as c:
                c.ehlo()
            return os.path.exists(self.dir + "/lmtp.sock")
        except (OSError, smtplib.SMTPException):
            return False

    def kill(self):
        """As kill -9 does it, the master first, so that it starts none anew."""
        pids = started_by(self.postfix.pid)
        as_root("kill", "-9", *map(str, pids))
        self.postfix.wait()
        self.wait(lambda: not any(map(hp.is_alive, pids)))

    def wait(self, what, seconds=30):
        until = time.monotonic() + seconds
        while not (value := what()):
            assert time.monotonic() < until, "waited in vain: " + self.log()[-3000:]
            time.sleep(0.05)
        return value

    def log(self):
        return read(self.dir + "/maillog")

    def queue(self):
        r = as_root("/usr/sbin/postqueue", "-c", self.etc, "-p")
        return "" if "is empty" in r.stdout else r.stdout + r.stderr

    def change(self, *settings):
        """Of main.cf, as postconf -e takes them."""
        r = as_root("/usr/sbin/postconf", "-c", self.etc, "-e", *settings)
        assert r.returncode == 0, r
        before = self.log().count(": reload -- ")
        as_root("kill", "-HUP", str(self.master()))
        self.wait(lambda: self.log().count(": reload -- ") > before)

    def master(self):
        """Behind sudo, if there is one."""
        return int(as_root("cat", self.dir + "/queue/pid/master.pid").stdout)

    def outside(self):
        """Another mail server."""
        c = Smtp(self.port, OUTSIDE)
        c.ehlo("out.test")
        return c

    def user(self, name="u0"):
        c = Smtp(self.submission, USER)
        c.ehlo("client.test")
        c.login(name + "@example.org", "pw")
        return c

    def mails(self, user):
        """All messages of the user's, as Dovecot has them."""
        m = imaplib.IMAP4(HOST, self.imap_port, 30)
        m.login(user + "@example.org", "pw")
        m.select("INBOX", readonly=True)
        numbers = m.search(None, "ALL")[1][0].split()
        texts = [x[1] for x in m.fetch(b",".join(numbers), "(BODY.PEEK[])")[1][::2]] if numbers else []
        m.logout()
        return texts
