"""Exim and OpenSMTPD send spam through the gate and bounce it with our text; ham they deliver. (Postfix does
so in mail_test.py.)"""

import re

from laboratory import WireTest
from messages import generated, identity
from sink import Sink
from smtp_client import Client
from topology import SINK, wait_until
from unpacked_servers import Exim, OpenSmtpd

HAM, SPAM = range(100, 104), range(100, 103)


class Senders(WireTest):

    def sends(self, server, port, back):
        self.needs_refusals()
        if reason := server.missing():
            self.skipTest(reason)
        bounces = Sink(self.lab.topology, self.lab.customer, "127.0.0.1", port=back)
        sender = server(self.lab.topology, self.lab.customer, SINK, port, back)
        try:
            self.deliver(port, bounces)
        finally:
            sender.process.stop()
            bounces.stop()

    def deliver(self, port, bounces):
        ham = [generated(n, spam=False) for n in HAM]
        spam = [generated(n, spam=True) for n in SPAM]
        with Client(self.lab.customer, "127.0.0.1", port=port) as client:
            client.greet()
            for count, message in enumerate(spam, 1):
                # Each on a connection of its own: a second one on the refused connection is deferred
                # by our 421, and when a sender tries again is its own affair.
                self.assertEqual(client.deliver(self.SENDER, self.READER, message.octets).code, 250)
                wait_until(lambda: len(bounces.received) >= count, 60, f"bounce {count}")
                wait_until(lambda: not self.connections(), 60, "the sender to leave")
            for message in ham:
                self.assertEqual(client.deliver(self.SENDER, self.READER, message.octets).code, 250)
            client.quit()
        wait_until(lambda: len(self.lab.sink.received) >= len(ham), 60, "the ham to arrive")
        self.assertEqual({identity(r.message) for r in self.lab.sink.received},
                         {identity(m.octets) for m in ham})
        self.assertEqual(len(self.lab.sink.received), len(ham), "something arrived twice")
        self.assertEqual(len(bounces.received), len(spam))
        for message in spam:
            about = [r for r in bounces.received if identity(message.octets).encode() in r.message]
            self.assertEqual(len(about), 1, "not exactly one bounce")
            self.assertEqual(about[0].sender, "")
            self.assertEqual(about[0].recipients, [self.SENDER])
            # Unfolded, and without the soft line ends of quoted-printable.
            text = re.sub(rb"\s+", b" ", about[0].message.replace(b"=\r\n", b"")).decode(errors="replace")
            self.assertRegex(text, r"554 5\.7\.1 .*\(case [0-9A-HJKMNP-TV-Z]{10}\)")

    def connections(self):
        """The senders' connections through the gate."""
        return self.lab.customer.run("ss", "-tnH", "state", "established", "dst", f"{SINK}:25").strip()

    def test_exim_bounces_with_our_text(self):
        self.sends(Exim, 2601, 2611)

    def test_opensmtpd_bounces_with_our_text(self):
        self.sends(OpenSmtpd, 2602, 2612)
