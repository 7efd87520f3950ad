#!/usr/bin/env python3
"""Compares the parts that Postern finds in message files with those of Python's email package.

usage: mime_parts.py [--scan 'postern scan --json' | --dump build/dataplane/mime/mime-dump] FILE...

Same leaf parts in the same order, same types, decoded sizes and SHA-256. A difference is explained
or fails the comparison; the explanations are the classes below, where Python's reading is known to
be another than a mail client's.
"""
import argparse
import base64
import collections
import email
import email.policy
import hashlib
import json
import quopri
import re
import shlex
import subprocess
import sys


def leaves(message):
    """The leaf parts, as a mail client sees them."""
    # Python takes the fields of a delivery status apart as messages; they are one leaf.
    if message.get_content_type() == "message/delivery-status" or not message.is_multipart():
        yield message
        return
    for part in message.get_payload():
        yield from leaves(part)


def decoded(part):
    """The part's octets after its transfer encoding, and the name of what is special about them."""
    if part.is_multipart():
        return None, "delivery status, taken apart by Python"
    octets = part.get_payload(decode=True) or b""
    # get_payload(decode=False) would already have read the charset.
    raw = (part._payload or "").encode("ascii", "surrogateescape")
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "quoted-printable":
        # RFC 2045 6.7 rule 3: white space at line ends is not part of the text. Python keeps it.
        stripped = re.sub(rb"[ \t]+(?=\r?\n)", b"", raw)
        name = 'Python reads "==" as one "="' if b"==" in raw else None
        return quopri.decodestring(stripped), name
    if encoding == "base64":
        compact = re.sub(rb"[^A-Za-z0-9+/=]", b"", raw)
        if b"=" in compact.rstrip(b"="):
            return octets, "base64 goes on after its padding"
        if len(compact.rstrip(b"=")) % 4 == 1:
            return octets, "base64 ends within a character"
        if re.search(rb"[^A-Za-z0-9+/=\s]", raw):
            return base64.b64decode(compact.rstrip(b"=") + b"=" * (-len(compact.rstrip(b"=")) % 4)), None
    if encoding.startswith("x-uu") or encoding in ("uuencode", "uue"):
        return raw, None  # text to us
    return octets, None


def explain(message, source):
    """Why Python's reading of a whole message may differ from a mail client's; None when it should not."""
    if re.search(rb"\r(?!\n)", source):
        return "bare carriage returns end lines for Python"
    if re.search(rb"[\v\f\x1c-\x1e]", source.split(b"\n\n", 1)[0]):
        return "control characters end header lines for Python"
    for part in message.walk():
        if len(part.get_all("content-transfer-encoding", [])) > 1 or len(part.get_all("content-type", [])) > 1:
            return "a field stands twice: Python takes the first, SpamAssassin and we the last"
        for defect in part.defects:
            name = type(defect).__name__
            if name == "CloseBoundaryNotFoundDefect":
                return "no end boundary: Python drops the last line end as if one followed"
            if name in ("StartBoundaryNotFoundDefect", "MissingHeaderBodySeparatorDefect",
                        "NoBoundaryInMultipartDefect", "MultipartInvariantViolationDefect",
                        "FirstHeaderLineIsContinuationDefect"):
                return "damaged structure: " + name
    return None


def read_ours(arguments, files):
    command = shlex.split(arguments.scan) if arguments.scan else [arguments.dump]
    output = subprocess.run(command + files, check=False, stdout=subprocess.PIPE).stdout
    results = {}
    for line in output.splitlines():
        event = json.loads(line)
        results[event["file"]] = event["parts"]
    return results


def compare(path, ours):
    source = open(path, "rb").read()
    message = email.message_from_bytes(source, policy=email.policy.compat32)
    theirs = list(leaves(message))
    problems = []
    special = None
    if len(theirs) != len(ours):
        problems.append(f"{len(theirs)} parts for Python, {len(ours)} for us")
    for index, (part, own) in enumerate(zip(theirs, ours)):
        octets, name = decoded(part)
        special = special or name
        if octets is None:
            continue
        if part.get_content_type() != own["content_type"] and own["content_type"].count("/") == 1:
            problems.append(f"part {index}: type {part.get_content_type()} / {own['content_type']}")
        if len(octets) != own["decoded_bytes"]:
            problems.append(f"part {index}: {len(octets)} bytes / {own['decoded_bytes']}")
        elif hashlib.sha256(octets).hexdigest() != own["sha256"]:
            problems.append(f"part {index}: sha256 differs")
    if not problems:
        return "same", [], len(theirs)
    return special or explain(message, source) or "unexplained", problems, len(theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", help="command that prints one JSON object with file and parts per message")
    parser.add_argument("--dump", default="build/dataplane/mime/mime-dump", help="the mime-dump test tool")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("files", nargs="+", metavar="FILE")
    arguments = parser.parse_args()
    ours = {}
    for at in range(0, len(arguments.files), 200):
        ours.update(read_ours(arguments, arguments.files[at:at + 200]))
    classes = collections.Counter()
    parts = 0
    for path in arguments.files:
        if path not in ours:
            classes["unexplained"] += 1
            print(f"{path}: no result")
            continue
        verdict, problems, count = compare(path, ours[path])
        classes[verdict] += 1
        parts += count
        if problems and (arguments.verbose or verdict == "unexplained"):
            print(f"{path}: {verdict}: " + "; ".join(problems))
    print(f"{len(arguments.files)} messages, {parts} parts")
    for name, count in classes.most_common():
        print(f"{count:6} {name}")
    return 1 if classes["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
