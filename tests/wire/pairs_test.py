"""Every pair of Postfix, Exim and OpenSMTPD, as client and as server, through the gate.

In the clear: ham arrives as it was sent, spam is refused and bounced with our text, the events bear the
right envelope and say how the client spoke. Under STARTTLS: everything goes by unread, and the event
tells sizes and times alone.
"""

import json
import re
import unittest

from laboratory import Laboratory, WireTest, make_certificate
from messages import crlf, difference, generated, identity, shipped
from postfix import Postfix
from sink import Sink
from smtp_client import Client
from topology import SINK, wait_until
from unpacked_servers import Exim, OpenSmtpd

SENDER = "sender@customer.example"
# Lines longer than RFC 5322 allows are refused by Exim itself, and folded by OpenSMTPD.
LONGEST_LINE = 998


class _Postfix:
    """Postfix in either role, as the two below."""

    name = "postfix"

    def __init__(self, lab, space, port, back, home, listen, chain, relay_tls):
        settings = {"smtp_tls_security_level": "encrypt" if relay_tls else "none"}
        if chain:
            settings |= {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": chain}
        self.server = Postfix(lab.topology, space, f"postfix-{home}-{'tls' if chain or relay_tls else 'clear'}",
                              home, listen, relay=SINK, settings=settings)
        self.port = 25

    def came_back(self):
        return self.server.delivered()

    def stop(self):
        self.server.stop()


class _Unpacked:
    """What it has for its own domain it hands to a sink."""

    def __init__(self, lab, space, port, back, home, listen, chain, relay_tls):
        self.sink = Sink(lab.topology, space, "127.0.0.1", port=back)
        self.port = port
        self.server = self.program(lab.topology, space, SINK, port, back, home, listen, chain, relay_tls)

    def came_back(self):
        return [r.message for r in self.sink.received]

    def stop(self):
        self.server.process.stop()
        self.sink.stop()


class _Exim(_Unpacked):
    name, program = "exim", Exim


class _OpenSmtpd(_Unpacked):
    name, program = "opensmtpd", OpenSmtpd


KINDS = (_Postfix, _Exim, _OpenSmtpd)
# What each client makes of what each server offers: Exim alone sends BDAT, to who announces CHUNKING;
# OpenSMTPD neither offers nor uses PIPELINING.
CHUNKED = {("exim", "postfix"), ("exim", "exim")}
PIPELINED = {(client, server) for client in ("postfix", "exim") for server in ("postfix", "exim")}


def ham_that_all_take():
    messages = [m for m in shipped() if not m.spam] + [generated(n, spam=False) for n in range(300, 306)]
    return [m for m in messages if max(map(len, m.octets.split(b"\r\n"))) <= LONGEST_LINE]


class Pairs(WireTest):

    @classmethod
    def setUpClass(cls):
        for kind in KINDS:
            if issubclass(kind, _Unpacked) and (reason := kind.program.missing()):
                raise unittest.SkipTest(reason)
        cls.own = Laboratory(mail_servers=False)
        # The servers under test listen where it did.
        cls.own.sink.stop()
        cls.chain = make_certificate(cls.own.topology)

    @classmethod
    def tearDownClass(cls):
        cls.own.close()

    def setUp(self):
        self.lab = self.own
        self.lab.gate.check()
        self.needs_refusals()

    def every_pair(self, tls, check):
        """Three clients, and one server after the other where the gate's outside is."""
        clients = [kind(self.lab, self.lab.customer, 2600 + n, 2610 + n, "customer.example", "127.0.0.1",
                        None, tls) for n, kind in enumerate(KINDS)]
        try:
            for kind in KINDS:
                server = kind(self.lab, self.lab.internet, 25, 2620, "internet.example", SINK,
                              self.chain if tls else None, False)
                try:
                    for client in clients:
                        with self.subTest(client=client.name, server=server.name):
                            check(client, server, f"{client.name}-{server.name}{'-tls' if tls else ''}"
                                                  "@internet.example")
                finally:
                    server.stop()
        finally:
            for client in clients:
                client.stop()

    def submit(self, client, reader, messages):
        with Client(self.lab.customer, "127.0.0.1", port=client.port) as session:
            session.greet()
            for message in messages:
                self.assertEqual(session.deliver(SENDER, reader, message.octets).code, 250)
            session.quit()

    def assert_arrived(self, server, reader, messages):
        """Each of them once, for this reader, as it was sent but for the servers' own lines."""
        wanted = {identity(m.octets): m for m in messages}

        def for_reader():
            return [m for m in server.came_back() if identity(m) in wanted and reader.encode() in m]
        wait_until(lambda: len(for_reader()) >= len(wanted), 60, f"the mail for {reader}")
        arrived = for_reader()
        self.assertEqual(len(arrived), len(wanted), "something arrived twice")
        for octets in arrived:
            message = wanted[identity(octets)]
            with self.subTest(message.name):
                self.assertIsNone(difference(message.octets, crlf(octets), {b"envelope-to", b"delivery-date"}))

    def all_events(self):
        # Ends with 1 when there are none.
        return json.loads(self.lab.gate.postern("events", "--limit", 200, "--json", check=False))["events"]

    def events(self, reader):
        return [e for e in self.all_events() if e["rcpt_to"] == [reader]]

    def connections(self):
        return self.lab.customer.run("ss", "-tnH", "state", "established", "dst", f"{SINK}:25").strip()

    def in_the_clear(self, client, server, reader):
        ham = ham_that_all_take()
        spam = generated(310, spam=True)
        self.submit(client, reader, ham)
        self.assert_arrived(server, reader, ham)
        # On a connection of its own: what a sender does with the rest of a refused one is its affair.
        wait_until(lambda: not self.connections(), 60, "the sender to leave")
        self.submit(client, reader, [spam])
        wait_until(lambda: any(reader.encode() in m for m in client.came_back()), 60, "the bounce")
        bounce, = [m for m in client.came_back() if reader.encode() in m]
        text = re.sub(rb"\s+", b" ", bounce.replace(b"=\r\n", b"").replace(b"=\n", b"")).decode(errors="replace")
        self.assertRegex(text, r"554 5\.7\.1 .*\(case [0-9A-HJKMNP-TV-Z]{10}\)")
        self.assertNotIn(identity(spam.octets), [identity(m) for m in server.came_back()])

        wait_until(lambda: len(self.events(reader)) == len(ham) + 1, 30, "the events")
        events = self.events(reader)
        self.assertEqual([e["outcome"] for e in events], ["refused_content"] + ["forwarded"] * len(ham))
        pair = (client.name, server.name)
        for event in events:
            self.assertEqual((event["mail_from"], event["helo"]), (SENDER, "mail.customer.example"))
            self.assertEqual(event["server_reply"], None if event is events[0] else 250)
            self.assertEqual(event["session"]["chunked"], pair in CHUNKED)
            self.assertFalse(event["session"]["tls_started"])
            # As the client's own Received line has it: a program on its host spoke SMTP to it.
            origin = event["origin"]
            self.assertEqual((origin["ip"], origin["auth"], origin["confidence"]), ("127.0.0.1", "no", "high"))
        self.assertEqual(any(e["session"]["pipelined"] for e in events), pair in PIPELINED)

    def under_tls(self, client, server, reader):
        messages = ham_that_all_take()[:2] + [generated(311, spam=True)]
        before = len(self.tls_sessions())
        self.submit(client, reader, messages)
        self.assert_arrived(server, reader, messages)
        wait_until(lambda: not self.connections(), 60, "the sender to leave")
        wait_until(lambda: len(self.tls_sessions()) > before, 30, "the event of the connection")
        total = sum(len(m.octets) for m in messages)
        sessions = self.tls_sessions()[:len(self.tls_sessions()) - before]
        self.assertGreater(sum(e["session"]["client_bytes"] for e in sessions), total)
        for event in sessions:
            self.assertEqual((event["mail_from"], event["rcpt_to"], event["subject"]), ("", [], ""))
        self.assertEqual(self.events(reader), [])

    def tls_sessions(self):
        return [e for e in self.all_events() if e["kind"] == "session" and e["session"]["tls_started"]]

    def test_in_the_clear(self):
        self.every_pair(False, self.in_the_clear)

    def test_under_starttls(self):
        self.every_pair(True, self.under_tls)
