"""However the client's bytes are cut into segments, the outcome is the same."""

from laboratory import WireTest
from messages import Message, crlf, generated, GTUBE
from smtp_client import Client, dot_stuff
from topology import SINK

_END = b"\r\n.\r\n"
_HEAD = ("From: Sender <sender@customer.example>\r\nTo: Reader <reader@internet.example>\r\n"
         "Subject: Short\r\nMessage-ID: <short@customer.example>\r\n\r\n")
HAM = Message("short ham", False, crlf((_HEAD + "The printer works again.\r\n").encode()))
SPAM = Message("short spam", True, crlf((_HEAD + GTUBE + "\r\n").encode()))


class Segments(WireTest):

    def deliver(self, message, send):
        """Delivers with the end of data cut as `send(client, octets)` likes; the last reply."""
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            reply = client.deliver(self.SENDER, self.READER, message.octets,
                                   lambda octets: send(client, octets))
            client.quit()
            return reply

    def both(self, send):
        self.assertEqual(self.deliver(HAM, send).code, 250)
        self.assert_sink_got(HAM)
        self.assert_refused(self.deliver(SPAM, send))
        self.assert_sink_got(HAM)

    def test_one_octet_per_segment(self):
        self.both(lambda client, octets: client.send_singly(octets))

    def test_commands_one_octet_per_segment(self):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.reply()
            for line, code in (("EHLO client", 250), (f"MAIL FROM:<{self.SENDER}>", 250),
                               (f"RCPT TO:<{self.READER}>", 250), ("DATA", 354)):
                client.send_singly(line.encode() + b"\r\n")
                self.assertEqual(client.reply().code, code)
            client.send_singly(dot_stuff(SPAM.octets) + b".\r\n")
            self.assert_refused(client.reply())
        self.assert_sink_got()

    def test_end_of_data_cut_at_every_place(self):
        for cut in range(len(_END) + 1):
            with self.subTest(cut=cut):
                self.lab.sink.clear()
                at = cut - len(_END)
                self.both(lambda client, octets: client.send_segments(
                    octets[:at] if at else octets, octets[at:] if at else b""))

    def test_end_of_data_in_three_segments(self):
        for first in range(1, len(_END)):
            for second in range(first + 1, len(_END)):
                with self.subTest(first=first, second=second):
                    self.lab.sink.clear()
                    a, b = first - len(_END), second - len(_END)
                    self.both(lambda client, octets: client.send_segments(
                        octets[:a], octets[a:b], octets[b:]))

    def test_message_as_one_segment_with_its_end(self):
        self.both(lambda client, octets: client.send_segments(octets))

    def test_dots_at_line_starts(self):
        text = ".\r\n..\r\n...\r\n.hidden\r\n\r\n.\r\n\r\n. \r\n"
        message = Message("dots", False, crlf((_HEAD + text).encode()))
        self.assertEqual(self.deliver(message, lambda c, o: c.send_singly(o)).code, 250)
        self.assertEqual(self.deliver(message, lambda c, o: c.send(o)).code, 250)
        self.assert_sink_got(message, message)

    def test_empty_message(self):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            self.assertEqual(client.envelope(self.SENDER, self.READER).code, 354)
            client.send(b".\r\n")
            self.assertEqual(client.reply().code, 250)
        self.assertEqual([r.message for r in self.lab.sink.received], [b""])

    def test_client_that_never_reads(self):
        # Everything that may be pipelined is sent before the first reply is read.
        message = generated(7, spam=True)
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            client.send(f"MAIL FROM:<{self.SENDER}>\r\nRCPT TO:<{self.READER}>\r\nDATA\r\n".encode() +
                        dot_stuff(message.octets) + b".\r\n")
            self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
            self.assert_refused(client.reply())
        self.assert_sink_got()

    def test_connection_lost_inside_a_message(self):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            self.assertEqual(client.envelope(self.SENDER, self.READER).code, 354)
            client.send(dot_stuff(HAM.octets))
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            client.greet()
            self.assertEqual(client.deliver(self.SENDER, self.READER, HAM.octets).code, 250)
        self.assert_sink_got(HAM)
