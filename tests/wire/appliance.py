"""What stands in the gate namespace: the appliance, or a plain bridge to try the wiring without it."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

from smtp_client import Client
from topology import SINK, SetupError, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


NO_POLICY = "[policy]\nenabled = false\n"  # and nobody is told, then
AF_PACKET = [f"net_af_packet{number},iface=gate{number}" for number in range(2)]  # the cables' ends


class Bridge:
    """A cable. With it, everything that is not refused must already work."""

    inspects = False

    def __init__(self, topology):
        topology.gate.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0",
                          "mcast_snooping", "0")
        topology.gate.run("sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=1")
        for end in ("gate0", "gate1"):
            topology.gate.run("ip", "link", "set", end, "master", "br0")
        topology.gate.run("ip", "link", "set", "br0", "up")

    def check(self):
        pass


def _part(user, origin):
    if user is None and origin is None:
        return []
    return ["--switch", "smorf-block", *(["--user", user] if user else ["--from", origin])]


class Appliance:
    """Both processes, each to be killed and started again on its own.

    `build` is the build directory; `control`, lines of the control process's configuration: by default the
    policy is off, for tests send spam that nobody is to be blocked for; `api`, where its REST interface and the
    console listen; `rules`, the text of a rule file, takes the shipped set's place; `devices`, the inside and the
    outside port; `eal`, further options of DPDK's.
    """

    inspects = True
    NAME = "laboratory"   # gate.id

    def __init__(self, topology, build, workers=1, idle_sleep_us=50, settings="", rules=None,
                 control=NO_POLICY, api="", devices=AF_PACKET, eal=()):
        self._topology = topology
        self._build = Path(build)
        self._huge_pages = HugePages(topology)
        self.directory = topology.directory / "gate"
        self.directory.mkdir()
        self.spool = self.directory / "outgoing"
        # The data plane trusts this key and no other.
        self.postern("signatures", "keygen", "-o", self.directory / "operator")
        self.key, self.public_key = (self.directory / f"operator.{end}" for end in ("key", "pub"))
        self.signatures = self.compiled("rules", rules) if rules else self._compiled_set()
        self._workers = workers
        self._idle_sleep_us = idle_sleep_us   # the machine has other things to do
        self._control_settings = control
        self._api = api
        self._ledger = self.directory / "ledger.sqlite"
        self._devices = devices
        self._further_eal_options = eal
        self._settings = settings   # further lines of the data plane's configuration
        self.control = self.dataplane = None
        self._write_configuration()
        self.start_control()
        self.start_dataplane()
        self.wait_attached()

    def start_control(self):
        self.control = self._topology.start(
            self._control_machine().command(self._program("control/postern-control"),
                                            "--config", self.directory / "control.toml"),
            "gate/control.log")

    def start_dataplane(self):
        self.dataplane = self._topology.start(
            self._topology.gate.command(
                self._program("dataplane/postern-dataplane"),
                "--config", self.directory / "dataplane.toml", "--", *self._eal_options()),
            "gate/dataplane.log")

    def begin_anew(self, control):
        """Another control process in its place: this configuration, an empty ledger."""
        self.control.stop()
        self._ledger = self.directory / "ledger-anew.sqlite"
        self._control_settings = control
        self._write_control_configuration()
        self.start_control()
        self.wait_attached()
        self.wait_in_force()

    def kill_control(self):
        self.control.kill(signal.SIGKILL)
        self.control = None   # not missed by check(): it is meant to be away

    def kill_dataplane(self):
        self.dataplane.kill(signal.SIGKILL)
        self.dataplane = None

    def wait_attached(self, timeout_s=60):
        """Until control has the data plane's status."""
        def attached():
            self.check()
            status = self.status()
            # Its first status says that the ports are running.
            return status and any(gate["attached"] and gate.get("workers")
                                  for gate in status["data_planes"])
        try:
            return wait_until(attached, timeout_s, "the data plane to attach", poll_s=0.1)
        except TimeoutError as error:
            raise SetupError(f"{error}\n{self.dataplane.tail()}\n{self.control.tail()}") from None

    def check(self):
        """Raises when a process that should run does not."""
        for process in (self.control, self.dataplane):
            if process and not process.running():
                raise SetupError(f"{process.command[4]} exited with {process.popen.returncode}:\n"
                                 f"{process.tail()}\nsee {process.log}")

    def postern(self, *arguments, check=True):
        """Runs the command line; its standard output."""
        command = [str(self._program("control/cli/postern")), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                   "POSTERN_SOCKET": str(self.directory / "control.sock")})
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.postern(*arguments, "--json"))

    def status(self):
        """What `postern status --json` says; None while control does not answer."""
        text = self.postern("status", "--json", check=False)
        return json.loads(text) if text.strip() else None

    # Verdicts. Each call returns once the data plane has acknowledged.

    def set_verdict(self, prefix, treatment, per_minute=None, in_force=True, user=None, origin=None):
        """`user` and `origin` make it a SMORF block on that part of the sender's mail."""
        rate = ["--rate", per_minute] if per_minute else []
        # It ends with 0 only when the data plane has acknowledged.
        self.postern("verdict", "set", prefix, treatment, *rate, *_part(user, origin),
                     "--reason", "wire test", check=in_force)

    def clear_verdict(self, prefix, user=None, origin=None):
        self.postern("verdict", "clear", prefix, *_part(user, origin),
                     "--reason", "wire test is over")

    def clear_verdicts(self):
        # Ends with 1 when there are none.
        for verdict in json.loads(self.postern("verdict", "list", "--json", check=False))["verdicts"]:
            kind, _, value = (verdict["part"] or "").partition(":")
            self.clear_verdict(verdict["prefix"], user=value if kind == "user" else None,
                               origin=value if kind == "from" else None)

    def wait_in_force(self, timeout_s=10):
        def acknowledged():
            status = self.status()
            return status and any(
                gate["attached"] and gate["acknowledged_version"] == status["control"]["version"]
                for gate in status["data_planes"])
        wait_until(acknowledged, timeout_s, "the verdicts to be in force")

    def events(self, case):
        """What the ledger has of a case; waits for its first event."""
        def known():
            text = self.postern("events", "--case", case, "--json", check=False)
            return json.loads(text)["events"] if text.strip() else []
        try:
            return wait_until(known, 15, f"an event of case {case}", poll_s=0.2)
        except TimeoutError:
            return []

    def scan(self, paths):
        """What the scanner says of message files, off line: {path: score}."""
        scores = {}
        for start in range(0, len(paths), 400):
            batch = paths[start:start + 400]
            text = self.postern("scan", "--json", "--signatures", self.signatures, *batch,
                                check=False)
            answers = [json.loads(line) for line in text.splitlines()]
            if len(answers) != len(batch):
                raise AssertionError(f"{len(batch)} messages were given, {len(answers)} answers came")
            scores.update((path, answer["score"]) for path, answer in zip(batch, answers))
        return scores

    # Counters. They come to control once a second.

    def counters_when(self, condition, timeout_s=10):
        """The counters, once `condition(counters)` holds; the last ones when it never does."""
        counters = {}

        def holds():
            counters.update(self.counters())
            return condition(counters)
        try:
            wait_until(holds, timeout_s, "the counters", poll_s=0.2)
        except TimeoutError:
            pass
        return counters

    def settled_counters(self):
        """The counters once two reports in a row are alike: nothing is under way."""
        reports = []

        def settled():
            reports.append(self.counters())
            return len(reports) > 1 and reports[-1] == reports[-2]
        wait_until(settled, 60, "the counters to come to rest", poll_s=2.1)
        return reports[-1]

    def counters(self):
        """The data plane's counters, summed over its workers."""
        return self.status()["data_planes"][0]["counters"]

    def wait_forwarding(self, space, source, timeout_s=30):
        """Until a connection gets through: the data plane runs, whatever control knows of it."""
        def through():
            self.check()
            try:
                with Client(space, SINK, source, timeout_s=1):
                    return True
            except OSError:
                return False
        wait_until(through, timeout_s, "the data plane to forward")

    def description(self):
        """One line for people."""
        status = self.status()["data_planes"][0]
        ports = [port.split(",")[0] for port in status["ports"]]
        memory = "2 MiB huge pages" if self._huge_pages.reserved else "ordinary pages"
        return (f"Ports: {', '.join(ports)}; {len(status['workers'])} worker; {memory}. "
                f"{status['signature_rules']} rules and sub-rules; refused from "
                f"{status['threshold']:g} points on.")

    def _compiled_set(self):
        """The shipped set, compiled once for each build: it takes some seconds."""
        compiled = self._build / "outbound.psig"
        source = ROOT / "patterns/sets/outbound"
        made_of = [self._program("control/cli/postern"), source, *source.iterdir()]
        if not compiled.exists() or compiled.stat().st_mtime < max(p.stat().st_mtime for p in made_of):
            self.postern("signatures", "compile", "--no-cache", source, "-o", compiled)
        signed = self.directory / "outbound.psig"
        shutil.copyfile(compiled, signed)
        self.postern("signatures", "sign", signed, "--key", self.key)
        return signed

    def compiled(self, name, rules, signed=True):
        """The rules of this text as a set of this name."""
        source, compiled = self.directory / f"{name}.cf", self.directory / f"{name}.psig"
        source.write_text(rules)
        key = ["--key", self.key] if signed else []
        self.postern("signatures", "compile", "--no-cache", source, "-o", compiled, *key)
        return compiled

    def _program(self, path):
        program = self._build / path
        if not program.exists():
            raise SetupError(f"{program} is missing: ninja -C {self._build}")
        return program

    def _control_machine(self):
        return self._topology.gate

    def _way_to_control(self):
        """Lines of the data plane's section [control]."""
        return f'socket = "{self.directory / "control.sock"}"'

    def _eal_options(self):
        return [*self._huge_pages.eal_options(), *self._further_eal_options]

    def _write_configuration(self):
        state = self.directory / "state"
        state.mkdir()
        (self.directory / "dataplane.toml").write_text(f"""\
[gate]
id = "{self.NAME}"

[ports]
inside = "{self._devices[0]}"
outside = "{self._devices[1]}"

[worker]
count = {self._workers}
idle_sleep_us = {self._idle_sleep_us}

[signatures]
set = "{self.signatures}"
threshold = 5.0
trusted_keys = ["{self.public_key}"]

[replies]
host = "gate.postern.example"
url = "https://postmaster.example/case/"

[limits]
flows = 4096
messages_in_flight = 512
held_mib = 64
verdicts = 10000

[control]
{self._way_to_control()}

[state]
directory = "{state}"

{self._settings}
[eal]
huge_pages = {"true" if self._huge_pages.reserved else "false"}
""")
        self._write_control_configuration()

    def _write_control_configuration(self):
        (self.directory / "control.toml").write_text(f"""\
[control]
socket = "{self.directory / "control.sock"}"
ledger = "{self._ledger}"

{self._control_settings}
[api]
listen = "{self._api}"

[notify]
spool = "{self.spool}"
""")


class HugePages:
    """2 MiB pages for the data plane, if the machine has room for them; given back afterwards."""

    _COUNT = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    _FREE = _COUNT.with_name("free_hugepages")
    NEEDED = 384

    def __init__(self, topology):
        self.reserved = False
        if not self._COUNT.exists():
            return
        if int(self._FREE.read_text()) < self.NEEDED:
            topology.defer(self._add, -self.NEEDED)
            self._add(self.NEEDED)
        self.reserved = int(self._FREE.read_text()) >= self.NEEDED

    def _add(self, pages):
        # Added and taken away, not set and set back: another laboratory may run beside this one.
        self._COUNT.write_text(str(max(0, int(self._COUNT.read_text()) + pages)))

    def eal_options(self):
        if self.reserved:
            return ["--in-memory", "-m", str(self.NEEDED * 2)]
        return ["--no-huge", "-m", str(self.NEEDED * 2)]
