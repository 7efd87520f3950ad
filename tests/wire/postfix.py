"""A real Postfix of its own: configuration, queue, data and log below one directory.

Nothing of the host's Postfix, if there is one, is read or written. Lookups in the DNS are off: the
namespaces have none.
"""

import json
import os

from topology import SetupError, run, wait_until

_DAEMONS = "/usr/lib/postfix/sbin"
# service type private unpriv chroot wakeup maxproc command
_MASTER = """\
{listen}:smtp inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
# Delivers as nobody: an account that every Debian has and nothing else here uses.
_MAILBOX_USER = 65534


class Postfix:
    """One instance. Mail for `domain` (or several, by spaces) lands in a Maildir; other mail goes to `relay`, if given."""

    def __init__(self, topology, space, name, domain, listen, relay=None, settings=None):
        if not os.access("/usr/sbin/postfix", os.X_OK):
            raise SetupError("Postfix is missing: run deploy/install-deps --demo")
        self.space, self.name, self.domain = space, name, domain
        self.directory = topology.directory / name
        self.log = self.directory / "mail.log"
        self.mailbox = self.directory / "mail" / "box"
        self._read_log = 0
        for part in ("etc", "queue", "data", "mail"):
            (self.directory / part).mkdir(parents=True)
        os.chown(self.directory / "mail", _MAILBOX_USER, _MAILBOX_USER)
        run("chown", "postfix", self.directory / "data")
        main = {
            "compatibility_level": "3.6",
            "queue_directory": self.directory / "queue",
            "data_directory": self.directory / "data",
            "daemon_directory": _DAEMONS,
            "maillog_file": self.log,
            "maillog_file_prefixes": self.directory,
            "myhostname": f"mail.{domain.split()[0]}",
            "mydestination": "",
            "inet_interfaces": "all",
            "inet_protocols": "all",
            "mynetworks": "127.0.0.0/8 198.18.0.0/15 [fd00:18::]/64",
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "alias_maps": "",
            "alias_database": "",
            "virtual_mailbox_domains": domain,
            "virtual_mailbox_base": self.directory / "mail",
            "virtual_mailbox_maps": "static:box/",
            "virtual_uid_maps": f"static:{_MAILBOX_USER}",
            "virtual_gid_maps": f"static:{_MAILBOX_USER}",
            "virtual_mailbox_limit": "0",
            "relayhost": f"[{relay}]" if relay else "",
            "default_transport": "smtp" if relay else "error:this server relays nothing",
            "smtp_connect_timeout": "10s",
            "smtp_mx_session_limit": "1",
            # Mail is to arrive as it was sent: no line folded, no header added, no text converted.
            "smtp_line_length_limit": "0",
            "line_length_limit": "65536",
            "local_header_rewrite_clients": "",
            "disable_mime_output_conversion": "yes",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_error_sleep_time": "0",
            # The bounce quotes what was refused.
            "bounce_size_limit": "50000",
            **(settings or {}),
        }
        (self.directory / "etc/main.cf").write_text(
            "".join(f"{key} = {value}\n" for key, value in main.items()))
        (self.directory / "etc/master.cf").write_text(_MASTER.format(listen=listen))
        self._topology = topology
        self.process = None
        self.start()

    def start(self):
        # What `postfix start` does, but with the master as a child of ours.
        self.space.run("/usr/sbin/postfix", "-c", self.directory / "etc", "check")
        self.process = self._topology.start(
            self.space.command(f"{_DAEMONS}/master", "-c", self.directory / "etc", "-d"),
            f"{self.name}/start.log")
        try:
            wait_until(self._listening, 30, f"{self.name} to listen")
        except (SetupError, TimeoutError) as error:
            raise SetupError(f"{self.name} did not start: {error}; see {self.log}") from None

    def stop(self):
        self.process.stop()

    def set(self, **settings):
        """Changes settings of the running server."""
        for name, value in settings.items():
            self.space.run("/usr/sbin/postconf", "-c", self.directory / "etc", "-e", f"{name}={value}")
        self._run("postfix", "reload")

    def queue(self):
        """The messages not yet delivered, as postqueue tells."""
        text = self._run("postqueue", "-j")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def flush(self):
        """Tries all deferred mail again now."""
        self._run("postqueue", "-f")

    def settle(self, timeout_s=60):
        """Waits until nothing is on its way: what stays is deferred. Returns that."""
        def settled():
            # Empty twice, or a message could be between two queues while we look.
            waiting = self.queue()
            return all(m["queue_name"] in ("deferred", "hold") for m in waiting) and \
                waiting == self.queue() and self._accounted()
        wait_until(settled, timeout_s, f"the queue of {self.name} to settle", poll_s=0.1)
        return self.queue()

    def delivered(self):
        """What lies in the Maildir: a list of message octets, line ends LF."""
        folder = self.mailbox / "new"
        return [f.read_bytes() for f in sorted(folder.iterdir())] if folder.is_dir() else []

    def empty(self):
        """Forgets all mail: queue and mailbox."""
        self._run("postsuper", "-d", "ALL", check=False)
        folder = self.mailbox / "new"
        for file in folder.iterdir() if folder.is_dir() else []:
            file.unlink()

    def log_lines(self):
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def _accounted(self):
        """Every message that the queue manager took up has been removed or deferred."""
        active, done = set(), set()
        for line in self.log_lines():
            if "/qmgr[" in line:
                number = line.split("/qmgr[", 1)[1].split(": ", 2)[1]
                if line.endswith("removed"):
                    done.add(number)
                    active.discard(number)
                elif "queue active" in line:
                    active.add(number)
        return not active - {m["queue_id"] for m in self.queue()}

    def _listening(self):
        if not self.process.running():
            raise SetupError(self.process.tail())
        # Asked of the kernel, not by a connection: that would be one more line in the log.
        return ":25 " in self.space.run("ss", "-ltnH") and self.log.exists()

    def _run(self, program, *arguments, check=True):
        return self.space.run(f"/usr/sbin/{program}", "-c", self.directory / "etc", *arguments,
                              check=check)
