"""A customer's server that is broken into, as the story in story_test.py and the demo tell it."""

import email
import email.policy
import json
import smtplib

from topology import CUSTOMER, wait_until

# The policy with small numbers, and everything else that takes days shortened to seconds.
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
[probe]
domain = "probe.example"
between = "1s"
"""
SENDER, READER = "sender@customer.example", "reader@internet.example"
BOB_AT = "198.18.9.9"       # from where Bob's password is used
RELAYED_FROM = [f"203.0.113.{n}" for n in range(101, 106)]
ANNA = "anna@customer.example"
# Whom the customer's server relays for, and whom after somebody's mistake.
OWN_NETWORKS, EVERYBODY = "127.0.0.0/8 198.18.0.0/15", "0.0.0.0/0"
# How the customer's Postfix must be set up to believe who submits, and to say it in the header.
SENDER_SETTINGS = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
                   "smtpd_sasl_authenticated_header": "yes"}


class Breach:
    """`sender` is the customer's Postfix, which listens on all its addresses; `gate` the appliance."""

    def __init__(self, topology, sender, gate):
        self.space, self.sender, self.gate = topology.customer, sender, gate
        topology.manage()

    def register(self):
        """The customer, and that its server may relay."""
        self.gate.postern("customer", "add", "Example Ltd", "--prefix", CUSTOMER, "--contact",
                          f"Anna <{ANNA}>")
        self.gate.postern("verdict", "set", CUSTOMER, "pass", "--switch", "trusted-relay",
                          "--reason", "contract", check=False)
        self.gate.wait_in_force()

    def submit(self, message, user=None, address=BOB_AT):
        """To the customer's server, as if logged in from `address`: Postfix takes our word (XCLIENT)."""
        with self.space.entered():
            submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
        with submission:
            submission.ehlo()
            code, text = submission.docmd(
                "XCLIENT", f"ADDR={address} LOGIN={user or '[UNAVAILABLE]'}")
            if code != 220:
                raise AssertionError(f"XCLIENT: {code} {text}")
            submission.ehlo("pc.example")
            submission.sendmail(SENDER, [READER], message.octets)

    def cases(self):
        """Cases that are not closed, by the part that they are about."""
        text = self.gate.postern("case", "list", "--json", check=False)
        return {case["part"]: case for case in json.loads(text)["cases"]}

    def case(self, reference):
        return self.gate.json("case", "show", reference)

    def wait_case(self, part, step):
        def there():
            case = self.cases().get(part)
            return case if case and case["step"] == step else None
        found = wait_until(there, 30, f"a case about {part or 'the server'} at {step}", poll_s=0.2)
        self.gate.wait_in_force()
        return found

    def diagnosis(self, reference, kind):
        """The case's diagnosis, once its first finding is this one."""
        def found():
            said = self.case(reference)["diagnosis"]
            return said if said and said["findings"][0]["kind"] == kind else None
        try:
            return wait_until(found, 30, f"the diagnosis {kind} of case {reference}", poll_s=0.2)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.case(reference)['diagnosis']}") from None

    def probe(self, reference):
        """Whether the customer's server relays for strangers: "open", "closed"; noted in the case."""
        words = ["probe", CUSTOMER, "--relay", "--case", reference, "--json"]
        # It ends with 1 when the relay is open; without an answer it says why not.
        text = self.gate.postern(*words, check=False) or self.gate.postern(*words)
        return json.loads(text)["relay"]["state"]

    def wait_green(self, reference):
        def green():
            marks = self.case(reference)["marks"]
            return marks and all(mark["green"] for mark in marks)
        wait_until(green, 60, f"the marks of case {reference} to be green", poll_s=0.5)

    def letter(self, reference, to=ANNA):
        """The first letter about a case to somebody, from the spool."""
        def there():
            for envelope in sorted(self.gate.spool.glob("*.json")):
                message = email.message_from_bytes(envelope.with_suffix(".eml").read_bytes(),
                                                   policy=email.policy.default)
                if to in envelope.read_text() and reference in message["Subject"]:
                    return message
            return None
        return wait_until(there, 30, f"a letter about {reference} to {to}", poll_s=0.2)

    def restore(self, *references):
        """As a technician does, once the customer has asked."""
        for reference in references:
            self.wait_green(reference)
            self.gate.postern("case", "request", reference, "--by", "Anna")
            self.gate.postern("case", "restore", reference, "--smorf", "--trusted-relay", "--range")
        self.gate.wait_in_force()

    def in_force(self):
        """What holds for the customer's server: treatment, and parts that are blocked."""
        said = self.gate.json("verdict", "explain", CUSTOMER)
        return said["treatment"], {entry["part"]: entry["treatment"] for entry in said["parts"]}
