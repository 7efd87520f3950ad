"""A host behind VLAN tags, for kernels with and without VLAN devices: a TAP interface whose frames a
thread tags and puts on the cable, and back."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SOL_PACKET, _PACKET_AUXDATA, _PACKET_IGNORE_OUTGOING = 263, 8, 23
_TP_STATUS_VLAN_VALID, _TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6


class TaggedHost:
    """`address`/24 on interface "tagged" in `space`, behind `tags`: (EtherType, VLAN) pairs, outer first."""

    def __init__(self, topology, space, address, tags):
        self._space = space
        self._tags = b"".join(struct.pack("!HH", kind, vlan) for kind, vlan in tags)
        with space.entered():
            self._tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._tap, _TUNSETIFF, struct.pack("16sH22x", b"tagged", _IFF_TAP | _IFF_NO_PI))
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._wire.bind(("wan0", 3))
        # The tags must fit into the cable's frames.
        space.run("ip", "link", "set", "tagged", "mtu", str(1500 - len(self._tags)))
        space.run("sysctl", "-qw", "net.ipv6.conf.tagged.disable_ipv6=1",
                  "net.ipv4.conf.tagged.rp_filter=0")
        space.run("ip", "address", "add", f"{address}/24", "dev", "tagged")
        space.run("ip", "link", "set", "wan0", "promisc", "on")
        space.run("ip", "link", "set", "tagged", "up")
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._ended)
        self._thread.join()
        os.close(self._end)
        os.close(self._tap)
        self._wire.close()

    def _carry(self):
        poller = select.poll()
        for file in (self._tap, self._wire.fileno(), self._end):
            poller.register(file, select.POLLIN)
        while True:
            ready = {file for file, _ in poller.poll()}
            if self._end in ready:
                return
            with contextlib.suppress(BlockingIOError):
                if self._tap in ready:
                    frame = os.read(self._tap, 65536)
                    self._wire.send(frame[:12] + self._tags + frame[12:])
                if self._wire.fileno() in ready:
                    frame = self._received()
                    if frame[12:12 + len(self._tags)] == self._tags:
                        os.write(self._tap, frame[:12] + frame[12 + len(self._tags):])

    def _received(self):
        """The next frame from the cable, with the outer tag that the kernel keeps aside put back."""
        frame, extra, _, _ = self._wire.recvmsg(65536, 256)
        for level, kind, octets in extra:
            if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", octets[:20])
                if status & _TP_STATUS_VLAN_VALID:
                    if not status & _TP_STATUS_VLAN_TPID_VALID:
                        tpid = 0x8100
                    frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        return frame
