"""The appliance with its control process on a machine of its own: mutual TLS over a cable between them."""

import shutil

from appliance import ROOT, Appliance
from topology import CONTROL, run

_CERTIFICATES = ROOT / "deploy/certificates"
_PORT = 4711


class Authority:
    """One that signs certificates, as deploy/certificates makes them for operators."""

    def __init__(self, directory):
        self._directory = directory
        run(_CERTIFICATES, "init", directory)

    @property
    def pem(self):
        return self._directory / "authority.pem"

    def control(self):
        return self._made("control", CONTROL)

    def gate(self, name):
        return self._made("gate", name)

    def _made(self, what, name):
        """The certificate and the key: new ones with each call."""
        files = [self._directory / f"{name}.{end}" for end in ("pem", "key")]
        for file in files:
            file.unlink(missing_ok=True)
        run(_CERTIFICATES, what, self._directory, name)
        return files


class RemoteAppliance(Appliance):
    """Its authority is `authority`; certificates are given to each side with give_control(), give_gate()."""

    def __init__(self, topology, build, *arguments, control="", **keywords):
        self._machine = topology.control_machine()
        self._files = topology.directory / "certificates"
        self._files.mkdir()
        self.authority = Authority(topology.directory / "authority")
        shutil.copyfile(self.authority.pem, self._files / "authority.pem")
        self.give_control(self.authority)
        self.give_gate(self.authority)
        super().__init__(topology, build, *arguments, control=f"""\
{control}
[remote]
listen = "{CONTROL}:{_PORT}"
certificate = "{self._files / "control.pem"}"
key = "{self._files / "control.key"}"
clients = "{self._files / "authority.pem"}"
""", **keywords)

    def give_control(self, authority):
        self._put("control", authority.control())

    def give_gate(self, authority, name=None):
        self._put("gate", authority.gate(name or self.NAME))

    def _put(self, whose, files):
        for file in files:
            new = self._files / f"{whose}{file.suffix}.new"
            shutil.copyfile(file, new)
            new.rename(self._files / f"{whose}{file.suffix}")

    def _control_machine(self):
        return self._machine

    def _way_to_control(self):
        return (f'address = "tls://{CONTROL}:{_PORT}"\n'
                f'certificate = "{self._files / "gate.pem"}"\n'
                f'key = "{self._files / "gate.key"}"\n'
                f'ca = "{self._files / "authority.pem"}"')
