"""A thousand messages over cables that lose 2 % of the frames and reorder others, on both sides of the
gate and in both directions: each arrives once and unchanged, or is refused with 554 at its sender."""

import threading
import time
import unittest
from collections import Counter

from impaired_link import Impairment
from laboratory import Laboratory, assert_frames_accounted
from messages import generated
from smtp_client import deliver_all
from topology import CUSTOMER, CUSTOMER_OTHERS, SINK

MESSAGES = 1000
CONNECTIONS = 25
LOSS = 0.02
SECONDS = 240


class Loss(unittest.TestCase):

    def setUp(self):
        self.lab = Laboratory(lossy=True, mail_servers=False)
        self.addCleanup(self.close)
        self.ways = self.lab.impair(Impairment(loss=LOSS, reorder=0.05))

    def close(self):
        # A failure's logs stay; the runner says where.
        if self._outcome.success:
            self.lab.close()

    def test_a_thousand_messages(self):
        messages = [generated(n, spam=n % 4 == 3) for n in range(MESSAGES)]
        sources = [CUSTOMER, *CUSTOMER_OTHERS]
        outcomes = {}
        began = time.monotonic()

        def work(lane):
            mine = range(lane, MESSAGES, CONNECTIONS)
            for outcome in deliver_all(self.lab.customer, SINK, sources[lane % len(sources)], mine,
                                       lambda n: messages[n].octets, began + SECONDS,
                                       "sender@customer.example", "reader@internet.example"):
                outcomes[outcome.number] = outcome

        threads = [threading.Thread(target=work, args=(lane,)) for lane in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for link in self.lab.topology.links:
            link.check()
        took = time.monotonic() - began
        again = self.retransmitted(self.lab.customer) + self.retransmitted(self.lab.internet)
        print(f"       {MESSAGES} messages in {took:.0f} s, {again} segments sent again; loss of "
              f"{LOSS:.0%} per cable made by {' and '.join(self.ways)}")
        self.assertGreater(again, MESSAGES * LOSS, "the cables lost next to nothing")

        self.assertEqual(len(outcomes), MESSAGES, "a sender gave up: its thread died")
        arrived = self.lab.sink.hashes()
        sent = Counter(m.sha256 for m in messages)
        self.assertFalse(arrived - sent, "something arrived that was not sent, or twice")
        wrong = []
        for number, message in enumerate(messages):
            codes = outcomes[number].replies
            refuse = message.spam and self.lab.gate.inspects
            if codes != [554 if refuse else 250] or arrived[message.sha256] != (not refuse):
                wrong.append(f"{message.name} {'spam' if message.spam else 'ham'}: replies {codes} "
                             f"after {outcomes[number].attempts} attempts, "
                             f"arrived {arrived[message.sha256]} times; {outcomes[number].text}")
        self.assertFalse(wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20]))
        if self.lab.gate.inspects:
            self.check_counters(messages)

    @staticmethod
    def retransmitted(space):
        """Segments that the namespace's own stack has sent again."""
        names, values = [line.split() for line in space.run("cat", "/proc/net/snmp").splitlines()
                         if line.startswith("Tcp:")]
        return int(values[names.index("RetransSegs")])

    def check_counters(self, messages):
        spam = sum(m.spam for m in messages)
        ham = len(messages) - spam
        c = self.lab.gate.settled_counters()
        self.assertEqual(c["messages_forwarded"], ham)
        self.assertEqual(c["messages_refused_content"], spam)
        self.assertEqual(c["messages_seen"], sum(
            c[name] for name in c if name.startswith(("messages_refused", "messages_deferred"))
        ) + c["messages_forwarded"])
        assert_frames_accounted(self, c)
