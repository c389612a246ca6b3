"""What docs/hairpin-recipes.7 says of a gateway for Postfix, as tests run it: word for word, but for addresses and ports."""
import os
import re
import time

import hp
import postfix

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/hairpin-recipes.7")
SIZE_MAX = 12 << 20
GATEWAY = "127.0.0.1"


def recipe(file, *changes, section="THE GATEWAY"):
    """What the manual says, in that section or behind it, that a file should have, at this test's addresses."""
    page = postfix.read(PAGE).partition(f".Sh {section}\n")[2]
    named = page.partition(f"\n.Pa {file}")[2].partition(".Bd -literal -offset indent\n")
    assert "\n.Pa " not in named[0], file
    text = named[2].partition(".Ed\n")[0]
    for old, new in changes:
        assert old in text, (file, old)
        text = text.replace(old, new)
    return text.replace("\\e", "\\").replace("\\&", "")


def company(out, ports):
    """A Postfix with the recipe. ports.wrong is where 10026 was given a content filter by mistake."""
    main = recipe("/etc/postfix/main.cf", ("gw1.example.org]:10025", f"{GATEWAY}]:{ports.filter}"),
                  ("/etc/postfix/", "{dir}/etc/"))
    master = recipe("/etc/postfix/master.cf", ("192.0.2.25:10026", f"{postfix.HOST}:{ports.reinject}"),
                    ("192.0.2.26", GATEWAY))
    wrong = re.search(r"^\S+:\d+ inet .*\n(?:  .*\n)+", master, re.M)[0]
    wrong = wrong.replace(str(ports.reinject), str(ports.wrong)).replace("  -o content_filter=\n", "")
    post = postfix.Postfix(out.port, main, master + wrong, SIZE_MAX)
    post.write("etc/gateway_leave", recipe("/etc/postfix/gateway_leave"))
    return post


def gateway_conf(ports):
    listen = f"kind = filter\naddress = {GATEWAY}\nport = {ports.filter}\n"
    return hp.QUICK + recipe("/etc/hairpin/hairpin.conf", ("kind = filter\n", listen), ("= 192.0.2.25", "= " + postfix.HOST),
                             ("mail.example.org:10026", f"{postfix.HOST}:{ports.reinject}"),
                             ("retry_min = 30s", "retry_min = 1s"), ("retry_max = 5m", "retry_max = 2s"))


class Ports:
    def __init__(self):
        self.filter, self.reinject, self.wrong = hp.free_port(), hp.free_port(), hp.free_port()


def settle(post, gateway, seconds=60):
    """Until nothing is on its way."""
    until, flush_at = time.monotonic() + seconds, time.monotonic() + 3
    while (left := post.queue() or gateway.json("queue", "list")["rows"] or post.queue()):
        assert time.monotonic() < until, left
        if time.monotonic() > flush_at:
            postfix.as_root("/usr/sbin/postqueue", "-c", post.etc, "-f")
            flush_at += 3
        time.sleep(0.2)
