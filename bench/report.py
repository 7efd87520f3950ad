"""The report: rows of the micro benchmarks, and the table that a person reads."""
import pathlib
import re
import statistics

STAGES = ['total', *re.findall(r'^    {"(\w+)", ', (pathlib.Path(__file__).resolve().parent.parent /
                                                    'dataplane/stage.h').read_text(), re.M)[1:]]
YARDSTICK = 'BM_Yardstick'


def stage_rows(runs):
    """Rows from Google Benchmark's repetitions: CPU time of one iteration."""
    repetitions = {}
    for entry in runs:
        if entry.get('error_occurred'):
            raise SystemExit(f'bench: {entry["name"]}: {entry["error_message"]}: nothing is reported')
        if entry['run_type'] == 'iteration':
            repetitions.setdefault(entry['name'], []).append(entry)
    yardstick = [time_of(entry) for entry in repetitions.pop(YARDSTICK)]
    return [stage_row(name, entries, yardstick) for name, entries in repetitions.items()]


def time_of(entry):
    """CPU time in ns."""
    scale = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}
    return entry['cpu_time'] * scale[entry['time_unit']]


def stage_row(name, entries, yardstick):
    times = [time_of(entry) for entry in entries]
    middle = statistics.median(times)
    row = {'row': 'stage.' + name, 'what': 'micro benchmark', 'unit': 'ns', 'value': round(middle, 2),
           'spread': round((max(times) - min(times)) / middle, 3), 'repetitions': [round(time, 2) for time in times],
           'of_yardstick': [float(f'{time / of:.4g}') for time, of in zip(times, yardstick)],
           'input': name.partition('/')[2] or None}
    for key, unit in (('bytes_per_second', 'megabytes_per_second'), ('items_per_second', 'items_per_second')):
        if key in entries[0]:
            rate = statistics.median(entry[key] for entry in entries)
            row[unit] = round(rate / 1e6, 1) if key == 'bytes_per_second' else round(rate)
    return row


def number(value):
    return f'{value:,.0f}' if value >= 1000 else f'{value:.4g}'


def columns(rows, align):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) if side == '>' else cell.ljust(width)
                 for cell, width, side in zip(row, widths, align)]
        print('  ' + '  '.join(cells).rstrip())


def print_head(out):
    machine = out['machine']
    state = ' with changes' if out['modified'] else ''
    print(f'Postern {(out["revision"] or "outside a repository")[:12]}{state}, {out["date"]}')
    print(f'{machine["cpu"]}, {machine["cores"]} cores, load {machine["load_before"]} before and '
          f'{machine["load_after"]} after; {out["compiler"]}; {out["build"]}')
    for entry in out['sets']:
        print(f'set {entry["set"]}: {entry["rules"]} rules, sha256 {entry["digest"][:16]}')


def print_stages(rows):
    if not rows:
        return
    print('\nEach stage alone (CPU time of one iteration)')
    table = [('row', 'time', 'spread', 'rate')]
    for row in rows:
        rate = f'{row["megabytes_per_second"]:,.0f} MB/s' if 'megabytes_per_second' in row else ''
        table.append((row['row'], number(row['value']) + ' ns', f'{row["spread"]:.0%}', rate))
    columns(table, '<>>>')


def told_refused(entry):
    return f', {entry["refused"]} refused' if 'refused' in entry else ''


def print_models(rows):
    for row in rows:
        if 'model' not in row:
            continue
        cores = ', '.join(f'{n}: {row["model"][n]["contended"]:g} to {row["model"][n]["linear"]:g}' for n in ('8', '16', '32'))
        print(f'  {row["row"]} does {row["speedup"]:.3g} × {row["compared_with"]}. A model, not measured (sigma '
              f'{row["model"]["sigma"]:.3g}), says of so many cores, in workers: {cores}')
        if row['speedup'] > 2:
            print('  More than two: the one alone was disturbed by neighbours. No loss was found; the model is an upper bound.')


def print_messages(out, rows):
    if not rows:
        return
    print('\nWhole messages through one worker, in memory (per second of one core\'s CPU time)')
    for entry in out['inputs']:
        print(f'  {entry["input"]}.{entry["open_connections"]} with {entry["set"]}: {entry["messages"]} messages, '
              f'{entry["mean_octets"]:,.0f} octets in the mean'
              f'{told_refused(entry)}; {entry["origin"]}')
    table = [('row', 'rate', 'each', 'spread', 'MB/s', 'time × that of', '')]
    for row in rows:
        ratio = f'{row["ratio"]:.3g} ± {row["ratio_spread"] / 2:.0%}' if 'ratio' in row else ''
        table.append((row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["microseconds_each"]:,.4g} µs',
                      f'{row["spread"]:.0%}', number(row['megabytes_per_second']), ratio,
                      row.get('compared_with', '')))
    columns(table, '<>>>>><')
    print_models(rows)


def print_cycles(rows):
    if not rows:
        return
    print('\nWhere the cycles of a whole message go (of the time stamp counter; looked at every 20 to 60 µs)')
    groups = {}
    for row in rows:
        _, stage, group = row['row'].split('.', 2)
        groups.setdefault(group, {})[stage] = row
    table = [('stage', *groups)]
    for stage in STAGES:
        cells = [group[stage] for group in groups.values()]
        table.append((stage, *(f'{cell["value"]:,.0f} {cell.get("ratio", 1):4.0%}' for cell in cells)))
    table.append(('an octet', *(f'{group["total"]["cycles_per_octet"]:.3g}     ' for group in groups.values())))
    columns(table, '<' + '>' * len(groups))


def print_connections(rows):
    if not rows:
        return
    print('\nConnections through one worker, in memory, apart from their messages (of one core\'s CPU time)')
    table = [('row', 'rate', 'each', 'spread', 'time × that of', '')]
    for row in rows:
        if row['unit'] == 'bytes':
            table.append((row['row'], '', f'{row["value"]:,.0f} bytes', '', '', ''))
            continue
        ratio = f'{row["ratio"]:.3g} ± {row["ratio_spread"] / 2:.0%}' if 'ratio' in row else ''
        table.append((row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["microseconds_each"] * 1000:,.4g} ns',
                      f'{row["spread"]:.0%}', ratio, row.get('compared_with', '')))
    columns(table, '<>>>><')


def print_latency(rows):
    if not rows:
        return
    print('\nLatency added to a forwarded frame by a worker under a share of its full load (µs of the wall clock, open loop; '
          f'set {rows[0]["set"]})')
    table = [('row', 'p50', 'p99', 'p99.9', 'max', 'least p99', 'preempted', 'frames/s', 'p99 × that of', '')]
    for row in rows:
        table.append((row['row'], *(number(row[key]) for key in ('p50', 'p99', 'p99_9', 'max', 'p99_least', 'preemptions')),
                      number(row['offered_frames_per_second']), f'{row["ratio"]:.3g}', row['compared_with']))
    columns(table, '<>>>>>>>><')


def print_memory(rows):
    if not rows:
        return
    print('\nResident memory')
    table = [('row', 'bytes', 'of', '× that of', '')]
    for row in rows:
        ratio = f'{row["ratio"]:,.4g}' if 'ratio' in row else ''
        table.append((row['row'], f'{row["value"]:,.0f}', row['input'], ratio, row.get('compared_with', '')))
    columns(table, '<><><')


def print_verdicts(rows):
    if not rows:
        return
    print('\nVerdicts from the ledger to the worker, and events back (wall clock; the disk is synced)')
    columns([('row', 'value', 'spread', 'of')] +
            [(row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["spread"]:.0%}', row['input']) for row in rows],
            '<>><')


def print_goodput(rows):
    if not rows:
        return
    print('\nOne large message over TCP, 1 % loss on one of two cables (from namespace to namespace, wall clock)')
    table = [('row', 'goodput', 'spread', 'goodput × that of', '')]
    for row in rows:
        ratio = f'{row["ratio"]:.3g} ± {row["ratio_spread"] / 2:.0%}' if 'ratio' in row else ''
        table.append((row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["spread"]:.0%}', ratio,
                      row['compared_with'] if ratio else ''))
    columns(table, '<>>><')


def print_peers(rows):
    if not rows:
        return
    print(f'\nPeers: the same rules on the same messages ({rows[0]["input"]}: {rows[0]["origin"]}), of one core\'s CPU time')
    table = [('row', 'rate', 'each', 'spread', '', '× that of', '')]
    for row in rows:
        ratio = f'{row["ratio"]:,.4g} ± {row["ratio_spread"] / 2:.0%}' if 'ratio' in row else ''
        table.append((row['row'], f'{number(row["value"])} messages/s', f'{number(row["microseconds_each"])} µs',
                      f'{row["spread"]:.0%}', row['what'], ratio, row['compared_with'] if ratio else ''))
    columns(table, '<>>><><')


def print_forwarding(rows):
    if not rows:
        return
    print('\nForwarding of what is not mail (one worker; testpmd in io mode on one core; wall clock)')
    table = [('row', 'rate', 'spread', 'Gbit/s', 'offered', 'rate × that of', '')]
    for row in rows:
        ratio = f'{row["ratio"]:.3g} ± {row["ratio_spread"] / 2:.0%}' if 'ratio' in row else ''
        offered = number(row['offered_frames_per_second']) if 'offered_frames_per_second' in row else ''
        table.append((row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["spread"]:.0%}',
                      number(row['gigabits_per_second']), offered, ratio, row['compared_with'] if ratio else ''))
    columns(table, '<>>>>><')


def print_signatures(out, rows):
    if not rows:
        return
    print('\nSignature sets: matching alone of what the MIME reader rendered (of one core\'s CPU time)')
    for entry in out['matched']:
        print(f'  {entry["set"]}: {entry["rules"]:,} rules, sha256 {entry["digest"][:16]}, {entry["messages"]} messages, '
              f'{entry["mean_octets"]:,.0f} octets in the mean, {entry["hits"]:,} hits; {entry["origin"]}')
    table = [('row', 'rate', 'each', 'spread', 'MB/s', '× that of', '')]
    for row in rows:
        ratio, other = '', row.get('compared_with', '') if 'ratio' in row else ''
        if 'microseconds_each' in row:
            if other:
                ratio = f'{row["ratio"]:.3g} ± {row["ratio_spread"] / 2:.0%}'
            table.append((row['row'], f'{number(row["value"])} {row["unit"]}', f'{row["microseconds_each"]:,.4g} µs',
                          f'{row["spread"]:.0%}', number(row['megabytes_per_second']), ratio, other))
        else:
            ratio = f'{row["ratio"]:.3g}' if other else ''
            table.append((row['row'], '', f'{number(row["value"])} {row["unit"].replace("us", "µs")}', f'{row["spread"]:.0%}', '',
                          ratio, other))
    columns(table, '<>>>>><')


def print_table(out):
    count = 3 if out['quick'] else 5
    print_head(out)
    print(f'Medians of {count} repetitions; spread is the widest difference between them. Every count was right.')
    print_stages([row for row in out['rows'] if row['row'].startswith('stage.')])
    others = ('stage.', 'cycles.', 'goodput.', 'forward.', 'flow.', 'syn.', 'match', 'set.', 'verdict.', 'ledger.',
              'latency', 'memory.', 'peer.')
    print_messages(out, [row for row in out['rows'] if not row['row'].startswith(others)])
    print_cycles([row for row in out['rows'] if row['row'].startswith('cycles.')])
    print_connections([row for row in out['rows'] if row['row'].startswith(('flow.', 'syn.'))])
    print_verdicts([row for row in out['rows'] if row['row'].startswith(('verdict.', 'ledger.'))])
    print_signatures(out, [row for row in out['rows'] if row['row'].startswith(('match', 'set.'))])
    print_latency([row for row in out['rows'] if row['row'].startswith('latency')])
    print_memory([row for row in out['rows'] if row['row'].startswith('memory.')])
    print_peers([row for row in out['rows'] if row['row'].startswith('peer.')])
    print_goodput([row for row in out['rows'] if row['row'].startswith('goodput.')])
    print_forwarding([row for row in out['rows'] if row['row'].startswith('forward.')])
