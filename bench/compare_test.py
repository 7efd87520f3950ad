"""bench/compare: what it calls better, worse and noise. Expected values by hand."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent / 'compare'


def row(name, **facts):
    return {'row': name, 'unit': 'messages/s', 'value': 100, 'input': 'mail'} | facts


def report(*rows, **facts):
    return {'schema': 1, 'date': '2026-01-01', 'revision': 'a' * 40, 'modified': False, 'quick': False,
            'machine': {'cpu': 'x'}, 'compiler': 'y', 'inputs': [], 'rows': list(rows)} | facts


class CompareTest(unittest.TestCase):
    def compare(self, old, new, *options):
        """Exit status, verdicts by row, all that was printed."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / name for name in ('old.json', 'new.json', 'out.json')]
            for path, content in zip(paths, (old, new)):
                path.write_text(content if isinstance(content, str) else json.dumps(content))
            done = subprocess.run([sys.executable, COMPARE, *options, '--all', '--json', paths[2], *paths[:2]],
                                  capture_output=True, text=True)
            found = json.loads(paths[2].read_text()) if paths[2].exists() else []
        return done.returncode, {one['row']: one for one in found}, done.stdout + done.stderr

    def verdict(self, old, new, *options):
        status, found, _ = self.compare(report(row('a', **old)), report(row('a', **new)), *options)
        return status, found['a']['verdict'], found['a']['change']

    def test_a_tenth_slower_beyond_the_noise_is_worse(self):
        status, verdict, change = self.verdict({'of_yardstick': [1.00, 1.01, 0.99]}, {'of_yardstick': [1.10, 1.11, 1.09]})
        self.assertEqual((status, verdict), (1, 'worse'))
        self.assertAlmostEqual(change, 0.1)

    def test_a_tenth_faster_is_better(self):
        status, verdict, _ = self.verdict({'of_yardstick': [1.10, 1.11, 1.09]}, {'of_yardstick': [0.99, 1.00, 1.01]})
        self.assertEqual((status, verdict), (0, 'better'))

    def test_what_repetitions_differ_by_is_no_change(self):
        # Medians a tenth apart, but the ranges meet.
        status, verdict, _ = self.verdict({'of_yardstick': [0.95, 1.00, 1.08]}, {'of_yardstick': [1.07, 1.10, 1.12]})
        self.assertEqual((status, verdict), (0, 'same'))

    def test_ranges_apart_by_less_than_the_noise_are_no_change(self):
        # 0.94 … 1.06 is ±6 %, 1.07 … 1.13 nearly ±3 %: a change of 9 % or less is none.
        status, verdict, _ = self.verdict({'of_yardstick': [0.94, 1.02, 1.06]}, {'of_yardstick': [1.07, 1.10, 1.13]})
        self.assertEqual((status, verdict), (0, 'same'))

    def test_small_changes_are_none_unless_asked_for(self):
        old, new = {'of_yardstick': [1.000, 1.001]}, {'of_yardstick': [1.020, 1.021]}
        self.assertEqual(self.verdict(old, new)[:2], (0, 'same'))
        self.assertEqual(self.verdict(old, new, '--least', '0.01')[:2], (1, 'worse'))

    def test_a_row_that_varies_by_a_fifth_says_nothing(self):
        status, verdict, _ = self.verdict({'of_yardstick': [0.8, 1.0, 1.2]}, {'of_yardstick': [0.9, 1.1, 1.3]})
        self.assertEqual((status, verdict), (0, 'noisy'))

    def test_a_ratio_of_rates_is_better_when_it_is_more(self):
        rates = {'compared_with': 'testpmd', 'ratio_is': 'rate'}
        self.assertEqual(self.verdict(rates | {'ratios': [0.90, 0.91]}, rates | {'ratios': [0.80, 0.81]})[:2], (1, 'worse'))
        times = {'compared_with': 'testpmd'}
        self.assertEqual(self.verdict(times | {'ratios': [0.90, 0.91]}, times | {'ratios': [0.80, 0.81]})[:2], (0, 'better'))

    def test_counts_have_no_noise(self):
        self.assertEqual(self.verdict({'unit': 'instructions', 'value': 1000}, {'unit': 'instructions', 'value': 1011})[:2], (1, 'worse'))
        self.assertEqual(self.verdict({'unit': 'instructions', 'value': 1000}, {'unit': 'instructions', 'value': 1009})[:2], (0, 'same'))

    def test_what_was_measured_on_another_input_is_not_judged(self):
        def of(messages, times):
            entry = {'input': 'mail', 'set': 's', 'open_connections': 64, 'messages': messages, 'mean_octets': 9, 'origin': 'o'}
            return report(row('a', set='s', open_connections=64, of_yardstick=times), inputs=[entry])
        status, found, _ = self.compare(of(100, [1, 1]), of(200, [2, 2]))
        self.assertEqual((status, found['a']['verdict']), (0, 'other input'))

    def test_new_and_gone_rows_are_told(self):
        shared = row('a', of_yardstick=[1, 1])
        status, found, _ = self.compare(report(shared, row('b')), report(shared, row('c')))
        self.assertEqual((status, found['b']['verdict'], found['c']['verdict']), (0, 'gone', 'new'))

    def test_what_cannot_be_compared_says_what_to_do(self):
        status, _, said = self.compare(report(row('a')), report(row('b')))
        self.assertEqual(status, 2)
        self.assertIn('measure both with the same --filter', said)
        status, _, said = self.compare('{"rows": [', report(row('a')))
        self.assertEqual(status, 2)
        self.assertIn('old.json is no report of bench/run', said)
        status, _, said = self.compare(report(row('a'), schema=9), report(row('a')))
        self.assertEqual(status, 2)
        self.assertIn('schema 1', said)


if __name__ == '__main__':
    unittest.main()
