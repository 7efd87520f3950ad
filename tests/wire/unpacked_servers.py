"""Exim and OpenSMTPD as senders. Debian's packages of them conflict with Postfix, so they are unpacked
and not installed (deploy/install-deps): each runs in a root directory of its own, with the libraries,
accounts and configuration it needs and nothing else of the host.
"""

import os
import re
import shutil
from pathlib import Path

from topology import SetupError, run, wait_until

UNPACKED = Path(__file__).resolve().parent.parent.parent / "build-packages"
# Deliveries are local calls of nobody; the accounts are those that the packages would make.
_ACCOUNTS = {"root": 0, "Debian-exim": 901, "opensmtpd": 902, "opensmtpq": 903, "nobody": 65534}

_EXIM = """\
primary_hostname = mail.customer.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
keep_environment =
log_selector = +smtp_confirmation
begin routers
back:
  driver = manualroute
  domains = customer.example
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
  hosts_avoid_tls = *
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
listen on 127.0.0.1 port {port} hostname mail.customer.example
action "back" relay host "smtp://127.0.0.1:{back}"
action "out" relay host "smtp://{relay}"
match from any for domain "customer.example" action "back"
match from any for any action "out"
"""


class UnpackedServer:
    """One server in `space`: takes mail at 127.0.0.1:`port`, sends it to `relay`; what is for
    customer.example goes back to 127.0.0.1:`back`."""

    package = program = ""

    def __init__(self, topology, space, relay, port, back):
        self.space, self.port = space, port
        self.root = topology.directory / self.package
        shutil.copytree(UNPACKED / self.package, self.root, symlinks=True)
        self._furnish()
        self._configure(relay=relay, port=port, back=back)
        # The mounts are seen by this process alone and end with it: `ip netns exec` gives it a mount
        # namespace of its own.
        self.process = topology.start(
            space.command("sh", "-ec", 'mount --bind /dev "$0/dev"; mount -t proc proc "$0/proc"; '
                          'exec chroot "$0" "$@"', self.root, *self._command()),
            f"{self.package}.log")
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
        (etc / "hosts").write_text("127.0.0.1 localhost mail.customer.example\n")
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

    def _folder(self, path, owner, mode):
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, _ACCOUNTS[owner], _ACCOUNTS[owner])
        folder.chmod(mode)

    def _helpers(self):
        return []


class Exim(UnpackedServer):
    package, program = "exim4-daemon-light", "usr/sbin/exim4"

    def _configure(self, **values):
        (self.root / "etc/exim4").mkdir(exist_ok=True)
        (self.root / "etc/exim4/exim4.conf").write_text(_EXIM.format(**values))
        self._folder("var/spool/exim4", "Debian-exim", 0o750)
        self._folder("var/log/exim4", "Debian-exim", 0o750)

    def _command(self):
        return ["/usr/sbin/exim4", "-bdf", "-q10s"]


class OpenSmtpd(UnpackedServer):
    package, program = "opensmtpd", "usr/sbin/smtpd"

    def _configure(self, **values):
        (self.root / "etc/smtpd.conf").write_text(_OPENSMTPD.format(**values))
        self._folder("var/lib/opensmtpd/empty", "root", 0o755)
        self._folder("var/spool/smtpd", "root", 0o711)

    def _command(self):
        return ["/usr/sbin/smtpd", "-d"]

    def _helpers(self):
        return [self.root / "usr/sbin/smtpctl"]
