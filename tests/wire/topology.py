"""Network namespaces wired as Postern stands in the world, on one machine.

    customer ──veth── [link] ──veth── gate ──veth── [link] ──veth── internet
    198.18.0.1                                                      198.18.0.2
    fd00:18::1                                                      fd00:18::2

The gate's two ends carry no address: whatever stands between them (the appliance, or a plain bridge to
try the wiring) is a bump in the wire. The links are there only in a lossy laboratory; see
impaired_link.py.

Everything made here is named PREFIX-…, registered for removal the moment it exists, and removed by
close(), in reverse order, however far the set-up came.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

CUSTOMER = "198.18.0.1"
# More senders in the same namespace, so that a verdict on one leaves the others alone.
CUSTOMER_OTHERS = ["198.18.0.11", "198.18.0.12", "198.18.0.13", "198.18.0.14"]
INTERNET = "198.18.0.2"
SINK = "198.18.0.3"
CUSTOMER_V6 = "fd00:18::1"
INTERNET_V6 = "fd00:18::2"
# Behind a router, which takes one from every TTL.
_MANAGED, _MANAGER = "192.0.2.1", "192.0.2.2"
CONTROL, _CONTROLLED = "192.0.2.5", "192.0.2.6"
FAR, _ROUTER = "198.18.1.2", "198.18.1.1"
FAR_V6, _ROUTER_V6 = "fd00:19::2", "fd00:19::1"

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)


class SetupError(Exception):
    """The laboratory could not be built; the message says what to do."""


def run(*command, check=True, stderr=subprocess.STDOUT, **options):
    """Runs a command to its end and returns what it said; on failure raises with it."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=stderr, **options)
    if check and done.returncode != 0:
        raise SetupError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_until(condition, timeout_s, what, poll_s=0.02):
    """Waits for `condition()` to be true and returns what it gave; a timeout is an error."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(poll_s)


class Namespace:
    """A network namespace, entered by the calling thread alone."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)

    @contextlib.contextmanager
    def entered(self):
        """Sockets made inside the `with` belong to the namespace for as long as they live."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            if _libc.setns(there.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {self.name}")
            try:
                yield
            finally:
                _libc.setns(home.fileno(), _CLONE_NEWNET)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def run(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def command(self, *command):
        """The command line that runs `command` here."""
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)


def mac_address(space, interface):
    return space.run("cat", f"/sys/class/net/{interface}/address").strip()


def introduce(left, left_interface, left_addresses, right, right_interface, right_addresses):
    """Tells two hosts each other's hardware addresses, for good."""
    for space, interface, other, other_interface, addresses in (
            (left, left_interface, right, right_interface, right_addresses),
            (right, right_interface, left, left_interface, left_addresses)):
        mac = mac_address(other, other_interface)
        for address in addresses:
            space.run("ip", "neighbour", "replace", address, "lladdr", mac, "dev", interface,
                      "nud", "permanent")


class Process:
    """A child in its own process group, its output in a log file."""

    def __init__(self, command, log, **options):
        self.command = [str(word) for word in command]
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, start_new_session=True, **options)

    def running(self):
        return self.popen.poll() is None

    def kill(self, how=signal.SIGKILL, timeout_s=10):
        """Ends the process and waits for it. A process that ignores `how` is killed."""
        if self.running():
            self.popen.send_signal(how)
            try:
                self.popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                pass
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        return self.popen.returncode

    def stop(self):
        return self.kill(signal.SIGTERM)

    def tail(self, lines=12):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Topology:
    """The namespaces and cables. `lossy` puts an impaired link on each side of the gate."""

    def __init__(self, prefix, lossy=False):
        if os.geteuid() != 0:
            raise SetupError("network namespaces need root: run it with sudo")
        for program in ("ip", "ethtool", "sysctl"):
            if not shutil.which(program):
                raise SetupError(f"{program} is missing: run deploy/install-deps --demo")
        self.prefix = f"{prefix}{os.getpid()}-{next(_numbers)}"
        self._closing = contextlib.ExitStack()
        self.links = []
        self.keep_directory = False
        try:
            self.directory = Path(tempfile.mkdtemp(prefix=f"{prefix}-"))
            self.directory.chmod(0o755)  # the mail servers' own users walk through it
            self.defer(self._remove_directory)
            self.customer = self._namespace("customer")
            self.gate = self._namespace("gate")
            self.internet = self._namespace("internet")
            if lossy:
                from impaired_link import ImpairedLink
                for number, side in enumerate(("customer", "internet")):
                    space = self._namespace(f"link-{side}")
                    self._cable(getattr(self, side), "wan0", space, "l0")
                    self._cable(space, "l1", self.gate, f"gate{number}")
                    self.links.append(ImpairedLink(self, space, side))
            else:
                self._cable(self.customer, "wan0", self.gate, "gate0")
                self._cable(self.internet, "wan0", self.gate, "gate1")
            self._address(self.customer, [f"{a}/24" for a in [CUSTOMER, *CUSTOMER_OTHERS]],
                          f"{CUSTOMER_V6}/64")
            self._address(self.internet, [f"{a}/24" for a in [INTERNET, SINK]], f"{INTERNET_V6}/64")
            if lossy:
                # ARP has no checksum: a damaged answer would be believed.
                introduce(self.customer, "wan0", [CUSTOMER, *CUSTOMER_OTHERS, CUSTOMER_V6],
                          self.internet, "wan0", [INTERNET, SINK, INTERNET_V6])
        except BaseException:
            self.close()
            raise

    def behind_router(self):
        """A further network behind the internet's host, which from now on routes: the host there, as
        FAR and FAR_V6."""
        far = self._namespace("far")
        self._cable(self.internet, "lan0", far, "wan0")
        self.internet.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                          "net.ipv4.conf.lan0.rp_filter=0", "net.ipv6.conf.lan0.disable_ipv6=0")
        self.internet.run("ip", "address", "add", f"{_ROUTER}/24", "dev", "lan0")
        self.internet.run("ip", "-6", "address", "add", f"{_ROUTER_V6}/64", "dev", "lan0", "nodad")
        far.run("ip", "address", "add", f"{FAR}/24", "dev", "wan0")
        far.run("ip", "-6", "address", "add", f"{FAR_V6}/64", "dev", "wan0", "nodad")
        far.run("ip", "route", "add", "default", "via", _ROUTER)
        far.run("ip", "-6", "route", "add", "default", "via", _ROUTER_V6)
        return far

    def manage(self):
        """A cable beside the gate, by which the control process itself reaches the customer's server."""
        self._cable(self.customer, "mgmt0", self.gate, "mgmt1")
        self.customer.run("ip", "address", "add", f"{_MANAGED}/30", "dev", "mgmt0")
        self.customer.run("sysctl", "-qw", "net.ipv4.conf.mgmt0.rp_filter=0")
        self.gate.run("ip", "address", "add", f"{_MANAGER}/30", "dev", "mgmt1")
        self.gate.run("ip", "route", "add", CUSTOMER, "via", _MANAGED)

    def control_machine(self):
        """A machine for the control process alone, as CONTROL, on a cable to the gate's."""
        control = self._namespace("control")
        self._cable(control, "ctl0", self.gate, "ctl1")
        control.run("ip", "address", "add", f"{CONTROL}/30", "dev", "ctl0")
        self.gate.run("ip", "address", "add", f"{_CONTROLLED}/30", "dev", "ctl1")
        return control

    def defer(self, undo, *arguments):
        """Has `undo` called by close(), before all that was registered earlier."""
        self._closing.callback(undo, *arguments)

    def start(self, command, log, **options):
        """Starts a process that close() ends if nobody did before."""
        process = Process(command, self.directory / log, **options)
        self.defer(process.kill)
        return process

    def close(self):
        # A second interrupt must not leave half of it behind.
        handlers = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handlers[number] = signal.signal(number, signal.SIG_IGN)
        try:
            self._closing.close()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _remove_directory(self):
        if not self.keep_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _namespace(self, role):
        space = Namespace(f"{self.prefix}-{role}")
        self.defer(space.remove)
        space.run("ip", "link", "set", "lo", "up")
        return space

    def _cable(self, left, left_name, right, right_name):
        run("ip", "link", "add", left_name, "netns", left.name, "type", "veth",
            "peer", "name", right_name, "netns", right.name)
        for space, name in ((left, left_name), (right, right_name)):
            # Frames cross as they would on copper: whole checksums, no more than an MTU each.
            space.run("ethtool", "-K", name, "tx", "off", "rx", "off", "tso", "off", "gso", "off",
                      "gro", "off")
            if not name.startswith("wan"):
                space.run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
                space.run("ip", "link", "set", name, "promisc", "on")
            space.run("ip", "link", "set", name, "up")

    def _address(self, space, v4, v6):
        space.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                  "net.ipv4.conf.wan0.rp_filter=0", "net.ipv6.conf.wan0.accept_dad=0")
        for address in v4:
            space.run("ip", "address", "add", address, "dev", "wan0")
        space.run("ip", "-6", "address", "add", v6, "dev", "wan0", "nodad")
