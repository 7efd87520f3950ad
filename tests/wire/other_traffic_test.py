"""What is not mail crosses unchanged and in order.

Two things cannot be shown on AF_PACKET ports, because DPDK's driver for them changes them before the
appliance sees them: it has the kernel reassemble IP fragments, and it gives the outer VLAN tag the type
0x8100. The packet fixtures cover both; fragments_test.py has other ports.
"""

import os
import socket
import struct
import threading

from laboratory import WireTest
from messages import generated
from sink import Sink
from smtp_client import Client
from tagged_host import TaggedHost
from topology import CUSTOMER, CUSTOMER_V6, INTERNET, INTERNET_V6, SINK


def _checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class OtherTraffic(WireTest):

    def transfer(self, family, address, port, size=2_000_000):
        """Sends random bytes both ways over one TCP connection; true when both arrived whole."""
        server = self.lab.internet.socket(family)
        server.settimeout(30)
        server.bind((address, port))
        server.listen(1)
        there, back = os.urandom(size), os.urandom(size)
        got = {}

        def read_all(sock):
            octets = bytearray()
            while piece := sock.recv(65536):
                octets += piece
            return bytes(octets)

        def serve():
            peer, _ = server.accept()
            with peer:
                peer.settimeout(30)
                got["there"] = read_all(peer)
                peer.sendall(back)

        thread = threading.Thread(target=serve)
        thread.start()
        with self.lab.customer.socket(family) as client, server:
            client.settimeout(30)
            client.connect((address, port))
            client.sendall(there)
            client.shutdown(socket.SHUT_WR)
            got["back"] = read_all(client)
            thread.join(30)
        return got.get("there") == there and got.get("back") == back

    def test_tcp_on_another_port(self):
        self.assertTrue(self.transfer(socket.AF_INET, INTERNET, 8080))

    def test_tcp_over_ipv6(self):
        self.assertTrue(self.transfer(socket.AF_INET6, INTERNET_V6, 8080))

    def test_udp_in_order(self):
        with self.lab.internet.socket(kind=socket.SOCK_DGRAM) as far, \
                self.lab.customer.socket(kind=socket.SOCK_DGRAM) as near:
            far.bind((INTERNET, 5353))
            far.settimeout(10)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            near.connect((INTERNET, 5353))
            sent = [struct.pack("!I", n) + os.urandom(n % 1400) for n in range(300)]
            for batch in range(0, 300, 20):
                for datagram in sent[batch:batch + 20]:
                    near.send(datagram)
                got = [far.recv(2048) for _ in range(20)]
                self.assertEqual(got, sent[batch:batch + 20])

    def ping(self, family, source, target):
        v6 = family == socket.AF_INET6
        protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
        request, answer = (128, 129) if v6 else (8, 0)
        with self.lab.customer.socket(family, socket.SOCK_RAW, protocol) as raw:
            raw.bind((source, 0))
            raw.settimeout(10)
            payload = os.urandom(1000)
            head = struct.pack("!BBHHH", request, 0, 0, 4711, 1)
            # The kernel fills in ICMPv6's checksum, which covers addresses.
            sum_ = 0 if v6 else _checksum(head + payload)
            raw.sendto(struct.pack("!BBHHH", request, 0, sum_, 4711, 1) + payload, (target, 0))
            while True:
                octets = raw.recv(2048)
                icmp = octets if v6 else octets[(octets[0] & 15) * 4:]
                if icmp[0] == answer and icmp[4:6] == struct.pack("!H", 4711):
                    return icmp[8:] == payload

    def test_icmp(self):
        self.assertTrue(self.ping(socket.AF_INET, CUSTOMER, INTERNET))

    def test_icmpv6(self):
        self.assertTrue(self.ping(socket.AF_INET6, CUSTOMER_V6, INTERNET_V6))

    def test_unknown_ethertype(self):
        # An experimental EtherType (IEEE 802, local use): the frame must come out as it went in.
        frame = b"\x02\0\0\0\0\x02" + b"\x02\0\0\0\0\x01" + b"\x88\xb5" + os.urandom(300)
        with self.lab.internet.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as far, \
                self.lab.customer.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as near:
            far.bind(("wan0", 0x88B5))
            far.settimeout(10)
            near.bind(("wan0", 0))
            self.lab.internet.run("ip", "link", "set", "wan0", "promisc", "on")
            near.send(frame)
            self.assertEqual(far.recv(2048), frame)


class Tagged(WireTest):
    """Hosts behind 802.1Q and QinQ tags: their mail is inspected like any other."""

    def through_tags(self, *tags):
        with TaggedHost(self.lab.topology, self.lab.customer, "10.99.0.1", tags), \
                TaggedHost(self.lab.topology, self.lab.internet, "10.99.0.2", tags):
            sink = Sink(self.lab.topology, self.lab.internet, "10.99.0.2")
            try:
                good, bad = generated(8, spam=False), generated(8, spam=True)
                with Client(self.lab.customer, "10.99.0.2", "10.99.0.1") as client:
                    client.greet()
                    self.assertEqual(
                        client.deliver(self.SENDER, self.READER, good.octets).code, 250)
                    self.assertEqual([r.message for r in sink.received], [good.octets])
                    self.assert_refused(client.deliver(self.SENDER, self.READER, bad.octets))
                self.assertEqual([r.message for r in sink.received], [good.octets])
            finally:
                sink.stop()

    def test_vlan(self):
        self.through_tags((0x8100, 100))

    def test_qinq(self):
        self.through_tags((0x8100, 10), (0x8100, 100))

    def test_untagged_is_still_there(self):
        with Client(self.lab.customer, SINK, self.SOURCE) as client:
            self.assertEqual(client.greet().code, 250)
