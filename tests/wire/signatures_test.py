"""Signature sets come and go under traffic: signed ones, refused ones, in the shadow, and after a restart."""

import json
import smtplib
import threading
import time
import unittest

from laboratory import Laboratory, WireTest
from messages import Message, crlf, identity
from smtp_client import Client
from topology import CUSTOMER, CUSTOMER_OTHERS, SINK, wait_until

ALPHA, BETA = "ALPHA-PILLS", "BETA-PILLS"
RULES = "body {0} /{1}/\nscore {0} 6\n"
SWAPS = 8


def message(number, *words):
    words = " ".join(words) or "Is Thursday still good for you?"
    return Message(f"{number}", False, crlf(
        f"From: Alice <{WireTest.SENDER}>\nTo: Bob <{WireTest.READER}>\nSubject: number {number}\n"
        f"Date: Tue, 5 Mar 2024 10:00:00 +0000\nMessage-ID: <swap-{number}@customer.example>\n\n"
        f"Hello Bob,\n{words}\nAlice\n".encode()))


class Signatures(unittest.TestCase):
    """In a laboratory of their own: the shared one keeps the shipped set. One case after the other."""

    SOURCE = CUSTOMER_OTHERS[0]

    @classmethod
    def setUpClass(cls):
        cls.lab = Laboratory(rules=RULES.format("CONFIGURED", "CONFIGURED-PILLS"))
        cls.gate = cls.lab.gate

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def setUp(self):
        if not self.gate.inspects:
            self.skipTest("needs the appliance in the gate")
        self.gate.check()
        self.alpha = self.gate.compiled("alpha", RULES.format("ALPHA", ALPHA))
        self.beta = self.gate.compiled("beta", RULES.format("BETA", BETA))

    def tearDown(self):
        self.gate.postern("signatures", "shadow", "off")
        self.gate.postern("signatures", "unload")

    def load(self, path, *options, check=True):
        """What `postern signatures load` says, as JSON."""
        text = self.gate.postern("signatures", "load", path, *options, "--json", check=check)
        return json.loads(text)

    def reply_to(self, *words):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            return client.deliver(WireTest.SENDER, WireTest.READER, message(0, *words).octets).code

    def status(self):
        return self.gate.status()["data_planes"][0]

    def digest(self, path):
        return self.gate.json("signatures", "show", path)["digest"]

    def wait_for_set(self, digest):
        return wait_until(lambda: self.status()["signature_set"].endswith(digest) and self.status(),
                          20, "the set to be reported")

    # The cases.

    def test_swaps_while_mail_flows(self):
        """Every message is delivered once or bounced once, as one of the two sets says."""
        sent, stop = [], threading.Event()
        kinds = ((), (ALPHA,), (BETA,), (ALPHA, BETA))
        self.load(self.alpha)

        def submit():
            with self.lab.customer.entered():
                submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
            with submission:
                while not stop.is_set():
                    number = len(sent)
                    sent.append(kinds[number % 4])
                    submission.sendmail(WireTest.SENDER, [WireTest.READER],
                                        message(number + 1, *sent[number]).octets)

        mail = threading.Thread(target=submit)
        mail.start()
        try:
            for swap in range(SWAPS):
                before = len(sent)
                answer = self.load(self.beta if swap % 2 == 0 else self.alpha)
                self.assertEqual([(g["gate"], g["in_force"]) for g in answer["gates"]],
                                 [("laboratory", True)])
                wait_until(lambda: len(sent) > before + 20, 60, "mail to go on")
        finally:
            stop.set()
            mail.join()
        self.assertEqual(self.lab.sender.settle(120), [], "mail stayed in the sender's queue")
        self.lab.receiver.settle()
        arrived = [identity(octets) for octets in self.lab.receiver.delivered()]
        bounces = b"\n".join(self.lab.sender.delivered())
        wrong, decided = [], {(ALPHA,): set(), (BETA,): set()}
        for number, words in enumerate(sent, 1):
            name = f"<swap-{number}@customer.example>"
            delivered, bounced = arrived.count(name), bounces.count(f"ssage-ID: {name}".encode())
            expected = {(): [(1, 0)], (ALPHA, BETA): [(0, 1)]}.get(words, [(1, 0), (0, 1)])
            if (delivered, bounced) not in expected:
                wrong.append(f"{name} {words}: delivered {delivered}, bounced {bounced} times")
            if words in decided:
                decided[words].add(bounced)
        self.assertFalse(wrong, "\n".join(wrong[:20]))
        # Both sets were in force while mail flowed, so messages of one kind met both.
        self.assertEqual(decided, {(ALPHA,): {0, 1}, (BETA,): {0, 1}})
        counters = self.gate.settled_counters()
        self.assertEqual((counters["messages_unscanned"], counters["scan_errors"]), (0, 0))
        # Each decision is that of the set which the event names.
        events = self.gate.json("events", "--client", CUSTOMER, "--limit", "10000", "--outcome",
                                "refused_content")["events"]
        rules = {self.digest(self.alpha): ["ALPHA"], self.digest(self.beta): ["BETA"]}
        self.assertEqual([e for e in events if e["rules"] != rules[e["signature_set"]]], [])
        status = wait_until(lambda: (s := self.status())["signature_generations"] == 1 and s, 20,
                            "the former sets to be freed")
        print(f"       {len(sent)} messages over {SWAPS} swaps; longest pause of a worker "
              f"{status['signature_swap_pause_ns'] / 1000:.1f} µs")

    def test_a_message_under_way_finishes_on_its_set(self):
        self.load(self.alpha)
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            self.assertEqual(client.envelope(WireTest.SENDER, WireTest.READER).code, 354)
            client.send(b"Subject: slow\r\n\r\nFirst half\r\n")
            wait_until(lambda: sum(w["messages_in_flight"] for w in self.status()["workers"]), 20,
                       "the message to be under way")
            self.load(self.beta)
            # Other mail is judged by the new set already; the old one is held for this message.
            self.assertEqual(self.reply_to(ALPHA), 250)
            self.assertEqual(self.reply_to(BETA), 554)
            self.wait_for_set(self.digest(self.beta))
            self.assertEqual(self.status()["signature_generations"], 2)
            client.send(f"{BETA} and {ALPHA}\r\n.\r\n".encode())
            reply = client.reply()
            self.assertEqual(reply.code, 554)
        event = self.gate.events(reply.text.split("case ")[1][:10])[0]
        self.assertEqual((event["rules"], event["signature_set"]),
                         (["ALPHA"], self.digest(self.alpha)))
        wait_until(lambda: self.status()["signature_generations"] == 1, 20, "the old set to be freed")

    def test_what_cannot_be_loaded_leaves_the_set_in_force(self):
        self.load(self.alpha)
        unsigned = self.gate.compiled("unsigned", RULES.format("BETA", BETA), signed=False)
        stranger = self.gate.compiled("stranger", RULES.format("BETA", BETA), signed=False)
        self.gate.postern("signatures", "keygen", "-o", self.gate.directory / "stranger")
        self.gate.postern("signatures", "sign", stranger, "--key",
                          self.gate.directory / "stranger.key")
        for path, reason in ((unsigned, "not signed"), (stranger, "not trusted here")):
            answer = self.load(path, check=False)
            self.assertEqual(answer["withdrawn"], True)
            self.assertIn(reason, answer["gates"][0]["refused"])
            self.assertEqual((self.reply_to(ALPHA), self.reply_to(BETA)), (554, 250))
        damaged = self.gate.directory / "damaged.psig"
        octets = bytearray(self.beta.read_bytes())
        octets[len(octets) // 2] ^= 1
        for wrong in (octets, octets[:1000], b"no set at all"):
            damaged.write_bytes(wrong)
            self.assertEqual(self.gate.postern("signatures", "load", damaged, check=False), "")
        self.assertEqual((self.reply_to(ALPHA), self.reply_to(BETA)), (554, 250))
        self.wait_for_set(self.digest(self.alpha))

    def test_a_loaded_set_survives_both_processes(self):
        self.load(self.alpha)
        self.gate.kill_control()
        self.gate.kill_dataplane()
        self.gate.start_dataplane()
        self.gate.wait_forwarding(self.lab.customer, self.SOURCE)
        try:
            # Control is dead: its own disk told it. The configured set stands back.
            self.assertEqual((self.reply_to(ALPHA), self.reply_to("CONFIGURED-PILLS")), (554, 250))
        finally:
            self.gate.start_control()
            self.gate.wait_attached()
        self.assertEqual(self.wait_for_set(self.digest(self.alpha))["signature_set_pushed"], True)

    def test_a_set_loaded_while_the_data_plane_is_away_comes_when_it_is_back(self):
        self.load(self.alpha)
        self.gate.kill_dataplane()
        wait_until(lambda: not self.status()["attached"], 30, "control to notice")
        self.load(self.beta)
        self.gate.start_dataplane()
        self.gate.wait_attached()
        self.wait_for_set(self.digest(self.beta))
        self.gate.wait_forwarding(self.lab.customer, self.SOURCE)
        self.assertEqual((self.reply_to(ALPHA), self.reply_to(BETA)), (250, 554))

    def test_a_set_of_a_hundred_megabytes(self):
        words = "x" * (1 << 20)
        rules = [f"body R{n} /never-{n}-there/\nscore R{n} 0.1\ndescribe R{n} {words}\n"
                 for n in range(100)]
        large = self.gate.compiled("large", RULES.format("ALPHA", ALPHA) + "".join(rules))
        began = time.monotonic()
        answer = self.load(large)
        took = time.monotonic() - began
        self.assertEqual((self.reply_to(ALPHA), self.reply_to(BETA)), (554, 250))
        status = self.wait_for_set(self.digest(large))
        print(f"       {large.stat().st_size} octets in {took:.1f} s, of which the gate took "
              f"{answer['gates'][0]['load_ms']} ms to load; longest pause "
              f"{status['signature_swap_pause_ns'] / 1000:.1f} µs")
        large.unlink()

    def test_rollback_and_unload(self):
        self.load(self.alpha)
        self.load(self.beta)
        self.gate.postern("signatures", "rollback")
        self.assertEqual((self.reply_to(ALPHA), self.reply_to(BETA)), (554, 250))
        self.gate.postern("signatures", "unload")
        self.assertEqual((self.reply_to(ALPHA), self.reply_to("CONFIGURED-PILLS")), (250, 554))

    def test_a_shadow_set_decides_nothing_and_is_compared(self):
        self.load(self.alpha)
        self.load(self.beta, "--shadow")
        replies = [self.reply_to(*words) for words in ((), (ALPHA,), (BETA,), (BETA, "again"), (ALPHA, BETA))]
        self.assertEqual(replies, [250, 554, 250, 250, 554])

        def compared():
            text = self.gate.postern("signatures", "compare", "--json", check=False)
            pairs = [p for p in json.loads(text)["comparisons"]
                     if (p["set"], p["shadow"]) == (self.digest(self.alpha), self.digest(self.beta))]
            return pairs and sum(pairs[0][cell] for cell in cells) == 5 and pairs[0]
        cells = ("refused_by_both", "only_set_refuses", "only_shadow_refuses", "forwarded_by_both")
        pair = wait_until(compared, 20, "the comparison", poll_s=0.2)
        self.assertEqual([pair[cell] for cell in cells], [1, 1, 2, 1])
        self.assertEqual(pair["failed"], 0)
        self.assertEqual([(c["score"], c["shadow_score"]) for c in pair["changes"]],
                         [(0, 6), (0, 6), (6, 0)])
        self.assertEqual({r["rule"]: (r["gained"], r["lost"]) for r in pair["rules"]},
                         {"ALPHA": (0, 2), "BETA": (3, 0)})
        self.gate.postern("signatures", "shadow", "off")
        wait_until(lambda: self.status()["shadow_set"] == "", 20, "the shadow set to be gone")
        self.assertEqual(self.reply_to(BETA), 250)
