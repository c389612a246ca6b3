#!/usr/bin/env python3
"""deploy/compose.yaml as its head says to use it, under a real Docker that runs in namespaces of its own: the cluster
sets itself up, mail goes on while containers die, and one that lost its data is replaced. Leaves nothing behind."""
# timeout: 900
# alone
import ctypes
import imaplib
import json
import os
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DC1, DC2 = "127.0.1.1", "127.0.2.1"
CLONE_NEWNET = 0x40000000
UP_SEC = 120


def wait(what, seconds=UP_SEC):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"{what} isn't so after {seconds} s"
        time.sleep(0.2)
    return found


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200, **more)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


class Docker:
    """The daemon, and we ourselves, in a network namespace of our own."""

    def __init__(self, where):
        self.where, self.name = where, f"hpdk{os.getpid()}"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        self.enter(f"/run/netns/{self.name}")
        with open(f"{where}/daemon.json", "w") as f:
            json.dump({"data-root": f"{where}/data", "exec-root": f"{where}/exec", "pidfile": f"{where}/pid",
                       "hosts": [f"unix://{where}/docker.sock"], "bip": "198.51.100.1/24",
                       "cgroup-parent": "/" + self.name, "exec-opts": ["native.cgroupdriver=cgroupfs"]}, f)
        self.log = open(f"{where}/log", "wb")
        # Not `ip netns exec`, which hides /sys/fs/cgroup.
        self.process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "dockerd", "--config-file", f"{where}/daemon.json"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.environ.update(DOCKER_HOST=f"unix://{where}/docker.sock", DOCKER_BUILDKIT="0")

    def enter(self, path):
        fd = os.open(path, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def wait_up(self):
        wait(lambda: subprocess.run(["docker", "info"], capture_output=True).returncode == 0)

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        self.enter(f"/proc/self/fd/{self.home}")
        run("ip", "netns", "del", self.name)
        for folder, below, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if os.path.basename(folder) == self.name:
                os.rmdir(folder)


class Compose:
    def __init__(self, where):
        """A folder as a release has it: deploy/ beside the program."""
        self.folder = f"{where}/release/deploy"
        shutil.copytree(f"{ROOT}/deploy", self.folder)
        shutil.copy(f"{ROOT}/.dockerignore", f"{where}/release")
        os.makedirs(f"{where}/release/build/release")
        shutil.copy(os.environ["HAIRPIN_RELEASE"], f"{where}/release/build/release/hairpin")
        with open(self.folder + "/.env", "w") as f:
            f.write("HAIRPIN_DOMAIN=example.org\nHAIRPIN_USER=ann\nCOMPOSE_PROJECT_NAME=hairpin\n")
        with open(self.folder + "/password", "w") as f:
            f.write("secret words\n")

    def __call__(self, *words):
        return run("docker-compose", *words, cwd=self.folder)

    def hairpin(self, node, *words):
        return self("exec", "-T", node, "/hairpin", *words)

    def inspect(self, node):
        ids = self("ps", "-q", node).split()
        return json.loads(run("docker", "inspect", ids[0]))[0] if ids else None

    def health(self):
        found = [self.inspect(n) for n in ("dc1", "dc2", "dc3")]
        return [x and x["State"].get("Health", {}).get("Status") for x in found]

    def wait_healthy(self):
        wait(lambda: self.health() == ["healthy"] * 3)

    def logs(self, node):
        done = subprocess.run(["docker-compose", "logs", "--no-color", node], cwd=self.folder, capture_output=True,
                              text=True)
        return done.stdout + done.stderr

    def volume(self, name):
        return run("docker", "volume", "inspect", "-f", "{{.Mountpoint}}", f"hairpin_{name}").strip()


# --- a client --------------------------------------------------------------------------------------------------------


def send(address, text):
    """Sent until it is accepted, as a mail server does."""
    def accepted():
        try:
            with smtplib.SMTP(address, 25, timeout=20) as s:
                s.sendmail("bob@example.net", ["ann@example.org"], f"Subject: {text}\r\n\r\n{text}\r\n")
            return True
        except (OSError, smtplib.SMTPException):
            return False
    wait(accepted, 60)


def subjects(address):
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL(address, 993, ssl_context=tls, timeout=20) as m:
        m.login("ann@example.org", "secret words")
        m.select("INBOX", readonly=True)
        rows = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return {row[1].decode().strip().removeprefix("Subject: ") for row in rows if isinstance(row, tuple)}


def has(address, wanted):
    try:
        return wanted <= subjects(address)
    except (OSError, imaplib.IMAP4.error):
        return False


def wait_mail(address, *wanted):
    wait(lambda: has(address, set(wanted)), 60)


# --- what must hold --------------------------------------------------------------------------------------------------


def the_first_start_needs_nobody(compose):
    compose("up", "-d", "--build")
    compose.wait_healthy()
    status = json.loads(compose.hairpin("dc2", "cluster", "status", "--json"))
    kinds = {x["name"].partition(".")[0]: x["kind"] for x in status["nodes"]}
    assert kinds == {"dc1": "voter", "dc2": "voter", "dc3": "arbiter"} and not status["problems"], status


def each_process_is_locked_in_as_on_a_machine(compose):
    for node in ("dc1", "dc2", "dc3"):
        assert "not in force" not in compose.logs(node), compose.logs(node)
        facts = compose.inspect(node)["HostConfig"]
        assert facts["ReadonlyRootfs"] and facts["CapDrop"] == ["ALL"], facts


def tokens_are_gone_and_the_arbiter_has_no_key(compose):
    for name in ("tokens-data", "tokens-arbiter"):
        assert os.listdir(compose.volume(name)) == ["joined"], name
    assert os.path.exists(compose.volume("dc2") + "/keys/master.key")
    assert not os.path.exists(compose.volume("dc3") + "/keys/master.key")


def mail_to_one_is_read_on_the_other(compose):
    send(DC1, "first")
    wait_mail(DC2, "first")


def one_that_is_killed_comes_back_and_mail_goes_on(compose):
    os.kill(compose.inspect("dc1")["State"]["Pid"], signal.SIGKILL)
    send(DC2, "dc1 was killed")
    wait_mail(DC2, "first", "dc1 was killed")
    wait(lambda: compose.inspect("dc1")["RestartCount"] >= 1)
    compose.wait_healthy()
    wait_mail(DC1, "first", "dc1 was killed")


def one_that_is_away_is_equal_again(compose):
    compose("stop", "dc2")
    assert compose.inspect("dc2")["State"]["ExitCode"] == 0
    send(DC1, "dc2 is away")
    wait_mail(DC1, "dc2 is away")
    compose("start", "dc2")
    compose.wait_healthy()
    wait_mail(DC2, "dc2 is away")
    compose.hairpin("dc1", "cluster", "verify")


def one_that_is_drained_is_replaced_while_mail_goes_on(compose):
    """As an upgrade does."""
    before = compose.inspect("dc1")["Id"]
    compose.hairpin("dc1", "cluster", "drain")
    compose("up", "-d", "--no-deps", "--force-recreate", "dc1")
    assert compose.inspect("dc1")["Id"] != before
    send(DC2, "dc1 is new")
    compose.wait_healthy()
    wait_mail(DC1, "first", "dc1 is new")


def without_a_majority_none_is_healthy(compose):
    compose("stop", "dc2", "dc3")
    wait(lambda: compose.health()[0] == "unhealthy")
    compose("start", "dc2", "dc3")
    compose.wait_healthy()


def lost_data_begins_no_second_cluster(compose):
    compose("rm", "-s", "-f", "dc1")
    run("docker", "volume", "rm", "hairpin_dc1")
    compose("up", "-d", "--no-deps", "dc1")
    wait(lambda: "the cluster is there already" in compose.logs("dc1"))
    assert os.listdir(compose.volume("dc1")) == []


def lost_data_is_made_anew_from_the_others(compose):
    """By the manual's commands."""
    compose.hairpin("dc2", "cluster", "remove", "dc1.example.org")
    token = compose.hairpin("dc2", "cluster", "token").strip()
    compose("rm", "-s", "-f", "dc1")
    compose("run", "--rm", "dc1", "join", "--hostname", "dc1.example.org", "--cluster-address", "172.30.46.11", token)
    compose("up", "-d")
    compose.wait_healthy()
    wait_mail(DC1, "first", "dc1 was killed", "dc2 is away")
    compose.hairpin("dc2", "cluster", "verify")


def nothing_stays(compose):
    compose("down", "-v", "--rmi", "all")
    for kind in (["ps", "-aq"], ["volume", "ls", "-q"]):
        assert run("docker", *kind) == "", kind


def play(compose):
    the_first_start_needs_nobody(compose)
    each_process_is_locked_in_as_on_a_machine(compose)
    tokens_are_gone_and_the_arbiter_has_no_key(compose)
    mail_to_one_is_read_on_the_other(compose)
    one_that_is_killed_comes_back_and_mail_goes_on(compose)
    one_that_is_away_is_equal_again(compose)
    one_that_is_drained_is_replaced_while_mail_goes_on(compose)
    without_a_majority_none_is_healthy(compose)
    lost_data_begins_no_second_cluster(compose)
    lost_data_is_made_anew_from_the_others(compose)
    nothing_stays(compose)


def main():
    if os.geteuid() != 0:
        print("root is needed for a namespace with a Docker in it")
        return 1
    where = tempfile.mkdtemp(prefix="hairpin-compose-")
    docker = Docker(where)
    try:
        compose = Compose(where)
        docker.wait_up()
        try:
            play(compose)
        except BaseException:
            for node in ("dc1", "dc2", "dc3"):
                print(f"--- {node}\n" + compose.logs(node)[-4000:])
            subprocess.run(["docker-compose", "kill"], cwd=compose.folder, capture_output=True)
            subprocess.run(["docker-compose", "down", "-v"], cwd=compose.folder, capture_output=True)
            raise
    finally:
        docker.close()
        shutil.rmtree(where)
    return 0


sys.exit(main())
