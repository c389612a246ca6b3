"""Others' verifiers of DKIM signatures: dkimpy (in Debian's Python, which may not be this one) and OpenDKIM, with the
public keys at hand instead of in the DNS."""
import base64
import json
import os
import re
import subprocess
import tempfile

DKIMPY = r"""
import base64, dkim, json, sys
asked = json.load(sys.stdin)
keys = {k.encode() + b".": v.encode() for k, v in asked["keys"].items()}
told = []
for mail in asked["mails"]:
    told.append([])
    try:
        d = dkim.DKIM(base64.b64decode(mail), minkey=1024)
    except dkim.DKIMException as e:
        told[-1].append(str(e))
        continue
    for i in range(sum(h[0].lower() == b"dkim-signature" for h in d.headers)):
        try:
            told[-1].append(d.verify(i, dnsfunc=lambda name, **more: keys.get(name)))
        except dkim.DKIMException as e:
            told[-1].append(str(e))
json.dump(told, sys.stdout)
"""


def dkimpy(mails, keys):
    """For each mail what becomes of each of its signatures: True, or something else. keys: {name in the DNS: text}."""
    asked = {"keys": keys, "mails": [base64.b64encode(m).decode() for m in mails]}
    r = subprocess.run(["/usr/bin/python3", "-c", DKIMPY], input=json.dumps(asked), capture_output=True, text=True,
                       timeout=60)
    assert r.returncode == 0, r
    return json.loads(r.stdout)


def opendkim(mail, keys):
    """[(verdict, domain, algorithm, selector)] of its signatures. It has to end as it would by SMTP."""
    mail += b"" if mail.endswith(b"\r\n") else b"\r\n"
    with tempfile.TemporaryDirectory() as tmp:
        for name, text in (("mail", mail), ("keys", "".join(f"{k} {v}\n" for k, v in keys.items()).encode()),
                           ("conf", f"Mode v\nTestPublicKeys {tmp}/keys\nSyslog no\nMaximumSignaturesToVerify 10\n".encode())):
            with open(f"{tmp}/{name}", "wb") as f:
                f.write(text)
        r = subprocess.run(["/usr/sbin/opendkim", "-A", "-x", tmp + "/conf", "-t", tmp + "/mail", "-v", "-v"],
                           capture_output=True, timeout=60, env=dict(os.environ, LC_ALL="C"))
    text = (r.stdout + r.stderr).decode(errors="replace")
    return re.findall(r"dkim=(\w+) .*?header\.d=(\S+) .*?header\.a=(\S+) header\.s=([^\s;]+)", text)


def record(public_pem_or_der, kind):
    """The text of a record, as openssl sees the key."""
    if kind == "ed25519":
        return "v=DKIM1; k=ed25519; p=" + base64.b64encode(public_pem_or_der[-32:]).decode()
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(public_pem_or_der).decode()
