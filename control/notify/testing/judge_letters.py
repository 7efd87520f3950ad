"""Reads letters as somebody else would: with Python's email package, strictly, and by RFC 5965's own words.

    judge_letters.py FOLDER    every *.eml in it; each has a *.json beside it that says what is expected:
        {"report": true|false, "sample": "text of the reported header, base64" | null, "xarf": true|false}

Prints one line for each thing that is wrong; the exit status is 1 when there is any.
"""

import base64
import hashlib
import json
import re
import sys
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

HEADER = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
          "Precedence", "X-Auto-Response-Suppress", "Content-Language", "X-Postern-Case", "MIME-Version",
          "Content-Type", "Content-Transfer-Encoding"}
# RFC 5965 3.1 and 3.2, RFC 6692: how often each may stand there.
ONCE = {"Feedback-Type", "User-Agent", "Version", "Original-Mail-From", "Arrival-Date", "Source-IP", "Incidents",
        "Reporting-MTA", "Source-Port"}
OFTEN = {"Original-Rcpt-To", "Reported-Domain", "Reported-URI"}
REQUIRED = {"Feedback-Type", "User-Agent", "Version"}
# XARF v4 for messaging/spam.
XARF = {"xarf_version": str, "report_id": str, "timestamp": str, "reporter": dict, "sender": dict,
        "source_identifier": str, "category": str, "type": str, "protocol": str, "smtp_from": str,
        "subject": str, "evidence_source": str}


def judge_report(parts, expected):
    types = [p.get_content_type() for p in parts]
    if types != ["text/plain", "message/feedback-report", "text/rfc822-headers"]:
        yield f"the parts of the report are {types}"
        return
    # Python reads message/* as a message with the fields as its header.
    inner = parts[1].get_payload()
    fields = inner[0].items() if isinstance(inner, list) else message_from_bytes(parts[1].get_payload(decode=True)).items()
    names = [name for name, _ in fields]
    if not set(names) <= ONCE | OFTEN:
        yield f"unknown fields in the report: {sorted(set(names) - ONCE - OFTEN)}"
    if not REQUIRED <= set(names):
        yield f"missing fields in the report: {sorted(REQUIRED - set(names))}"
    yield from (f"{name} stands there {names.count(name)} times" for name in ONCE if names.count(name) > 1)
    values = dict(fields)
    if values.get("Feedback-Type") != "abuse" or values.get("Version") != "1":
        yield f"Feedback-Type {values.get('Feedback-Type')}, Version {values.get('Version')}"
    if expected["sample"] is not None:
        found = parts[2].get_payload(decode=True)
        if found != base64.b64decode(expected["sample"]):
            yield f"the header reported is {found!r}"


def judge_xarf(octets):
    report = json.loads(octets)
    for name, kind in XARF.items():
        if not isinstance(report.get(name), kind):
            yield f"XARF: {name} is {report.get(name)!r}"
    if not re.fullmatch(r"4\.0\.0", report["xarf_version"]):
        yield "XARF: version"
    if not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", report["report_id"]):
        yield f"XARF: {report['report_id']} is no UUID"
    datetime.fromisoformat(report["timestamp"].replace("Z", "+00:00"))
    for who in ("reporter", "sender"):
        if set(report[who]) != {"org", "contact", "domain"}:
            yield f"XARF: {who} has {sorted(report[who])}"
    if report["category"] != "messaging" or report["type"] != "spam" or report["smtp_from"] in ("", "<>"):
        yield "XARF: category, type or smtp_from"
    if not 0 <= report.get("confidence", 0) <= 1:
        yield "XARF: confidence"
    for one in report.get("evidence", []):
        payload = base64.b64decode(one["payload"], validate=True)
        if one["hash"] != "sha256:" + hashlib.sha256(payload).hexdigest() or "content_type" not in one:
            yield "XARF: evidence"


def judge(octets, expected):
    if re.search(rb"(?<!\r)\n|\r(?!\n)", octets):
        yield "a line does not end with CRLF"
    if max(map(len, octets.split(b"\r\n"))) > 998:
        yield "a line is longer than 998 octets"
    if not octets.isascii() or b"\0" in octets:
        yield "octets that are not ASCII, or NUL"
    # Defects are collected, not raised: the parsed fields have theirs only when they are looked at.
    message = message_from_bytes(octets, policy=policy.SMTP)
    for name in HEADER - {"Reply-To", "In-Reply-To", "References", "Content-Language", "X-Postern-Case",
                          "Content-Transfer-Encoding"}:
        if len(message.get_all(name, [])) != 1:
            yield f"{name} stands there {len(message.get_all(name, []))} times"
    for name, value in message.items():
        if name not in HEADER:
            yield f"a field that is not ours: {name}"
        if value.defects:
            yield f"{name}: {value.defects}"
    for part in message.walk():
        if part.defects:
            yield f"{part.get_content_type()}: {part.defects}"
    if message["Auto-Submitted"] != "auto-generated":
        yield "Auto-Submitted"
    message["Date"].datetime.timestamp()
    parts = list(message.iter_parts()) if message.is_multipart() else []
    report = message
    if message.get_content_type() == "multipart/mixed":
        report = parts[0]
        attached = parts[1:]
    else:
        attached = []
    if expected["report"]:
        if report.get_content_type() != "multipart/report" or report.get_param("report-type") != "feedback-report":
            yield f"no report: {report.get_content_type()}"
        else:
            yield from judge_report(report.get_payload(), expected)
            text = report.get_payload()[0]
            text.get_content().encode()
    elif report.get_content_type() != "text/plain":
        yield f"a report that nobody wants: {report.get_content_type()}"
    if [p.get_content_type() for p in attached] != (["application/json"] if expected["xarf"] else []):
        yield f"attached: {[p.get_content_type() for p in attached]}"
    for part in attached:
        yield from judge_xarf(part.get_payload(decode=True))


def main(folder):
    wrong = 0
    letters = sorted(Path(folder).glob("*.eml"))
    for file in letters:
        expected = json.loads(file.with_suffix(".json").read_text())
        for complaint in judge(file.read_bytes(), expected):
            print(f"{file.name}: {complaint}")
            wrong += 1
    print(f"{len(letters)} letters, {wrong} complaints")
    return 1 if wrong or not letters else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
