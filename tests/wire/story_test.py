"""The story that Postern is for: a customer's account is stolen, then its server relays for everybody; both are
stopped as narrowly as can be, mended, given back, and a relapse is caught. Real Postfix on both sides, the
policy with small numbers."""

from breach import CONTROL, EVERYBODY, OWN_NETWORKS, RELAYED_FROM, Breach
from console_pictures import LISTEN, ConsolePictures, can_be_taken
from laboratory import Laboratory, Options, WireTest
from messages import generated, identity
from topology import CUSTOMER, wait_until


class Story(WireTest):
    needs_appliance = True

    def setUp(self):
        if Options.bridge:
            self.skipTest("needs the appliance in the gate")
        self.lab = Laboratory(control=CONTROL, sender_listens="0.0.0.0", api=LISTEN)
        self.addCleanup(self.lab.close)
        self.gate, self.sender, self.receiver = self.lab.gate, self.lab.sender, self.lab.receiver
        self.breach = Breach(self.lab.topology, self.sender, self.gate)
        self.used = 0
        self.pictures = None
        if can_be_taken():
            self.pictures = ConsolePictures(self.lab.topology.gate, self.gate, Options.build / "story")
            self.addCleanup(self.pictures.close)

    def picture(self, name, case, *texts):
        """Of the case's page in the console, which must say so."""
        if self.pictures:
            self.pictures.take(name, f"#/case/{case}", f"Case {case}", *texts)

    def message(self, spam):
        self.used += 1
        return generated(self.used, spam=spam)

    def arrived(self):
        self.receiver.settle()
        return {identity(octets) for octets in self.receiver.delivered()}

    def assert_report(self, case):
        """Anna is told, in words and in RFC 5965's format."""
        letter = self.breach.letter(case)
        self.assertEqual(letter.get_content_type(), "multipart/report")
        text, report, header = letter.iter_parts()
        self.assertIn("bob", text.get_content())
        self.assertIn("https://relay.example/c/" + case, text.get_content())
        self.assertEqual(report.get_content_type(), "message/feedback-report")
        fields = report.get_payload()[0]
        self.assertEqual((fields["Feedback-Type"], fields["Source-IP"]), ("abuse", CUSTOMER))
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")

    def test_stolen_then_open_then_mended_then_relapsed(self):
        breach, submit = self.breach, self.breach.submit
        breach.register()

        # Bob's password is used for spam, among Alice's ordinary mail.
        ordinary = [self.message(spam=False) for _ in range(3)]
        for message in ordinary:
            submit(message, "alice")
            submit(self.message(spam=True), "bob")
            submit(self.message(spam=True), "bob")
        stolen = breach.wait_case("user:bob", "block")
        self.sender.settle()
        self.assertEqual(self.arrived(), {identity(m.octets) for m in ordinary})
        self.assertEqual(breach.in_force(), ("inspect", {"user:bob": "refuse"}))
        self.assertEqual(set(breach.cases()), {"user:bob"}, "more than the user was blamed")
        self.assertEqual(stolen["customer"], "Example Ltd")
        shown = breach.case(stolen["case"])
        self.assertEqual(shown["evidence_kept"], 6)
        self.assertTrue(all(row["event"]["origin"]["user"] == "bob" for row in shown["evidence"]))
        self.assertIn("bob", breach.diagnosis(stolen["case"], "stolen password")["findings"][0]["text"])
        self.assert_report(stolen["case"])
        self.picture("1-stolen", stolen["case"], "bob", "block")

        # Even ordinary mail in his name is refused now; hers is not.
        submit(self.message(spam=False), "bob")
        hers = self.message(spam=False)
        submit(hers, "alice")
        self.sender.settle()
        self.assertEqual(self.arrived(), {identity(m.octets) for m in [*ordinary, hers]})

        # The spammer finds that the server relays for everybody: nothing separates him any more.
        self.sender.set(mynetworks=EVERYBODY)
        for address in RELAYED_FROM[:4]:
            submit(self.message(spam=True), address=address)
        relaying = breach.wait_case(None, "hold")
        self.assertEqual(breach.in_force()[0], "hold")
        history = breach.case(relaying["case"])["history"]
        self.assertEqual(history[0]["action"], "widened")
        self.assertIn("user:bob", history[0]["text"])
        waiting = self.message(spam=False)
        submit(waiting, "alice")
        self.assertEqual(len(self.sender.settle()), 1, "her mail does not wait")

        # Who asks before it is quiet is told what is red. Then it is mended.
        breach.diagnosis(relaying["case"], "open relay")
        self.assertEqual(breach.probe(relaying["case"]), "open")
        self.picture("2-open-relay", relaying["case"], "open relay", "hold")
        refused = self.gate.postern("case", "request", relaying["case"], check=False)
        self.assertEqual(refused, "")
        self.sender.set(mynetworks=OWN_NETWORKS)
        wait_until(lambda: breach.probe(relaying["case"]) == "closed", 30, "the relay to be closed", poll_s=1.1)
        self.gate.postern("case", "password", stolen["case"], "--by", "Anna", "--text", "changed")
        breach.restore(stolen["case"], relaying["case"])
        self.assertEqual({case["state"] for case in breach.cases().values()}, {"probation"})
        self.assertEqual(breach.in_force(), ("throttle", {}))
        self.picture("3-probation", relaying["case"], "probation")
        self.sender.flush()
        self.assertEqual(self.sender.settle(), [])
        self.assertIn(identity(waiting.octets), self.arrived())

        # It is opened once more, and he comes back.
        self.sender.set(mynetworks=EVERYBODY)
        for address in RELAYED_FROM[:2]:
            submit(self.message(spam=True), address=address)
        wait_until(lambda: breach.cases()[None]["state"] == "open", 30, "the relapse", poll_s=0.2)
        self.assertEqual(breach.in_force()[0], "hold")
        self.assertEqual(breach.case(relaying["case"])["history"][-1]["action"], "relapsed")
        self.picture("4-relapse", relaying["case"], "relapsed")
