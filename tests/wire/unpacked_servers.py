"""Exim and OpenSMTPD. Debian's packages of them conflict with Postfix, so they are unpacked
and not installed (deploy/install-deps): each runs in a root directory of its own, with the libraries,
accounts and configuration it needs and nothing else of the host.
"""

import itertools
import os
import re
import shutil
from pathlib import Path

from topology import SetupError, run, wait_until

UNPACKED = Path(__file__).resolve().parent.parent.parent / "build-packages"
# Deliveries are local calls of nobody; the accounts are those that the packages would make.
_numbers = itertools.count(1)
_ACCOUNTS = {"root": 0, "Debian-exim": 901, "opensmtpd": 902, "opensmtpq": 903, "nobody": 65534}

_EXIM = """\
primary_hostname = mail.{home}
local_interfaces = {listen}
daemon_smtp_ports = {port}
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
{tls}
keep_environment =
log_selector = +smtp_confirmation
begin routers
back:
  driver = manualroute
  domains = {home}
  transport = back
  route_list = * 127.0.0.1 byname
  self = send
out:
  driver = manualroute
  transport = out
  route_list = * {relay} byname
begin transports
out:
  driver = smtp
  {relay_tls}
  dnssec_request_domains =
back:
  driver = smtp
  port = {back}
  allow_localhost
  hosts_avoid_tls = *
  dnssec_request_domains =
begin retry
* * F,1h,5s
"""

_OPENSMTPD = """\
{tls}
listen on {listen} port {port} {listen_tls} hostname mail.{home}
action "back" relay host "smtp://127.0.0.1:{back}"
action "out" relay host "{scheme}://{relay}" {relay_tls}
match from any for domain "{home}" action "back"
match from any for any action "out"
"""


class UnpackedServer:
    """One server in `space`: takes mail at `listen`:`port`, sends it to `relay`; what is for the domain
    `home` goes to 127.0.0.1:`back`. It offers STARTTLS when it is given a `chain` (key and certificate
    in one file), and insists on it towards the relay when `relay_tls` says so."""

    package = program = ""

    def __init__(self, topology, space, relay, port, back, home="customer.example", listen="127.0.0.1",
                 chain=None, relay_tls=False):
        self.space, self.port = space, port
        self.root = topology.directory / f"{self.package}-{space.name}-{next(_numbers)}"
        shutil.copytree(UNPACKED / self.package, self.root, symlinks=True)
        self._furnish()
        if chain:
            self._chain(chain)
        self._configure(bool(chain), relay_tls, relay=relay, port=port, back=back, home=home, listen=listen)
        # The mounts are seen by this process alone and end with it: `ip netns exec` gives it a mount
        # namespace of its own.
        self.process = topology.start(
            space.command("sh", "-ec", 'mount --bind /dev "$0/dev"; mount -t proc proc "$0/proc"; '
                          'exec chroot "$0" "$@"', self.root, *self._command()),
            f"{self.root.name}.log")
        try:
            wait_until(self._listening, 30, f"{self.package} to listen")
        except TimeoutError as error:
            raise SetupError(f"{error}\n{self.process.tail()}") from None

    @classmethod
    def missing(cls):
        """Why it cannot run; None when it can."""
        if not (UNPACKED / cls.package / cls.program).exists():
            return f"{cls.package} is not unpacked: run deploy/install-deps --test"
        return None

    def _listening(self):
        if not self.process.running():
            raise SetupError(f"{self.package} ended: {self.process.tail()}")
        return f":{self.port} " in self.space.run("ss", "-ltnH")

    def _furnish(self):
        for folder in ("dev", "proc", "tmp", "etc", "var/run", "var/mail", "usr/bin"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").chmod(0o1777)
        etc = self.root / "etc"
        (etc / "passwd").write_text("".join(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
                                            for name, number in _ACCOUNTS.items()))
        (etc / "group").write_text("".join(f"{name}:x:{number}:\n" for name, number in _ACCOUNTS.items()))
        (etc / "hosts").write_text("127.0.0.1 localhost mail.customer.example mail.internet.example\n")
        (etc / "services").write_text("smtp 25/tcp\n")
        (etc / "mailname").write_text("mail.customer.example\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        authorities = etc / "ssl/certs/ca-certificates.crt"
        authorities.parent.mkdir(parents=True, exist_ok=True)
        authorities.touch()
        for binary in [self.root / self.program, *self._helpers()]:
            listed = run("ldd", binary)
            if lacking := re.findall(r"(\S+) => not found", listed):
                raise SetupError(f"{self.package} needs {', '.join(lacking)}: run deploy/install-deps --test")
            for library in re.findall(r"(/\S+) \(0x", listed):
                place = self.root / library.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                if not place.exists():
                    shutil.copy(library, place)

    def _chain(self, chain):
        """Where both servers look for it, in parts and whole."""
        text = Path(chain).read_text()
        at = text.index("-----BEGIN CERTIFICATE")
        for name, part in (("tls.key", text[:at]), ("tls.crt", text[at:]), ("tls.pem", text)):
            (self.root / "etc" / name).write_text(part)
            (self.root / "etc" / name).chmod(0o600)

    def _folder(self, path, owner, mode):
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, _ACCOUNTS[owner], _ACCOUNTS[owner])
        folder.chmod(mode)

    def _helpers(self):
        return []


class Exim(UnpackedServer):
    package, program = "exim4-daemon-light", "usr/sbin/exim4"

    def _configure(self, offers_tls, relay_tls, **values):
        values["tls"] = ("tls_advertise_hosts = *\ntls_certificate = /etc/tls.pem" if offers_tls
                         else "tls_advertise_hosts =")
        values["relay_tls"] = ("hosts_require_tls = *\n  tls_verify_hosts =\n  tls_try_verify_hosts ="
                               if relay_tls else "hosts_avoid_tls = *")
        if offers_tls:
            owner = _ACCOUNTS["Debian-exim"]
            os.chown(self.root / "etc/tls.pem", owner, owner)
        (self.root / "etc/exim4").mkdir(exist_ok=True)
        (self.root / "etc/exim4/exim4.conf").write_text(_EXIM.format(**values))
        self._folder("var/spool/exim4", "Debian-exim", 0o750)
        self._folder("var/log/exim4", "Debian-exim", 0o750)

    def _command(self):
        return ["/usr/sbin/exim4", "-bdf", "-q10s"]


class OpenSmtpd(UnpackedServer):
    package, program = "opensmtpd", "usr/sbin/smtpd"

    def _configure(self, offers_tls, relay_tls, **values):
        values["tls"] = 'pki here cert "/etc/tls.crt"\npki here key "/etc/tls.key"' if offers_tls else ""
        values["listen_tls"] = "tls pki here" if offers_tls else ""
        values["scheme"] = "smtp+tls" if relay_tls else "smtp+notls"
        values["relay_tls"] = "tls no-verify" if relay_tls else ""
        (self.root / "etc/smtpd.conf").write_text(_OPENSMTPD.format(**values))
        self._folder("var/lib/opensmtpd/empty", "root", 0o755)
        self._folder("var/spool/smtpd", "root", 0o711)

    def _command(self):
        return ["/usr/sbin/smtpd", "-d"]

    def _helpers(self):
        return [self.root / "usr/sbin/smtpctl"]
