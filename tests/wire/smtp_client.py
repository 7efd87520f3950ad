"""An SMTP client that decides how its bytes are cut into segments, and says what it was told.

It knows nothing of the appliance: what a server's stack does with the bytes, and what comes back, is
all that it sees.
"""

import base64
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field


@dataclass
class Reply:
    code: int
    text: str

    def __str__(self):
        return f"{self.code} {self.text}"


class ConnectionLost(Exception):
    """The peer closed (`reset` False) or reset the connection before a whole reply came."""

    def __init__(self, reset):
        super().__init__("reset by peer" if reset else "closed by peer")
        self.reset = reset


def dot_stuff(message):
    """The octets that DATA carries for `message` (CRLF line ends), without the end of data."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]


class Client:
    """One connection from `source` in `space` to `server`, port 25."""

    def __init__(self, space, server, source=None, port=25, timeout_s=30):
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.socket = space.socket(family)
        self.socket.settimeout(timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.socket.bind((source, 0))
        self._received = b""
        try:
            self.socket.connect((server, port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reply(self):
        """The next whole reply."""
        lines = []
        while True:
            line = self._line()
            lines.append(line[4:].decode("latin-1"))
            if line[3:4] != b"-":
                return Reply(int(line[:3]), "\n".join(lines))

    def send(self, octets):
        """Sends in as few segments as fit."""
        self.socket.sendall(octets)

    def send_segments(self, *pieces):
        """Sends each piece in a segment of its own."""
        for piece in pieces:
            # End of record: the kernel adds nothing to the segment that carries this.
            if piece:
                self.socket.sendall(piece, socket.MSG_EOR)

    def send_singly(self, octets):
        """Sends one octet per segment."""
        self.send_segments(*(octets[i:i + 1] for i in range(len(octets))))

    def command(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def greet(self, name="client.customer.example"):
        """Reads the greeting and says EHLO; the reply to that."""
        greeting = self.reply()
        if greeting.code != 220:
            raise AssertionError(f"greeting was {greeting}")
        return self.command(f"EHLO {name}")

    def log_in(self, user, password="secret"):
        """AUTH PLAIN (RFC 4616); the reply."""
        response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {response}")

    def envelope(self, sender, recipient):
        """MAIL, RCPT and DATA, each waited for; the first reply that is not as usual, or the 354."""
        for line, usual in ((f"MAIL FROM:<{sender}>", 250), (f"RCPT TO:<{recipient}>", 250),
                            ("DATA", 354)):
            reply = self.command(line)
            if reply.code != usual:
                return reply
        return reply

    def deliver(self, sender, recipient, message, send=None):
        """One whole transaction; the reply that ended it. `send` sends the message's octets."""
        reply = self.envelope(sender, recipient)
        if reply.code != 354:
            return reply
        (send or self.send)(dot_stuff(message) + b".\r\n")
        return self.reply()

    def quit(self):
        """Ends the session; None when the server had ended it already."""
        with contextlib.suppress(ConnectionLost, OSError):
            return self.command("QUIT")

    def rest(self):
        """All that still comes until the peer closes; ConnectionLost when it resets instead."""
        octets, self._received = self._received, b""
        try:
            while piece := self.socket.recv(65536):
                octets += piece
        except ConnectionResetError:
            raise ConnectionLost(reset=True) from None
        return octets

    def _line(self):
        while b"\r\n" not in self._received:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                raise ConnectionLost(reset=True) from None
            if not piece:
                raise ConnectionLost(reset=False)
            self._received += piece
        line, self._received = self._received.split(b"\r\n", 1)
        return line


@dataclass
class Outcome:
    """What a sender knows in the end of one message."""
    number: int
    replies: list = field(default_factory=list)  # the codes that ended its attempts, in order
    text: str = ""
    attempts: int = 0


def deliver_all(space, server, source, numbers, message_of, deadline, sender, recipient):
    """Sends messages one after the other over as few connections as it takes; their outcomes.

    A message is tried again only while no reply to it has come: a lost connection or a 421 says
    nothing about it, any other reply is final.
    """
    outcomes = []
    client = None
    for number in numbers:
        outcome = Outcome(number)
        outcomes.append(outcome)
        while time.monotonic() < deadline:
            outcome.attempts += 1
            try:
                if client is None:
                    client = Client(space, server, source, timeout_s=60)
                    client.greet()
                reply = client.deliver(sender, recipient, message_of(number))
            except (ConnectionLost, OSError):
                if client:
                    client.close()
                client = None
                continue
            if reply.code == 421:
                client.close()
                client = None
                continue
            outcome.replies.append(reply.code)
            outcome.text = str(reply)
            break
    if client:
        client.quit()
        client.close()
    return outcomes


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
