"""Goodput of one large message over a lossy cable: through Postern, and through a plain forwarder on the
same kind of ports (dpdk-testpmd, io mode, net_af_packet), in turns.

Each forwarder stands in namespaces of its own, its process stopped while the other's turn is on, so that
a busy poll costs the other nothing. Sender and receiver are the kernel's TCP.
"""
import contextlib
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = ['dataplane/postern-dataplane', 'control/postern-control', 'control/cli/postern', 'tests/wire/impaired-cable']
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
ROWS = {condition: (f'goodput.postern.{condition}', f'goodput.plain.{condition}') for condition in CONDITIONS}


def selected(expression):
    """Conditions of which a row is found, by this kernel's means."""
    known = pathlib.Path('/proc/sys/net/ipv4/tcp_available_congestion_control').read_text().split()
    return [condition for condition, names in ROWS.items()
            if any(re.search(expression, name) for name in names) and CONDITIONS[condition][2] in known]


def missing():
    """Why it cannot be measured here; None when it can."""
    if os.geteuid() != 0:
        return 'goodput needs root: it lays out network namespaces'
    for program in ('dpdk-testpmd', 'ip', 'ethtool'):
        if not shutil.which(program):
            return f'goodput needs {program} (deploy/install-deps --test)'
    return None


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


class Road:
    """A topology with a forwarder in its gate."""

    def __init__(self, build, plain):
        from appliance import Appliance
        from topology import SINK, Topology
        self.topology = Topology('pstb', lossy=True)
        try:
            self._build, self._server = build, SINK
            self._receiver = Receiver(self.topology, SINK)
            if plain:
                self._process = self._start_plain()
            else:
                # As restless as testpmd: neither ever sleeps.
                self._process = Appliance(self.topology, build, idle_sleep_us=0).dataplane
            self.rest()
        except BaseException:
            self.topology.close()
            raise

    def _start_plain(self):
        from appliance import HugePages
        from topology import wait_until
        options = ['--no-pci', *HugePages(self.topology).eal_options()]
        for number in range(2):
            options += ['--vdev', f'net_af_packet{number},iface=gate{number}']
        process = self.topology.start(
            self.topology.gate.command('dpdk-testpmd', *options, '--', '--forward-mode=io', '--auto-start',
                                       '--no-mlockall', '--stats-period=1'), 'testpmd.log')
        wait_until(lambda: 'Port statistics' in process.log.read_text(errors='replace') or not process.running(),
                   60, 'dpdk-testpmd to forward')
        if not process.running():
            raise RuntimeError(f'dpdk-testpmd ended:\n{process.tail()}')
        return process

    def rest(self):
        os.killpg(self._process.popen.pid, signal.SIGSTOP)

    def wake(self):
        os.killpg(self._process.popen.pid, signal.SIGCONT)

    def impair(self, losses):
        from impaired_link import Impairment
        for seed, (link, loss) in enumerate(zip(self.topology.links, losses)):
            link.impair(Impairment(loss=loss, delay_ms=DELAY_MS), seed, self._build / 'tests/wire/impaired-cable')

    def transfer(self, octets, congestion):
        """Megabits of mail a second, from the first octet of the message to the reply to its last."""
        from smtp_client import Client
        self.wake()
        try:
            with Client(self.topology.customer, self._server, timeout_s=120) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
                client.greet('bench.customer.example')
                if client.envelope('sender@customer.example', 'reader@internet.example').code != 354:
                    raise RuntimeError('the receiver would not take a message')
                began = time.monotonic()
                client.send(octets)
                reply = client.reply()
                took = time.monotonic() - began
                client.quit()
        finally:
            self.rest()
        if reply.code != 250 or self._receiver.digest != hashlib.sha256(octets).digest():
            raise RuntimeError(f'the message did not arrive as it was sent: {reply}')
        return len(octets) * 8 / took / 1e6

    def close(self):
        self.wake()
        self.topology.close()


def measure(build, expression, quick):
    """The rows that `expression` finds, and those they are compared with."""
    sys.path.append(str(ROOT / 'tests/wire'))
    octets = message(16_000_000 if quick else 32_000_000) + b'.\r\n'
    count = 3 if quick else 7
    rows = []
    with contextlib.ExitStack() as stack:
        roads = []
        for plain in (False, True):
            roads.append(Road(build, plain))
            stack.callback(roads[-1].close)
        for condition in selected(expression):
            for road in roads:
                road.impair(CONDITIONS[condition][:2])
            values = [[], []]
            for turn in range(count):
                # Who goes first changes, so that a drift of the machine favours neither.
                for i in ((0, 1) if turn % 2 else (1, 0)):
                    values[i].append(roads[i].transfer(octets, CONDITIONS[condition][2]))
            rows += rows_of(condition, values, len(octets))
    return rows


def rows_of(condition, values, octets):
    ratios = [ours / plain for ours, plain in zip(*values)]
    rows = []
    for name, other, what, mine in zip(ROWS[condition], reversed(ROWS[condition]),
                                       ('one large message through Postern', 'the same through dpdk-testpmd'), values):
        middle = statistics.median(mine)
        rows.append({'row': name, 'what': what, 'unit': 'Mbit/s', 'value': round(middle, 1),
                     'spread': round((max(mine) - min(mine)) / middle, 3),
                     'repetitions': [round(value, 1) for value in mine], 'input': f'{octets} octets, {condition}',
                     'compared_with': other})
    rows[0]['ratio'] = round(statistics.median(values[0]) / statistics.median(values[1]), 3)
    rows[0]['ratio_is'] = 'rate'
    rows[0]['ratios'] = [round(ratio, 4) for ratio in ratios]
    rows[0]['ratio_spread'] = round((max(ratios) - min(ratios)) / statistics.median(ratios), 3)
    return rows
