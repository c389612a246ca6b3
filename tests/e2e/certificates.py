"""Certificates for tests, of an authority of their own (openssl)."""
import os
import ssl
import subprocess


def certificate(folder, name, hosts):
    """A context with a certificate of the test's authority."""
    def run(*words):
        r = subprocess.run(["openssl", *words], cwd=folder, capture_output=True)
        assert r.returncode == 0, (words, r.stderr)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")
    if not os.path.exists(folder + "/ca.pem"):
        run("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=authority")
    run("req", "-new", *key, name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
    with open(f"{folder}/{name}.ext", "w") as f:
        f.write("subjectAltName = " + ",".join("DNS:" + h for h in hosts) + "\n")
    run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-extfile",
        name + ".ext", "-out", name + ".pem")
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    return c
