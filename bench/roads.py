"""Forwarders that take turns: Postern, and dpdk-testpmd in `io` mode, which looks at nothing, on the same kind of ports.

Each stands in namespaces of its own, its process stopped while the other's turn is on, so that a busy poll
costs the other nothing. Both poll from one core, with 1,024 descriptors a queue and bursts of 32.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'tests/wire'))

from appliance import AF_PACKET, Appliance, HugePages  # noqa: E402
from topology import Topology, wait_until  # noqa: E402

TARGETS = ['dataplane/postern-dataplane', 'control/postern-control', 'control/cli/postern']
DESCRIPTORS = 1024
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def missing(rows):
    """Why rows of this kind cannot be measured here; None when they can."""
    if os.geteuid() != 0:
        return f'{rows} needs root: it lays out network namespaces'
    for program in ('dpdk-testpmd', 'ip', 'ethtool'):
        if not shutil.which(program):
            return f'{rows} needs {program} (deploy/install-deps --test)'
    return None


def cores():
    """The forwarder's core, and one for whoever sends to it; the same when there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[min(1, len(usable) - 1)], usable[0 if len(usable) < 3 else 2]


class _BoundTopology(Topology):
    """Its processes end with this one, however that ends: a forwarder's poll would never."""

    def start(self, command, log, **options):
        return super().start(command, log, preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), **options)


class Road:
    """A topology with a forwarder in its gate, at rest but for the turns that it is given.

    `plain` is dpdk-testpmd; `devices`, the inside and the outside port as DPDK's arguments.
    """

    def __init__(self, build, plain, devices=AF_PACKET, lossy=False):
        self.build, self.plain = build, plain
        self._telemetry = None
        self.topology = _BoundTopology('pstb', lossy=lossy)
        try:
            self._run_time = pathlib.Path('/run/dpdk', self.topology.prefix)
            self.topology.defer(shutil.rmtree, self._run_time, True)
            eal = ['--lcores', f'0@{min(os.sched_getaffinity(0))},1@{cores()[0]}',
                   f'--file-prefix={self.topology.prefix}']
            if plain:
                self.process = self._start_plain(devices, eal)
            else:
                # As restless as testpmd: neither ever sleeps.
                self.process = Appliance(self.topology, build, idle_sleep_us=0, devices=devices, eal=eal).dataplane
            self.rest()
        except BaseException:
            self.topology.close()
            raise

    def _start_plain(self, devices, eal):
        options = [*HugePages(self.topology).eal_options(), '--no-pci', '--iova-mode=va', *eal]
        for device in devices:
            options += ['--vdev', device]
        process = self.topology.start(
            self.topology.gate.command('dpdk-testpmd', *options, '--', '--forward-mode=io', '--auto-start',
                                       '--no-mlockall', f'--rxd={DESCRIPTORS}', f'--txd={DESCRIPTORS}', '--burst=32',
                                       '--stats-period=1'), 'testpmd.log')
        wait_until(lambda: 'Port statistics' in process.log.read_text(errors='replace') or not process.running(),
                   60, 'dpdk-testpmd to forward')
        if not process.running():
            raise RuntimeError(f'dpdk-testpmd ended:\n{process.tail()}')
        return process

    def rest(self):
        os.killpg(self.process.popen.pid, signal.SIGSTOP)

    def wake(self):
        os.killpg(self.process.popen.pid, signal.SIGCONT)

    @contextlib.contextmanager
    def awake(self):
        """The forwarder's turn. It is an error when it died."""
        self.wake()
        try:
            yield
        finally:
            self.rest()
        if not self.process.running():
            raise RuntimeError(f'the forwarder ended:\n{self.process.tail()}')

    def ask(self, command):
        """What the process, which must be awake, answers at DPDK's telemetry socket."""
        if self._telemetry is None:
            self._telemetry = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._telemetry.settimeout(10)
            self._telemetry.connect(str(self._run_time / 'dpdk_telemetry.v2'))
            self._telemetry.recv(1 << 16)  # a greeting
        self._telemetry.send(command.encode())
        return json.loads(self._telemetry.recv(1 << 16))[command.partition(',')[0]]

    def close(self):
        if self._telemetry is not None:
            self._telemetry.close()
        self.wake()
        self.topology.close()


def turns(roads, count, transfer):
    """What `transfer(road)` gave in each of `count` turns, by road. Who goes first changes, so that a drift of the
    machine favours neither."""
    found = [[] for _ in roads]
    for turn in range(count):
        order = range(len(roads)) if turn % 2 else reversed(range(len(roads)))
        for i in order:
            found[i].append(transfer(roads[i]))
    return found


def compared_rows(names, whats, unit, values, about, digits=1):
    """Two rows, Postern's and the plain forwarder's, of repetitions that took turns; `about` goes into both."""
    rows = []
    for name, other, what, mine in zip(names, reversed(names), whats, values):
        middle = statistics.median(mine)
        rows.append({'row': name, 'what': what, 'unit': unit, 'value': round(middle, digits),
                     'spread': round((max(mine) - min(mine)) / middle, 3),
                     'repetitions': [round(value, digits) for value in mine], 'compared_with': other} | about)
    ratios = [ours / plain for ours, plain in zip(*values)]
    rows[0]['ratio'] = round(statistics.median(values[0]) / statistics.median(values[1]), 3)
    rows[0]['ratio_is'] = 'rate'
    rows[0]['ratios'] = [round(ratio, 4) for ratio in ratios]
    rows[0]['ratio_spread'] = round((max(ratios) - min(ratios)) / statistics.median(ratios), 3)
    return rows
