"""Either process dies and comes back; mail does not notice the one, nor verdicts the other."""

from laboratory import WireTest
from messages import generated
from smtp_client import Client
from topology import CUSTOMER_OTHERS, SINK


class Survival(WireTest):

    needs_appliance = True
    OTHER = CUSTOMER_OTHERS[1]

    def send(self, source, spam=False, number=21):
        with Client(self.lab.customer, SINK, source) as client:
            client.greet()
            return client.deliver(self.SENDER, self.READER, generated(number, spam).octets)

    def test_control_dies(self):
        gate = self.lab.gate
        gate.set_verdict(self.SOURCE, "refuse")
        with Client(self.lab.customer, SINK, self.OTHER) as client:
            client.greet()
            gate.kill_control()
            # The connection that was open, a new one, spam, and the verdict in force: all as before.
            self.assertEqual(
                client.deliver(self.SENDER, self.READER, generated(21, spam=False).octets).code, 250)
            self.assertEqual(self.send(self.OTHER).code, 250)
            refused = self.send(self.OTHER, spam=True)
            self.assert_refused(refused)
            self.assertEqual(self.send(self.SOURCE).code, 550)
            gate.start_control()
            gate.wait_attached()
        # What happened meanwhile was kept and is reported now.
        self.assertEqual(len(gate.events(refused.text.split("case ")[1][:10])), 1)
        # And control speaks with authority again.
        gate.clear_verdict(self.SOURCE)
        self.assertEqual(self.send(self.SOURCE).code, 250)

    def test_data_plane_dies(self):
        gate = self.lab.gate
        gate.set_verdict(self.SOURCE, "refuse")
        gate.kill_control()
        gate.kill_dataplane()
        gate.start_dataplane()
        gate.wait_forwarding(self.lab.customer, self.OTHER)
        try:
            # Nobody told it but its own disk.
            self.assertEqual(self.send(self.SOURCE).code, 550)
            self.assertEqual(self.send(self.OTHER).code, 250)
            self.assert_refused(self.send(self.OTHER, spam=True))
        finally:
            gate.start_control()
            gate.wait_attached()
        gate.clear_verdict(self.SOURCE)
        self.assertEqual(self.send(self.SOURCE).code, 250)

    def test_verdict_pushed_while_the_data_plane_is_away(self):
        gate = self.lab.gate
        gate.kill_dataplane()
        gate.set_verdict(self.SOURCE, "refuse", in_force=False)
        gate.start_dataplane()
        gate.wait_attached()
        gate.wait_forwarding(self.lab.customer, self.OTHER)
        gate.wait_in_force()
        self.assertEqual(self.send(self.SOURCE).code, 550)
