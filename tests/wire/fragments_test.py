"""Mail that a router on its way cuts into IP fragments.

AF_PACKET ports cannot show it, for the kernel puts fragments together before they get there. So the
gate's ports are TAP devices here, each bridged to the gate's end of a cable, and between the customer
and the gate stands a router whose way on has a small MTU.
"""

import unittest

import laboratory
from appliance import Appliance
from messages import shipped
from sink import Sink
from smtp_client import Client
from topology import CUSTOMER, SINK, Topology

FAR_CUSTOMER, ROUTER = "198.18.2.1", "198.18.2.254"
MTU = 600


class RoutedTopology(Topology):
    """The customer's host routes for another one behind it, and cuts what that sends."""

    def add_far_customer(self):
        far = self._namespace("far-customer")
        self._cable(far, "wan0", self.customer, "lan0")
        far.run("ip", "address", "add", f"{FAR_CUSTOMER}/24", "dev", "wan0")
        far.run("ip", "route", "add", "default", "via", ROUTER)
        # It lets routers fragment what it sends: no path MTU discovery.
        far.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1")
        self.customer.run("ip", "address", "add", f"{ROUTER}/24", "dev", "lan0")
        self.customer.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.lan0.rp_filter=0")
        self.customer.run("ip", "route", "add", f"{SINK}/32", "dev", "wan0", "mtu", "lock", str(MTU))
        self.internet.run("ip", "route", "add", "198.18.2.0/24", "via", CUSTOMER)
        return far


class TapAppliance(Appliance):
    """The appliance on TAP devices that it makes itself, bridged to the cables' ends."""

    def _write_configuration(self):
        super()._write_configuration()
        file = self.directory / "dataplane.toml"
        text = file.read_text()
        for side in range(2):
            text = text.replace(f"net_af_packet{side},iface=gate{side}",
                                f"net_tap{side},iface=tap{side}")
        file.write_text(text)

    def wait_attached(self, timeout_s=60):
        super().wait_attached(timeout_s)
        gate = self._topology.gate
        for side in range(2):
            bridge, ends = f"br{side}", (f"tap{side}", f"gate{side}")
            gate.run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0",
                     "mcast_snooping", "0")
            for interface in (bridge, ends[0]):
                gate.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
            for end in ends:
                gate.run("ip", "link", "set", end, "master", bridge, "up")
            gate.run("ip", "link", "set", bridge, "up")


class FragmentingLaboratory(laboratory.Laboratory):
    """A customer behind a router, a sink beyond the gate."""

    def __init__(self):
        self.topology = RoutedTopology("pstf")
        laboratory._open.append(self)
        try:
            self.customer = self.topology.add_far_customer()
            self.sink = Sink(self.topology, self.topology.internet, SINK)
            self.gate = TapAppliance(self.topology, laboratory.Options.build)
            self.gate.wait_forwarding(self.customer, FAR_CUSTOMER)
        except BaseException:
            self.topology.keep_directory = True
            self.close()
            raise


class Fragments(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if laboratory.Options.bridge:
            raise unittest.SkipTest("needs the appliance in the gate")
        cls.lab = FragmentingLaboratory()
        cls.addClassCleanup(cls.lab.close)

    def test_ham_arrives_octet_for_octet_and_spam_is_refused(self):
        ham = [m for m in shipped() if not m.spam]
        for message in shipped():
            with Client(self.lab.customer, SINK, FAR_CUSTOMER) as client:
                client.greet()
                reply = client.deliver("sender@customer.example", "reader@internet.example",
                                       message.octets)
                self.assertEqual(reply.code, 554 if message.spam else 250, f"{message.name}: {reply}")
        self.assertEqual(sorted(r.message for r in self.lab.sink.received),
                         sorted(m.octets for m in ham))
        # It was in fragments, then: more than two for each message longer than the MTU.
        long = sum(len(m.octets) > 2 * MTU for m in shipped())
        joined = self.lab.gate.counters_when(lambda c: c["fragments_joined"] > 2 * long)
        self.assertGreater(joined["fragments_joined"], 2 * long)
        self.assertEqual({n: c for n, c in joined.items() if n.startswith("drop_fragment") and c}, {})
