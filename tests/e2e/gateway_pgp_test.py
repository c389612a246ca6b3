#!/usr/bin/env python3
"""OpenPGP in the engine's whole decision, by `hairpin gateway`, beside S/MIME: recipients of both kinds, blind copies, layers of
one kind in the other. `hairpin sop` and openssl are the other side."""
import base64
import email
import email.policy
import json
import os
import re
import subprocess
import tempfile

PROGRAM = os.environ["HAIRPIN_RELEASE"]
HOST = "gate.example.org"
SECRET = b"the plan is secret"
PLAIN = b"Content-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"
D = tempfile.mkdtemp(prefix="hairpin-gateway-pgp-")


def run(*words, data=b"", fails=False):
    r = subprocess.run(words, input=data, capture_output=True, timeout=60, cwd=D)
    assert (r.returncode != 0) == fails, (words, r.stderr)
    return r.stdout


def write(name, data):
    with open(f"{D}/{name}", "wb") as f:
        f.write(data)
    return name


def openssl(*words, data=b""):
    return run("openssl", *words, data=data)


def sop(*words, data=b"", fails=False):
    return run(PROGRAM, "sop", *words, data=data, fails=fails)


def make_smime(name, address):
    """name.key, name.crt, name.pem (both)."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "9",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=email:{address}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "keyUsage=digitalSignature,keyEncipherment",
            "-addext", "extendedKeyUsage=emailProtection")
    with open(f"{D}/{name}.key", "rb") as k, open(f"{D}/{name}.crt", "rb") as c:
        write(f"{name}.pem", k.read() + c.read())


def make_pgp(name, address):
    """name.pgp, name.cert."""
    write(f"{name}.pgp", sop("generate-key", f"{name} <{address}>"))
    with open(f"{D}/{name}.pgp", "rb") as k:
        write(f"{name}.cert", sop("extract-cert", data=k.read()))


def gateway(way, mail, *options, policy=b""):
    r = subprocess.run([PROGRAM, "gateway", way, "--json", "--hostname", HOST, "--policy", write("policy", policy), *options],
                       input=mail, capture_output=True, timeout=60, cwd=D)
    assert r.stdout and not r.stderr, (options, r)
    answer = json.loads(r.stdout)
    for g in answer["groups"]:
        g["mail"] = base64.b64decode(g.get("mail", ""))
    return answer


def group_of(answer, name):
    found, = (g for g in answer["groups"] if any(r.startswith(name + "@") for r in g["recipients"]))
    return found


def parts(mail):
    return email.message_from_bytes(mail, policy=email.policy.default)


def opened_pgp(mail, name, fails=False):
    m = parts(mail)
    assert m.get_content_type() == "multipart/encrypted" and m.get_param("protocol") == "application/pgp-encrypted", mail
    return sop("decrypt", f"{name}.pgp", data=list(m.iter_parts())[1].get_payload(decode=True), fails=fails)


def mail_to(*to):
    return b"From: <ann@example.org>\r\nTo: " + ", ".join(f"<{t}@out.test>" for t in to).encode() + \
        b"\r\nSubject: s\r\nMessage-ID: <1@x>\r\n" + PLAIN


def out(to, *recipients, policy=b""):
    return gateway("out", mail_to(*to), "--from", "ann@example.org", "--to", ",".join(f"{r}@out.test" for r in recipients),
                   "--key", "ann.pem,ann.pgp", "--cert", "bob.crt,carl.cert,dora.crt,dora.cert", "--ca", "ca.pem",
                   policy=policy)


def each_recipient_gets_what_he_can_read():
    a = out(["bob", "carl", "dora"], "bob", "carl", "dora", "eve", policy=b"[cluster]\nmode = must\n")
    for name in "bob", "dora":
        m = group_of(a, name)["mail"]
        assert b"pkcs7-mime" in m and SECRET not in m, m
        assert SECRET in openssl("cms", "-decrypt", "-recip", f"{name}.crt", "-inkey", f"{name}.key", data=m), m
    assert SECRET in opened_pgp(group_of(a, "carl")["mail"], "carl")
    eve = group_of(a, "eve")
    assert eve["action"] in ("wait", "bounce") and not eve["mail"], eve
    assert group_of(a, "bob") is not group_of(a, "carl")


def the_order_of_methods_is_the_recipients_too():
    a = out(["dora"], "dora", policy=b"[cluster]\nmode = must\n[dora@out.test]\nmethods = openpgp smime\n")
    assert SECRET in opened_pgp(group_of(a, "dora")["mail"], "dora")
    a = out(["carl"], "carl", policy=b"[cluster]\nmode = must\nmethods = smime\n")
    assert group_of(a, "carl")["action"] in ("wait", "bounce"), a


def a_blind_copy_is_a_ciphertext_of_its_own():
    a = out(["carl"], "carl", "dora", policy=b"[cluster]\nmode = must\nmethods = openpgp\n")
    carl, dora = group_of(a, "carl"), group_of(a, "dora")
    assert carl is not dora and carl["recipients"] == ["carl@out.test"], a["groups"]
    assert SECRET in opened_pgp(carl["mail"], "carl") and SECRET in opened_pgp(dora["mail"], "dora")
    opened_pgp(carl["mail"], "dora", fails=True)
    opened_pgp(dora["mail"], "carl", fails=True)


def incoming(mime):
    a = gateway("in", b"From: <bob@out.test>\r\nTo: <ann@example.org>\r\nMessage-ID: <2@x>\r\n" + mime, "--to", "ann@example.org",
                "--key", "ann.pem,ann.pgp", "--cert", "bobp.cert", "--ca", "ca.pem")
    return group_of(a, "ann")["mail"], [f["text"] for f in a["facts"]]


def crlf(octets):
    return re.sub(rb"\r?\n", b"\r\n", octets)


def sealed_pgp(entity):
    armor = sop("encrypt", "ann.cert", data=entity)
    return (b'MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n\r\n'
            b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
            b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + crlf(armor) + b"\r\n--b--\r\n")


def signed_pgp(entity, beside=b""):
    signature = sop("sign", "bobp.pgp", data=entity)
    if beside:
        signature = sop("armor", data=beside + sop("dearmor", data=signature) + beside)
    return (b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha512; boundary=s\r\n\r\n--s\r\n' +
            entity + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + crlf(signature) + b"\r\n--s--\r\n")


def sealed_smime(entity):
    return crlf(openssl("cms", "-encrypt", "-aes-256-cbc", "ann.crt", data=entity))


def signed_smime(entity):
    return crlf(openssl("cms", "-sign", "-signer", "bob.crt", "-inkey", "bob.key", "-md", "sha256", data=entity))


def layers_of_one_kind_in_the_other_are_taken_off():
    for seal, sign, mark in ((sealed_pgp, signed_smime, rb"smime=pass"), (sealed_smime, signed_pgp, rb"x-openpgp=pass"),
                             (sealed_pgp, signed_pgp, rb"x-openpgp=pass"), (sealed_smime, signed_smime, rb"smime=pass")):
        mail, facts = incoming(seal(sign(PLAIN)))
        assert SECRET in mail and b"pgp-encrypted" not in mail and b"enveloped" not in mail, mail
        assert re.search(mark, mail) and facts[0].startswith("decrypted"), (seal.__name__, sign.__name__, mail, facts)
    # Encrypted twice, once by each.
    for first, second in ((sealed_pgp, sealed_smime), (sealed_smime, sealed_pgp)):
        mail, facts = incoming(second(first(PLAIN)))
        assert SECRET in mail and sum(f.startswith("decrypted") for f in facts) == 2, (mail, facts)


def a_signature_around_an_encryption_says_nothing_of_the_text():
    mail, _ = incoming(signed_pgp(sealed_smime(PLAIN)))
    assert b"smime=pass" not in mail, mail


def a_signature_that_cannot_be_read_takes_nothing_from_another():
    for beside in (b"\xc2\x03\x63xy", b"\xc2\x01\x04", b"\xc2\x00"):
        mail, facts = incoming(signed_pgp(PLAIN, beside))
        assert b"x-openpgp=pass" in mail and sum(f.startswith("OpenPGP signature") for f in facts) == 3, (beside, mail, facts)


def what_a_key_file_lacks_is_said():
    key = sop("generate-key", f"--with-key-password={write('word', b'pw')}", "C <c@out.test>")
    for file, said in ((key, "hairpin sop change-key-password"), (b"text", "no certificate and no key in PEM, nor OpenPGP's")):
        r = subprocess.run([PROGRAM, "gateway", "out", "--key", write("wrong", file)], input=mail_to("bob"), capture_output=True, cwd=D)
        assert r.returncode == 65 and not r.stdout and said in r.stderr.decode(), r


def main():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "9", "-subj", "/CN=CA")
    for name, address in ("ann", "ann@example.org"), ("bob", "bob@out.test"), ("dora", "dora@out.test"):
        make_smime(name, address)
    for name, address in ("ann", "ann@example.org"), ("carl", "carl@out.test"), ("dora", "dora@out.test"), \
            ("bobp", "bob@out.test"):
        make_pgp(name, address)
    each_recipient_gets_what_he_can_read()
    the_order_of_methods_is_the_recipients_too()
    a_blind_copy_is_a_ciphertext_of_its_own()
    layers_of_one_kind_in_the_other_are_taken_off()
    a_signature_around_an_encryption_says_nothing_of_the_text()
    a_signature_that_cannot_be_read_takes_nothing_from_another()
    what_a_key_file_lacks_is_said()
    run("rm", "-rf", D)


main()
