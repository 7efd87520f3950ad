"""Ordinary mail over cables that do what cables do: each message arrives once and unchanged or is
refused at its sender, and every frame is accounted for. IPv4, IPv6 and behind a VLAN tag."""

import threading
import time
import unittest
from collections import Counter

from impaired_link import Impairment
from laboratory import Laboratory, assert_frames_accounted
from messages import Message, crlf, generated
from sink import Sink
from smtp_client import deliver_all
from tagged_host import TaggedHost
from topology import CUSTOMER, CUSTOMER_V6, INTERNET_V6, SINK, introduce

CONNECTIONS = 6
MESSAGES = 30            # one in four of them spam …
LARGE = 2                # … and so many of LARGE_OCTETS beside them
LARGE_OCTETS = 1_500_000
SECONDS = 90
TAGGED, TAGGED_FAR = "10.99.0.1", "10.99.0.2"

IMPAIRMENTS = {
    "loss": Impairment(loss=0.015),
    "duplication": Impairment(duplicate=0.05),
    "reordering": Impairment(reorder=0.1),
    "corruption": Impairment(corrupt=0.015),
    "jitter": Impairment(delay_ms=0.5, jitter_ms=2),
    "all of it": Impairment(loss=0.01, duplicate=0.02, reorder=0.05, corrupt=0.01, jitter_ms=1),
}


def large(number):
    """A message of LARGE_OCTETS: lines that are told apart by their number."""
    head = (f"From: sender@customer.example\r\nTo: reader@internet.example\r\n"
            f"Message-ID: <large-{number}@customer.example>\r\nSubject: Readings {number}\r\n\r\n")
    line = "{:09d} the readings of this hour are as they were in the hour before\r\n"
    lines = LARGE_OCTETS // len(line.format(0))
    return Message(f"large {number}", False,
                   crlf((head + "".join(line.format(n + number) for n in range(lines))).encode()))


class Impaired(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.lab = Laboratory(lossy=True, mail_servers=False)
        cls.large = [large(number) for number in range(LARGE)]
        # The server's names in the three networks: (its address, the client's).
        topology = cls.lab.topology
        tags = [(0x8100, 100)]
        cls.near = TaggedHost(topology, cls.lab.customer, TAGGED, tags)
        cls.far = TaggedHost(topology, cls.lab.internet, TAGGED_FAR, tags)
        topology.defer(cls.near.__exit__)
        topology.defer(cls.far.__exit__)
        introduce(cls.lab.customer, "tagged", [TAGGED], cls.lab.internet, "tagged", [TAGGED_FAR])
        cls.roads = {
            "IPv4": (cls.lab.sink, SINK, CUSTOMER),
            "IPv6": (Sink(topology, cls.lab.internet, INTERNET_V6), INTERNET_V6, CUSTOMER_V6),
            "VLAN": (Sink(topology, cls.lab.internet, TAGGED_FAR), TAGGED_FAR, TAGGED),
        }

    @classmethod
    def tearDownClass(cls):
        if all(case.ok for case in cls.cases):
            cls.lab.close()

    cases = []

    def setUp(self):
        self.ok = False
        self.cases.append(self)

    def send_all(self, road, messages):
        """Sends the messages by this road over a few connections; their outcomes by number."""
        sink, server, client = self.roads[road]
        sink.clear()
        outcomes = {}
        deadline = time.monotonic() + SECONDS

        def work(lane):
            mine = range(lane, len(messages), CONNECTIONS)
            for outcome in deliver_all(self.lab.customer, server, client, mine,
                                       lambda n: messages[n].octets, deadline,
                                       "sender@customer.example", "reader@internet.example"):
                outcomes[outcome.number] = outcome

        threads = [threading.Thread(target=work, args=(lane,)) for lane in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sink, outcomes

    def check(self, road, messages, sink, outcomes):
        self.assertEqual(len(outcomes), len(messages), "a sender gave up")
        arrived = sink.hashes()
        self.assertFalse(arrived - Counter(m.sha256 for m in messages),
                         f"{road}: something arrived that was not sent, or twice")
        wrong = []
        for number, message in enumerate(messages):
            refuse = message.spam and self.lab.gate.inspects
            codes = outcomes[number].replies
            if codes != [554 if refuse else 250] or arrived[message.sha256] != (not refuse):
                wrong.append(f"{message.name}: replies {codes} after {outcomes[number].attempts} "
                             f"attempts, arrived {arrived[message.sha256]} times")
        self.assertFalse(wrong, f"{road}: {len(wrong)} wrong:\n" + "\n".join(wrong[:20]))

    def impaired_by(self, name):
        ways = self.lab.impair(IMPAIRMENTS[name])
        began = time.monotonic()
        for road in self.roads:
            messages = [generated(n, spam=n % 4 == 3) for n in range(MESSAGES)] + self.large
            self.check(road, messages, *self.send_all(road, messages))
        for link in self.lab.topology.links:
            link.check()
        print(f"       {IMPAIRMENTS[name]}: {len(self.roads) * len(messages)} messages in "
              f"{time.monotonic() - began:.0f} s; made by {' and '.join(ways)}")
        if self.lab.gate.inspects:
            assert_frames_accounted(self, self.lab.gate.settled_counters())
        self.ok = True

    def test_loss(self):
        self.impaired_by("loss")

    def test_duplication(self):
        self.impaired_by("duplication")

    def test_reordering(self):
        self.impaired_by("reordering")

    def test_corruption(self):
        self.impaired_by("corruption")
        if self.lab.gate.inspects:
            self.assertGreater(self.lab.gate.counters()["drop_checksum"], 0,
                               "the cables damaged nothing that the gate looks at")

    def test_jitter(self):
        self.impaired_by("jitter")

    def test_all_of_it(self):
        self.impaired_by("all of it")
