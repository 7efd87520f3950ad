"""The messages that the demo and the wire tests send, and how an arrived one is compared."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
import mailgen  # noqa: E402

_FOLDER = Path(__file__).resolve().parent.parent / "messages"
# RFC-style test pattern of the field: every filter takes it for spam, nothing else contains it.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True)
class Message:
    name: str
    spam: bool
    octets: bytes          # CRLF line ends, ends in CRLF
    description: str = ""

    @property
    def sha256(self):
        return hashlib.sha256(self.octets).hexdigest()


def crlf(octets):
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def shipped():
    """The messages of tests/messages: those that must pass and those that must be refused."""
    manifest = json.loads((_FOLDER / "MANIFEST.json").read_text())
    return [Message(entry["file"], entry["kind"] == "spam",
                    crlf((_FOLDER / entry["file"]).read_bytes()), entry["description"])
            for entry in manifest]


def generated(number, spam):
    """Message `number` of an endless series of ham or of spam; the same each time, no two alike."""
    made = mailgen.compose(seed=2 if spam else 1, number=number, spam=float(spam), attachments=0.012)
    return Message(f"{made.name} ({made.encoding})", spam, made.octets, made.family)


def split(octets):
    """Header lines (folded ones joined with their first) and the body, line ends as they came."""
    for gap in (b"\r\n\r\n", b"\n\n"):
        if gap in octets:
            head, body = octets.split(gap, 1)
            break
    else:
        head, body = octets, b""
    lines = []
    for line in head.replace(b"\r\n", b"\n").split(b"\n"):
        if lines and line[:1] in (b" ", b"\t"):
            lines[-1] += b"\n" + line
        else:
            lines.append(line)
    return lines, body


def difference(sent, arrived, added_by_servers=frozenset()):
    """What distinguishes an arrived message (as it lies in a Maildir, LF) from the one sent.

    None when its body is octet for octet the one sent and its header ends with the lines sent: mail
    servers put theirs before those.
    """
    sent_lines, sent_body = split(sent)
    lines, body = split(arrived)
    if body.replace(b"\r\n", b"\n") != sent_body.replace(b"\r\n", b"\n"):
        return f"the body differs: {len(sent_body)} octets sent, {len(body)} arrived"
    if lines[-len(sent_lines):] != sent_lines:
        return "header lines are changed or missing"
    added = {line.split(b":")[0].lower() for line in lines[:-len(sent_lines)]}
    strange = added - {b"return-path", b"x-original-to", b"delivered-to", b"received"} - added_by_servers
    if strange:
        return f"unexpected header lines: {b', '.join(sorted(strange)).decode()}"
    return None


def identity(octets):
    """The Message-ID, by which a message is found again."""
    for line in split(octets)[0]:
        if line.lower().startswith(b"message-id:"):
            return line.split(b":", 1)[1].strip().decode()
    return None
