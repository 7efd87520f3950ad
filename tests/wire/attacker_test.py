"""The kernel as referee: an attacker who sends raw frames, a server on the kernel's TCP behind a router,
the gate between. What recv() gave the server is what was scanned, whatever the attacker tried.

A failed session is told by its number and the seed; `POSTERN_ATTACK=SEED:NUMBER` replays it alone,
`POSTERN_ATTACK=SEED` plays other sessions.
"""

import json
import os
import re
import subprocess
import unittest
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

from laboratory import Laboratory, Options, assert_frames_accounted
from referee import Referee
from topology import FAR, FAR_V6, SetupError, mac_address, wait_until

SEED = 20
SESSIONS = 1000
CLIENTS = 16
CLIENT, CLIENT_V6 = "198.18.0.100", "fd00:18::1:100"
HARDWARE = "02:00:00:a7:7a:c4"
SECONDS = 120
# Connections that were left without a word are to be forgotten soon: then their messages are reported.
SETTINGS = '[timeouts]\nidle = "8s"\nclosing = "3s"\n'
KINDS = set(re.findall(r'X\(k\w+, "(\w+)"\)',
                       Path(__file__).with_name("attack_plan.h").read_text()))
# What may stand between what was scanned of an unfinished message and what arrived of it: the
# beginning of an end.
BEGINNINGS = [b"\r\n.\r\n"[:n] for n in range(5)] + [b"\r\n", b"\r"]


class Attacker(unittest.TestCase):

    def setUp(self):
        try:
            import xxhash
        except ImportError:
            raise SetupError("python3-xxhash is missing: run deploy/install-deps --test") from None
        self.hash = xxhash.xxh3_64_hexdigest
        if Options.bridge:
            self.skipTest("needs the appliance in the gate")
        self.lab = Laboratory(mail_servers=False, settings=SETTINGS)
        self.addCleanup(self.close)
        far = self.lab.topology.behind_router()
        self.referee = Referee(self.lab.topology, far, [FAR, FAR_V6])
        for n in range(CLIENTS):
            for address in self.addresses(n):
                self.lab.internet.run("ip", "neighbour", "replace", address, "lladdr", HARDWARE,
                                      "dev", "wan0", "nud", "permanent")

    def close(self):
        # A failure's logs stay; the runner says where.
        if self._outcome.success:
            self.lab.close()

    @staticmethod
    def addresses(n):
        return f"198.18.0.{100 + n}", f"fd00:18::1:{0x100 + n:x}"

    def attack(self, seed, first, sessions):
        """Runs the attacker; what it tells of each session, with its client's address."""
        program = Options.build / "tests/wire/segment-attacker"
        done = subprocess.run(
            self.lab.customer.command(
                program, "wan0", "--next-hop", mac_address(self.lab.internet, "wan0"),
                "--server-v4", FAR, "--server-v6", FAR_V6, "--client-v4", CLIENT,
                "--client-v6", CLIENT_V6, "--clients", CLIENTS, "--seed", seed, "--first", first,
                "--sessions", sessions),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode != 0:
            raise AssertionError(f"the attacker failed: {done.stderr}")
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        for report in reports:
            report["client"] = self.addresses(report["session"] // 2 % CLIENTS)[report["v6"]]
        return reports

    def events(self):
        """Messages by (client, port), the oldest first."""
        found = defaultdict(list)
        for event in reversed(self.lab.gate.json("events", "--limit", "10000")["events"]):
            if event["kind"] == "message" and event["message_bytes"]:
                found[event["client"], event["client_port"]].append(event)
        return found

    def test_what_arrived_is_what_was_scanned(self):
        seed, first, sessions = SEED, 0, SESSIONS
        if replay := os.environ.get("POSTERN_ATTACK"):
            seed, _, number = replay.partition(":")
            if number:
                first, sessions = int(number), 1
        reports = self.attack(seed, first, sessions)
        # All connections have ended when the gate has forgotten all messages under way.
        wait_until(lambda: not sum(w["messages_in_flight"] for w in
                                   self.lab.gate.status()["data_planes"][0]["workers"]),
                   60, "the messages under way to end", poll_s=0.5)
        counters = self.lab.gate.settled_counters()
        events = self.events()
        wrong, compared = [], Counter()
        for report in reports:
            if problem := self.judge(report, events, compared):
                wrong.append(f"{seed}:{report['session']} ({report['ended']}, replies "
                             f"{report['replies']}): {problem}\n  tried {', '.join(report['attacks'])}")
        tried = Counter(attack for report in reports for attack in report["attacks"])
        ended = Counter(report["ended"] for report in reports)
        print(f"       seed {seed}: {len(reports)} sessions ({dict(ended)}), messages: "
              f"{dict(compared)}")
        print(f"       sessions that tried: {dict(tried.most_common())}")
        odd = {name: n for name, n in counters.items() if n and name.startswith(("drop", "segments"))}
        print(f"       counted: {odd}")
        self.assertFalse(wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:12]))
        assert_frames_accounted(self, counters)
        if sessions > 1:
            self.assertEqual(len(reports), sessions)
            self.assertEqual(counters["events_lost"], 0)
            self.assertEqual(set(tried), KINDS, "not every kind of attack was tried")

    def judge(self, report, events, compared):
        """What is wrong with a session; None when nothing is."""
        key = report["client"], report["port"]
        left_waiting = report["talks_ahead"] and report["ended"] in ("stuck", "abandoned by RST")
        if left_waiting:
            # Text that became commands, sent without waiting for replies and out of order: the
            # appliance cannot let it pass before it has read it, nor read it before a reply.
            compared["talked ahead and were left waiting"] += 1
        elif report["ended"] in ("stuck", "no answer"):
            return f"it stalled after {report['ms']} ms"
        if any(code in (554, 451) for code in report["replies"]) and report["reset"]:
            return "the client was reset although it was refused"
        # Of a message of which nothing arrived the appliance may have read something, or nothing.
        taken = self.referee.messages(*key)
        empty = [number for number, message in enumerate(taken) if not message.octets]
        for left_out in (c for size in range(len(empty) + 1) for c in combinations(empty, size)):
            found = Counter()
            problem = self.compare(report, events[key], [
                message for number, message in enumerate(taken) if number not in left_out],
                left_waiting, found)
            if problem is None:
                compared.update(found)
                break
        return problem

    def compare(self, report, scanned, taken, left_waiting, compared):
        """What is wrong between messages scanned and those taken, in order; None when nothing is."""
        for number in range(max(len(scanned), len(taken))):
            if number >= len(taken):
                if scanned[number]["outcome"] == "forwarded" and not left_waiting:
                    return f"message {number} was forwarded but never came"
                compared["nothing arrived"] += 1
                continue
            message = taken[number]
            content = message.content()
            if number >= len(scanned):
                if not message.whole and content in BEGINNINGS:
                    continue
                return f"message {number} arrived ({len(content)} octets, " \
                       f"{'whole' if message.whole else 'unfinished'}) but was not scanned"
            event = scanned[number]
            length = event["message_bytes"]
            if left_waiting and not message.whole:
                compared["left waiting for its end"] += 1
                continue
            if message.whole != (event["outcome"] == "forwarded"):
                return f"message {number} was {event['outcome']} and " \
                       f"{'arrived whole' if message.whole else 'never ended'}"
            if length > len(content) and not message.whole:
                # The segment that closed the last gap was kept back whole, or the receiver took a
                # FIN for the end that came with octets the appliance knew better.
                if event["outcome"] != "abandoned":
                    compared["refused before a gap"] += 1
                    continue
                if "fin_ahead_of_data" in report["attacks"]:
                    compared["ended by a FIN before its time"] += 1
                    continue
            rest = content[length:]
            if length > len(content) or (rest and (message.whole or rest not in BEGINNINGS)):
                return f"message {number} ({event['outcome']}): {length} octets were scanned, " \
                       f"{len(content)} arrived, behind them {rest[:40]!r}"
            if self.hash(content[:length]) != event["content_hash"]:
                return f"message {number} ({event['outcome']}): other octets arrived than were scanned"
            compared[event["outcome"]] += 1
        return None
