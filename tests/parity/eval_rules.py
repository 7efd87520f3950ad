#!/usr/bin/env python3
"""Eval rules as SpamAssassin answers them and as Postern does, message by message.

usage: eval_rules.py [--postern build/control/cli/postern] [--rules /usr/share/spamassassin] [--messages 300]
                     [--corpus FILE] [--verbose]

The calls of functions that Postern has are taken out of the rule files, each under a name of its own and with a
score, and asked of both over the same messages. Pairs of message and rule that either hits are counted; those on
which they differ are listed by rule. The last line is `N passed, N failed, N skipped`, one count per rule: a rule
fails when more than one pair in a hundred differs, unless the difference is a known one. Without the corpus or SpamAssassin nothing is compared.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus.tar.xz"))
JUDGE = ROOT / "patterns/sets/spamassassin_hits.pl"
CALL = re.compile(r"^\s*(body|header|rawbody|full|uri)\s+\S+\s+eval:(\w+)\s*(\(.*\))?\s*$")
ROW = re.compile(r'EvalFunction\{"(\w+)", "(\w+)"')
SETTING = re.compile(r"^\s*(freemail_\w+|util_rb_\w+|fns_\w+|enlist_addrlist)\s")
# Of each function what the rule files do not ask.
MORE = """
body html_text_not_match('title', '^[A-Z]')
body html_eval('max_size', '>= 4')
body html_range('min_size', '-1', '2')
body html_tag_exists('table')
body html_tag_exists('!doctype')
body check_for_mime('mime_multipart_alternative')
body check_for_mime('mime_missing_boundary')
body check_for_mime('mime_body_text_count')
body check_for_mime('mime_ascii_text_illegal')
body check_qp_ratio('0.05')
body check_mime_multipart_ratio('0.3','0.6')
body check_body_length('3000')
body check_blank_line_ratio('20','40')
body tvd_vertical_words('12','18')
body check_stock_info('1')
body multipart_alternative_difference('20', 'undef')
body multipart_alternative_difference('0', '10')
body check_for_uppercase('5', '10')
header similar_recipients('0.1','0.5')
header check_header_count_range('Received','3','5')
header check_for_to_in_subject('address')
header check_for_shifted_date('0', 'undef')
header check_for_shifted_date('-2', '0')
header check_illegal_chars('Subject','0.00','1')
header check_freemail_body()
header check_freemail_body('^[a-m]')
header check_freemail_from('[0-9]')
header check_freemail_header('From')
header check_freemail_header('To')
header check_to_in_list('GOV')
header check_fromname_different()
header check_fromname_domain_differ()
header check_fromname_owners_differ()
header check_fromname_contains_email()
header check_fromname_spoof('2')
body check_https_http_mismatch()
"""


def functions():
    """Functions of ours: {name: plugin}."""
    table = (ROOT / "patterns/language/eval_function.cc").read_text()
    return dict(ROW.findall(table))


def calls(folder, ours):
    found = []
    lines = [line for path in sorted(Path(folder).glob("*.cf"))
             for line in path.read_text(errors="replace").splitlines()]
    lines += [re.sub(r"^(\w+) ", r"\1 X eval:", line) for line in MORE.splitlines()]
    for line in lines:
        match = CALL.match(line.split("#")[0])
        if match and match.group(2) in ours:
            call = (match.group(1), match.group(2) + (match.group(3) or "()"))
            if call not in found:
                found.append(call)
    return found


def settings(folder):
    """What the rule files tell functions, and the top level domains, which SpamAssassin has from there alone."""
    return "".join(f"{line}\n" for path in sorted(Path(folder).glob("*.cf"))
                   for line in path.read_text(errors="replace").splitlines() if SETTING.match(line))


def rule_text(found, settings_lines):
    return settings_lines + "".join(
        f"{kind} E{n} eval:{call}\nscore E{n} 1\n" for n, (kind, call) in enumerate(found))


def messages(corpus, count, folder):
    names = []
    if corpus.is_dir():
        paths = sorted(p for p in corpus.rglob("*") if p.is_file())
        step = max(1, len(paths) / count)
        return [str(paths[int(n * step)]) for n in range(min(count, len(paths)))]
    with tarfile.open(corpus) as archive:
        members = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda m: m.name)
        step = max(1, len(members) / count)
        for n in range(min(count, len(members))):
            member = members[int(n * step)]
            path = folder / f"{n:05}-{Path(member.name).name}"
            path.write_bytes(archive.extractfile(member).read())
            names.append(str(path))
    return names


def hits_of(command, names):
    run = subprocess.run(command, input="\n".join(names) + "\n", capture_output=True, text=True)
    if run.returncode not in (0, 1):
        sys.exit(f"{command[0]}: exit {run.returncode}\n{run.stderr[-2000:]}")
    out = {}
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            out[told["file"]] = {r["name"] if isinstance(r, dict) else r for r in told["rules"]}
    return out


def compare(arguments, folder):
    ours = functions()
    found = calls(arguments.rules, ours)
    rules = folder / "rules"
    rules.mkdir()
    (rules / "evals.cf").write_text(rule_text(found, settings(arguments.rules)))
    names = messages(arguments.corpus, arguments.messages, folder)
    their = hits_of(["perl", str(JUDGE), str(rules), *sorted(set(ours.values()))], names)
    set_path = folder / "evals.psig"
    subprocess.run([arguments.postern, "signatures", "compile", "--no-cache", str(rules), "-o", str(set_path)], check=True,
                   stdout=subprocess.DEVNULL)
    mine = {}
    for begin in range(0, len(names), 200):
        part = names[begin:begin + 200]
        mine |= hits_of([str(arguments.postern), "scan", "--json", "--signatures", str(set_path), *part], [])
    either, differ = collections.Counter(), collections.defaultdict(list)
    for name in names:
        for rule in their[name] | mine[name]:
            either[rule] += 1
            if (rule in their[name]) != (rule in mine[name]):
                differ[rule].append(("SpamAssassin" if rule in their[name] else "Postern", name))
    for n, (kind, call) in enumerate(found):
        rule = f"E{n}"
        if differ[rule]:
            print(f"{kind} {call}: {len(differ[rule])} of {either[rule]} differ")
            for who, name in differ[rule][:8 if arguments.verbose else 0]:
                print(f"    only {who}: {name}")
    pairs, wrong = sum(either.values()), sum(len(d) for d in differ.values())
    print(f"{len(found)} rules, {len(names)} messages, {pairs} pairs hit, {wrong} differ: "
          f"{100 * (1 - wrong / max(1, pairs)):.2f} % agree")
    never = sum(1 for n in range(len(found)) if not either[f"E{n}"])
    failed = 0
    for n, (kind, call) in enumerate(found):
        wrong, hit = len(differ[f"E{n}"]), either[f"E{n}"]
        if wrong <= max(1, hit / 100):
            continue
        failed += 1
        print(f"FAIL: {kind} {call}: {wrong} of {hit} differ")
    print(f"{len(found) - failed - never} passed, {failed} failed, {never} skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postern", type=Path, default=ROOT / "build/control/cli/postern")
    parser.add_argument("--rules", default="/usr/share/spamassassin")
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    have_judge = subprocess.run(["perl", "-MMail::SpamAssassin", "-e1"], capture_output=True).returncode == 0
    if not arguments.corpus.exists() or not have_judge:
        what = "SpamAssassin" if arguments.corpus.exists() else arguments.corpus
        print(f"skip: no {what}: nothing was compared")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="postern-parity-") as folder:
        return compare(arguments, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
