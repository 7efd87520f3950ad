"""The story that Postern is for: a customer's account is stolen, then its server relays for everybody; both are
stopped as narrowly as can be, mended, given back, and a relapse is caught. Real Postfix on both sides, the
policy with small numbers."""

import json
import smtplib

from laboratory import Laboratory, WireTest, Options
from messages import generated, identity
from topology import CUSTOMER, wait_until

CONTROL = """\
[policy]
range_servers = 0
[policy.throttle]
enabled = false
[policy.hold]
spam = 4
share = 0.1
[policy.block]
spam = 6
share = 0.1
[cases]
page = "https://relay.example/c/"
[restoration]
quiet = "4s"
probation = ["600/min for 1h"]
relapse_messages = 2
"""
BOB_AT = "198.18.9.9"       # from where bob's password is used
RELAYED_FROM = [f"198.18.9.{n}" for n in range(101, 106)]


class Story(WireTest):
    needs_appliance = True

    def setUp(self):
        if Options.bridge:
            self.skipTest("needs the appliance in the gate")
        self.lab = Laboratory(control=CONTROL)
        self.addCleanup(self.lab.close)
        self.gate, self.sender, self.receiver = self.lab.gate, self.lab.sender, self.lab.receiver
        self.used = 0

    def message(self, spam):
        self.used += 1
        return generated(self.used, spam=spam)

    def submit(self, message, user=None, address=BOB_AT):
        """To the customer's server, as if logged in from `address`: Postfix takes our word (XCLIENT)."""
        with self.lab.customer.entered():
            submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
        with submission:
            submission.ehlo()
            code, text = submission.docmd(
                "XCLIENT", f"ADDR={address} LOGIN={user or '[UNAVAILABLE]'}")
            self.assertEqual(code, 220, text)
            submission.ehlo("pc.example")
            submission.sendmail(self.SENDER, [self.READER], message.octets)

    def arrived(self):
        self.receiver.settle()
        return {identity(octets) for octets in self.receiver.delivered()}

    def cases(self):
        """Cases that are not closed, by the part that they are about."""
        text = self.gate.postern("case", "list", "--json", check=False)
        return {case["part"]: case for case in json.loads(text)["cases"]}

    def wait_case(self, part, step):
        def there():
            case = self.cases().get(part)
            return case if case and case["step"] == step else None
        return wait_until(there, 30, f"a case about {part or 'the server'} at {step}", poll_s=0.2)

    def wait_green(self, case):
        def green():
            marks = self.gate.json("case", "show", case)["marks"]
            return marks and all(mark["green"] for mark in marks)
        wait_until(green, 60, f"the marks of case {case} to be green", poll_s=0.5)

    def in_force(self):
        """What holds for the customer's server: treatment, and parts that are blocked."""
        said = self.gate.json("verdict", "explain", CUSTOMER)
        return said["treatment"], {entry["part"]: entry["treatment"] for entry in said["parts"]}

    def test_stolen_then_open_then_mended_then_relapsed(self):
        self.gate.postern("customer", "add", "Example Ltd", "--prefix", CUSTOMER, "--contact",
                          "Anna <anna@customer.example>")
        self.gate.postern("verdict", "set", CUSTOMER, "pass", "--switch", "trusted-relay",
                          "--reason", "contract")

        # Bob's password is used for spam, among Alice's ordinary mail.
        ordinary = [self.message(spam=False) for _ in range(3)]
        for message in ordinary:
            self.submit(message, "alice")
            self.submit(self.message(spam=True), "bob")
            self.submit(self.message(spam=True), "bob")
        stolen = self.wait_case("user:bob", "block")
        self.sender.settle()
        self.assertEqual(self.arrived(), {identity(m.octets) for m in ordinary})
        self.assertEqual(self.in_force(), ("inspect", {"user:bob": "refuse"}))
        self.assertEqual(set(self.cases()), {"user:bob"}, "more than the user was blamed")
        self.assertEqual(stolen["customer"], "Example Ltd")
        shown = self.gate.json("case", "show", stolen["case"])
        self.assertEqual(shown["evidence_kept"], 6)
        self.assertTrue(all(row["event"]["origin"]["user"] == "bob" for row in shown["evidence"]))

        # Even ordinary mail in his name is refused now; hers is not.
        self.submit(self.message(spam=False), "bob")
        hers = self.message(spam=False)
        self.submit(hers, "alice")
        self.sender.settle()
        self.assertEqual(self.arrived(), {identity(m.octets) for m in [*ordinary, hers]})

        # The spammer finds that the server relays for everybody: nothing separates him any more.
        for address in RELAYED_FROM[:4]:
            self.submit(self.message(spam=True), address=address)
        relaying = self.wait_case(None, "hold")
        self.assertEqual(self.in_force()[0], "hold")
        history = self.gate.json("case", "show", relaying["case"])["history"]
        self.assertEqual(history[0]["action"], "widened")
        self.assertIn("user:bob", history[0]["text"])
        self.gate.wait_in_force()
        waiting = self.message(spam=False)
        self.submit(waiting, "alice")
        self.assertEqual(len(self.sender.settle()), 1, "her mail does not wait")

        # The hole is closed and the password changed; who asks before it is quiet is told what is red.
        refused = self.gate.postern("case", "request", relaying["case"], check=False)
        self.assertEqual(refused, "")
        self.gate.postern("case", "password", stolen["case"], "--by", "Anna", "--text", "changed")
        self.wait_green(stolen["case"])
        self.wait_green(relaying["case"])
        for case in (stolen["case"], relaying["case"]):
            self.gate.postern("case", "request", case, "--by", "Anna")
            back = self.gate.json("case", "restore", case, "--smorf", "--trusted-relay", "--range")
            self.assertEqual(back["state"], "probation")
        self.assertEqual(self.in_force(), ("throttle", {}))
        self.gate.wait_in_force()
        self.sender.flush()
        self.assertEqual(self.sender.settle(), [])
        self.assertIn(identity(waiting.octets), self.arrived())

        # He comes back.
        for address in RELAYED_FROM[:2]:
            self.submit(self.message(spam=True), address=address)
        wait_until(lambda: self.cases()[None]["state"] == "open", 30, "the relapse", poll_s=0.2)
        self.assertEqual(self.in_force()[0], "hold")
        self.assertEqual(self.gate.json("case", "show", relaying["case"])["history"][-1]["action"],
                         "relapsed")
