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
# One rule that never hits, about the relays and about a field that is read for nothing else: their difference is what
# reading relays costs a message.
RELAYS = {'relays': 'header RELAYS X-Spam-Relays-Untrusted =~ /^no relay says so$/\n',
          'no_relays': 'header RELAYS X-Spam-No-Such-Field =~ /^no relay says so$/\n'}
FIGURES = {'compile': ('s', 'compiled anew, CPU time of all threads and processes'), 'size': ('bytes', 'the artefact'),
           'load': ('ms', 'loaded, CPU time'), 'memory': ('bytes', 'resident, loaded with a thread\'s memory for it'),
           'memory_two': ('bytes', 'resident, two of it loaded, as during a swap')}
# Of the set compiled by cost alone.
OWN_FIGURES = {'recompile': ('s', 'compiled with a cache and one rule changed, CPU time of all threads and processes'),
               'swap': ('us', 'the longest that taking the set kept a worker under traffic from its frames, CPU time')}
MOST_KEPT = 20_000  # expressions of a set whose factors are cached one by one (PlacementOptions::most_kept)
MESSAGES = {True: 400, False: 1_000_000}  # by --quick
SWAP_MESSAGES = {True: 200, False: 1000}


def is_plain(name, quick):
    return not (quick and name in SLOW_PLAIN_SETS)


def names(name, quick):
    """Of all rows of a set."""
    kinds = ['', '_plain'] if is_plain(name, quick) else ['']
    return [f'match{kind}.{name}.mail' for kind in kinds] + \
           [f'set.{figure}{kind}.{name}' for figure in FIGURES for kind in kinds] + \
           [f'set.{figure}.{name}' for figure in OWN_FIGURES]


RELAY_ROWS = [f'match.{name}.mail' for name in RELAYS]


def is_wanted(expression, rows):
    return any(re.search(expression, row) for row in rows)


def selected(expression, quick):
    """Sets that have a row which `expression` finds."""
    return [name for name in SETS if not (quick and name in SLOW_SETS)
            and not (name == 'spamassassin' and not SPAMASSASSIN.is_dir())
            and is_wanted(expression, names(name, quick))]


def any_selected(expression, quick):
    return bool(selected(expression, quick)) or is_wanted(expression, RELAY_ROWS)


def ask(program, command, output, *options):
    subprocess.run([str(word) for word in (program, command, *options, f'--output={output}')], check=True)
    return json.loads(output.read_text())


def rules_of(folder, name):
    """The folder of the rules of a set."""
    if name in RELAYS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / 'rules.cf').write_text(RELAYS[name])
        return folder / name
    if name == 'spamassassin':
        return SPAMASSASSIN
    rules = folder / name
    rules.mkdir(parents=True, exist_ok=True)
    with open(rules / 'rules.cf', 'w') as out:
        subprocess.run([sys.executable, HERE / 'kam_like.py', *MADE[name]], stdout=out, check=True)
    return rules


def compiled(program, folder, name, plain, quick, progress):
    """The artefact, what compiling it took, and the cache of what was found out (of a set compiled by cost); what was
    compiled before serves --quick."""
    rules = rules_of(folder, name)
    digest = hashlib.sha256(program.read_bytes())
    for file in sorted(rules.glob('*.cf')):
        digest.update(file.name.encode() + file.read_bytes())
    stem = f'{name}{"_plain" if plain else ""}'
    artefact = folder / f'{stem}.{digest.hexdigest()[:16]}.psig'
    took = artefact.with_suffix('.json')
    cache = folder / f'{stem}.cache'
    if quick and artefact.exists() and took.exists() and (plain or cache.exists()):
        return artefact, json.loads(took.read_text()), cache
    progress(f'compiling the set {name}{" plainly" if plain else ""}')
    for older in [*folder.glob(f'{stem}.*.psig'), *folder.glob(f'{stem}.*.json')]:
        older.unlink()
    shutil.rmtree(cache, ignore_errors=True)
    how = '--plain' if plain else f'--cache={cache}'
    return artefact, ask(program, 'compile', took, rules, f'--set={artefact}', how), cache


def recompiled(program, rules, cache, scratch, count):
    """CPU seconds of compilations that know all but one rule. Each begins with the cache as it was."""
    changed, copy = scratch / 'changed', scratch / 'cache'
    seconds = []
    for _ in range(count):
        for folder in (changed, copy):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(rules, changed)
        change_a_rule(changed)
        shutil.copytree(cache, copy)
        took = ask(program, 'compile', scratch / 'recompile.json', changed, f'--set={scratch / "changed.psig"}',
                   f'--cache={copy}')
        # What was over its budget of time may or may not be tried again.
        others = took['expressions'] - 1 if took['expressions'] <= MOST_KEPT else 0
        if not others >= took['cached'] >= 0.98 * others:
            raise SystemExit(f'bench: of {took["expressions"]} expressions {took["cached"]} were in the cache, expected all '
                             'but one: nothing is reported')
        seconds.append(took['cpu_seconds'])
    return seconds


def change_a_rule(folder):
    """Another letter at the beginning of the first body rule of plain text."""
    for file in sorted(folder.glob('*.cf')):
        text = file.read_bytes()
        changed, times = re.subn(rb'(?m)^(body\s+\w+\s+/)(?=[a-z])', rb'\1q', text, count=1)
        if times:
            file.write_bytes(changed)
            return
    raise SystemExit(f'bench: no rule to change in {folder}')


def swapped(program, artefact, scratch, mail, quick, count):
    """Microseconds, the longest of each pass."""
    other = scratch / 'other.psig'
    shutil.copyfile(artefact, other)
    took = ask(program, 'swap', scratch / 'swap.json', artefact, other, f'--input={mail}',
               f'--messages={SWAP_MESSAGES[quick]}', f'--repetitions={count}')
    return took['longest_us']


def matched_beside(program, scratch, mail, quick, count, name, artefact, *options):
    """The report of matching."""
    return ask(program, 'match', scratch / 'match.json', f'--name={name}', f'--set={artefact}', *options,
               f'--input=mail={mail}', f'--messages={MESSAGES[quick]}', f'--repetitions={count}',
               f'--seconds={0.06 if quick else 0.3}')


def relays(program, folder, scratch, mail, quick, count, progress):
    """What was matched and the rows of matching one rule about relays, and one that needs none."""
    files = {name: compiled(program, folder, name, True, quick, progress)[0] for name in RELAYS}
    found = matched_beside(program, scratch, mail, quick, count, 'relays', files['relays'],
                           f'--plain={files["no_relays"]}', '--beside=no_relays')
    return found['match'], found['rows']


def figure(kind, plain, name, values, compared):
    """A row of one figure, in the words of FIGURES."""
    unit, what = (FIGURES | OWN_FIGURES)[kind]
    middle = statistics.median(values)
    row = {'row': f'set.{kind}{"_plain" if plain else ""}.{name}', 'what': what, 'unit': unit, 'value': round(middle, 4),
           'spread': round((max(values) - min(values)) / middle, 3), 'repetitions': [round(value, 4) for value in values],
           'input': None, 'set': name}
    if compared:
        row['compared_with'] = compared['row']
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
        files, figures, cache = {}, {}, None
        for plain in [False, True] if is_plain(name, quick) else [False]:
            files[plain], took, known = compiled(program, folder, name, plain, quick, progress)
            cache = cache or known
            figures[plain] = {'compile': [took['cpu_seconds']], 'size': [files[plain].stat().st_size]}
            figures[plain] |= loaded(program, files[plain], scratch, count)
        if is_wanted(expression, [row for row in names(name, quick) if row.startswith('match')]):
            progress(f'matching {name}')
            found = matched_beside(program, scratch, mail, quick, count, name, files[False],
                                   *([f'--plain={files[True]}'] if True in files else []))
            matched.append(found['match'])
            rows += found['rows']
        for kind in FIGURES:
            ours = figure(kind, False, name, figures[False][kind], None)
            pair = [ours] + ([figure(kind, True, name, figures[True][kind], ours)] if True in figures else [])
            if kind == 'compile' and is_wanted(expression, [f'set.recompile.{name}']):
                progress(f'compiling {name} with one rule changed')
                seconds = recompiled(program, rules_of(folder, name), cache, scratch, count)
                pair.append(figure('recompile', False, name, seconds, ours))
            if is_wanted(expression, [row['row'] for row in pair]):
                rows += pair
        if is_wanted(expression, [f'set.swap.{name}']):
            progress(f'swapping {name} under traffic')
            rows.append(figure('swap', False, name, swapped(program, files[False], scratch, mail, quick, count), None))
    if is_wanted(expression, RELAY_ROWS):
        about, of_relays = relays(program, folder, scratch, mail, quick, count, progress)
        matched.append(about)
        rows += of_relays
    return matched, rows
