"""Signature sets: compiling, loading, memory, and matching alone beside the same rules compiled plainly.

Each set is compiled by postern-bench-signatures itself, which can do it plainly. Artefacts are kept in
the build folder by what they were compiled of and by which program, with what compiling took.
"""
import hashlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = ['bench/postern-bench-signatures']
SPAMASSASSIN = pathlib.Path('/usr/share/spamassassin')
KAM_LIKE = ['rules', '--count', '3000']
# Arguments of kam_like.py for each set but Debian's.
MADE = {'kam': KAM_LIKE, 'literals_1k': ['literals', '1000'], 'literals_10k': ['literals', '10000'],
        'literals_100k': ['literals', '100000']}
SETS = ['spamassassin', *MADE]
# What takes longer to compile than --quick may.
SLOW_SETS = ['literals_100k']
SLOW_PLAIN_SETS = ['kam']
# A hundred thousand literals are not measured plainly.
NEVER_PLAIN_SETS = ['literals_100k']
FIGURES = {'compile': ('s', 'compiled anew, CPU time of all threads and processes'), 'size': ('bytes', 'the artefact'),
           'load': ('ms', 'loaded, CPU time'), 'memory': ('bytes', 'resident, loaded with a thread\'s memory for it'),
           'memory_two': ('bytes', 'resident, two of it loaded, as during a swap')}
MESSAGES = {True: 400, False: 1_000_000}  # by --quick


def is_plain(name, quick):
    return name not in NEVER_PLAIN_SETS and not (quick and name in SLOW_PLAIN_SETS)


def names(name, quick):
    """Of all rows of a set."""
    kinds = ['', '_plain'] if is_plain(name, quick) else ['']
    return [f'match{kind}.{name}.mail' for kind in kinds] + \
           [f'set.{figure}{kind}.{name}' for figure in FIGURES for kind in kinds]


def selected(expression, quick):
    """Sets that have a row which `expression` finds."""
    return [name for name in SETS if not (quick and name in SLOW_SETS)
            and not (name == 'spamassassin' and not SPAMASSASSIN.is_dir())
            and any(re.search(expression, row) for row in names(name, quick))]


def ask(program, command, output, *options):
    subprocess.run([str(word) for word in (program, command, *options, f'--output={output}')], check=True)
    return json.loads(output.read_text())


def rules_of(folder, name):
    """The folder of the rules of a set."""
    if name == 'spamassassin':
        return SPAMASSASSIN
    rules = folder / name
    rules.mkdir(parents=True, exist_ok=True)
    with open(rules / 'rules.cf', 'w') as out:
        subprocess.run([sys.executable, HERE / 'kam_like.py', *MADE[name]], stdout=out, check=True)
    return rules


def compiled(program, folder, name, plain, quick, progress):
    """The artefact and what compiling it took; what was compiled before serves --quick."""
    rules = rules_of(folder, name)
    digest = hashlib.sha256(program.read_bytes())
    for file in sorted(rules.glob('*.cf')):
        digest.update(file.name.encode() + file.read_bytes())
    stem = f'{name}{"_plain" if plain else ""}'
    artefact = folder / f'{stem}.{digest.hexdigest()[:16]}.psig'
    took = artefact.with_suffix('.json')
    if quick and artefact.exists() and took.exists():
        return artefact, json.loads(took.read_text())
    progress(f'compiling the set {name}{" plainly" if plain else ""}')
    for older in [*folder.glob(f'{stem}.*.psig'), *folder.glob(f'{stem}.*.json')]:
        older.unlink()
    return artefact, ask(program, 'compile', took, rules, f'--set={artefact}', *(['--plain'] if plain else []))


def figure(kind, plain, name, values, compared):
    """A row of one figure, in the words of FIGURES."""
    unit, what = FIGURES[kind]
    middle = statistics.median(values)
    row = {'row': f'set.{kind}{"_plain" if plain else ""}.{name}', 'what': what, 'unit': unit, 'value': round(middle, 4),
           'spread': round((max(values) - min(values)) / middle, 3), 'repetitions': [round(value, 4) for value in values],
           'input': None, 'set': name}
    if compared:
        row['compared_with'] = f'set.{kind}.{name}'
        row['ratio'] = round(middle / compared['value'], 3)
    return row


def loaded(program, artefact, scratch, count):
    """Milliseconds and resident octets of one and of two, of `count` processes."""
    copy = scratch / 'copy.psig'  # a file of its own shares no pages
    shutil.copyfile(artefact, copy)
    runs = [ask(program, 'load', scratch / 'load.json', artefact, copy) for _ in range(count)]
    return {'load': [run[0]['load_seconds'] * 1e3 for run in runs],
            'memory': [run[0]['resident_bytes'] for run in runs],
            'memory_two': [run[1]['resident_bytes'] for run in runs]}


def measure(build, scratch, mail, expression, quick, progress):
    """What was matched, and rows; rows that are compared with each other come together."""
    program = build / 'bench/postern-bench-signatures'
    folder = build / 'signatures'
    folder.mkdir(exist_ok=True)
    count = 3 if quick else 5
    matched, rows = [], []
    for name in selected(expression, quick):
        files, figures = {}, {}
        for plain in [False, True] if is_plain(name, quick) else [False]:
            files[plain], took = compiled(program, folder, name, plain, quick, progress)
            figures[plain] = {'compile': [took['cpu_seconds']], 'size': [files[plain].stat().st_size]}
            figures[plain] |= loaded(program, files[plain], scratch, count)
        if any(re.search(expression, row) for row in names(name, quick) if row.startswith('match')):
            progress(f'matching {name}')
            found = ask(program, 'match', scratch / 'match.json', f'--name={name}', f'--set={files[False]}',
                        *([f'--plain={files[True]}'] if True in files else []), f'--input=mail={mail}',
                        f'--messages={MESSAGES[quick]}', f'--repetitions={count}',
                        f'--seconds={0.06 if quick else 0.3}')
            matched.append(found['match'])
            rows += found['rows']
        for kind in FIGURES:
            ours = figure(kind, False, name, figures[False][kind], None)
            pair = [ours] + ([figure(kind, True, name, figures[True][kind], ours)] if True in figures else [])
            if any(re.search(expression, row['row']) for row in pair):
                rows += pair
    return matched, rows
