#!/usr/bin/env python3
# timeout: 300
"""The queue in the administrator's hands: what waits for which server, and what is done to it, mail by mail or to many."""
import re
import sys
import threading
import time

sys.path.insert(0, sys.path[0])
import hp  # noqa: E402
import sink  # noqa: E402

EX_USAGE, EX_DATAERR = 64, 65
MANY = 520  # more than one page


def submit(s, mails):
    """mails: lists of recipients."""
    with s.smtp(587) as c:
        c.ehlo("client.test")
        c.login("u0@example.org", "pw")
        for n, to in enumerate(mails):
            c.sendmail("u0@example.org", to, b"Message-ID: <%d@example.org>\r\n\r\nto %s\r\n" % (n, to[0].encode()))


def rows(s, *filters):
    return s.json("queue", "list", *filters)["rows"]


def waiting(s, *filters):
    return sorted(r["address"] for i in rows(s, *filters) for r in i["recipients"])


def refused(s, code, words, *args):
    r = s.cli("queue", *args, check=False)
    assert r.returncode == code and words in r.stderr, (args, r)


def count(s, *args):
    return s.json("queue", *args)["count"]


def what_waits_says_for_whom_and_why(s, hop):
    submit(s, [["a@one.test", "b@two.test"], ["c@two.test"], ["d@three.test"]])
    s.wait(lambda: len(waiting(s, "--stage", "relay")) == 4)
    now = time.time()
    for i in rows(s):
        assert i["sender"] == "u0@example.org" and i["waiting"] == len(i["recipients"]) and not i["held"], i
        for r in i["recipients"]:
            assert r["hop"] == hop and now + 3000 < r["next_try"] < now + 3700 and "refused" in r["status"], r
    shown = s.json("queue", "show", rows(s)[0]["id"])
    assert shown["user"] == "u0@example.org" and shown["client_address"] == "127.0.0.1", shown
    assert shown["helo"] == "client.test" and abs(shown["ends"] - now - 5 * 86400) < 60, shown
    assert [r["notify"] for r in shown["recipients"]] == [[], []], shown
    for_eyes = s.cli("queue", "show", shown["id"]).stdout.splitlines()
    assert "helo: client.test" in for_eyes and "recipients:" in for_eyes, for_eyes
    assert re.match(r" +a@one\.test +relay +smtp:.* 4\.4\.1 connect to .*: Connection refused$", for_eyes[-2]), for_eyes


def filters_narrow_it(s, hop):
    assert waiting(s, "--to", "@two.test") == ["b@two.test", "c@two.test"]
    assert waiting(s, "--to", "@TWO.test", "--status", "refused") == ["b@two.test", "c@two.test"]
    assert len(waiting(s, "--sender", "u0@example.org", "--hop", hop, "--status", "REFUSED", "--stage", "relay")) == 4
    assert waiting(s, "--hop", hop.replace("smtp:", "")) == waiting(s)
    assert waiting(s, "--older-than", "0s", "--node", "1") == waiting(s)
    for none in (["--sender", "@other.test"], ["--sender", "<>"], ["--older-than", "1h"], ["--node", "2"], ["--held"],
                 ["--status", "no such words"], ["--stage", "route"], ["--hop", "other.test"]):
        assert waiting(s, *none) == [], none
    refused(s, EX_USAGE, "--hop a/b: not a next hop", "list", "--hop", "a/b")
    refused(s, EX_USAGE, "like 30m or 2d", "list", "--older-than", "2w")


def nothing_is_done_to_all_by_mistake(s):
    for verb in ("retry", "hold", "release", "delete", "reroute"):
        refused(s, EX_USAGE, "--all", verb)
    refused(s, EX_USAGE, "either an ID or filters", "delete", rows(s)[0]["id"], "--to", "@two.test")
    refused(s, EX_USAGE, "--via: not a next hop", "reroute", "--all", "--via", "a/b")
    refused(s, EX_USAGE, "no option", "list", "--all")
    assert len(waiting(s)) == 4


def recipients_are_rerouted_and_deleted_alone(s, hop, other):
    (one,) = s.json("queue", "hops")["rows"]
    assert (one["hop"], one["waiting"], one["node"]) == (hop, 4, 1) and one["tries"] >= 1, one
    assert abs(one["failing_since"] - time.time()) < 60 and "refused" in one["status"], one
    assert count(s, "reroute", "--to", "@two.test", "--via", other) == 2
    assert waiting(s, "--hop", other) == ["b@two.test", "c@two.test"]
    assert waiting(s, "--hop", hop) == ["a@one.test", "d@three.test"]
    assert count(s, "delete", "--to", "a@one.test") == 1
    assert waiting(s) == ["b@two.test", "c@two.test", "d@three.test"]
    s.wait(lambda: all(h["tries"] for h in s.json("queue", "hops")["rows"]))
    assert [(h["hop"], h["waiting"]) for h in s.json("queue", "hops")["rows"]] == [(other, 2), (hop, 1)]
    table = s.cli("queue", "hops").stdout.splitlines()
    assert len(table) == 3 and table[1].startswith(other) and "Z" in table[1], table


def what_is_held_rests(s):
    assert count(s, "hold", "--to", "c@two.test") == 1
    assert count(s, "hold", "--to", "c@two.test") == 0
    (held,) = rows(s, "--held")
    refused(s, EX_DATAERR, "held", "retry", held["id"])
    assert count(s, "retry", "--to", "@two.test") == 1
    assert s.cli("queue", "release", "--all").stdout == "count: 1\n"
    assert rows(s, "--held") == []


def a_hop_is_tried_now_for_all_behind_it(s, hop, other):
    port = int(other.rpartition(":")[2])
    s.wait(lambda: all(r["next_try"] > time.time() + 60 for i in rows(s) for r in i["recipients"]))
    with sink.Sink(port=port) as to:
        assert count(s, "retry", "--hop", other) == 2
        to.wait(2)
        s.wait(lambda: waiting(s) == ["d@three.test"])
        assert [h["hop"] for h in s.json("queue", "hops")["rows"]] == [hop]
        (last,) = rows(s)
        s.cli("queue", "reroute", last["id"])  # anew: the same way as before
        s.wait(lambda: waiting(s, "--hop", hop) == ["d@three.test"])
        s.cli("queue", "reroute", last["id"], "--via", other)
        to.wait(3)
        s.wait(lambda: not rows(s))


def many_are_counted_over_all_pages(s, hop):
    submit(s, [[f"x{n}@many.test"] for n in range(MANY)])
    s.wait(lambda: len(waiting(s, "--stage", "relay")) == MANY, 60)
    # Most were never tried themselves: their hop says why, and is hurried for them by one command.
    assert len(waiting(s, "--status", "refused")) == MANY
    untried = sum(not r["tries"] for i in rows(s) for r in i["recipients"])
    assert untried > MANY / 2
    before = s.json("store", "stats")["applied"]
    assert count(s, "retry", "--hop", hop) == MANY
    assert s.json("store", "stats")["applied"] - before < MANY - untried + 50
    assert count(s, "hold", "--to", "@many.test") == MANY
    assert s.json("queue", "hops")["rows"] == []
    assert count(s, "release", "--held") == MANY
    assert s.json("queue", "hops")["rows"][0]["waiting"] == MANY
    assert count(s, "delete", "--hop", hop) == MANY
    assert rows(s) == [] and s.json("queue", "hops")["rows"] == []
    assert count(s, "delete", "--all") == 0


def silent_hops_leave_connections_to_others():
    """Of 4 connections hops that failed before get 2, however many of them are due, and however long they are silent."""
    port = hp.free_port()
    hops = [f"smtp:[127.0.5.{n}]:{port}" for n in range(1, 7)]
    extra = "\n[relay]\nconnections = 4\nhost = [127.0.5.7]:%d\n\n[mail]\nretry_min = 1h\nretry_max = 2h\n" % port
    with hp.Server(extra=extra) as s:
        s.settle()
        submit(s, [[f"a{n}@silent.test"] for n in range(6)])
        s.wait(lambda: len(waiting(s, "--stage", "relay")) == 6)
        for n, hop in enumerate(hops):
            assert count(s, "reroute", "--to", f"a{n}@silent.test", "--via", hop) == 1
        s.wait(lambda: sum(h["tries"] > 0 for h in s.json("queue", "hops")["rows"]) == 6)
        silent = [sink.Sink(host=f"127.0.5.{n}", port=port) for n in range(1, 7)]
        for one in silent:
            one.replies["greeting"] = lambda session, a: time.sleep(20)
        assert count(s, "retry", "--to", "@silent.test") == 6
        s.wait(lambda: sum(len(one.sessions) for one in silent) == 2)
        with sink.Sink(host="127.0.5.7", port=port) as to:
            submit(s, [["b@healthy.test"], ["c@healthy.test"]])
            to.wait(2, 10)
        assert sum(len(one.sessions) for one in silent) == 2
        for one in silent:
            one.close()


def what_is_taken_away_in_line_is_not_sent():
    """Two mails have the hop's connections, two wait in line with their keys opened: one is deleted then, one is held."""
    go = threading.Event()

    def stall(session, argument):
        go.wait(30)
        return session.taken()

    with sink.Sink() as to, hp.Server(
            extra=f"\n[relay]\nhost = [127.0.0.1]:{to.port}\nconnections_per_hop = 2\n") as s:
        s.settle()
        to.replies["text"] = stall
        submit(s, [["a@one.test"], ["b@one.test"]])
        s.wait(lambda: len(to.said("DATA")) == 2)
        submit(s, [["c@one.test"], ["d@one.test"]])
        s.wait(lambda: waiting(s) == ["a@one.test", "b@one.test", "c@one.test", "d@one.test"])
        time.sleep(0.5)
        assert count(s, "delete", "--to", "c@one.test") == 1 and count(s, "hold", "--to", "d@one.test") == 1
        go.set()
        s.wait(lambda: waiting(s) == ["d@one.test"])
        time.sleep(0.5)
        assert sorted(m.rcpts[0] for m in to.mails) == ["TO:<a@one.test>", "TO:<b@one.test>"], [m.rcpts for m in to.mails]
        assert count(s, "release", "--all") == 1
        assert to.wait(3)[2].rcpts == ["TO:<d@one.test>"], to.mails[2].rcpts
        s.wait(lambda: not waiting(s))


def main():
    ports = sorted((hp.free_port(), hp.free_port()), key=str)  # so the less wanted hop's row is the first in the database
    hop, other = (f"smtp:[127.0.0.1]:{p}" for p in ports)
    with hp.Server(extra=f"\n[relay]\nhost = [127.0.0.1]:{ports[0]}\n\n[mail]\nretry_min = 1h\nretry_max = 2h\n"
                         "\n[limits]\nrecipients_per_hour = 0\nrecipients_per_day = 0\n") as s:
        s.settle()
        what_waits_says_for_whom_and_why(s, hop)
        filters_narrow_it(s, hop)
        nothing_is_done_to_all_by_mistake(s)
        recipients_are_rerouted_and_deleted_alone(s, hop, other)
        what_is_held_rests(s)
        a_hop_is_tried_now_for_all_behind_it(s, hop, other)
        many_are_counted_over_all_pages(s, hop)
        assert s.cli("store", "check").returncode == 0
    silent_hops_leave_connections_to_others()
    what_is_taken_away_in_line_is_not_sent()


main()
