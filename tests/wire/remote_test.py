"""A gate whose control process is on another machine: two whole processes, mutual TLS between them."""

import re

from laboratory import Laboratory, Options, WireTest
from messages import generated
from remote_appliance import Authority, RemoteAppliance
from smtp_client import Client
from topology import CONTROL, CUSTOMER_OTHERS, SINK, wait_until


class RemoteControl(WireTest):
    """In a laboratory of its own."""

    OTHER = CUSTOMER_OTHERS[1]

    @classmethod
    def setUpClass(cls):
        cls.lab = None if Options.bridge else Laboratory(mail_servers=False,
                                                         appliance=RemoteAppliance)

    @classmethod
    def tearDownClass(cls):
        if cls.lab:
            cls.lab.close()

    def setUp(self):
        if not self.lab:
            self.skipTest("needs the appliance in the gate")
        self.gate = self.lab.gate
        self.gate.check()
        self.lab.sink.clear()
        self.gate.clear_verdicts()

    def send(self, source, spam=False):
        with Client(self.lab.customer, SINK, source) as client:
            client.greet()
            return client.deliver(self.SENDER, self.READER, generated(31, spam).octets)

    def line(self, process, since, *words):
        """A line with all of `words` that the process has logged behind its first `since` lines."""
        def said():
            self.gate.check()
            lines = process.log.read_text(errors="replace").splitlines()[since:]
            return next((line for line in lines if all(word in line for word in words)), None)
        try:
            return wait_until(said, 60, f"{words} in {process.log}", poll_s=0.1)
        except TimeoutError as error:
            self.fail(f"{error}\n{process.tail()}")

    @staticmethod
    def lines(process):
        return len(process.log.read_text(errors="replace").splitlines())

    def attached(self):
        status = self.gate.status()
        return bool(status) and any(gate["attached"] for gate in status["data_planes"])

    def test_a_verdict_set_at_control_holds_at_the_gate(self):
        self.assertEqual(self.send(self.SOURCE).code, 250)
        self.gate.set_verdict(self.SOURCE, "refuse")
        self.assertEqual(self.send(self.SOURCE).code, 550)
        self.assertEqual(self.send(self.OTHER).code, 250)
        self.assert_sink_got(*[generated(31, spam=False)] * 2)
        # By no other way: the gate's machine has no way to control but the cable.
        self.line(self.gate.dataplane, 0, f"control at dns:///{CONTROL}:4711 answers")

    def test_what_the_gate_refuses_is_in_the_ledger_of_control(self):
        reply = self.send(self.SOURCE, spam=True)
        self.assert_refused(reply)
        events = self.gate.events(re.search(r"case ([0-9A-Z]{10})", reply.text)[1])
        self.assertEqual([(e["outcome"], e["client"], e["mail_from"]) for e in events],
                         [("refused_content", self.SOURCE, self.SENDER)])

    def test_control_dies_and_comes_again(self):
        self.gate.set_verdict(self.SOURCE, "refuse")
        self.gate.kill_control()
        self.assertEqual(self.send(self.SOURCE).code, 550)
        self.assertEqual(self.send(self.OTHER).code, 250)
        refused = self.send(self.OTHER, spam=True)
        self.assert_refused(refused)
        self.gate.start_control()
        self.gate.wait_attached()
        self.assertEqual(len(self.gate.events(refused.text.split("case ")[1][:10])), 1)
        self.gate.clear_verdict(self.SOURCE)
        self.assertEqual(self.send(self.SOURCE).code, 250)

    def test_top_shows_the_gate_and_its_senders(self):
        source = CUSTOMER_OTHERS[3]   # of nobody else
        before = self.gate.counters()
        for spam in (False, False, True, False):
            self.send(source, spam)

        def seen():
            top = self.gate.json("top", "--once", "--every", "100ms")
            row = next((s for s in top["senders"] if s["address"] == source), None)
            gate = top["data_planes"][0]
            counted = gate["counters"]["messages_seen"] - before["messages_seen"]
            return (gate, row) if row and row["counts"]["messages"] == 4 and counted >= 4 else None
        gate, row = wait_until(seen, 30, "four messages in top")
        self.assertEqual((gate["gate"], gate["attached"]), (self.gate.NAME, True))
        # The gate tells its counts now and then: those before may lack the last of other tests.
        self.assertGreaterEqual(gate["counters"]["messages_refused_content"]
                                - before["messages_refused_content"], 1)
        self.assertEqual(row["counts"]["refused_spam"], 1)
        text = self.gate.postern("top", "--once", "--every", "100ms")
        self.assertRegex(text, rf"(?m)^{self.gate.NAME}: [\d.]+ messages/s, ")
        self.assertRegex(text, rf"(?m)^{re.escape(source)} +4 +1 +25 % ")

    def turned_away(self, gate_says, control_says):
        """Whoever now comes is turned away, both sides say so, and the gate goes on."""
        self.gate.set_verdict(self.SOURCE, "refuse")
        at_gate, at_control = self.lines(self.gate.dataplane), self.lines(self.gate.control)
        self.gate.kill_control()   # it has to come again
        self.gate.start_control()
        self.line(self.gate.control, at_control, *control_says)
        self.line(self.gate.dataplane, at_gate, "is away", "enforcing version", *gate_says)
        self.assertFalse(self.attached())
        self.assertEqual(self.send(self.SOURCE).code, 550)
        self.assertEqual(self.send(self.OTHER).code, 250)

    def given_back(self):
        self.gate.give_gate(self.gate.authority)
        self.gate.wait_attached()

    def test_a_gate_of_another_authority_is_turned_away(self):
        self.addCleanup(self.given_back)
        self.gate.give_gate(Authority(self.lab.topology.directory / "another-authority"))
        self.turned_away(gate_says=["it may not know the authority of our certificate"],
                         control_says=["turned away", "no authority in remote.clients"])

    def test_a_gate_with_the_certificate_of_another_is_turned_away(self):
        self.addCleanup(self.given_back)
        self.gate.give_gate(self.gate.authority, "edge-3")
        why = f"it says that it is gate {self.gate.NAME}, and its certificate is for edge-3"
        self.turned_away(gate_says=[why], control_says=["turned away", why])
