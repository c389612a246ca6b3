#!/usr/bin/env python3
"""The policy of the encryption engine by the command line of a real server: set, inherited, explained, kept over a
kill; every mistake is answered with the next step."""
import json
import os
import re
import shlex
import sys
import threading

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402

EX_USAGE = 64
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
FACTORY = {"mode": "when-possible", "sign": "always", "cipher": "auto", "opaque": "no",
           "subject_trigger": r"\[encrypt\]", "header_trigger": "none", "sign_trigger": r"\[sign\]", "tag_subject": "no",
           "replies_must": "yes", "keep": "5d", "rsa_bits_min": "2048", "hold_changed_keys": "yes", "trust_min": "verified",
           "rsa_signature": "pkcs1", "methods": "smime openpgp", "autocrypt": "no"}


def settings(s, *level):
    """setting -> (value, level)"""
    return {r["setting"]: (r["value"], r["level"]) for r in s.json("policy", "get", *level)["rows"]}


def explained(s, sender, recipient):
    """setting -> its row"""
    return {r["setting"]: r for r in s.json("policy", "explain", sender, recipient)["settings"]}


def factory_is_what_holds_at_first(s):
    assert settings(s) == {name: (value, "factory") for name, value in FACTORY.items()}, settings(s)
    assert s.json("policy", "list") == {"rows": []}
    assert settings(s, "cluster") == settings(s, "example.org") == settings(s, "Ann@Example.ORG") == settings(s)


def the_manual_has_each_setting_with_its_default():
    with open(os.path.join(DOCS, "hairpin.8")) as f:
        items = re.findall(r"^\.It Cm ([a-z_]+) No = Li (.*)$", f.read(), re.M)
    assert {name: value.replace("\\e", "\\") for name, value in items} == FACTORY, items


def levels_inherit(s):
    s.cli("policy", "set", "cluster", "mode=on-trigger", r"subject_trigger=\[(geheim|secret)\]")
    s.cli("policy", "set", ".Partner.Example", "mode=must", "keep=2h")
    s.cli("policy", "set", "partner.example", "mode=never")
    s.cli("policy", "set", "U0@Example.org", "sign=never", "keep=1d", "header_trigger=Sensitivity: confidential")
    assert settings(s)["mode"] == ("on-trigger", "cluster")
    assert settings(s, "partner.example")["mode"] == ("never", "partner.example")
    assert settings(s, "sub.partner.example")["mode"] == ("must", ".partner.example")
    assert settings(s, ".sub.partner.example")["mode"] == ("must", ".partner.example")
    assert settings(s, "bob@a.sub.partner.example")["keep"] == ("2h", ".partner.example")
    assert settings(s, "u0@example.org")["header_trigger"] == ("Sensitivity: confidential", "u0@example.org")
    assert settings(s, "u0@example.org")["mode"] == ("on-trigger", "cluster")
    assert s.json("policy", "list")["rows"] == [
        {"level": "cluster", "settings": ["mode=on-trigger", r"subject_trigger=\[(geheim|secret)\]"]},
        {"level": ".partner.example", "settings": ["mode=must", "keep=2h"]},
        {"level": "partner.example", "settings": ["mode=never"]},
        {"level": "u0@example.org",
         "settings": ["sign=never", "keep=1d", "header_trigger=Sensitivity: confidential"]}]
    # What is changed leaves the rest; what is emptied is inherited again.
    s.cli("policy", "set", "u0@example.org", "sign=", "keep=3d")
    assert settings(s, "u0@example.org")["sign"] == ("always", "factory")
    assert settings(s, "u0@example.org")["keep"] == ("3d", "u0@example.org")
    s.cli("policy", "set", "example.net", "mode=must")
    s.cli("policy", "set", "example.net", "mode=")
    assert "example.net" not in s.cli("policy", "list").stdout


def decisions_are_explained(s):
    def mode(sender, recipient):
        r = explained(s, sender, recipient)["mode"]
        return r["value"], r["level"], r["of"], r["overruled"]

    both = "all cluster: on-trigger"
    assert mode("u0@example.org", "bob@elsewhere.example") == ("on-trigger", "cluster", "all", [])
    assert mode("u0@example.org", "bob@partner.example") == ("never", "partner.example", "recipient", [both])
    assert mode("u0@example.org", "bob@x.partner.example") == ("must", ".partner.example", "recipient", [both])
    # Of two that are for somebody the stricter holds.
    s.cli("policy", "set", "example.org", "mode=when-possible")
    assert mode("u0@example.org", "bob@partner.example") == (
        "when-possible", "example.org", "sender", [both, "recipient partner.example: never"])
    assert mode("u0@example.org", "bob@x.partner.example") == (
        "must", ".partner.example", "recipient", ["sender example.org: when-possible", both])
    s.cli("policy", "set", "example.org", "mode=never")
    assert mode("u0@example.org", "bob@partner.example") == (
        "never", "example.org", "both", [both, "recipient partner.example: never"])
    keep = explained(s, "u0@example.org", "bob@x.partner.example")["keep"]
    assert keep == {"setting": "keep", "value": "3d", "level": "u0@example.org", "of": "sender",
                    "overruled": ["recipient .partner.example: 2h"]}, keep
    # The sender's alone; a recipient's level has no say.
    s.cli("policy", "set", "bob@x.partner.example", "header_trigger=X: y")
    trigger = explained(s, "u0@example.org", "bob@x.partner.example")["header_trigger"]
    assert trigger == {"setting": "header_trigger", "value": "Sensitivity: confidential", "level": "u0@example.org",
                       "of": "sender", "overruled": []}, trigger
    assert explained(s, "<>", "bob@x.partner.example")["header_trigger"]["level"] == "factory"
    s.cli("policy", "set", "bob@x.partner.example", "header_trigger=")
    # Ours by their address without the detail; others' details are their own affair.
    assert explained(s, "U0+x@example.org", "bob@partner.example")["keep"]["level"] == "u0@example.org"
    s.cli("policy", "set", "bob@elsewhere.example", "mode=must")
    assert mode("<>", "bob@elsewhere.example")[:3] == ("must", "bob@elsewhere.example", "recipient")
    assert mode("<>", "bob+x@elsewhere.example")[:3] == ("on-trigger", "cluster", "all")
    assert mode("<>", "Bob@ELSEWHERE.example")[:3] == ("must", "bob@elsewhere.example", "recipient")


def what_does_nothing_there_is_said(s):
    for level, setting, idle in (("partner.example", "sign=never", True), ("bob@partner.example", "autocrypt=yes", True),
                                 ("partner.example", "tag_subject=yes", True), ("partner.example", "mode=must", False),
                                 ("partner.example", "trust_min=manual", False), ("example.org", "sign=never", False),
                                 ("u0@example.org", "autocrypt=yes", False), ("cluster", "sign=never", False),
                                 (".partner.example", "sign=never", False)):
        name = setting.split("=")[0]
        before = next((x for r in s.json("policy", "list")["rows"] if r["level"] == level for x in r["settings"]
                       if x.startswith(name + "=")), name + "=")
        note = s.json("policy", "set", level, setting).get("note", "")
        assert (f"{name} does nothing here, as {level} is no domain or user of ours: say it of yours" in note) == idle, note
        found = [f for f in json.loads(s.cli("check", "--local", "--json", check=False).stdout)
                 if f["subject"] == level and "does nothing" in f["what"]]
        assert len(found) == idle and (not idle or f"{name} of {level} does nothing" in found[0]["what"]), (level, found)
        # Taking it back is no mistake.
        assert "note" not in s.json("policy", "set", level, before if before == name + "=" else name + "=")
        if before != name + "=":
            s.cli("policy", "set", level, before)


def words_say_what_happens(s):
    def said(sender, recipient):
        r = s.json("policy", "explain", sender, recipient)
        return r["way"], r["mail"], r.get("signed")

    assert said("u0@example.org", "bob@elsewhere.example") == (
        "out", "waits for a certificate of bob@elsewhere.example, 3d at most, then bounces; `hairpin cert add` "
        "brings one", "no: u0@example.org has no key with a valid certificate; `hairpin key create` or `hairpin key import` "
        "brings one")
    way, mail, _ = said("u0@example.org", "ann@example.com")
    assert way == "out" and mail.startswith("leaves without encryption; with a trigger: bounces"), mail
    s.cli("policy", "set", "example.org", "mode=")
    assert said("u0@example.org", "ann@example.com")[1].startswith("leaves without encryption; with a trigger: waits")
    s.cli("policy", "set", "cluster", "mode=", "keep=0")
    s.cli("policy", "set", "u0@example.org", "keep=")
    assert said("u0@example.org", "ann@example.com")[1].startswith(
        "leaves without encryption, as there is no certificate of ann@example.com; with a trigger: bounces, as")
    assert said("ann@example.com", "u0@example.org")[0] == "in"
    assert "u0@example.org has no key" in said("ann@example.com", "u0@example.org")[1]
    text = s.cli("policy", "explain", "u0@example.org", "bob@partner.example").stdout
    assert "mail: leaves without encryption" in text and "overruled" in text, text


def mistakes_are_answered_with_the_next_step(s):
    before = s.json("policy", "list")
    for words, said in (
            (("set", "cluster", "mode"), "mode: expected NAME=VALUE, like mode=must; NAME= inherits it again"),
            (("set", "cluster", "mdoe=must"), "there is no setting `mdoe`; did you mean `mode`?"),
            (("set", "cluster", "mode=mus"), "`mus` won't do; expected never, on-trigger, when-possible or must"),
            (("set", "cluster", "keep=1y"), "keep: `1y` won't do; expected a time like 5d (s, m, h, d), at most 90d"),
            (("set", "cluster", "subject_trigger=[a"), "subject_trigger: at its octet 3: missing terminating ]"),
            (("set", "cluster", "subject_trigger=.*"), "it fits an empty text, and so every mail"),
            (("set", "cluster", "header_trigger=X"), "expected a field's name, a colon and a pattern"),
            (("set", "cluster", "mode=must", "keep=1d", "mode=never"), "mode is there twice; say it once"),
            (("set", "cluster", "keep=1d", "rsa_bits_min=512"), "expected a number from 1024 to 8192"),
            (("set", "@example.org", "mode=must"), "a domain stands without @"),
            (("set", "*.example.org", "mode=must"), "all below a domain is written without *"),
            (("set", "factory", "mode=must"), "what the factory says can't be changed, but overruled"),
            (("set", "exa mple", "mode=must"), "a level is cluster, .example.com for all below that domain"),
            (("set", "cluster", *["keep=1d"] * 40), " words NAME=VALUE"),
            (("get", "a b"), "is no level"),
            (("explain", "nobody", "bob@partner.example"), "nobody: "),
            (("explain", "u0@example.org", "@partner.example"), "@partner.example: "),
            (("explain", "u0@example.org"), "TO"), (("set", "cluster"), "NAME=VALUE"), (("sett",), "policy")):
        r = s.cli("policy", *words, check=False)
        assert r.returncode == EX_USAGE and said in r.stderr, (words, r)
    assert s.json("policy", "list") == before, "a mistake has changed something"


def check_names_what_is_dangerous(s):
    def found():
        r = s.cli("check", "--local", "--json", check=False)
        return [(f["severity"], f["subject"], f["what"]) for f in json.loads(r.stdout) if f["topic"] == "policy"]

    for row in s.json("policy", "list")["rows"]:
        s.cli("policy", "set", row["level"], *[one.split("=")[0] + "=" for one in row["settings"]])
    assert found() == [], found()
    s.cli("policy", "set", "example.org", "mode=must")  # ours: of its recipients nobody knows
    s.cli("policy", "set", "u0@example.org", "mode=on-trigger", "subject_trigger=none")
    s.cli("policy", "set", "partner.example", "mode=never")
    s.cli("policy", "set", ".elsewhere.example", "mode=must")
    assert [f[:2] for f in found()] == [("warning", ".elsewhere.example"), ("warning", "u0@example.org")], found()
    assert "no certificate of anybody there" in found()[0][2] and "has no trigger" in found()[1][2], found()
    s.cli("policy", "set", "cluster", "mode=must")
    assert [f[1] for f in found()] == ["cluster", ".elsewhere.example", "partner.example", "u0@example.org"], found()
    assert "mail to everybody must be encrypted" in found()[0][2], found()
    assert "partner.example is exempt by mode=never" in found()[2][2], found()
    text = s.cli("check", "--local", check=False).stdout
    assert "- warning: mail to everybody must" in text and "to mend: take it back" in text, text


def the_recipes_are_taken_as_they_stand(s):
    with open(os.path.join(DOCS, "hairpin-recipes.7")) as f:
        text = f.read().replace(" \\e\n", " ").replace("\\e", "\\")
    commands = [shlex.split(line) for line in re.findall(r"^# hairpin policy (.*)$", text, re.M)]
    assert len(commands) > 10, commands
    before = s.json("policy", "list")
    for words in commands:
        s.cli("policy", *words)
    assert settings(s, "sub.partner.example")["mode"] == ("must", ".partner.example")
    assert settings(s)["header_trigger"] == ("Sensitivity: ^company-confidential$", "cluster")
    for words in commands:
        if words[0] == "set":
            s.cli("policy", "set", words[1], *{one.split("=")[0] + "=" for one in words[2:]})
    for row in before["rows"]:
        s.cli("policy", "set", row["level"], *row["settings"])
    assert s.json("policy", "list") == before


def two_at_once_both_have_their_way(s):
    def put(n, name):
        for i in range(n):
            s.cli("policy", "set", "race.example", f"{name}={30 + i}" if name == "keep" else f"{name}={2048 + i}")

    runs = [threading.Thread(target=put, args=(8, name)) for name in ("keep", "rsa_bits_min")]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    found = settings(s, "race.example")
    assert found["keep"] == ("37s", "race.example") and found["rsa_bits_min"] == ("2055", "race.example"), found


def what_was_set_stays(s):
    before = s.json("policy", "list"), explained(s, "u0@example.org", "bob@x.partner.example")
    s.kill()
    s.start()
    assert before == (s.json("policy", "list"), explained(s, "u0@example.org", "bob@x.partner.example"))


def main():
    the_manual_has_each_setting_with_its_default()
    with hp.Server() as s:
        factory_is_what_holds_at_first(s)
        levels_inherit(s)
        decisions_are_explained(s)
        words_say_what_happens(s)
        what_does_nothing_there_is_said(s)
        mistakes_are_answered_with_the_next_step(s)
        the_recipes_are_taken_as_they_stand(s)
        check_names_what_is_dangerous(s)
        two_at_once_both_have_their_way(s)
        what_was_set_stays(s)
    print("ok")


if __name__ == "__main__":
    main()
