"""A cable that loses, repeats, damages, delays and reorders frames.

Where the kernel has it, tc's netem does this. Where it has not (minimal and virtual machine kernels
often leave it out), a forwarder of our own between the two ends of the cable does the same from user
space (impaired_cable.cc), with a random sequence that is the same each run.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Impairment:
    """What the cable does to the frames of either direction; parts from 0 to 1."""
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0     # one bit of the frame flipped
    reorder: float = 0.0     # overtakes those still on their way
    delay_ms: float = 1.0    # what an ordinary frame takes
    jitter_ms: float = 0.0   # and at most so much more

    def __str__(self):
        parts = [f"{name} {value:.3g}" for name, value in vars(self).items() if value]
        return ", ".join(parts) or "none"


class ImpairedLink:
    """The cable through namespace `space`, between its l0 and l1. Clean until impair() is called."""

    def __init__(self, topology, space, side):
        self._topology, self._space, self._side = topology, space, side
        self._forwarder = None
        self._netem = True
        self._bridge()

    def impair(self, impairment, seed, program):
        """From now on does this to frames. `program` is the forwarder for kernels without netem."""
        if self._netem and self._with_netem(impairment):
            return "tc netem"
        if self._netem:
            self._netem = False
            self._space.run("ip", "link", "del", "br0")
            for end in ("l0", "l1"):
                self._space.run("ip", "link", "set", end, "promisc", "on", "up")
        if self._forwarder:
            self._forwarder.kill()
        self._forwarder = self._topology.start(
            self._space.command(
                program, "l0", "l1", "--loss", impairment.loss, "--duplicate", impairment.duplicate,
                "--corrupt", impairment.corrupt, "--reorder", impairment.reorder,
                "--delay", int(impairment.delay_ms * 1000),
                "--jitter", int(impairment.jitter_ms * 1000), "--seed", seed),
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

    def _with_netem(self, impairment):
        from topology import SetupError

        def percent(part):
            return f"{part * 100:g}%"

        # Half of the jitter either way of the middle: the same span as the forwarder's.
        delay = [f"{impairment.delay_ms + impairment.jitter_ms / 2:g}ms",
                 f"{impairment.jitter_ms / 2:g}ms"]
        words = ["delay", *delay, "loss", percent(impairment.loss),
                 "duplicate", percent(impairment.duplicate), "corrupt", percent(impairment.corrupt)]
        if impairment.reorder:
            words += ["reorder", percent(impairment.reorder)]
        try:
            for end in ("l0", "l1"):
                self._space.run("tc", "qdisc", "replace", "dev", end, "root", "netem", *words)
            return True
        except SetupError:
            return False
