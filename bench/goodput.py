"""Goodput of one large message over a lossy cable: through Postern, and through a plain forwarder on the
same kind of ports (dpdk-testpmd, io mode, net_af_packet), in turns (roads.py). Sender and receiver are the
kernel's TCP.
"""
import contextlib
import hashlib
import pathlib
import random
import re
import socket
import threading
import time

import roads
from impaired_link import Impairment
from smtp_client import Client
from topology import SINK

TARGETS = [*roads.TARGETS, 'tests/wire/impaired-cable']
LOSS = 0.01
DELAY_MS = 0.25          # each cable, each way
# (loss on the customer's cable, on the Internet's, the sender's congestion control). BBR keeps much more under
# way than CUBIC when frames are lost.
CONDITIONS = {
    'clean.cubic': (0.0, 0.0, 'cubic'),
    'loss_before.cubic': (LOSS, 0.0, 'cubic'),
    'loss_behind.cubic': (0.0, LOSS, 'cubic'),
    'loss_before.bbr': (LOSS, 0.0, 'bbr'),
    'loss_behind.bbr': (0.0, LOSS, 'bbr'),
}
WHAT = ('one large message through Postern', 'the same through dpdk-testpmd')
ROWS = {condition: (f'goodput.postern.{condition}', f'goodput.plain.{condition}') for condition in CONDITIONS}


def selected(expression):
    """Conditions of which a row is found, by this kernel's means."""
    known = pathlib.Path('/proc/sys/net/ipv4/tcp_available_congestion_control').read_text().split()
    return [condition for condition, names in ROWS.items()
            if any(re.search(expression, name) for name in names) and CONDITIONS[condition][2] in known]


def missing():
    return roads.missing('goodput')


def message(octets):
    """Mail with one large attachment, ready for DATA."""
    import base64
    payload = base64.encodebytes(random.Random(5).randbytes(octets * 57 // 78)).replace(b'\n', b'\r\n')
    return (b'From: sender@customer.example\r\nTo: reader@internet.example\r\nSubject: Plans\r\n'
            b'Message-ID: <plans@customer.example>\r\nMIME-Version: 1.0\r\n'
            b'Content-Type: application/octet-stream; name="plans.dwg"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + payload)


class Receiver(threading.Thread):
    """Takes mail as fast as the kernel gives it, and keeps only a digest: one connection at a time."""

    def __init__(self, topology, address):
        super().__init__(daemon=True)
        self._socket = topology.internet.socket()
        self._socket.bind((address, 25))
        self._socket.listen(4)
        self.digest = None
        self.start()

    def run(self):
        while True:
            peer, _ = self._socket.accept()
            with peer, contextlib.suppress(ConnectionError):
                self._converse(peer)

    def _converse(self, peer):
        peer.sendall(b'220 receiver.internet.example ESMTP\r\n')
        while line := self._line(peer):
            verb = line[:4].upper()
            peer.sendall({b'DATA': b'354 Go on\r\n', b'QUIT': b'221 2.0.0 Bye\r\n'}.get(verb, b'250 2.0.0 Ok\r\n'))
            if verb == b'DATA':
                self._take_message(peer)
                peer.sendall(b'250 2.0.0 Ok\r\n')

    @staticmethod
    def _line(peer):
        line = b''
        while not line.endswith(b'\r\n'):
            piece = peer.recv(4096)
            if not piece:
                return b''
            line += piece
        return line

    def _take_message(self, peer):
        digest, tail = hashlib.sha256(), b''
        while not tail.endswith(b'\r\n.\r\n'):
            piece = peer.recv(1 << 18)
            if not piece:
                return
            digest.update(piece)
            tail = (tail + piece[-5:])[-5:]
        self.digest = digest.digest()


class LossyRoad(roads.Road):
    """A road with an impaired cable on each side, and a receiver of mail at its end."""

    def __init__(self, build, plain):
        super().__init__(build, plain, lossy=True)
        try:
            self._receiver = Receiver(self.topology, SINK)
        except BaseException:
            self.close()
            raise

    def impair(self, losses):
        for seed, (link, loss) in enumerate(zip(self.topology.links, losses)):
            link.impair(Impairment(loss=loss, delay_ms=DELAY_MS), seed, self.build / 'tests/wire/impaired-cable')

    def transfer(self, octets, congestion):
        """Megabits of mail a second, from the first octet of the message to the reply to its last."""
        with self.awake(), Client(self.topology.customer, SINK, timeout_s=120) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
            client.greet('bench.customer.example')
            if client.envelope('sender@customer.example', 'reader@internet.example').code != 354:
                raise RuntimeError('the receiver would not take a message')
            began = time.monotonic()
            client.send(octets)
            reply = client.reply()
            took = time.monotonic() - began
            client.quit()
        if reply.code != 250 or self._receiver.digest != hashlib.sha256(octets).digest():
            raise RuntimeError(f'the message did not arrive as it was sent: {reply}')
        return len(octets) * 8 / took / 1e6


def measure(build, expression, quick):
    """The rows that `expression` finds, and those they are compared with."""
    octets = message(16_000_000 if quick else 32_000_000) + b'.\r\n'
    rows = []
    with contextlib.ExitStack() as stack:
        pair = []
        for plain in (False, True):
            pair.append(LossyRoad(build, plain))
            stack.callback(pair[-1].close)
        for condition in selected(expression):
            for road in pair:
                road.impair(CONDITIONS[condition][:2])
            values = roads.turns(pair, 3 if quick else 7,
                                 lambda road: road.transfer(octets, CONDITIONS[condition][2]))
            rows += roads.compared_rows(ROWS[condition], WHAT, 'Mbit/s', values,
                                        {'input': f'{len(octets)} octets, {condition}'})
    return rows
