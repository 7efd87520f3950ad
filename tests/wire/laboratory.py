"""The laboratory that the wire tests share: built once, on first use, torn down by the runner."""

import unittest

from appliance import NO_POLICY, ROOT, Appliance, Bridge
from messages import shipped
from postfix import Postfix
from sink import Sink
from topology import CUSTOMER_OTHERS, INTERNET, SINK, Topology


class Options:
    """What the runner was asked for."""
    build = ROOT / "build"
    bridge = False
    workers = 1


_open = []  # laboratories that stand


class Laboratory:
    """Postfix on either side, a sink beside the receiving one, and the gate between."""

    def __init__(self, lossy=False, mail_servers=True, settings="", rules=None,
                 control=NO_POLICY, sender_listens="127.0.0.1", api="", appliance=Appliance):
        self._sender_listens = sender_listens
        self.topology = Topology("pstw", lossy=lossy)
        _open.append(self)
        try:
            self.customer, self.internet = self.topology.customer, self.topology.internet
            self.sink = Sink(self.topology, self.internet, SINK)
            self.gate = make_gate(self.topology, settings, rules, control, api, appliance)
            if mail_servers:
                self._start_mail_servers()
        except BaseException:
            self.topology.keep_directory = True
            self.close()
            raise

    def _start_mail_servers(self):
        tls = make_certificate(self.topology)
        self.receiver = Postfix(
            self.topology, self.internet, "receiver", "internet.example tls.internet.example",
            INTERNET, settings={"smtpd_tls_security_level": "may",
                                "smtpd_tls_chain_files": tls})
        # Mail to the second domain goes out by the same road, but only under TLS.
        self.sender = Postfix(
            self.topology, self.customer, "sender", "customer.example", self._sender_listens,
            relay=INTERNET, settings={
                # Who submits may say as whom, and the header tells it.
                "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
                "smtpd_sasl_authenticated_header": "yes",
                "transport_maps": f"inline:{{tls.internet.example=smtp:[{INTERNET}]:25}}",
                "smtp_tls_policy_maps": f"inline:{{[{INTERNET}]:25=encrypt}}"})

    def impair(self, impairment):
        """Has both cables do this to frames from now on; the ways by which it is done."""
        program = Options.build / "tests/wire/impaired-cable"
        return {link.impair(impairment, seed, program)
                for seed, link in enumerate(self.topology.links)}

    def close(self):
        if self in _open:
            _open.remove(self)
            self.topology.close()


def make_gate(topology, settings="", rules=None, control=NO_POLICY, api="",
              appliance=Appliance):
    if Options.bridge:
        return Bridge(topology)
    return appliance(topology, Options.build, Options.workers, settings=settings, rules=rules,
                     control=control, api=api)


def make_certificate(topology):
    """A key and a self-signed certificate in one file, as Postfix's chain files want them."""
    from topology import run
    chain = topology.directory / "tls.pem"
    key = topology.directory / "key.pem"
    certificate = topology.directory / "certificate.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=mail.internet.example", "-keyout", key,
        "-out", certificate)
    chain.write_text(key.read_text() + certificate.read_text())
    chain.chmod(0o600)
    return chain


_shared = None


def laboratory():
    global _shared
    if _shared is None:
        _shared = Laboratory()
    return _shared


def close_all(keep):
    """Takes down what laboratories there are; the directories whose logs are kept."""
    kept = []
    for lab in list(_open):
        lab.topology.keep_directory = keep
        lab.close()
        if keep:
            kept.append(lab.topology.directory)
    return kept


def assert_frames_accounted(case, counters):
    """Every frame that came in went out or has a counted reason; every one that went out came in or
    was forged."""
    case.assertEqual(counters["frames_in"] + counters["frames_forged"],
                     counters["frames_out"] + sum(counters[name] for name in counters
                                                  if name.startswith("drop_")))


class WireTest(unittest.TestCase):
    """A case in the shared laboratory. It begins with empty mailboxes and no verdict."""

    SENDER, READER = "sender@customer.example", "reader@internet.example"
    SOURCE = CUSTOMER_OTHERS[0]
    needs_appliance = False

    def setUp(self):
        self.lab = laboratory()
        if self.needs_appliance and not self.lab.gate.inspects:
            self.skipTest("needs the appliance in the gate")
        self.lab.gate.check()
        self.lab.sink.clear()
        if self.lab.gate.inspects:
            self.lab.gate.clear_verdicts()

    def shipped(self, spam):
        return [m for m in shipped() if m.spam == spam]

    def needs_refusals(self):
        if not self.lab.gate.inspects:
            self.skipTest("a bridge refuses nothing")

    def assert_refused(self, reply, code=554, enhanced="5.7.1"):
        self.needs_refusals()
        self.assertEqual(reply.code, code, reply)
        self.assertTrue(reply.text.startswith(enhanced + " "), reply)
        self.assertRegex(reply.text, r"case [0-9A-HJKMNP-TV-Z]{10}", "the reply names no case")

    def assert_sink_got(self, *messages):
        """The sink holds exactly these messages, in any order, octet for octet."""
        self.assertEqual(sorted(r.message for r in self.lab.sink.received),
                         sorted(m.octets for m in messages))
