"""The messages that the demo and the wire tests send, and how an arrived one is compared."""

import base64
import hashlib
import json
import quopri
import random
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "messages"
# RFC-style test pattern of the field: every filter takes it for spam, nothing else contains it.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True)
class Message:
    name: str
    spam: bool
    octets: bytes          # CRLF line ends, ends in CRLF
    note: str = ""

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
                    crlf((_FOLDER / entry["file"]).read_bytes()), entry["note"])
            for entry in manifest["messages"]]


def generated(number, spam):
    """Message `number` of an endless series: plain, base64 HTML or quoted-printable, 0.5 to 60 KB.

    Always the same for the same number, no two alike. Spam carries GTUBE somewhere in its text.
    """
    chance = random.Random(number * 2 + spam)
    words = ("minutes of the meeting on Tuesday are attached please read them before lunch and tell "
             "Maria when the printer works again because the parts arrived yesterday").split()
    size = int(2 ** chance.uniform(8, 15.5))
    lines, length = [], 0
    while length < size:
        line = " ".join(chance.choices(words, k=chance.randint(3, 11)))
        if chance.random() < 0.05:
            line = "." + line                     # to be dot-stuffed on the wire
        lines.append(line)
        length += len(line) + 2
    if spam:
        lines.insert(chance.randrange(len(lines) + 1), GTUBE)
    text = "\r\n".join(lines) + "\r\n"
    kind = ("plain", "base64", "quoted-printable")[number % 3]
    head = (f"From: Sender {number} <sender@customer.example>\r\n"
            f"To: Reader <reader@internet.example>\r\n"
            f"Subject: Minutes, part {number}\r\n"
            f"Date: Tue, 5 Mar 2024 09:{number // 60 % 60:02}:{number % 60:02} +0000\r\n"
            f"Message-ID: <{number}.{int(spam)}@customer.example>\r\n"
            f"MIME-Version: 1.0\r\n")
    if kind == "plain":
        head += "Content-Type: text/plain; charset=us-ascii\r\n"
        body = text.encode()
    elif kind == "base64":
        head += "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
        html = "<html><body><p>" + text.replace("\r\n", "<br>\r\n") + "</p></body></html>\r\n"
        body = crlf(base64.encodebytes(html.encode()))
    else:
        head += ("Content-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: quoted-printable\r\n")
        body = crlf(quopri.encodestring(("Grüße\r\n" + text).replace("\r\n", "\n").encode()))
    return Message(f"{kind}-{number}", spam, head.encode() + b"\r\n" + body)


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


def difference(sent, arrived):
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
    strange = added - {b"return-path", b"x-original-to", b"delivered-to", b"received"}
    if strange:
        return f"unexpected header lines: {b', '.join(sorted(strange)).decode()}"
    return None


def identity(octets):
    """The Message-ID, by which a message is found again."""
    for line in split(octets)[0]:
        if line.lower().startswith(b"message-id:"):
            return line.split(b":", 1)[1].strip().decode()
    return None
