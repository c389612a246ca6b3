#!/usr/bin/env python3
"""The manual, the program's help and the program agree: verbs, arguments, options, keys, defaults, bounds."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, sys.path[0])
from hp import free_base  # noqa: E402

PROGRAM = os.environ["HAIRPIN_RELEASE"]  # it starts hundreds of times, and sanitizers start slowly
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
EX_USAGE, EX_UNAVAILABLE, EX_CANTCREAT, EX_CONFIG = 64, 69, 73, 78


def run(*words, **more):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30,
                          **more)


def said(*words):
    r = run(*words)
    assert r.returncode == 0 and r.stderr == "", (words, r)
    return r.stdout


def page(name):
    with open(f"{DOCS}/{name}") as f:
        return f.read()


# --- the program's own help ------------------------------------------------------------------------


def groups():
    """First words of the verbs, as `hairpin help` lists them."""
    names = re.findall(r"^  ([a-z-]+) +\S", said("help"), re.M)
    assert len(names) > 10 and len(names) == len(set(names)), names
    return names


def program_verbs():
    """"user add" -> (its arguments, set of its options)."""
    verbs = {}
    for group in groups():
        usage = said("help", group).partition("\nOptions:\n")[0]
        for one in re.split(r"^hairpin ", usage, flags=re.M)[1:]:
            folded = re.split(r"\n {4}(?! )", one)[0]  # what follows explains
            words = re.match(rf"({group}(?: [a-z]+)?)(.*)", " ".join(folded.split()))
            options = set(re.findall(r"\[(--[a-z0-9-]+)", words[2]))
            arguments = re.sub(r"\[--[^]]*\]", "", words[2]).strip()
            verbs[words[1]] = (arguments, options)
    return verbs


# --- the manual ------------------------------------------------------------------------------------


def plain(macros):
    """The words of an .It line without the macros."""
    text = re.sub(r"\bFl Fl ", "--", macros)
    text = re.sub(r"\bFl ", "-", text)
    text = re.sub(r"\bOo (.*?) Oc\b", r"[\1]", text)
    text = re.sub(r"\bOp ((?:--\S+|Ar \S+))", r"[\1]", text)
    text = re.sub(r" Ns ", "", text)
    return re.sub(r"\b(Cm|Ar|Li) ?", "", text).strip()


def manual_verbs():
    verbs = {}
    items = re.split(r"^\.It Cm ", page("hairpin.1").partition(".Sh OPTIONS")[0], flags=re.M)[1:]
    for item in items:
        line, _, text = item.partition("\n")
        words = plain("Cm " + line)
        name = re.match(r"[a-z-]+(?: [a-z]+(?= |$))?", words)[0]
        options = set(re.findall(r"\bFl Fl ([a-z0-9-]+)", text + line))
        arguments = re.sub(r"\[--[^]]*\]", "", words[len(name):]).strip()
        assert name not in verbs, name
        verbs[name] = (arguments.replace(" ...", "..."), {"--" + o for o in options})
    return verbs


def every_verb_and_option_is_in_the_manual_and_no_other():
    program, manual = program_verbs(), manual_verbs()
    assert set(program) == set(manual), set(program) ^ set(manual)
    everywhere = {"--json", "--help", "--version"}
    for name, (arguments, options) in program.items():
        bare = [re.sub(r"[\[\]]", "", a) for a in (arguments, manual[name][0])]
        assert bare[0] == bare[1], (name, bare)
        assert options - everywhere == manual[name][1] - everywhere, (name, options ^ manual[name][1])
        taken = re.search(r"no option", run(*name.split(), "--json", "x", "x").stderr) is None
        assert taken == ("--json" in options), name


def every_key_is_in_the_manual_with_its_default():
    program, section = {}, None
    types = None
    for line in said("config", "--defaults").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("#"):
            types = line[2:].split(",")[0]
        elif line:
            key, _, value = line.partition(" =")
            program[f"{section}.{key}"] = (types, value.strip())
    assert len(program) > 30
    manual, section = {}, None
    for line in page("hairpin.conf.5").splitlines():
        if line.startswith(".Ss "):
            section = line[4:].strip("[]")
        if m := re.match(r"\.It Ic (\w+) Ar (\w+) Pq default Li (\S+)$", line):
            assert f"{section}.{m[1]}" not in manual, line
            manual[f"{section}.{m[1]}"] = (m[2], m[3])
    assert program == manual, {k: (program.get(k), manual.get(k)) for k in {**program, **manual}
                               if program.get(k) != manual.get(k)}


def listener_keys_are_in_the_manual():
    text = page("hairpin.conf.5").partition(".Ss [listener NAME]")[2].partition(".Ss ")[0]
    known = re.findall(r"^\.It Ic (\w+)$", text, re.M)
    kinds = re.findall(r"^\.It Li (\w+)$", text, re.M)
    wrong = config("[listener a]\nnonsense = 1\n").stderr
    assert re.findall(r"\w+", wrong.partition("known are ")[2].replace(" and ", " ")) == known, (wrong, known)
    wrong = config("[listener a]\nkind = nonsense\n").stderr
    assert re.findall(r"\w+", wrong.partition("one of ")[2]) == kinds, (wrong, kinds)


def config(text, *words):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(text)
        f.flush()
        return run(*(words or ["config"]), "-c", f.name)


def examples_of_the_manual_are_accepted():
    text = page("hairpin.conf.5").partition(".Sh EXAMPLES")[2]
    example = re.search(r"\.Bd[^\n]*\n(.*?)\.Ed", text, re.S)[1]
    r = config(example)
    assert r.returncode == 0 and "kind = submissions" in r.stdout, r
    with tempfile.TemporaryDirectory() as tmp:
        for line in page("hairpin.1").partition(".Sh EXAMPLES")[2].splitlines():
            if m := re.match(r"[#$] hairpin (?!init|serve)([^|<]*)", line):
                r = run(*m[1].split(), "-c", tmp + "/none") if "mime" not in m[1] else run(*m[1].split())
                assert r.returncode != EX_USAGE, (line, r)


def pages_are_well_formed():
    for name in (n for n in os.listdir(DOCS) if not n.endswith(".md")):
        r = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", f"{DOCS}/{name}"], capture_output=True, text=True)
        assert r.returncode == 0 and r.stdout == "", r.stdout
        refs = set(re.findall(r"^\.Xr (\S+) (\d)", page(name), re.M)) - {("systemd", "1")}
        for ref, section in refs:
            assert os.path.exists(f"{DOCS}/{ref}.{section}"), (name, ref, section)


# --- help and mistakes -----------------------------------------------------------------------------


def help_is_one_screen_and_the_same_however_it_is_asked_for():
    whole = said("help")
    lines = whole.splitlines()
    assert len(lines) <= 48 and max(map(len, lines)) < 80, (len(lines), max(map(len, lines)))
    assert said("--help") == said("-h") == whole
    none = run()
    assert none.returncode == EX_USAGE and none.stderr == whole and none.stdout == ""
    for group in groups():
        text = said("help", group)
        assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) < 80, group
        assert said(group, "--help") == text == said(group, "-h"), group
    assert said("user", "add", "x@y", "--help") == said("help", "user") == said("help", "user", "add")
    assert re.match(r"hairpin \d+\.\d+\.\d+ \(OpenSSL 3\.\d+\.\d+\b.*\)\n$", said("--version")) and said("version") == said("--version")


def mistakes_are_answered_with_the_next_step():
    for words, code, answer in (
            (["usre"], EX_USAGE, "did you mean `hairpin user`?"),
            (["help", "quue"], EX_USAGE, "did you mean `hairpin help queue`?"),
            (["user"], EX_USAGE, "usage: hairpin user add ADDRESS"),
            (["queue", "lst"], EX_USAGE, "hairpin queue list"),
            (["user", "add"], EX_USAGE, "something is missing"),
            (["user", "list", "x"], EX_USAGE, "`x` is too much"),
            (["user", "list", "--jsn"], EX_USAGE, "did you mean --json?"),
            (["user", "add", "a@b", "--full-name"], EX_USAGE, "--full-name wants a TEXT"),
            (["serve", "now"], EX_USAGE, "usage: hairpin serve"),
            (["init", "--domain", "x", "--port-base", "99999"], EX_USAGE, "a number from 0 to"),
            (["init", "--listen", "localhost"], EX_USAGE, "0.0.0.0 or :: for all"),
            (["init", "--data", "x"], EX_USAGE, "an absolute path is needed"),
            (["init", "-c", "/nonexistent/f"], EX_USAGE, "a domain and a first user are needed")):
        r = run(*words)
        assert r.returncode == code and answer in r.stderr and r.stdout == "", (words, r)
        assert r.stderr.startswith("hairpin: "), r.stderr
    r = run("-c", "/nonexistent/f", "user", "list")
    assert r.returncode == EX_CONFIG and "/nonexistent/f" in r.stderr and "hairpin init" in r.stderr, r
    r = config("[listener a]\nkind = mx\n[node]\ndata_dir = /nonexistent\n", "queue", "list")
    assert r.returncode == EX_UNAVAILABLE and "hairpin serve -c" in r.stderr, r


def readme_can_be_followed_by_the_letter():
    with open(DOCS + "/../README.md") as f:
        block = f.read().partition("To try it as any user")[2].split("```")[1]
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        base = free_base()
        script = "".join(line[2:] + "\n" for line in block.splitlines() if line.startswith("$ "))
        script = script.replace("H=build/release/hairpin", f"H={PROGRAM}").replace("/tmp/demo", tmp + "/demo")
        script = script.replace("--port-base 20000", f"--port-base {base}")
        for port in (25, 143):
            script = script.replace(f":{20000 + port}", f":{base + port}")
        # A reader is slower than a script.
        script = script.replace("log &\n", "log & until $H store stats >/dev/null; do sleep 0.1; done\n")
        lines = script.splitlines()
        script = "\n".join(lines[:-1] + [f"until {lines[-1]}; do sleep 0.1; done", "kill %1; wait"])
        r = subprocess.run(["bash", "-mc", script], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert "is set up" in r.stdout and r.stdout.endswith("Subject: hello\n\nfirst mail\n"), (script, r)


def init_makes_the_folder_of_its_file_and_never_a_second_key():
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        words = ["init", "--domain", "example.org", "--password", "pw", "--data", tmp + "/data", "-c", tmp + "/etc/f"]
        r = run(*words, "--user", "ann@elsewhere.test")
        assert r.returncode == EX_USAGE and "first domain" in r.stderr and os.listdir(tmp) == [], r
        r = run(*words, "--user", "ann")
        assert r.returncode == 0 and r.stdout.count("example.org. IN ") >= 6, r
        strings = re.findall(r'"([^"]*)"', r.stdout)
        assert max(map(len, strings)) == 255 and any("k=rsa" in s for s in strings), strings
        r = run(*words, "--user", "ann")
        assert r.returncode == EX_CANTCREAT and "hairpin check" in r.stderr, r
        os.unlink(tmp + "/etc/f")
        with open(tmp + "/data/keys/master.key") as f:
            key = f.read()
        r = run(*words, "--user", "ann")
        assert r.returncode == EX_CANTCREAT and "Put its configuration back" in r.stderr, r
        with open(tmp + "/data/keys/master.key") as f:
            assert f.read() == key
        r = run("check", "-c", tmp + "/none")
        assert r.returncode == 1 and "hairpin init" in r.stdout, r


def main():
    pages_are_well_formed()
    every_verb_and_option_is_in_the_manual_and_no_other()
    every_key_is_in_the_manual_with_its_default()
    listener_keys_are_in_the_manual()
    examples_of_the_manual_are_accepted()
    help_is_one_screen_and_the_same_however_it_is_asked_for()
    mistakes_are_answered_with_the_next_step()
    init_makes_the_folder_of_its_file_and_never_a_second_key()
    readme_can_be_followed_by_the_letter()
    return 0


sys.exit(main())
