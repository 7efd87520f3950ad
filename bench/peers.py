"""Peers: SpamAssassin and rspamd with the same rules on the same messages, over loopback, beside Postern.

SpamAssassin is Debian's spamd with one child: local tests alone, no Bayes, and the plugins whose rules Postern runs, all
from the rule files that Postern compiles; it is asked as spamc asks. rspamd is Debian's with one normal worker and its
module for SpamAssassin's rules alone, the same files; it is asked over HTTP. Both keep what they keep from message to message,
and have seen every message once before the clock runs. What is counted is the CPU time of the process that scans, as the
kernel has it, so that neither the client nor a neighbour is.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'tests/parity'))

import rules as parity  # noqa: E402

RULES = pathlib.Path('/usr/share/spamassassin')
PEERS = ['spamassassin', 'rspamd']
ROWS = [f'peer.{of}{peer}' for peer in PEERS for of in ('', 'postern.')]
INPUT = 'mail'
MESSAGES = {True: 60, False: 200}  # quick or not
PATIENCE_S = 20
TICKS = os.sysconf('SC_CLK_TCK')
PACKAGES = {'spamd': 'spamd', 'rspamd': 'rspamd'}


def selected(expression):
    return any(re.search(expression, row) for row in ROWS)


def missing():
    """What keeps the peers from being measured; None when nothing does."""
    if not RULES.is_dir():
        return f'no {RULES} (apt-get install spamassassin)'
    absent = [package for program, package in PACKAGES.items() if not find(program)]
    return f'no {" and no ".join(absent)} (apt-get install --no-install-recommends {" ".join(absent)})' if absent else None


def find(program):
    return shutil.which(program, path=f'{os.environ.get("PATH", "")}:/usr/sbin')


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children(pid):
    found = []
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(')')[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


class Peer:
    """A server that was started for this; scan() has it judge one message."""
    def __init__(self, command, folder, port):
        self.port = port
        self.log = open(folder / f'{type(self).__name__}.log', 'wb')
        self.server = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port), timeout=1).close()
                break
            if self.server.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f'bench: {type(self).__name__} does not listen: see {self.log.name}: nothing is reported')
            time.sleep(0.05)
        self.hits = 0

    def pass_over(self, messages):
        """CPU seconds of a message."""
        self.hits = 0
        worker = self.worker()
        before = cpu_seconds(worker)
        for octets in messages:
            self.hits += len(self.scan(octets))
        took = cpu_seconds(worker) - before
        if self.worker() != worker:
            raise SystemExit(f'bench: {type(self).__name__} began another process meanwhile: nothing is reported')
        return took / len(messages)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGTERM)
        self.server.wait()
        self.log.close()


class SpamAssassin(Peer):
    def __init__(self, folder):
        site = folder / 'site'
        site.mkdir()
        plugins = ''.join(f'loadplugin Mail::SpamAssassin::Plugin::{name}\n' for name in parity.PLUGINS.split(','))
        (site / 'init.pre').write_text(plugins)
        (site / 'local.cf').write_text('use_bayes 0\nnormalize_charset 1\n')
        port = free_port()
        super().__init__([find('spamd'), '--local', '--nouser-config', '--max-children=1', '--min-children=1',
                          '--max-conn-per-child=1000000', '--syslog=stderr', f'--configpath={RULES}',
                          f'--siteconfigpath={site}', '--listen=127.0.0.1', f'--port={port}', '--helper-home-dir=/nonexistent'],
                         folder, port)

    def worker(self):
        deadline = time.monotonic() + PATIENCE_S
        while not (found := children(self.server.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if len(found) != 1:
            raise SystemExit(f'bench: spamd has {len(found)} children, not one: nothing is reported')
        return found[0]

    def scan(self, octets):
        with socket.create_connection(('127.0.0.1', self.port), timeout=PATIENCE_S) as peer:
            peer.sendall(f'SYMBOLS SPAMC/1.5\r\nContent-length: {len(octets)}\r\n\r\n'.encode() + octets)
            peer.shutdown(socket.SHUT_WR)
            answer = b''.join(iter(lambda: peer.recv(65536), b''))
        head, _, symbols = answer.partition(b'\r\n\r\n')
        if not re.match(rb'SPAMD/\S+ 0 ', head):
            raise SystemExit(f'bench: spamd answered {head[:80]!r}: nothing is reported')
        return [name for name in symbols.decode().strip().split(',') if name]


RSPAMD = '''
options { filters = ""; pidfile = "%(folder)s/rspamd.pid"; dns { nameserver = ["127.0.0.1:9"]; timeout = 0.01s; retransmits = 1; }
          task_timeout = 60s; one_shot = true; url_tld = "/usr/share/rspamd/effective_tld_names.dat"; }
logging { type = "file"; filename = "%(folder)s/rspamd.log"; level = "warning"; }
worker "normal" { bind_socket = "127.0.0.1:%(port)d"; count = 1; task_timeout = 60s; }
modules { path = "/usr/share/rspamd/plugins/spamassassin.lua"; }
spamassassin { ruleset = "%(rules)s/*.cf"; }
metric { name = "default"; actions { reject = 5; } }
'''


class Rspamd(Peer):
    def __init__(self, folder):
        folder.chmod(0o755)
        port = free_port()
        config = folder / 'rspamd.conf'
        config.write_text(RSPAMD % {'folder': folder, 'port': port, 'rules': RULES})
        super().__init__([find('rspamd'), '--no-fork', '--insecure', f'--config={config}'], folder, port)

    def worker(self):
        found = [child for child in children(self.server.pid)
                 if b'normal' in pathlib.Path(f'/proc/{child}/cmdline').read_bytes()]
        if len(found) != 1:
            raise SystemExit(f'bench: rspamd has {len(found)} normal workers, not one: nothing is reported')
        return found[0]

    def scan(self, octets):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)
        connection.request('POST', '/checkv2', octets)
        answer = connection.getresponse()
        report = json.loads(answer.read())
        connection.close()
        if answer.status != 200 or 'symbols' not in report:
            raise SystemExit(f'bench: rspamd answered {answer.status} {report}: nothing is reported')
        return list(report['symbols'])


def postern_pass(program, artefact, folder, count, output):
    """CPU seconds of a whole message, frame in to frame out, with Debian's rules."""
    subprocess.run([str(program), f'--set=spamassassin={artefact}', f'--input={INPUT}={folder}',
                    f'--group={INPUT}:spamassassin:64:{count}', '--filter=^whole', '--repetitions=1', '--seconds=0.5',
                    f'--output={output}'], check=True, stderr=subprocess.DEVNULL)
    rows = json.loads(output.read_text())['rows']
    return next(row['microseconds_each'] for row in rows if row['row'].startswith('whole.')) * 1e-6


def measure(program, artefact, folder, scratch, quick):
    """Rows of the peers and of Postern beside them, on `.eml` files of `folder`."""
    count = MESSAGES[quick]
    files = sorted(folder.rglob('*.eml'))
    # As bench/mail.cc takes them: evenly of all.
    files = [files[i * len(files) // count] for i in range(count)] if len(files) > count else files
    count = len(files)
    messages = [file.read_bytes().replace(b'\r\n', b'\n') for file in files]
    mail = scratch / 'peers'
    mail.mkdir()
    for file in files:
        shutil.copy(file, mail)
    seconds = {name: [] for name in ['postern', *PEERS]}
    with contextlib.ExitStack() as stack:
        peers = {}
        for name, kind in zip(PEERS, (SpamAssassin, Rspamd)):
            room = scratch / name
            room.mkdir()
            peers[name] = kind(room)
            stack.callback(peers[name].stop)
            peers[name].pass_over(messages)
        for _ in range(3 if quick else 5):
            seconds['postern'].append(postern_pass(program, artefact, mail, count, scratch / 'postern.json'))
            for name, peer in peers.items():
                seconds[name].append(peer.pass_over(messages))
        hits = {name: peer.hits for name, peer in peers.items()}
    for name, found in hits.items():
        if found < len(messages):
            raise SystemExit(f'bench: {name} hit {found} rules in {len(messages)} messages: it has not run them; nothing is '
                             'reported')
    return [row for peer in PEERS for row in rows_of(peer, seconds, f'{count} messages of {INPUT}', hits[peer])]


def rows_of(peer, seconds, given, hits):
    """The peer's row, and Postern's beside it."""
    whats = {'spamassassin': 'spamd, one child, local tests', 'rspamd': 'rspamd, one worker, its module for these rules alone'}
    theirs = row_of(f'peer.{peer}', whats[peer], seconds[peer], given) | {'hits': hits}
    ours = row_of(f'peer.postern.{peer}', "whole messages through a worker, Debian's rules", seconds['postern'], given)
    ratios = [their / our for their, our in zip(seconds[peer], seconds['postern'])]
    middle = statistics.median(ratios)
    ours |= {'compared_with': theirs['row'], 'ratio': float(f'{middle:.4g}'), 'ratio_is': 'rate',
             'ratios': [float(f'{ratio:.4g}') for ratio in ratios],
             'ratio_spread': round((max(ratios) - min(ratios)) / middle, 3)}
    return [theirs, ours]


def row_of(name, what, took, given):
    middle = statistics.median(took)
    return {'row': name, 'what': what, 'unit': 'messages/s', 'value': float(f'{1 / middle:.4g}'),
            'spread': round((max(took) - min(took)) / middle, 3), 'repetitions': [float(f'{1 / each:.4g}') for each in took],
            'microseconds_each': float(f'{middle * 1e6:.4g}'), 'input': given}
