#!/usr/bin/env python3
"""Rule by rule: SpamAssassin and Postern on the same messages with the same rule files.

usage: rules.py [--postern build/control/cli/postern] [--rules /usr/share/spamassassin] [--messages 200]
                [--corpus FILE] [--plugins Check,…] [--jobs 2] [--list]

Both read Debian's rule files without network, Bayes and user settings; SpamAssassin loads those plugins alone
whose rules Postern says it runs. Compared is each (message, rule) pair that either of them hits. Pairs of a
rule that Postern lists as not run, and of a meta that depends on such a rule, are counted apart: a set that
leaves a rule out cannot agree on it. The rest must agree in at least 99.5 % of the pairs, for rules with
an expression of their own and for metas each; and the final scores must differ by no more than the pairs
counted apart are worth. --list prints every pair on which they differ. The last line is
`N passed, N failed, N skipped`, one count per message and one for each share; without the corpus or
SpamAssassin nothing is compared.
"""
import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from decoding import CORPUS, ROOT, chosen

JUDGE = Path(__file__).with_name("spamassassin_rules.pl")
LEAST_SHARE = 0.995
PLUGINS = ("Check,MIMEHeader,ReplaceTags,HTMLEval,MIMEEval,BodyEval,HeaderEval,RelayEval,FreeMail,"
           "WLBLEval,FromNameSpoof,HTTPSMismatch,URIEval")
# A sum of scores in another order differs in its last bits.
SCORE_NOISE = 0.0015


def read_lines(command, names):
    done = subprocess.run(list(map(str, command)), input="".join(f"{n}\n" for n in names), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def judged(arguments, files):
    """By SpamAssassin: ({file: (score, rules)}, {meta: rules it names})."""
    found, metas = {}, {}
    shares = [files[n::arguments.jobs] for n in range(arguments.jobs)]
    command = ["perl", JUDGE, arguments.rules, arguments.plugins]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for lines in pool.map(lambda names: read_lines(command, names), shares):
            for line in lines:
                if "metas" in line:
                    metas = line["metas"]
                else:
                    found[line["file"]] = (line["score"], set(line["rules"]))
    return found, metas


def ours(arguments, signatures, files):
    found = {}
    for at in range(0, len(files), 200):
        command = [arguments.postern, "scan", "--json", "--all-rules", "--signatures", signatures, *files[at:at + 200]]
        for line in read_lines(command, []):
            names = {rule["name"] for rule in line["rules"]} | set(line["sub_rules"])
            found[line["file"]] = (line["score"], names)
    return found


def compiled(arguments, folder):
    """The set, its rules by name, and the names of those that are not run."""
    signatures = folder / "parity.psig"
    done = subprocess.run([arguments.postern, "signatures", "compile", "--no-cache", "--json", arguments.rules, "-o", signatures],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the rules do not compile:\n{done.stderr[-4000:]}")
    report = json.loads(done.stdout)
    shown = subprocess.run([arguments.postern, "signatures", "show", "--json", "--rules", signatures],
                           capture_output=True, text=True, check=True)
    rules = {rule["name"]: rule for rule in json.loads(shown.stdout)["rule_list"]}
    not_run = {row["rule"] for row in report["not_run"] if "score is 0" not in row["why"]}
    return signatures, rules, not_run | set(report["skipped_by_conditions"])


def with_dependants(not_run, metas):
    """`not_run` and every meta that names one of them, directly or through others."""
    apart = set(not_run)
    grown = True
    while grown:
        more = {meta for meta, names in metas.items() if meta not in apart and apart.intersection(names)}
        apart |= more
        grown = bool(more)
    return apart


def kind(name, rules):
    target = rules.get(name, {}).get("target", "unknown")
    return {"meta": "meta", "eval": "eval", "unknown": "unknown"}.get(target, "regex")


def compare(arguments, folder):
    files = []
    for name, octets in chosen(arguments.corpus, arguments.messages):
        path = folder / name
        path.write_bytes(octets)
        files.append(str(path))
    signatures, rules, not_run = compiled(arguments, folder)
    theirs, metas = judged(arguments, files)
    mine = ours(arguments, signatures, files)
    apart = with_dependants(not_run, metas)

    same, differ, set_aside = (collections.Counter() for _ in range(3))
    examples = collections.defaultdict(list)
    failed = 0
    for path in files:
        if path not in theirs or path not in mine:
            failed += 1
            print(f"FAIL {Path(path).name}: no result of {'SpamAssassin' if path not in theirs else 'Postern'}")
            continue
        (their_score, their_rules), (my_score, my_rules) = theirs[path], mine[path]
        explained = 0.0
        for name in their_rules | my_rules:
            both = name in their_rules and name in my_rules
            if name in apart:
                set_aside[kind(name, rules)] += 1
            elif both:
                same[kind(name, rules)] += 1
            else:
                differ[kind(name, rules)] += 1
                examples[name].append(("SpamAssassin" if name in their_rules else "Postern", Path(path).name))
            if not both and not name.startswith("__"):
                sign = 1 if name in their_rules else -1
                explained += sign * rules.get(name, {}).get("score", 0)
        if abs(their_score - my_score - explained) > SCORE_NOISE:
            failed += 1
            unknown = ", ".join(sorted(their_rules - rules.keys()))
            print(f"FAIL {Path(path).name}: score {my_score:.3f}, SpamAssassin's {their_score:.3f}, "
                  f"of which other rules hit explain {explained:.3f}; not in our set: {unknown or 'none'}")

    for name, found in sorted(examples.items(), key=lambda item: -len(item[1])):
        who = collections.Counter(who for who, _ in found)
        print(f"{len(found):5} {kind(name, rules):6} {name}: hit by "
              + ", ".join(f"{w} alone in {n}" for w, n in who.items()) + f", as in {found[0][1]}")
        if arguments.list:
            for who, path in found:
                print(f"        {who} {path}")
    print(f"{len(files)} messages, {len(rules)} rules, {len(not_run)} not run, "
          f"{len(apart) - len(not_run)} metas that depend on them")
    passed = len(files) - failed
    for what in ("regex", "meta", "eval"):
        pairs = same[what] + differ[what]
        if pairs == 0:
            print(f"{what:6} no pairs; {set_aside[what]} counted apart")
            continue
        share = same[what] / pairs
        enough = share >= LEAST_SHARE or what == "eval"
        passed, failed = passed + enough, failed + (not enough)
        print(f"{'' if enough else 'FAIL '}{what:6} {100 * share:.3f} % of {pairs} pairs agree, {differ[what]} differ; "
              f"{set_aside[what]} counted apart")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postern", type=Path, default=ROOT / "build/control/cli/postern")
    parser.add_argument("--rules", type=Path, default=Path("/usr/share/spamassassin"))
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--plugins", default=PLUGINS, help="SpamAssassin's plugins to load, with commas between")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="print every pair that differs")
    arguments = parser.parse_args()
    judge_there = shutil.which("perl") and subprocess.run(
        ["perl", "-MMail::SpamAssassin", "-e", "1"], capture_output=True, check=False).returncode == 0
    for missing, what in ((not arguments.corpus.exists(), arguments.corpus),
                          (not judge_there, "Perl's Mail::SpamAssassin"),
                          (not arguments.rules.exists(), arguments.rules)):
        if missing:
            print(f"skip: no {what}: nothing was compared")
            print("0 passed, 0 failed, 1 skipped")
            return 0
    with tempfile.TemporaryDirectory(prefix="postern-parity-") as folder:
        return compare(arguments, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
