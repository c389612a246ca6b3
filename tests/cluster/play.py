"""A play: three nodes, 5 ms between them, load on both data nodes, some faults, and the checker's word at the end."""
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import history  # noqa: E402
from cluster_load import Load, make_mailboxes, state_of  # noqa: E402
from hp_cluster import Cluster  # noqa: E402

SEED = int(os.environ.get("SEED", "1"))
DELAY_MS = 5
# A client is answered until then, whatever happens: the engine's 15 s, and what a slow test machine adds.
ANSWER_SEC = 25


def chance(name):
    return random.Random(f"{SEED} {name}")


class Play:
    def __init__(self, name, load=None, **options):
        """load: of Load's; options: of Cluster's."""
        self.load_options = load or {}
        self.name, self.options, self.chance = name, options, chance(name)
        self.answer_sec = ANSWER_SEC
        self.history = history.History()

    def __enter__(self):
        self.start = time.monotonic()
        options = {"namespaces": True, "delay_ms": DELAY_MS, "seed": SEED, **self.options}
        self.cluster = Cluster(**options)
        try:
            make_mailboxes(self.cluster.wait_leader())
            self.load = Load(self.cluster.data, self.history, SEED, **self.load_options)
            self.load.__enter__()
            self.goes_on()
        except BaseException:
            self.cluster.close(True)
            raise
        return self

    def __exit__(self, kind, value, trace):
        failed = True
        try:
            self.load.end()
            if not kind:
                self.judge()
                failed = False
        finally:
            self.cluster.close(failed)

    def answered(self):
        return self.history.answered()

    def goes_on(self, more=20, seconds=60):
        """Until so many more were answered."""
        before, since = self.answered(), time.monotonic()
        self.cluster.nodes[0].wait(lambda: self.answered() >= before + more, seconds)
        return time.monotonic() - since

    def judge(self):
        c = self.cluster
        c.wait_settled(120)
        final = {n.name: state_of(n) for n in c.data}
        faults = history.check(self.history.records, final)
        faults += [f"a client met what it must not: {x}" for x in self.load.odd]
        faults += [f"{r['op']} of {r['session']} at {r['node']} took {r['t1'] - r['t0']:.0f} s"
                   for r in self.history.records if r["op"] != "read" and r["t1"] - r["t0"] > self.answer_sec]
        for n in c.data:
            checked = n.cli("store", "check", check=False)
            if checked.returncode:
                faults.append(f"{n.name}: {checked.stdout}{checked.stderr}")
        self.tell(faults, final)

    def tell(self, faults, final):
        said = ", ".join(f"{k} {n}" for k, n in sorted(self.load.said.items()))
        print(f"{self.name}: seed {SEED}, {self.answered()} answered, {time.monotonic() - self.start:.0f} s ({said})",
              flush=True)
        if faults:
            fd, path = tempfile.mkstemp(prefix=f"history-{self.name.replace(' ', '-')}-", suffix=".json")
            os.close(fd)
            self.history.save(path, final)
            raise AssertionError(f"{self.name}: {len(faults)} faults, the history is in {path}\n" +
                                 "\n".join(faults[:10] + faults[10:][-10:]))  # they come kind by kind


def run(*plays):
    """Those that are named on the command line, or all."""
    if os.geteuid() != 0:
        print("skipped: only root can make network namespaces and file systems")
        return
    for play in plays:
        if play.__name__ in sys.argv[1:] or len(sys.argv) == 1:
            play()
