#!/usr/bin/env python3
"""Parts of real mail as Python's email package decodes them and as Postern does.

usage: decoding.py [--dump build/dataplane/mime/mime-dump] [--messages 500] [--corpus FILE]

Each message three times: as it is, and with every leaf encoded anew in base64 and in quoted-printable, by
Python. Same parts, sizes and SHA-256 in all of them (see mime_parts.py for the judge and for where Python is no
mail client); and what was encoded anew must decode to the octets that the message held before. The last
line is `N passed, N failed, N skipped`, one count per message; without the corpus nothing is compared.
"""
import argparse
import base64
import collections
import email
import email.policy
import os
import quopri
import sys
import tarfile
import tempfile
from pathlib import Path

import mime_parts

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus.tar.xz"))
# A message is written as it was read: no line folded, no "From " changed.
AS_READ = email.policy.compat32.clone(max_line_length=None, mangle_from_=False)


def chosen(corpus, count):
    """`count` messages of the corpus, evenly spread over its folders: [(name, octets)]."""
    with tarfile.open(corpus) as archive:
        members = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda m: m.name)
        step = max(1, len(members) / count)
        picked = [members[int(n * step)] for n in range(min(count, len(members)))]
        return [(m.name.strip("./").replace("/", "-"), archive.extractfile(m).read()) for m in picked]


def in_base64(octets):
    return base64.encodebytes(octets)


def in_quoted_printable(octets):
    # Its own encoder, of lines; a CR is encoded, or it would be read as part of a line end.
    return b"\n".join(quopri.encodestring(line).rstrip(b"\n").replace(b"\r", b"=0D")
                      for line in octets.split(b"\n"))


def encoded_anew(source, name, encode):
    """The message with all its leaves in the transfer encoding `name`; None when it has none."""
    message = email.message_from_bytes(source, policy=AS_READ)
    changed = False
    for part in mime_parts.leaves(message):
        if part.is_multipart() or part.get_content_maintype() in ("multipart", "message"):
            continue
        octets, special = mime_parts.decoded(part)
        if special or octets is None:
            return None
        del part["content-transfer-encoding"]
        part["Content-Transfer-Encoding"] = name
        part.set_payload(encode(octets).decode("ascii"))
        changed = True
    return message.as_bytes(policy=AS_READ) if changed else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", default=ROOT / "build/dataplane/mime/mime-dump")
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    arguments = parser.parse_args()
    if not arguments.corpus.exists():
        print(f"skip: no {arguments.corpus}: nothing was compared")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="postern-parity-") as folder:
        return compare(arguments, Path(folder))


def compare(arguments, folder):
    originals = {}  # file of a message encoded anew: of the message itself
    files = []
    for name, octets in chosen(arguments.corpus, arguments.messages):
        original = folder / name
        original.write_bytes(octets)
        files.append(str(original))
        for encoding, encode in (("base64", in_base64), ("quoted-printable", in_quoted_printable)):
            if variant := encoded_anew(octets, encoding, encode):
                path = folder / f"{name}.{encoding}"
                path.write_bytes(variant)
                files.append(str(path))
                originals[str(path)] = str(original)
    ours = {}
    for at in range(0, len(files), 200):
        ours.update(mime_parts.read_ours(argparse.Namespace(scan=None, dump=str(arguments.dump)), files[at:at + 200]))

    classes, parts, failed = collections.Counter(), 0, 0
    for path in files:
        verdict, problems, count = "unexplained", ["no result"], 0
        if path in ours:
            verdict, problems, count = mime_parts.compare(path, ours[path])
        if verdict == "same" and path in originals:
            before = [part["sha256"] for part in ours[originals[path]]]
            after = [part["sha256"] for part in ours[path]]
            if before != after and mime_parts.compare(originals[path], ours[originals[path]])[0] == "same":
                verdict, problems = "unexplained", ["decodes to other octets than the message had"]
        classes[verdict] += 1
        parts += count
        if verdict == "unexplained":
            failed += 1
            print(f"FAIL {Path(path).name}: " + "; ".join(problems))
    print(f"{len(files)} messages, {len(originals)} of them encoded anew, {parts} parts")
    for name, count in classes.most_common():
        print(f"{count:6} {name}")
    print(f"{classes['same']} passed, {failed} failed, {len(files) - classes['same'] - failed} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
