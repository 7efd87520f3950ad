"""Messages under loads of several kinds: rows of postern-bench-loads, and what is derived from others' rows."""
import json
import re
import subprocess

TARGETS = ['bench/postern-bench-loads']
SET = 'outbound'
LEAN_SET = 'literals_1k'  # of latency: what the aim speaks of
# Rows that are measured together, and the inputs they need: INPUT:SET:CONNECTIONS:MESSAGES, quick and whole.
FAMILIES = {
    'memory.': (['memory.idle', 'memory.message.2k', 'memory.message.100k'], '100k', 24, 24),
    'one.': ([f'one.{SET}.ham.64', f'twenty.{SET}.ham.64', f'one.{SET}.mix.64', f'twenty.{SET}.mix.64',
              f'refuse.{SET}.spam.64'], 'mix', 300, 1000),
    'among.': ([f'among.{SET}.2k.{connections}' for connections in (64, 10_000, 1_000_000)], '2k', 300, 1000),
    'latency.': ([f'{kind}.{load}' for kind in ('latency', 'latency_harness') for load in (10, 50, 90)], 'mail',
                 400, 800),
    'workers.': (['workers.1', 'workers.2'], 'mail', 400, 800)}
MILLION = 1_000_000


def selected(expression):
    return [family for family, (names, *_) in FAMILIES.items() if any(re.search(expression, name) for name in names)]


def by_set(families):
    """What is measured in one go: the name of a set, its families."""
    lean = [family for family in families if family == 'latency.']
    others = [family for family in families if family != 'latency.']
    return [(name, some) for name, some in ((SET, others), (LEAN_SET, lean)) if some]


def groups(families, quick):
    """What the program needs of messages, as bench/run's inputs() is asked for them."""
    return [f'{FAMILIES[family][1]}:{SET}:64:{FAMILIES[family][2 if quick else 3]}' for family in families]


def measure(program, set_name, artefact, folders, origins, output, families, quick):
    """What the program reports, with the origin of each input."""
    options = [f'--input={name}={path}' for name, path in folders.items()]
    subprocess.run([str(program), f'--set={artefact}', f'--set-name={set_name}', *options,
                    f'--messages={400 if quick else 1000}',
                    '--filter=' + '|'.join('^' + re.escape(family) for family in families),
                    f'--repetitions={3 if quick else 5}', f'--seconds={0.06 if quick else 0.3}',
                    f'--output={output}'], check=True)
    found = json.loads(output.read_text())
    for entry in found['inputs']:
        entry['origin'] = origins[entry['input']]
    return found


def derived(rows):
    """Memory of a million verdicts, of what the row of ten million found for each."""
    return [{'row': f'memory.verdicts.{MILLION}', 'what': 'resident memory of a million verdicts, derived', 'unit': 'bytes',
             'value': row['value'] * MILLION, 'input': row['input'], 'compared_with': row['row'], 'ratio': MILLION}
            for row in rows if row['row'] == 'verdict.held.10000000']
