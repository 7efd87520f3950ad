"""A cable that loses and reorders frames.

Where the kernel has it, tc's netem does this. Where it has not (minimal and virtual machine kernels
often leave it out), a forwarder of our own between the two ends of the cable does the same from user
space, with a random sequence that is the same each run.
"""

import heapq
import random
import select
import socket
import sys
import time

DELAY_MS = 1.0        # what an ordinary frame takes
REORDER = 0.05        # part of the frames that overtake those still on their way
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_ALL = 3


class ImpairedLink:
    """The cable through namespace `space`, between its l0 and l1. Clean until impair() is called."""

    def __init__(self, topology, space, side):
        self._topology, self._space, self._side = topology, space, side
        self._forwarder = None
        self._bridge()

    def impair(self, loss, seed):
        """From now on loses the part `loss` of the frames of either direction, and reorders."""
        if self._netem(loss):
            return "tc netem"
        self._space.run("ip", "link", "del", "br0")
        for end in ("l0", "l1"):
            self._space.run("ip", "link", "set", end, "promisc", "on", "up")
        self._forwarder = self._topology.start(
            self._space.command(sys.executable, __file__, "l0", "l1", loss, seed),
            f"link-{self._side}.log")
        return "user space (this kernel has no netem)"

    def check(self):
        if self._forwarder and not self._forwarder.running():
            raise RuntimeError(f"the link towards the {self._side} died: {self._forwarder.tail()}")

    def _bridge(self):
        self._space.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0",
                        "mcast_snooping", "0")
        self._space.run("sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=1")
        for end in ("l0", "l1"):
            self._space.run("ip", "link", "set", end, "master", "br0")
        self._space.run("ip", "link", "set", "br0", "up")

    def _netem(self, loss):
        from topology import SetupError
        try:
            for end in ("l0", "l1"):
                self._space.run("tc", "qdisc", "replace", "dev", end, "root", "netem",
                                "delay", f"{DELAY_MS}ms", "loss", f"{loss * 100}%",
                                "reorder", f"{REORDER * 100}%")
            return True
        except SetupError:
            return False


def forward(left_name, right_name, loss, seed):
    """Carries frames between two interfaces for ever."""
    chance = random.Random(seed)
    ends = []
    for name in (left_name, right_name):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        end.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        end.bind((name, _ETH_P_ALL))
        end.setblocking(False)
        ends.append(end)
    others = {ends[0]: ends[1], ends[1]: ends[0]}
    under_way = []  # (when due, order of arrival, where to, frame)
    order = 0
    poller = select.poll()
    for end in ends:
        poller.register(end, select.POLLIN)
    by_number = {end.fileno(): end for end in ends}

    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, to, frame = heapq.heappop(under_way)
            try:
                to.send(frame)
            except OSError:
                pass  # the far end is down or its queue is full: one more loss
        wait_ms = max(0, (under_way[0][0] - now) * 1000) if under_way else None
        for number, _ in poller.poll(wait_ms):
            end = by_number[number]
            for _ in range(64):
                try:
                    frame = end.recv(65536)
                except OSError:
                    break
                if chance.random() < loss:
                    continue
                due = time.monotonic()
                if chance.random() >= REORDER:
                    due += DELAY_MS / 1000
                order += 1
                heapq.heappush(under_way, (due, order, others[end], frame))


if __name__ == "__main__":
    forward(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
