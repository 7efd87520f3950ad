"""Mail from a real Postfix through the gate to a real Postfix, and from other clients."""

import re
import smtplib

from laboratory import WireTest
from messages import difference, generated, identity
from sink import Sink
from smtp_client import Client, dot_stuff
from topology import CUSTOMER, INTERNET, INTERNET_V6, SINK


class PostfixToPostfix(WireTest):

    def setUp(self):
        super().setUp()
        self.lab.sender.empty()
        self.lab.receiver.empty()

    def submit(self, messages, recipient=WireTest.READER):
        with self.lab.customer.entered():
            submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
        with submission:
            for message in messages:
                submission.sendmail(self.SENDER, [recipient], message.octets)

    def settle(self):
        deferred = self.lab.sender.settle()
        self.assertEqual(deferred, [], "mail stayed in the sender's queue")
        self.lab.receiver.settle()

    def assert_arrived(self, messages):
        """Exactly these messages lie in the reader's mailbox, each once and unchanged."""
        arrived = self.lab.receiver.delivered()
        by_identity = {identity(octets): octets for octets in arrived}
        self.assertEqual(len(by_identity), len(arrived), "a message arrived twice")
        self.assertEqual(set(by_identity), {identity(m.octets) for m in messages})
        for message in messages:
            with self.subTest(message.name):
                self.assertIsNone(difference(message.octets, by_identity[identity(message.octets)]))

    def assert_bounced(self, messages):
        """For each message the sender got back one report, which quotes our reply."""
        bounces = self.lab.sender.delivered()
        self.assertEqual(len(bounces), len(messages))
        for message in messages:
            with self.subTest(message.name):
                about = [b for b in bounces if identity(message.octets).encode() in b]
                self.assertEqual(len(about), 1, "not exactly one bounce")
                text = re.sub(rb"\s+", b" ", about[0]).decode(errors="replace")
                self.assertIn("Status: 5.7.1", text)
                self.assertRegex(text, r"said: 554 5\.7\.1 .*\(case [0-9A-HJKMNP-TV-Z]{10}\)")
                self.assertIn("(in reply to end of DATA command)", text)

    def test_ordinary_mail_arrives_unchanged(self):
        messages = self.shipped(spam=False)
        self.submit(messages)
        self.settle()
        self.assert_arrived(messages)
        self.assertEqual(self.lab.sender.delivered(), [], "something bounced")

    def test_spam_is_refused_and_bounced_with_our_text(self):
        self.needs_refusals()
        messages = self.shipped(spam=True)
        self.submit(messages)
        self.settle()
        self.assert_arrived([])
        self.assert_bounced(messages)

    def test_ordinary_mail_and_spam_mixed(self):
        self.needs_refusals()
        ham = [generated(n, spam=False) for n in range(9)]
        spam = [generated(n, spam=True) for n in range(9)]
        self.submit([m for pair in zip(ham, spam) for m in pair])
        self.settle()
        self.assert_arrived(ham)
        self.assert_bounced(spam)

    def submit_as(self, user, address, message):
        """As if `user` had logged in from `address`: Postfix takes our word for it (XCLIENT)."""
        with self.lab.customer.entered():
            submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
        with submission:
            submission.ehlo()
            code, text = submission.docmd("XCLIENT", f"ADDR={address} LOGIN={user}")
            self.assertEqual(code, 220, text)
            submission.ehlo("pc.example")
            submission.sendmail(self.SENDER, [self.READER], message.octets)

    def test_one_user_of_a_server_is_blocked_and_one_address(self):
        self.needs_refusals()
        self.lab.gate.set_verdict(CUSTOMER, "refuse", user="bob")
        self.lab.gate.set_verdict(CUSTOMER, "refuse", origin="198.18.9.66")
        bobs, alices, infected = (generated(n, spam=False) for n in range(20, 23))
        self.submit_as("bob", "198.18.9.9", bobs)
        self.submit_as("alice", "198.18.9.9", alices)
        self.submit_as("carol", "198.18.9.66", infected)
        self.settle()
        self.assert_arrived([alices])
        bounces = [re.sub(rb"\s+", b" ", b).decode(errors="replace")
                   for b in self.lab.sender.delivered()]
        self.assertEqual(len(bounces), 2)
        self.assertTrue(any("said: 550 5.7.1 Sending as bob through" in b for b in bounces))
        self.assertTrue(any("said: 554 5.7.1 Message refused: mail from 198.18.9.66" in b
                            for b in bounces))

    def test_large_message(self):
        message = generated(1, spam=False)
        line = b"A longer message of many lines, none of which matters to anyone at all.\r\n"
        large = type(message)("large", False, message.octets + line * 40000)
        self.submit([large])
        self.settle()
        self.assert_arrived([large])

    def test_starttls_passes_opaque(self):
        # Even spam: nobody between the two ends can read it, and breaking TLS is no remedy.
        messages = [generated(1, spam=False), generated(1, spam=True)]
        recipient = "reader@tls.internet.example"
        before = self.lab.gate.counters() if self.lab.gate.inspects else None
        self.submit(messages, recipient)
        self.settle()
        self.assert_arrived(messages)
        log = "\n".join(self.lab.sender.log_lines())
        self.assertNotIn("TLS is required, but", log)
        if before is not None:
            opaque = before["connections_opaque"]
            after = self.lab.gate.counters_when(lambda c: c["connections_opaque"] > opaque)
            self.assertGreater(after["connections_opaque"], opaque)


class OtherClients(WireTest):

    def swaks(self, message):
        file = self.lab.topology.directory / "swaks.eml"
        file.write_bytes(message.octets.removesuffix(b"\r\n"))  # it adds its own
        return self.lab.customer.run(
            "swaks", "--server", SINK, "--from", self.SENDER, "--to", self.READER, "--local-interface",
            self.SOURCE, "--ehlo", "swaks.customer.example", "--data", f"@{file}",
            "--suppress-data", check=False)

    def test_swaks_delivers(self):
        message = generated(3, spam=False)
        said = self.swaks(message)
        self.assertIn("<-  250 2.0.0 Ok", said)
        self.assert_sink_got(message)

    def test_swaks_is_refused(self):
        self.needs_refusals()
        said = self.swaks(generated(3, spam=True))
        self.assertRegex(said, r"<\*\* 554 5\.7\.1 .*\(case [0-9A-Z]{10}\)")
        self.assert_sink_got()

    def test_many_messages_on_one_connection(self):
        messages = [generated(n, spam=False) for n in range(20)]
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            for message in messages:
                self.assertEqual(client.deliver(self.SENDER, self.READER, message.octets).code, 250)
            self.assertEqual(client.quit().code, 221)
        self.assert_sink_got(*messages)

    def test_pipelined_transactions(self):
        # RFC 2920: MAIL, RCPT and DATA in one go, each next transaction behind the end of the last.
        messages = [generated(n, spam=False) for n in range(12)]
        envelope = (f"MAIL FROM:<{self.SENDER}>\r\nRCPT TO:<{self.READER}>\r\nDATA\r\n").encode()
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            client.send(envelope)
            for number, message in enumerate(messages):
                self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
                last = number == len(messages) - 1
                client.send(dot_stuff(message.octets) + b".\r\n" + (b"QUIT\r\n" if last else envelope))
                self.assertEqual(client.reply().code, 250)
            self.assertEqual(client.reply().code, 221)
        self.assert_sink_got(*messages)

    def test_spam_after_ordinary_mail_pipelined(self):
        good, bad = generated(4, spam=False), generated(4, spam=True)
        envelope = (f"MAIL FROM:<{self.SENDER}>\r\nRCPT TO:<{self.READER}>\r\nDATA\r\n").encode()
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            client.send(envelope)
            self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
            client.send(dot_stuff(good.octets) + b".\r\n" + envelope)
            self.assertEqual([client.reply().code for _ in range(4)], [250, 250, 250, 354])
            # The next envelope is already behind the end of the spam: none of it may arrive.
            client.send(dot_stuff(bad.octets) + b".\r\n" + envelope)
            self.assert_refused(client.reply())
            client.rest()    # raises if the client was reset instead of told goodbye
        self.assert_sink_got(good)

    def test_mail_over_ipv6(self):
        sink = Sink(self.lab.topology, self.lab.internet, INTERNET_V6)
        try:
            with Client(self.lab.customer, INTERNET_V6) as client:
                client.greet()
                reply = client.deliver(self.SENDER, self.READER, generated(5, spam=False).octets)
                self.assertEqual(reply.code, 250, reply)
                self.assert_refused(
                    client.deliver(self.SENDER, self.READER, generated(5, spam=True).octets))
            self.assertEqual([r.message for r in sink.received], [generated(5, spam=False).octets])
        finally:
            sink.stop()

    def test_a_real_receiver_drops_the_refused_transaction(self):
        self.lab.receiver.empty()
        with Client(self.lab.customer, INTERNET, CUSTOMER) as client:
            client.greet()
            self.assert_refused(
                client.deliver(self.SENDER, self.READER, generated(6, spam=True).octets))
        self.lab.receiver.settle()
        self.assertEqual(self.lab.receiver.delivered(), [])
