#!/usr/bin/env python3
"""Checks the starter set: its rules, the two messages of each rule, and the sample mail.

    check.py                                   only the rules' form (always done)
    check.py --spamassassin                    SpamAssassin, with these rules alone, is the judge
    check.py --postern build/control/cli/postern   our scanner is the judge (compiles the set first;
                                               --signatures SET.psig takes one already compiled)
    … --measure DIR                            also count hits on DIR/ham/*.eml and DIR/spam/*.eml

With both judges their answers are compared as well, message by message and rule by rule.
Exits 0 when all is as it should be, 1 when not, 2 when a judge could not be run.
"""
import argparse
import collections
import json
import pathlib
import re
import re._constants as op
import re._parser as regex_parser
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
THRESHOLD = 5.0   # from here on a message is refused
HAM_LIMIT = 2.0   # ordinary mail stays below
MIN_LITERAL = 4   # octets of the shortest literal that every match contains
# Patterns that cannot have such a literal, and why.
NO_LITERAL = {
    '__OUT_PHISH_URI_IP': 'digits and dots only',
    '__OUT_FEE_MILLIONS': 'one branch ends in ",000"',
}
MATCHERS = ('header', 'body', 'rawbody', 'uri', 'full')
DIRECTIVES = MATCHERS + ('meta', 'score', 'describe', 'tflags')


class Rule:
    def __init__(self, name, kind, definition, place):
        self.name, self.kind, self.definition, self.place = name, kind, definition, place
        self.score = None
        self.describe = None

    @property
    def counts(self):
        return not self.name.startswith('__')


def read_rules(folder):
    """The rules of all .cf files, and what is wrong with their form."""
    rules, wrong, later = {}, [], []
    for path in sorted(folder.glob('*.cf')):
        for number, line in enumerate(path.read_text(encoding='ascii').splitlines(), 1):
            place = f'{path.name}:{number}'
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            words = line.split(None, 2)
            if len(words) < 3 or words[0] not in DIRECTIVES:
                wrong.append(f'{place}: not one of {" ".join(DIRECTIVES)}: {line}')
                continue
            kind, name, rest = words
            if kind in MATCHERS or kind == 'meta':
                if name in rules:
                    wrong.append(f'{place}: {name} is already defined at {rules[name].place}')
                rules[name] = Rule(name, kind, rest, place)
            else:
                later.append((place, kind, name, rest))
    for place, kind, name, rest in later:
        if name not in rules:
            wrong.append(f'{place}: {kind} of {name}, which no rule defines')
        elif kind == 'score':
            rules[name].score = float(rest)
        elif kind == 'describe':
            rules[name].describe = rest
    return rules, wrong


def shortest_literal(parsed):
    """Length of the longest literal that every match of `parsed` contains, at the least."""
    best = run = 0
    for code, value in parsed:
        if code is op.LITERAL or (code is op.IN and len(value) <= 4 and
                                  all(kind is op.LITERAL for kind, _ in value)):
            run += 1
            best = max(best, run)
            continue
        if code is op.AT:
            continue
        if code is op.SUBPATTERN:
            inner = shortest_literal(value[3])
        elif code is op.BRANCH:
            inner = min(shortest_literal(branch) for branch in value[1])
        elif code is op.MAX_REPEAT and value[0] > 0:
            inner = shortest_literal(value[2])
        else:
            inner = 0
        # A group that is itself all literal would lengthen the run; counting it apart is stricter.
        best, run = max(best, inner), 0
    return best


def pattern_of(rule):
    text = rule.definition
    if rule.kind == 'header':
        text = text.split('=~', 1)[1].strip()
    return re.fullmatch(r'/(.*)/([a-z]*)', text)


def check_form(rules, tests):
    wrong = []
    for rule in rules.values():
        if rule.kind == 'meta':
            for name in re.findall(r'[A-Za-z_]\w*', rule.definition):
                if name not in rules:
                    wrong.append(f'{rule.place}: {rule.name} uses {name}, which no rule defines')
        else:
            match = pattern_of(rule)
            if not match:
                wrong.append(f'{rule.place}: {rule.name}: expected /expression/flags')
            else:
                literal = shortest_literal(regex_parser.parse(match[1], re.IGNORECASE))
                if literal < MIN_LITERAL and rule.name not in NO_LITERAL:
                    wrong.append(f'{rule.place}: {rule.name} can match with a literal of only {literal} octets')
        if not rule.counts:
            continue
        if rule.score is None:
            wrong.append(f'{rule.place}: {rule.name} has no score')
        if rule.describe is None or len(rule.describe) > 80:
            wrong.append(f'{rule.place}: {rule.name} needs a describe of at most 80 characters')
        for what in ('hit', 'miss'):
            if not (tests / f'{rule.name}.{what}.eml').exists():
                wrong.append(f'{rule.place}: {rule.name} has no {what} message')
    for path in sorted(tests.iterdir()):
        match = re.fullmatch(r'(\w+)\.(hit|miss)\.eml', path.name)
        if not match or match[1] not in rules or not rules[match[1]].counts:
            wrong.append(f'tests/{path.name}: belongs to no rule')
    return wrong


def can_not_run(reason):
    print(f'check.py: {reason}', file=sys.stderr)
    sys.exit(2)


def verdicts(output, files):
    """{file: (score, {rule, …})} from a JSON array or from one JSON object a line."""
    try:
        whole = json.loads(output)
        objects = whole if isinstance(whole, list) else whole.get('messages', [whole])
    except json.JSONDecodeError:
        objects = [json.loads(line) for line in output.splitlines() if line.strip()]
    if len(objects) != len(files):
        can_not_run(f'{len(files)} messages were given, {len(objects)} answers came back')
    return {file: (float(answer['score']), {rule['name'] for rule in answer['rules']})
            for file, answer in zip(files, objects)}


class SpamAssassin:
    name = 'spamassassin'

    def __init__(self, rules_folder):
        self.command = ['perl', str(HERE / 'spamassassin_hits.pl'), str(rules_folder)]

    def judge(self, files):
        run = subprocess.run(self.command, input=''.join(f'{file}\n' for file in files),
                             capture_output=True, text=True)
        if run.returncode:
            can_not_run(f'SpamAssassin failed (apt-get install spamassassin): {run.stderr.strip()}')
        return verdicts(run.stdout, files)


class Postern:
    name = 'postern'
    BATCH = 500  # files a call: the command line has an end

    def __init__(self, program, signatures, rules_folder):
        self.program = program
        if signatures is None:
            self.scratch = tempfile.TemporaryDirectory(prefix='postern-check-')
            signatures = pathlib.Path(self.scratch.name) / 'outbound.psig'
            self.run('signatures', 'compile', '--no-cache', str(rules_folder), '-o', str(signatures))
        self.signatures = signatures

    def run(self, *arguments):
        try:
            done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        except OSError as error:
            can_not_run(f'{self.program}: {error.strerror}')
        # scan says with 1 that a message reached the threshold; 2 and above are errors.
        if done.returncode > 1 or (done.returncode and arguments[0] != 'scan'):
            can_not_run(f'{self.program} {arguments[0]}: exit {done.returncode}: {done.stderr.strip()}')
        return done.stdout

    def judge(self, files):
        answers = {}
        for start in range(0, len(files), self.BATCH):
            batch = files[start:start + self.BATCH]
            answers.update(verdicts(
                self.run('scan', '--json', '--signatures', str(self.signatures), *map(str, batch)), batch))
        return answers


def check_pairs(rules, tests, answers):
    wrong = []
    for rule in filter(lambda rule: rule.counts, rules.values()):
        _, hits = answers[tests / f'{rule.name}.hit.eml']
        if rule.name not in hits:
            wrong.append(f'{rule.name}.hit.eml does not hit (it hits {sorted(hits) or "nothing"})')
        score, hits = answers[tests / f'{rule.name}.miss.eml']
        if rule.name in hits:
            wrong.append(f'{rule.name}.miss.eml hits')
        if score >= HAM_LIMIT:
            wrong.append(f'{rule.name}.miss.eml is ordinary mail and scores {score:g}: {sorted(hits)}')
    return wrong


def check_manifest(folder, manifest, answers):
    wrong = []
    for entry in manifest:
        score, hits = answers[folder / entry['file']]
        missing = set(entry['rules']) - hits
        if missing:
            wrong.append(f'{entry["file"]}: expected {sorted(missing)}, got {sorted(hits)}')
        if entry['kind'] == 'spam' and score < THRESHOLD:
            wrong.append(f'{entry["file"]}: spam, but scores {score:g}: {sorted(hits)}')
        if entry['kind'] == 'ham' and score >= HAM_LIMIT:
            wrong.append(f'{entry["file"]}: ham, but scores {score:g}: {sorted(hits)}')
    return wrong


def measure(judge, corpus):
    kinds = {}
    for kind in ('ham', 'spam'):
        files = sorted((corpus / kind).glob('*.eml'))
        if not files:
            can_not_run(f'{corpus}/{kind} holds no .eml file')
        kinds[kind] = judge.judge(files)
    counts = {kind: collections.Counter(rule for _, hits in answers.values() for rule in hits)
              for kind, answers in kinds.items()}
    print(f'\n{judge.name} on {corpus}: {len(kinds["ham"])} ham, {len(kinds["spam"])} spam')
    print(f'  {"rule":24}{"ham":>6}{"spam":>6}')
    for rule in sorted(counts['ham'] | counts['spam']):
        print(f'  {rule:24}{counts["ham"][rule]:6}{counts["spam"][rule]:6}')
    for threshold in (HAM_LIMIT, 3.0, 4.0, THRESHOLD):
        reached = {kind: sum(score >= threshold for score, _ in answers.values())
                   for kind, answers in kinds.items()}
        print(f'  score >= {threshold:g}: ham {reached["ham"]} ({reached["ham"] / len(kinds["ham"]):.2%}), '
              f'spam {reached["spam"]} ({reached["spam"] / len(kinds["spam"]):.2%})')
    return {**kinds['ham'], **kinds['spam']}


def compare(first, second, one, other):
    """Differences between two judges, and how many (message, rule) pairs either of them hit."""
    pairs = agreed = 0
    wrong = []
    for file in one:
        (score, hits), (other_score, other_hits) = one[file], other[file]
        pairs += len(hits | other_hits)
        agreed += len(hits & other_hits)
        for rule in sorted(hits ^ other_hits):
            wrong.append(f'{file}: {rule} hits with {first if rule in hits else second} only')
        if hits == other_hits and abs(score - other_score) > 0.01:
            wrong.append(f'{file}: same rules, but {first} scores {score:g} and {second} {other_score:g}')
    print(f'{first} and {second} agree on {agreed} of {pairs} hits in {len(one)} messages')
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rules', type=pathlib.Path, default=HERE / 'outbound', help='folder of .cf files')
    parser.add_argument('--tests', type=pathlib.Path, default=HERE / 'tests', help='folder of NAME.hit.eml, NAME.miss.eml')
    parser.add_argument('--messages', type=pathlib.Path, default=HERE.parent.parent / 'tests' / 'messages',
                        help='folder of sample mail with its MANIFEST.json')
    parser.add_argument('--spamassassin', action='store_true', help='let SpamAssassin judge')
    parser.add_argument('--postern', metavar='PROGRAM', help='let this postern judge')
    parser.add_argument('--signatures', type=pathlib.Path, help='compiled set for --postern')
    parser.add_argument('--measure', type=pathlib.Path, metavar='DIR', help='corpus with ham/ and spam/')
    arguments = parser.parse_args()

    rules, wrong = read_rules(arguments.rules)
    wrong += check_form(rules, arguments.tests)
    scored = sum(rule.counts for rule in rules.values())
    print(f'{len(rules)} rules, {scored} of them scored')
    if wrong:
        print('\n'.join(wrong))
        return 1

    judges = []
    if arguments.spamassassin:
        judges.append(SpamAssassin(arguments.rules))
    if arguments.postern:
        judges.append(Postern(arguments.postern, arguments.signatures, arguments.rules))
    manifest = json.loads((arguments.messages / 'MANIFEST.json').read_text(encoding='utf-8'))
    files = sorted(arguments.tests.glob('*.eml')) + [arguments.messages / entry['file'] for entry in manifest]
    answers = {}
    for judge in judges:
        answers[judge.name] = judge.judge(files)
        found = (check_pairs(rules, arguments.tests, answers[judge.name]) +
                 check_manifest(arguments.messages, manifest, answers[judge.name]))
        wrong += [f'{judge.name}: {line}' for line in found]
        print(f'{judge.name}: {scored} pairs and {len(manifest)} sample messages, {len(found)} wrong')
        if arguments.measure:
            answers[judge.name].update(measure(judge, arguments.measure))
    if len(judges) == 2:
        wrong += compare(judges[0].name, judges[1].name, *answers.values())
    if wrong:
        print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
