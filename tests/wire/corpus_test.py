"""Real mail through the gate: what it decides on the wire is what `postern scan` says of the file."""

import os
import tarfile
import threading
import time
from pathlib import Path

from appliance import ROOT
from laboratory import WireTest
from messages import crlf
from smtp_client import deliver_all
from topology import SINK

CORPUS = Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus.tar.xz"))
CONNECTIONS = 6
SECONDS = 240


class RealMail(WireTest):

    needs_appliance = True

    def unpacked(self):
        """The corpus as files with the octets that are sent: {path: octets}."""
        folder = self.lab.topology.directory / "corpus"
        folder.mkdir(exist_ok=True)
        messages = {}
        with tarfile.open(CORPUS) as archive:
            for member in archive:
                if member.isfile():
                    # Of the line ends that the archive has, the wire knows only CRLF.
                    octets = crlf(archive.extractfile(member).read().replace(b"\r", b""))
                    path = folder / member.name.replace("/", "-")
                    path.write_bytes(octets)
                    messages[path] = octets
        return messages

    def test_the_gate_decides_as_the_scanner_does(self):
        if not CORPUS.exists():
            self.skipTest("no ../shared/corpus.tar.xz beside the project")
        messages = self.unpacked()
        paths = sorted(messages)
        refused = {path for path, score in self.lab.gate.scan(paths).items() if score >= 5.0}
        outcomes = {}

        def work(lane):
            for outcome in deliver_all(self.lab.customer, SINK, self.SOURCE,
                                       range(lane, len(paths), CONNECTIONS),
                                       lambda n: messages[paths[n]], time.monotonic() + SECONDS,
                                       self.SENDER, self.READER):
                outcomes[paths[outcome.number]] = outcome

        threads = [threading.Thread(target=work, args=(lane,)) for lane in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        wrong = [f"{path.name}: {outcomes[path].replies} {outcomes[path].text}" for path in paths
                 if outcomes[path].replies != [554 if path in refused else 250]]
        self.assertFalse(wrong, f"{len(wrong)} of {len(paths)} decided otherwise than the scanner:\n" +
                         "\n".join(wrong[:20]))
        self.assertEqual(len(self.lab.sink.received), len(paths) - len(refused))
        self.assertEqual(sorted(r.message for r in self.lab.sink.received),
                         sorted(messages[path] for path in paths if path not in refused))
        print(f"       {len(paths)} messages, {len(refused)} refused")
