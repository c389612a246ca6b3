"""Where the tests of OpenPGP have OpenPGP.js from."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.environ["B"] + "/openpgpjs"


def openpgpjs():
    """From npm, once; it has Brainpool's curves only with the second."""
    found = f"{MODULES}/node_modules/openpgp/dist/node/openpgp.min.mjs"
    if not os.path.exists(found) or not os.path.exists(f"{MODULES}/node_modules/eckey-utils"):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", MODULES, "openpgp@6.3.2",
                        "eckey-utils@0.7.14"], check=True, timeout=300)
    os.environ["OPENPGP_MODULE"] = found
    return ["node", f"{HERE}/openpgp_sop.mjs"]
