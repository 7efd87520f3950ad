"""Forwarding of what is not mail: through Postern, and through dpdk-testpmd in io mode on the same kind of ports, in
turns (roads.py).

Over veth a sender floods the inside port with one UDP datagram, more than either forwarder takes, and what arrives at
the far end is counted. net_null makes its frames itself, in both directions, and forgets what it is given.
"""
import contextlib
import re
import socket
import statistics
import subprocess
import time

import roads
from appliance import AF_PACKET
from topology import wait_until

TARGETS = [*roads.TARGETS, 'bench/postern-bench-datagrams']
SIZES = (64, 1514)  # octets of a frame, without its check sequence
DEVICES = {
    'af_packet': lambda octets: AF_PACKET,
    'af_xdp': lambda octets: [f'net_af_xdp{number},iface=gate{number}' for number in range(2)],
    'null': lambda octets: [f'net_null{number},size={octets}' for number in range(2)],
}
ROWS = {(ports, octets): (f'forward.postern.{ports}.{octets}', f'forward.testpmd.{ports}.{octets}')
        for ports in DEVICES for octets in SIZES}
WHAT = ('frames that are not mail through Postern', 'the same through dpdk-testpmd')
RAMP_S = 0.3  # until sender and forwarder are at their pace
# net_null never pauses: this share of a turn's frames can pass while counters are read one after another.
READ_MEANWHILE = 0.001


def selected(expression):
    """Ports and sizes of which a row is found, by this kernel's means."""
    return [key for key, names in ROWS.items()
            if any(re.search(expression, name) for name in names) and (key[0] != 'af_xdp' or knows_af_xdp())]


def knows_af_xdp():
    try:
        socket.socket(44, socket.SOCK_RAW).close()  # AF_XDP
        return True
    except OSError:
        return False


def missing():
    if obstacle := roads.missing('forwarding'):
        return obstacle
    forwarder, sender = roads.cores()
    return 'forwarding needs two cores: one sends, one forwards' if forwarder == sender else None


class WrongCount(Exception):
    """Frames that nobody can account for: nothing is reported."""


class Ways(roads.Road):
    """A road that is asked how many frames go over it."""

    def __init__(self, build, plain, ports, octets):
        super().__init__(build, plain, DEVICES[ports](octets))
        self._flooded, self._octets = ports != 'null', octets

    def transfer(self, seconds):
        """Frames a second that were forwarded, and that were sent (None on net_null)."""
        with self.awake():
            return self._flood(seconds) if self._flooded else self._watch(seconds)

    def _flood(self, seconds):
        before, far_before = self._settled(), self._far_end()
        sender = self.topology.start(self.topology.customer.command(
            self.build / 'bench/postern-bench-datagrams', 'wan0', '--octets', self._octets,
            '--seconds', seconds + 2 * RAMP_S, '--core', roads.cores()[1]), 'sender.log')
        time.sleep(RAMP_S)
        rate = rate_of(self._far_end, seconds)
        if sender.popen.wait(30) != 0:
            raise RuntimeError(f'the sender ended:\n{sender.tail()}')
        after = self._settled()
        self._check({name: after[name] - before[name] for name in after}, self._far_end() - far_before)
        return rate, float(sender.tail(1))

    def _watch(self, seconds):
        time.sleep(RAMP_S)
        before = self._counters()
        rate = rate_of(self._sent, seconds)
        after = self._counters()
        self._check({name: after[name] - before[name] for name in after})
        return rate, None

    def _check(self, moved, arrived=None):
        """That the counters, of which `moved` is what a turn added, account for every frame. `arrived`: what the
        far end counted, on ports that were at rest before and after."""
        def alike(what, ours, theirs):
            if abs(ours - theirs) > (0 if arrived is not None else READ_MEANWHILE * ours):
                raise WrongCount(f'{what}: {ours:,} and {theirs:,} frames')
        if arrived is not None:
            alike('sent by the outside port, arrived', moved['sent.1'], arrived)
        if self.plain:
            return
        if arrived is not None:
            alike('received by the ports, by the worker', moved['received.0'] + moved['received.1'], moved['frames_in'])
        dropped = sum(count for name, count in moved.items() if name.startswith('drop_'))
        alike('received, forwarded or dropped', moved['frames_in'] + moved['frames_forged'],
              moved['frames_out'] + dropped)
        alike('received, known as other traffic', moved['frames_in'], moved['frames_not_mail'])

    def _counters(self):
        """Those of the ports, and Postern's own."""
        counters = {}
        for number in range(2):
            port = self.ask(f'/ethdev/stats,{number}')
            counters |= {f'received.{number}': port['ipackets'], f'sent.{number}': port['opackets']}
        return counters if self.plain else counters | self.ask('/postern/counters')

    def _settled(self):
        """The counters once nothing is under way."""
        last = {}

        def at_rest():
            nonlocal last
            before, last = last, self._counters()
            return before == last
        wait_until(at_rest, 10, 'the frames under way', poll_s=0.1)
        return last

    def _sent(self):
        return sum(self.ask(f'/ethdev/stats,{number}')['opackets'] for number in range(2))

    def _far_end(self):
        """Frames that the host at the far end has received."""
        with self.topology.internet.entered(), open('/proc/thread-self/net/dev') as interfaces:
            for line in interfaces:
                name, _, counts = line.partition(':')
                if name.strip() == 'wan0':
                    return int(counts.split()[1])
        raise RuntimeError('the far end has no interface')


def rate_of(count, seconds):
    """What `count()` grows by in a second."""
    began, first = time.monotonic(), count()
    time.sleep(seconds)
    ended, last = time.monotonic(), count()
    return (last - first) / (ended - began)


def measure(build, expression, quick):
    """The rows that `expression` finds, and those they are compared with."""
    rows = []
    for ports, octets in selected(expression):
        with contextlib.ExitStack() as stack:
            pair = []
            for plain in (False, True):
                pair.append(Ways(build, plain, ports, octets))
                stack.callback(pair[-1].close)
            values = roads.turns(pair, 3 if quick else 7, lambda road: road.transfer(0.5 if quick else 1))
        rows += rows_of(ports, octets, values)
    return rows


def rows_of(ports, octets, values):
    rates = [[rate for rate, _ in mine] for mine in values]
    rows = roads.compared_rows(ROWS[ports, octets], WHAT, 'frames/s', rates,
                               {'input': f'frames of {octets} octets, {ports}'}, digits=None)
    for row, mine in zip(rows, values):
        row['gigabits_per_second'] = round(row['value'] * octets * 8 / 1e9, 3)
        if ports != 'null':
            row['offered_frames_per_second'] = round(statistics.median(offered for _, offered in mine))
    return rows
