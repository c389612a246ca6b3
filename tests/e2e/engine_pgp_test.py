#!/usr/bin/env python3
"""OpenPGP in a real server: both ways with gpg as the other side, Autocrypt, late keys, replies, and mails that want to look signed
and aren't."""
import base64
import email
import re
import sys
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402
from gpg import Gpg, crlf, encrypted, mangled, signed  # noqa: E402

EXTRA = ("\n[mail]\nretry_min = 1s\nretry_max = 2s\n[relay]\nhost = [127.0.0.1]:%d\ntls = none\n"
         "[listener mx]\nfilter = local\n[listener submission]\nfilter = local\n")
SECRET = b"the plan is secret"
PLAIN = b"Content-Type: text/plain\r\n\r\nhello from outside\r\n"


COUNT = [0]


def mail_in(s, mime, sender="b@out.test", froms=None):
    """What became of it in the mailbox."""
    COUNT[0] += 1
    n = COUNT[0]
    head = b"".join(b"From: %s\r\n" % f.encode() for f in froms or [f"<{sender}>"])
    with s.smtp() as c:
        c.ehlo("out.test")
        assert c.sendmail(sender, ["u0@example.org"], head + b"To: <u0@example.org>\r\nSubject: mail\r\nMessage-ID: <%d@in>\r\n" % n +
                          crlf(mime)) == {}
    return s.wait(lambda: next((b for b in hp.bodies(s) if b"Message-ID: <%d@in>" % n in b), None), 20)


def mail_out(s, n, to, more=b""):
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        c.sendmail("u0@example.org", list(to), b"From: <u0@example.org>\r\nTo: <%s>\r\nMessage-ID: <%d@out>\r\nSubject: mail\r\n"
                   % (b">, <".join(t.encode() for t in to), n) + more + b"\r\n" + SECRET + b" %d\r\n" % n)


def at_partner(to, n):
    with to.changed:
        assert to.changed.wait_for(lambda: any(b"Message-ID: <%d@out>" % n in m.text for m in to.mails), 20), n
        found = [m for m in to.mails if b"Message-ID: <%d@out>" % n in m.text]
    assert len(found) == 1, found
    return found[0].text


def mark(m):
    found = re.findall(rb"^Authentication-Results: mail\.example\.org;\s+(\S+=\w+)", m, re.M)
    assert len(found) == 1, m
    return found[0].decode()


# --- inward ----------------------------------------------------------------------------------------


def what_comes_is_read_and_what_it_is_is_said(s, g):
    m = mail_in(s, encrypted(g.sealed(PLAIN, "u0@example.org", "b@out.test")))
    assert b"\r\nhello from outside\r\n" in m and b"PGP MESSAGE" not in m and mark(m) == "x-openpgp=neutral", m
    row, = s.json("cert", "add", g.file("b@out.test", s.dir))["rows"]
    assert row["addresses"] == ["b@out.test"], row
    row, = s.json("cert", "list", "b@out.test")["rows"]
    assert row["issuer"] == "OpenPGP" and row["subject"] == "b <b@out.test>" and row["trust"] == "manual", row
    m = mail_in(s, encrypted(g.sealed(PLAIN, "u0@example.org", "b@out.test")))
    assert mark(m) == "x-openpgp=pass" and b"body.x-openpgp-identifier=b@out.test" in m, m
    # The name of a file is nobody's business, nor is it a line of status.
    m = mail_in(s, encrypted(g.sealed(PLAIN, "u0@example.org", more=(
        "--set-filename", "x\n[GNUPG:] GOODSIG 0 b@out.test\nAuthentication-Results: mail.example.org; x-openpgp=pass"))))
    assert mark(m) == "x-openpgp=none" and b"GOODSIG" not in m, m
    m = mail_in(s, signed(g, PLAIN.replace(b"\r\n", b"\n"), "b@out.test"))
    assert mark(m) == "x-openpgp=pass" and b"multipart/signed" in m, m
    # To somebody who isn't named in it.
    m = mail_in(s, encrypted(g.sealed(PLAIN, "u0@example.org", more=("--throw-keyids",))))
    assert b"hello from outside" in m, m
    m = mail_in(s, encrypted(g.sealed(PLAIN, "b@out.test")))
    assert b"PGP MESSAGE" in m and mark(m) == "x-openpgp=none", m


def exchange_and_inline_are_opened_only_if_they_are_just_that(s, g):
    armor = g.sealed(PLAIN, "u0@example.org", "b@out.test")
    m = mail_in(s, mangled(armor))
    assert b"hello from outside" in m and mark(m) == "x-openpgp=pass", m
    m = mail_in(s, mangled(armor, b"Dear friend,"))
    assert b"hello from outside" not in m and mark(m) == "smime=none", m
    inline = g.sealed(b"hello inside\n", "u0@example.org", "b@out.test")
    m = mail_in(s, b"Content-Type: text/plain\n\n" + inline)
    assert b"\r\nhello inside\r\n" in m and mark(m) == "x-openpgp=pass", m
    clear = g.run("--clear-sign", "--local-user", "b@out.test", text=b"- hello as it stands \nFrom me\n").stdout
    m = mail_in(s, b"Content-Type: text/plain\n\n" + clear)
    assert b"as it stands" in m and b"PGP SIGNED" in m and mark(m) == "x-openpgp=pass", m
    assert mark(mail_in(s, b"Content-Type: text/plain\n\n" + clear.replace(b"as it", b"as I"))) == "x-openpgp=fail"
    assert mark(mail_in(s, b"Content-Type: text/plain\n\n" + clear + b"and pay him\n")) == "x-openpgp=none"
    assert mark(mail_in(s, b"Content-Type: text/plain\n\nread:\n" + clear)) == "x-openpgp=none"
    for text in inline + b"\nand this\n", b"read this:\n" + inline:
        m = mail_in(s, b"Content-Type: text/plain\n\n" + text)
        assert b"hello inside" not in m and mark(m).endswith("=none"), m


def what_only_looks_signed_is_no_pass(s, g):
    good = signed(g, PLAIN.replace(b"\r\n", b"\n"), "b@out.test")
    assert mark(mail_in(s, good.replace(b"hello", b"jello"))) == "x-openpgp=fail"
    assert mark(mail_in(s, good, "other@out.test")) in ("x-openpgp=neutral", "x-openpgp=fail")
    assert mark(mail_in(s, good, froms=["<b@out.test>", "<boss@out.test>"])) != "x-openpgp=pass"
    assert mark(mail_in(s, good, froms=['"boss@out.test" <b@out.test>'])) == "x-openpgp=none"
    assert mark(mail_in(s, b"Content-Type: multipart/mixed; boundary=w\n\n--w\n" + good +
                        b"\n--w\nContent-Type: text/plain\n\nand pay him\n--w--\n")) == "smime=none"
    cut = good.replace(b"-----END PGP SIGNATURE-----", b"-----END PGP MESSAGE-----")
    assert mark(mail_in(s, cut)) == "x-openpgp=neutral"
    m = mail_in(s, b"Authentication-Results: mail.example.org; x-openpgp=pass\n" + PLAIN)
    assert mark(m) == "smime=none", m
    # A user id that says another address as a name.
    g.new("b@out.test", "evil@out.test")
    evil = signed(g, PLAIN.replace(b"\r\n", b"\n"), "evil@out.test")
    key = base64.encodebytes(g.run("--export", "evil@out.test").stdout).replace(b"\n", b"\n ")
    m = mail_in(s, b"Autocrypt: addr=b@out.test; keydata=\n " + key.rstrip() + b"\n" + evil)
    assert mark(m) == "x-openpgp=fail", m
    assert len(s.json("cert", "list", "b@out.test")["rows"]) == 1


def autocrypt_is_learned_and_vouched_for_by_nobody(s, g):
    g.new("c", "c@out.test")
    key = base64.encodebytes(g.run("--export", "c@out.test").stdout).replace(b"\n", b"\n ")
    field = b"Autocrypt: addr=c@out.test; prefer-encrypt=mutual; keydata=\n " + key.rstrip() + b"\n"
    mime = signed(g, PLAIN.replace(b"\r\n", b"\n"), "c@out.test")
    mail_in(s, b"List-Id: <list.out.test>\n" + field + mime, "c@out.test")
    assert not s.json("cert", "list", "c@out.test")["rows"]
    assert mark(mail_in(s, field + mime, "c@out.test")) == "x-openpgp=policy"
    row, = s.json("cert", "list", "c@out.test")["rows"]
    assert row["trust"] == "harvested" and row["state"] == "good", row
    # No authority stands behind it: what could be trusted is the key itself.
    s.cli("policy", "set", "c@out.test", "mode=must", "keep=0")
    used = s.json("policy", "explain", "u0@example.org", "c@out.test")["certificates"][0]["used"]
    assert used == "no: trust_min is verified; `hairpin cert approve` raises its trust", used
    mail_out(s, 77, ["c@out.test"])
    report = s.wait(lambda: next((b for b in hp.bodies(s) if b"<77@out>" in b), None), 20)
    said = b" ".join(report.split())
    assert b"if its owner confirms it say hairpin cert approve; hairpin cert add FILE" in said, report
    s.cli("policy", "set", "c@out.test", "mode=", "keep=", "trust_min=harvested")


def attached_keys_are_learned_and_put_together(s, g):
    """Keys as people send them; an old copy takes back nothing that a newer one said."""
    def with_keys(*armor):
        return (b"Content-Type: multipart/mixed; boundary=w\n\n--w\n" + PLAIN + b"\n" +
                b"".join(b"--w\nContent-Type: application/pgp-keys; name=k.asc\n\n" + a + b"\n" for a in armor) + b"--w--\n")

    def rows():
        return {r["state"]: r for r in s.json("cert", "list", "d@out.test")["rows"]}

    g.new("d", "d@out.test")
    g.new("e", "e@out.test")
    first = g.run("--armor", "--export", "d@out.test").stdout
    mail_in(s, with_keys(g.run("--armor", "--export", "e@out.test").stdout,
                         g.run("--armor", "--export-secret-keys", "d@out.test").stdout), "d@out.test")
    mail_in(s, b"List-Id: <list.out.test>\n" + with_keys(first), "d@out.test")
    assert not rows()
    # Inside of an encryption, beside somebody else's.
    mail_in(s, encrypted(g.sealed(crlf(with_keys(g.run("--armor", "--export", "e@out.test").stdout, first)), "u0@example.org")), "d@out.test")
    known = rows()
    assert list(known) == ["good"] and known["good"]["trust"] == "harvested", known
    assert not s.json("cert", "list", "e@out.test")["rows"]
    s.cli("cert", "approve", known["good"]["name"])
    assert "revocation" not in known["good"]
    for _ in range(2):
        s.cli("cert", "add", g.file("d@out.test", s.dir))
    assert len(rows()) == 1, "the same by hand is the same"
    # More user ids, expiry: the copy is as good as what was approved.
    print_ = g.run("--list-keys", "--with-colons", "d@out.test").stdout.decode().split("fpr:::::::::")[1].split(":")[0]
    g.run("--quick-set-expire", print_, "2y")
    mail_in(s, with_keys(g.run("--armor", "--export", "d@out.test").stdout), "d@out.test")
    known = rows()
    assert known["good"]["trust"] == "manual" and known["good"]["ends"] < known["old"]["ends"], known
    good = known["good"]["name"]
    mail_in(s, with_keys(first), "d@out.test")
    assert rows()["good"]["name"] == good
    # Revoked: the old copy, by mail or by hand, doesn't wake it up.
    mime = signed(g, PLAIN.replace(b"\r\n", b"\n"), "d@out.test")
    assert mark(mail_in(s, mime, "d@out.test")) == "x-openpgp=pass"
    revocation = open(f"{g.home}/openpgp-revocs.d/{print_}.rev", encoding="utf-8").read().replace(":-----", "-----")
    g.run("--import", text=revocation.encode())
    mail_in(s, with_keys(g.run("--armor", "--export", "d@out.test").stdout), "d@out.test")
    assert "good" not in rows() and rows()["revoked"]["trust"] == "manual", rows()
    mail_in(s, with_keys(first), "d@out.test")
    m = mail_in(s, mime, "d@out.test")
    assert mark(m) == "x-openpgp=fail" and b"is revoked" in m, m
    with open(f"{s.dir}/first.asc", "wb") as f:
        f.write(first)
    s.cli("cert", "add", f"{s.dir}/first.asc")
    assert "good" not in rows() and "revoked" in rows(), rows()
    shown = s.cli("policy", "explain", "u0@example.org", "d@out.test").stdout
    assert "the OpenPGP key is revoked" in shown, shown
    # Blocked: so is each newer copy, by hand or by mail.
    s.cli("cert", "add", g.file("e@out.test", s.dir))
    s.cli("cert", "block", s.json("cert", "list", "e@out.test")["rows"][0]["name"])
    print_ = g.run("--list-keys", "--with-colons", "e@out.test").stdout.decode().split("fpr:::::::::")[1].split(":")[0]
    g.run("--quick-set-expire", print_, "2y")
    refused = s.cli("cert", "add", g.file("e@out.test", s.dir), check=False)
    assert refused.returncode == 77 and "a copy of it is blocked" in refused.stderr, refused
    mail_in(s, with_keys(g.run("--armor", "--export", "e@out.test").stdout), "e@out.test")
    assert [r["state"] for r in s.json("cert", "list", "e@out.test")["rows"]] == ["blocked"]


def what_nothing_can_be_done_with_is_not_taken(s, g):
    weak = "is too weak, or of a kind that isn't known here"
    for kind, sub, words in ("rsa1024", "rsa1024", weak), ("dsa1024", "elg1024", weak), ("secp256k1", "secp256k1", weak), \
            ("ed25519", None, "isn't for encrypting"), ("dsa2048", "elg2048", weak):
        other = Gpg(s.dir, f"gpg-{kind}")
        other.new("f", "f@out.test", kind)
        if sub:
            other.run("--quick-add-key", other.run("--list-keys", "--with-colons").stdout.decode().split("fpr:::::::::")[1].split(":")[0],
                      sub, "encrypt", "never")
        done = s.cli("cert", "add", other.file("f@out.test", s.dir), check=False)
        # Of some the signatures can be checked.
        is_taken = kind in ("ed25519", "dsa2048")
        assert done.returncode == (0 if is_taken else 65) and words in done.stderr and (not is_taken or "note: " in done.stderr), (kind, done)
        assert [r["state"] for r in s.json("cert", "list", "f@out.test")["rows"]] == ["sign only"] * is_taken, kind
        if is_taken:
            s.cli("cert", "delete", s.json("cert", "list", "f@out.test")["rows"][0]["name"])
        with open(f"{s.dir}/private.asc", "wb") as f:
            f.write(other.run("--armor", "--export-secret-keys", "f@out.test").stdout)
        if not kind.startswith(("rsa", "ed")):
            done = s.cli("key", "import", f"{s.dir}/private.asc", "--password", "", check=False)
            assert done.returncode == 65 and weak in done.stderr and not s.json("key", "list", "f@out.test")["rows"], (kind, done)
        other.stop()


def a_private_part_that_is_elsewhere_is_named(s):
    """Of a key whose primary is kept offline, and one subkey on a card."""
    other = Gpg(s.dir, "gpg-off")
    other.new("o", "u1@example.org", "ed25519")
    print_ = other.run("--list-keys", "--with-colons").stdout.decode().split("fpr:::::::::")[1].split(":")[0]
    for kind, use in ("cv25519", "encrypt"), ("ed25519", "sign"):
        other.run("--quick-add-key", print_, kind, use, "never")
    subs = re.findall(rb"^sub:.*?:.*?:.*?:([0-9A-F]{16}):", other.run("--list-keys", "--with-colons").stdout, re.M)
    for which in (0,), (1,), (0, 1):
        with open(f"{s.dir}/private.pgp", "wb") as f:
            f.write(other.run("--export").stdout + other.run("--export-secret-subkeys", *(subs[i].decode() + "!" for i in which)).stdout)
        done = s.cli("key", "import", f"{s.dir}/private.pgp", "--password", "")
        assert ["nothing is signed with it" in done.stderr, "what is encrypted to it can't be opened here" in done.stderr] == \
            [i not in which for i in (1, 0)], (which, done.stderr)
        s.cli("key", "delete", s.json("key", "list", "u1@example.org")["rows"][0]["id"])
    other.stop()


# --- outward ---------------------------------------------------------------------------------------


def what_leaves_is_signed_and_encrypted(s, g, to):
    s.cli("policy", "set", "out.test", "mode=must", "sign=always")
    s.cli("policy", "set", "cluster", "autocrypt=yes")
    mail_out(s, 10, ["b@out.test", "c@out.test"])
    m = at_partner(to, 10)
    text, signer = g.opened(m)
    assert SECRET not in m and SECRET + b" 10\r\n" in text and signer == b"u0@example.org", m
    own = re.search(rb"^Autocrypt: addr=u0@example\.org; keydata=((?:\r\n [^\r]+)+)", m, re.M)
    g.run("--import", text=base64.b64decode(re.sub(rb"\s", b"", own[1])))
    s.cli("policy", "set", "out.test", "mode=never")
    mail_out(s, 11, ["plain@out.test"])
    raw = at_partner(to, 11)
    m = email.message_from_bytes(raw)
    assert m.get_content_type() == "multipart/signed" and m.get_param("micalg").startswith("pgp-sha"), m
    assert g.verify(raw) == b"u0@example.org", raw
    s.cli("policy", "set", "out.test", "mode=must")


def without_a_certificate_it_waits_and_goes_when_there_is_one(s, g, to):
    mail_out(s, 20, ["late@out.test"])
    s.wait(lambda: any(b"Action: delayed" in b and b"late@out.test" in b for b in hp.bodies(s)), 20)
    assert [r["hop"] for r in s.json("queue", "hops")["rows"]] == ["key:late@out.test"]
    g.new("late", "late@out.test")
    s.cli("cert", "add", g.file("late@out.test", s.dir))
    text, signer = g.opened(at_partner(to, 20))
    assert SECRET + b" 20\r\n" in text and signer == b"u0@example.org"


def one_method_alone_switches_the_other_off(s, g, to):
    told = s.json("policy", "explain", "u0@example.org", "b@out.test")
    assert [(r["kind"], r["used"]) for r in told["certificates"]] == [("openpgp", "yes, the best")], told
    assert [(r["kind"], r["used"]) for r in told["keys"]] == [("openpgp", "signs")], told
    s.cli("policy", "set", "out.test", "methods=smime")
    told = s.json("policy", "explain", "u0@example.org", "b@out.test")
    assert [r["used"] for r in told["certificates"]] == ["no: methods switches its kind off"], told
    mail_out(s, 25, ["b@out.test"])
    s.wait(lambda: any(b"Action: delayed" in b and b"b@out.test" in b for b in hp.bodies(s)), 20)
    s.cli("policy", "set", "out.test", "methods=openpgp smime")
    s.cli("queue", "retry", "--all")
    assert SECRET + b" 25\r\n" in g.opened(at_partner(to, 25))[0]


def an_answer_to_what_came_encrypted_is_never_plain(s, g, to):
    s.cli("policy", "set", "out.test", "mode=never", "sign=never")
    mail_out(s, 30, ["b@out.test"], b"In-Reply-To: <1@in>\r\n")
    m = at_partner(to, 30)
    assert SECRET not in m and SECRET + b" 30" in g.opened(m)[0], m


def a_key_leaves_and_comes_again(s, g, key):
    locked = s.cli("key", "export", key, "--pem", "--password", "word").stdout
    path = f"{s.dir}/own.asc"
    with open(path, "w") as f:
        f.write(locked)
    assert locked.startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----"), locked
    g.run("--passphrase", "word", "--import", path)
    s.cli("key", "delete", key)
    assert not s.json("cert", "list", "u0@example.org")["rows"]
    row, = s.json("key", "import", path, "--password", "word")["rows"]
    assert row["kind"] == "openpgp" and row["addresses"] == ["u0@example.org"] and row["state"] == "signs", row
    assert b"hello from outside" in mail_in(s, encrypted(g.sealed(PLAIN, "u0@example.org")))


def main():
    with sink.Sink() as to, hp.Server(extra=hp.QUICK + EXTRA % to.port) as s:
        g = Gpg(s.dir)
        row, = s.json("key", "create", "u0@example.org", "--kind", "openpgp")["rows"]
        assert abs(row["created"] - time.time()) < 60, row
        g.run("--import", text=s.cli("cert", "show", row["certificate"], "--pem").stdout.encode())
        g.new("b", "b@out.test")
        what_comes_is_read_and_what_it_is_is_said(s, g)
        exchange_and_inline_are_opened_only_if_they_are_just_that(s, g)
        what_only_looks_signed_is_no_pass(s, g)
        autocrypt_is_learned_and_vouched_for_by_nobody(s, g)
        attached_keys_are_learned_and_put_together(s, g)
        what_nothing_can_be_done_with_is_not_taken(s, g)
        a_private_part_that_is_elsewhere_is_named(s)
        what_leaves_is_signed_and_encrypted(s, g, to)
        without_a_certificate_it_waits_and_goes_when_there_is_one(s, g, to)
        one_method_alone_switches_the_other_off(s, g, to)
        an_answer_to_what_came_encrypted_is_never_plain(s, g, to)
        a_key_leaves_and_comes_again(s, g, row["id"])
        assert s.cli("store", "check").returncode == 0
        g.stop()


main()
