"""`postern inspect` on a capture of real traffic, beside what was sent and what tshark reads in it."""

import base64
import hashlib
import json
import shutil
import signal

from laboratory import Options, WireTest
from messages import Message, crlf
from smtp_client import Client
from topology import INTERNET, run, wait_until

_BINARY = bytes(range(256)) * 8
_WITH_ATTACHMENT = Message("attachment", False, crlf(
    b"From: sender@customer.example\nTo: reader@internet.example\nSubject: with a file\n"
    b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=cut\n\n"
    b"--cut\nContent-Type: text/html\n\n<p>See <a href='http://shop.example/x'>this</a></p>\n"
    b"--cut\nContent-Type: application/octet-stream; name=data.bin\n"
    b"Content-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(_BINARY) + b"--cut--\n"))
_DOTS = Message("dots", False, crlf(b"Subject: dots\n\n.\n..\n.hidden\nend\n"))


class Inspect(WireTest):

    def setUp(self):
        super().setUp()
        for program in ("tcpdump", "tshark"):
            if not shutil.which(program):
                self.skipTest(f"{program} is missing")
        self.folder = self.lab.topology.directory / f"inspect-{self.id().rsplit('.', 1)[1]}"
        self.folder.mkdir()
        self.capture = self.folder / "capture.pcap"

    def capturing(self):
        dump = self.lab.topology.start(
            self.lab.internet.command("tcpdump", "-Z", "root", "-i", "wan0", "--immediate-mode", "-U",
                                      "-s", "0", "-w", self.capture, "tcp port 25"),
            self.folder / "tcpdump.log")
        wait_until(lambda: "listening on" in dump.log.read_text(), 20, "tcpdump to listen")
        return dump

    def inspect(self, *options):
        text = run(Options.build / "control/cli/postern", "inspect", "--json", *options, self.capture,
                   stderr=None)
        return [json.loads(line) for line in text.splitlines()]

    def finished(self, dump, transactions):
        """Stops the capture once it holds so many transactions; the events."""
        def whole():
            events = self.inspect()
            sessions = [e for e in events if e["event_type"] == "session"]
            return len(events) - len(sessions) >= transactions and events
        events = wait_until(whole, 20, f"{transactions} transactions in the capture", poll_s=0.2)
        dump.kill(signal.SIGINT)
        return [e for e in events if e["event_type"] == "smtp"]

    def tshark(self, *arguments):
        return run("tshark", "-r", self.capture, *arguments, stderr=None)

    def exported(self):
        """Digests of the messages that tshark finds. It leaves out the last line end of some."""
        folder = self.folder / "exported"
        self.tshark("-q", "--export-objects", f"imf,{folder}")
        found = [f.read_bytes().removesuffix(b"\r\n") + b"\r\n" for f in folder.iterdir()]
        return sorted(hashlib.sha256(octets).hexdigest() for octets in found)

    def test_messages_by_DATA(self):
        messages = [*self.shipped(spam=False), _WITH_ATTACHMENT, _DOTS]
        dump = self.capturing()
        with Client(self.lab.customer, INTERNET, self.SOURCE) as client:
            client.greet()
            for message in messages:
                reply = client.deliver(self.SENDER, self.READER, message.octets)
                self.assertEqual(reply.code, 250, f"{message.name}: {reply}")
            client.quit()
        events = self.finished(dump, len(messages))
        self.assertEqual([e["email"]["sha256"] for e in events], [m.sha256 for m in messages])
        self.assertEqual([e["email"]["size"] for e in events], [len(m.octets) for m in messages])
        for event in events:
            self.assertEqual(event["smtp"]["helo"], "client.customer.example")
            self.assertEqual(event["smtp"]["mail_from"], self.SENDER)
            self.assertEqual(event["smtp"]["rcpt_to"], [self.READER])
            self.assertEqual(event["smtp"]["replies"],
                             {"mail": 250, "rcpt": [250], "data": 354, "message": 250})
        file = next(p for p in events[-2]["email"]["parts"] if p.get("file_name") == "data.bin")
        self.assertEqual(file["decoded_bytes"], len(_BINARY))
        self.assertEqual(file["sha256"], hashlib.sha256(_BINARY).hexdigest())
        self.assertEqual(events[-2]["email"]["urls"], ["http://shop.example/x"])
        # tshark does not take out stuffed dots.
        without_dots = [m.sha256 for m in messages if b"\r\n." not in m.octets]
        self.assertGreater(len(without_dots), 4)
        self.assertLessEqual(set(without_dots), set(self.exported()))

    def test_messages_by_BDAT_pipelined(self):
        message = _DOTS.octets
        dump = self.capturing()
        with Client(self.lab.customer, INTERNET, self.SOURCE) as client:
            self.assertIn("CHUNKING", client.greet().text)
            client.send(b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nRCPT TO:<x@nowhere.example>\r\nBDAT 7\r\n%s"
                        b"BDAT %d\r\n%sBDAT 0 LAST\r\n"
                        % (self.READER.encode(), message[:7], len(message) - 7, message[7:]))
            codes = [client.reply().code for _ in range(6)]
            client.quit()
        self.assertEqual(codes[-1], 250, codes)
        event, = self.finished(dump, 1)
        self.assertEqual(event["email"]["sha256"], hashlib.sha256(message).hexdigest())
        self.assertEqual(event["smtp"]["mail_from"], "")
        self.assertEqual(event["smtp"]["chunking"], True)
        self.assertEqual(event["smtp"]["replies"],
                         {"mail": codes[0], "rcpt": codes[1:3], "data": 250, "message": 250})

    def test_the_envelopes_of_a_real_mail_server(self):
        """Postfix to Postfix, pipelined: commands as tshark reads them, one after the other."""
        dump = self.capturing()
        for number in range(3):
            with Client(self.lab.customer, "127.0.0.1") as client:
                client.greet()
                reply = client.deliver(f"sender{number}@customer.example", self.READER,
                                       b"Subject: %d\r\n\r\nhello\r\n" % number)
                self.assertEqual(reply.code, 250)
                client.quit()
        events = self.finished(dump, 3)
        self.lab.sender.settle()
        rows = self.tshark("-Y", "smtp.req.parameter", "-T", "fields", "-e", "smtp.req.parameter")
        parameters = rows.replace("\n", ",").split(",")
        for word, key in (("FROM:", "mail_from"), ("TO:", "rcpt_to")):
            theirs = sorted(p[len(word):].split(">")[0].lstrip("<") for p in parameters
                            if p.startswith(word))
            ours = [e["smtp"][key] for e in events]
            ours = sorted(sum(ours, []) if key == "rcpt_to" else ours)
            self.assertEqual(ours, theirs)
        self.assertEqual(sorted(e["email"]["sha256"] for e in events), self.exported())
