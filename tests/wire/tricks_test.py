"""The table of tricks over the wire: its messages cut into segments at random, by DATA and by BDAT.

Each message with the marker is refused, each clean twin arrives octet for octet. How a message is cut depends on
its name alone. Three tricks have bare CRs or LFs: by DATA, where servers differ on what these are, they are
refused for that whatever they say, and their twins too; chunks are counted, and there they pass.
"""

import random
import re
import sys

from appliance import ROOT
from laboratory import Laboratory, WireTest
from smtp_client import Client, dot_stuff
from topology import SINK

sys.path.append(str(ROOT))
from tests.tricks import table  # noqa: E402

BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
# A long message in no more segments than this: a case is to take seconds.
SEGMENTS = 400


class Tricks(WireTest):

    needs_appliance = True

    @classmethod
    def setUpClass(cls):
        # In the table a hit is worth a point; one alone is to refuse.
        rules = re.sub(r"^(score \w+) .*$", r"\1 10", table.rules(), flags=re.M)
        cls.own = Laboratory(mail_servers=False, rules=rules)

    @classmethod
    def tearDownClass(cls):
        cls.own.close()

    def setUp(self):
        self.lab = self.own
        self.lab.gate.check()
        self.lab.sink.clear()
        if not self.lab.gate.inspects:
            self.skipTest("needs the appliance in the gate")

    def cut(self, octets, dice):
        """Octets in segments, most of them of a few octets and some full."""
        pieces, at = [], 0
        shortest = len(octets) // SEGMENTS + 1
        while at < len(octets):
            longest = dice.choice((1, 3, 40, 1460))
            size = max(shortest, dice.randint(1, longest))
            pieces.append(octets[at:at + size])
            at += size
        return pieces

    def by_data(self, client, octets, dice):
        reply = client.envelope(self.SENDER, self.READER)
        if reply.code != 354:
            return reply
        client.send_segments(*self.cut(dot_stuff(octets) + b".\r\n", dice))
        return client.reply()

    def by_bdat(self, client, octets, dice):
        """Chunks of any size, none waited for; the reply to the last."""
        for line in (f"MAIL FROM:<{self.SENDER}>", f"RCPT TO:<{self.READER}>"):
            reply = client.command(line)
            if reply.code != 250:
                return reply
        places = sorted(dice.choices(range(len(octets) + 1), k=dice.randint(0, 4)))
        chunks = [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)])]
        out = b"".join(b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" if n == len(chunks) - 1 else b"", chunk)
                       for n, chunk in enumerate(chunks))
        client.send_segments(*self.cut(out, dice))
        for _ in chunks[:-1]:
            reply = client.reply()
            if reply.code != 250:
                return reply
        return client.reply()

    def deliver(self, trick, phrase, way):
        dice = random.Random(f"{trick.name} {way.__name__} {phrase is table.MARKER}")
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            reply = way(client, trick.message(phrase), dice)
            client.quit()
        return reply

    def every_trick(self, way, bare_pass):
        found, sent = [], []
        for trick in table.TRICKS:
            clean = trick.message(table.HARMLESS)
            expected = {table.MARKER: "554 5.7.1", table.HARMLESS: "250"}
            if not bare_pass and BARE.search(clean):
                expected = dict.fromkeys(expected, "550 5.6.0")
            for phrase in expected:
                reply = str(self.deliver(trick, phrase, way))
                case = re.search(r"\(case [0-9A-HJKMNP-TV-Z]{10}\)", reply)
                if not reply.startswith(expected[phrase]) or (reply[0] == "5") != bool(case):
                    found.append(f"{trick.name}, {phrase.latin} ({trick.about}): {reply}")
            if expected[table.HARMLESS] == "250":
                sent.append(clean)
        self.assertFalse(found, f"{len(found)} of {2 * len(table.TRICKS)}:\n" + "\n".join(found[:20]))
        if not bare_pass:  # DATA cannot carry a message without a line end at its end
            sent = [octets if octets.endswith(b"\r\n") else octets + b"\r\n" for octets in sent]
        self.assertEqual(sorted(r.message for r in self.lab.sink.received), sorted(sent))
        print(f"       {len(table.TRICKS)} tricks and as many clean twins, {len(sent)} of which arrived")

    def test_by_data(self):
        self.every_trick(self.by_data, bare_pass=False)

    def test_by_bdat(self):
        self.every_trick(self.by_bdat, bare_pass=True)
