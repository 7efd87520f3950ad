"""The inbound guard: who from outside may open mail connections to a server inside."""

import socket

from laboratory import WireTest
from messages import generated
from sink import Sink
from smtp_client import Client
from topology import CUSTOMER_OTHERS, INTERNET, SINK


class Guard(WireTest):

    needs_appliance = True
    SERVER = CUSTOMER_OTHERS[2]
    LISTED, OTHER = SINK, INTERNET

    def setUp(self):
        super().setUp()
        self.inside = Sink(self.lab.topology, self.lab.customer, self.SERVER)
        self.addCleanup(self.inside.stop)

    def guard(self, *arguments, undo):
        """Ends with 0 only when the data plane has acknowledged."""
        self.lab.gate.postern("guard", "add", *arguments, "--reason", "wire test")
        self.addCleanup(self.lab.gate.postern, "guard", "remove", *undo)

    def send_in(self, source, timeout_s=30):
        with Client(self.lab.internet, self.SERVER, source, timeout_s=timeout_s) as client:
            client.greet()
            return client.deliver(self.READER, self.SENDER, generated(21, False).octets).code

    def test_only_who_is_listed_gets_in(self):
        self.assertEqual(self.send_in(self.OTHER), 250)
        self.guard(self.LISTED, "--source", undo=(self.LISTED, "--source"))
        self.guard("198.18.0.8/29", undo=("198.18.0.8/29",))
        self.assertEqual(self.send_in(self.LISTED), 250)
        before = self.lab.gate.counters()["drop_inbound_guard"]
        with self.assertRaises(ConnectionRefusedError):
            self.send_in(self.OTHER)
        after = self.lab.gate.counters_when(lambda c: c["drop_inbound_guard"] > before)
        self.assertGreater(after["drop_inbound_guard"], before)
        # Mail that goes out is nobody's business here.
        with Client(self.lab.customer, SINK, self.SERVER) as client:
            client.greet()
            message = generated(22, False)
            self.assertEqual(client.deliver(self.SENDER, self.READER, message.octets).code, 250)

    def test_others_hear_nothing_where_it_drops(self):
        self.guard(self.SERVER, "--drop", undo=(self.SERVER,))
        with self.assertRaises((TimeoutError, socket.timeout)):
            self.send_in(self.OTHER, timeout_s=2.5)

    def test_what_is_open_stays_open(self):
        with Client(self.lab.internet, self.SERVER, self.OTHER) as client:
            client.greet()
            self.guard(self.SERVER, undo=(self.SERVER,))
            message = generated(21, False)
            self.assertEqual(client.deliver(self.READER, self.SENDER, message.octets).code, 250)
        with self.assertRaises(ConnectionRefusedError):
            self.send_in(self.OTHER)
