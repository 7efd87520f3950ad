"""What each verdict does to its sender, on the wire."""

import email
import email.policy
import re
import socket
from dataclasses import replace

from laboratory import WireTest
from messages import generated
from smtp_client import Client, dot_stuff
from topology import CUSTOMER_OTHERS, SINK


class Verdicts(WireTest):

    needs_appliance = True
    OTHER = CUSTOMER_OTHERS[1]

    def send(self, spam=False, number=11, source=None):
        with Client(self.lab.customer, SINK, source or self.SOURCE) as client:
            client.greet()
            return client.deliver(self.SENDER, self.READER, generated(number, spam).octets)

    def test_pass_is_not_inspected(self):
        self.lab.gate.set_verdict(self.SOURCE, "pass")
        self.assertEqual(self.send(spam=True).code, 250)
        self.assert_sink_got(generated(11, spam=True))

    def test_inspect_is_the_default(self):
        self.lab.gate.set_verdict(self.SOURCE, "inspect")
        self.assert_refused(self.send(spam=True))
        self.assertEqual(self.send().code, 250)
        self.assert_sink_got(generated(11, spam=False))

    def test_refuse_answers_550_to_mail(self):
        self.lab.gate.set_verdict(self.SOURCE, "refuse")
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            self.assertEqual(client.greet().code, 250)
            reply = client.command(f"MAIL FROM:<{self.SENDER}>")
            self.assert_refused(reply, code=550)
            self.assertIn(self.SOURCE, reply.text)
        # Its neighbour is not meant.
        self.assertEqual(self.send(source=self.OTHER).code, 250)
        self.assert_sink_got(generated(11, spam=False))

    def test_drop_lets_no_connection_be_made(self):
        self.lab.gate.set_verdict(self.SOURCE, "drop")
        before = self.lab.gate.counters()
        with self.assertRaises((TimeoutError, socket.timeout)):
            Client(self.lab.customer, SINK, self.SOURCE, timeout_s=2.5)
        after = self.lab.gate.counters_when(
            lambda c: c["drop_verdict"] > before["drop_verdict"])
        self.assertGreater(after["drop_verdict"], before["drop_verdict"])
        self.assertEqual(self.send(source=self.OTHER).code, 250)

    def test_hold_defers_at_the_end(self):
        self.lab.gate.set_verdict(self.SOURCE, "hold")
        reply = self.send()
        self.assert_refused(reply, code=451, enhanced="4.7.1")
        self.assert_sink_got()

    def test_throttle_lets_its_number_pass(self):
        # The allowance is full at first: three at once, and none again for a third of a minute.
        self.lab.gate.set_verdict(self.SOURCE, "throttle", per_minute=3)
        replies = [self.send(number=n) for n in range(5)]
        self.assertEqual([r.code for r in replies], [250, 250, 250, 451, 451])
        self.assert_sink_got(*(generated(n, spam=False) for n in range(3)))

    def test_longest_prefix_decides(self):
        self.lab.gate.set_verdict("198.18.0.8/29", "refuse")
        self.lab.gate.set_verdict(self.SOURCE, "inspect")
        self.assertEqual(self.send().code, 250)
        self.assertEqual(self.send(source=self.OTHER).code, 550)

    def test_clear_ends_it(self):
        self.lab.gate.set_verdict(self.SOURCE, "refuse")
        self.assertEqual(self.send().code, 550)
        self.lab.gate.clear_verdict(self.SOURCE)
        self.assertEqual(self.send().code, 250)

    def test_a_verdict_reaches_a_connection_that_is_open(self):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            first, second = generated(12, spam=False), generated(13, spam=False)
            self.assertEqual(client.deliver(self.SENDER, self.READER, first.octets).code, 250)
            self.assertEqual(client.envelope(self.SENDER, self.READER).code, 354)
            self.lab.gate.set_verdict(self.SOURCE, "refuse")
            # The message under way meets it at its commit point.
            client.send(dot_stuff(second.octets) + b".\r\n")
            reply = client.reply()
            self.assertEqual(reply.code // 100, 5, reply)
        self.assert_sink_got(first)

    def log_in(self, user):
        client = Client(self.lab.customer, SINK, self.SOURCE)
        self.addCleanup(client.close)
        client.greet()
        self.assertEqual(client.log_in(user).code, 235)
        return client

    def test_one_user_is_blocked_and_the_others_are_not(self):
        open_since_before = self.log_in("bob")
        self.lab.gate.set_verdict(self.SOURCE, "refuse", user="bob")
        for bob in (open_since_before, self.log_in("Bob")):
            reply = bob.command(f"MAIL FROM:<{self.SENDER}>")
            self.assert_refused(reply, code=550)
            self.assertIn("bob", reply.text)
        message = generated(11, spam=False)
        alice = self.log_in("alice")
        self.assertEqual(alice.deliver(self.SENDER, self.READER, message.octets).code, 250)
        self.assertEqual(self.send().code, 250)  # who has not logged in
        self.assert_sink_got(message, message)
        event = self.lab.gate.events(re.search(r"case ([0-9A-Z]{10})", reply.text)[1])[0]
        self.assertEqual((event["outcome"], event["held_by"], event["auth_user"].lower()),
                         ("refused_verdict", "user:bob", "bob"))

    def test_one_injecting_address_is_blocked_and_the_others_are_not(self):
        self.lab.gate.set_verdict(self.SOURCE, "refuse", origin="10.1.2.0/24")
        self.lab.gate.set_verdict(self.SOURCE, "hold", origin="10.1.3.9")
        message = generated(11, spam=False)

        def relayed_from(address):
            # As Postfix writes it.
            received = (f"Received: from pc.example (unknown [{address}])\r\n"
                        "\tby client.customer.example (Postfix) with ESMTP id 4XyZ1;\r\n"
                        "\tMon, 23 Nov 2026 08:00:00 +0000 (UTC)\r\n").encode()
            return replace(message, octets=received + message.octets)
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            passes = relayed_from("10.1.4.9")
            self.assertEqual(
                client.deliver(self.SENDER, self.READER, passes.octets).code, 250)
            reply = client.deliver(self.SENDER, self.READER, relayed_from("10.1.2.9").octets)
            self.assert_refused(reply, code=554)
            self.assertIn("10.1.2.0/24", reply.text)
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            held = client.deliver(self.SENDER, self.READER, relayed_from("10.1.3.9").octets)
            self.assert_refused(held, code=451, enhanced="4.7.1")
        self.assert_sink_got(passes)
        event = self.lab.gate.events(re.search(r"case ([0-9A-Z]{10})", reply.text)[1])[0]
        self.assertEqual(event["held_by"], "from:10.1.2.0/24")
        # The header, and not the body.
        header = relayed_from("10.1.2.9").octets.partition(b"\r\n\r\n")[0] + b"\r\n"
        self.assertEqual(event["header_sample"].encode(), header)
        self.assertFalse(event["header_sample_cut"])

    def test_the_event_tells_what_the_reply_told(self):
        reply = self.send(spam=True)
        case = re.search(r"case ([0-9A-Z]{10})", reply.text)[1]
        events = self.lab.gate.events(case)
        self.assertEqual(len(events), 1, events)
        event = events[0]
        self.assertEqual(event["outcome"], "refused_content")
        self.assertEqual(event["client"], self.SOURCE)
        self.assertEqual(event["mail_from"], self.SENDER)
        self.assertEqual(event["rcpt_to"], [self.READER])
        self.assertEqual(int(event["message_bytes"]), len(generated(11, spam=True).octets))
        sent = email.message_from_bytes(generated(11, spam=True).octets, policy=email.policy.default)
        self.assertEqual(event["subject"], sent["subject"])
        self.assertTrue(event["rules"])
