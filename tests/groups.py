"""The groups of tests, each built in the flavour it needs and counted case by case.

    tests/run                     all groups; the unit tests run in sanitize, a few of them in unit too
    tests/run --quick             without the sanitizers, the fuzzers and the thousand lossy messages
    tests/run --only unit,wire    these groups; --unit, --fixtures, … mean the same for one

    budget     the instructions that a message costs a worker, against bench/budget.json
    sets       the shipped signature sets: each rule with a message it hits and one it must not
    unit       the unit tests beside the code
    fixtures   packets in, packets out, through a whole worker
    tricks     ways to hide text from a filter, each with a message that is found out and a clean one
    parity     500 messages of real mail, and each encoded anew, decoded by Python's email and by us; 200
               scanned rule by rule as SpamAssassin scans them, and asked the functions of its rules
    wire       real mail servers in network namespaces, the appliance between them (needs root)
    console    the console in a headless Chromium, every page wide and narrow, light and dark
    sanitize   unit tests and fixtures under the address and undefined behaviour sanitizers
    threads    the structures that threads share, under the thread sanitizer
    fuzz       each parser of outside bytes under libFuzzer, for some seconds

Prints one line per group and, below it, what failed. Build trees: build-test, build-asan, build-tsan,
build-fuzz. The last line is `N passed, N failed, N skipped`.
"""

import argparse
import atexit
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ_SECONDS = 5
# The unit tests whose code is shared between threads; the rest runs on one and gains nothing there.
# Not `loop`: DPDK's rings order their plain loads and stores by barriers, which the sanitizer cannot
# see. Not `agent` and `control`: they run Debian's gRPC, which is built without it.
THREADED = ("verdict", "signature_handover", "signature_intake", "agent_storage", "ledger", "policy")


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)  # what failed or was left out, and where to look

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)
        return self


class BuildFailed(Exception):
    """Its text is the end of the build's output."""


def log_file(name):
    folder = ROOT / "build-test"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.log"


_children = set()  # that run now; told to end when we do


@atexit.register
def end_children():
    for child in list(_children):
        child.terminate()


def command(words, log, environment=None, cwd=ROOT):
    """Runs to the end with its output in `log`; the exit status."""
    with open(log, "ab") as output:
        output.write((" ".join(map(str, words)) + "\n").encode())
        output.flush()
        child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, cwd=cwd,
                                 env={**os.environ, **(environment or {})})
        _children.add(child)
        try:
            return child.wait()
        except BaseException:
            # Told to stop: so is the child, which may have namespaces to take down.
            child.terminate()
            child.wait()
            raise
        finally:
            _children.discard(child)


def tail(log, lines=40):
    return "\n".join(Path(log).read_text(errors="replace").splitlines()[-lines:])


class Tree:
    """A build tree of one flavour."""

    def __init__(self, name, *options, compiler=None):
        self.path = ROOT / name
        self.log = log_file(f"{name}-output")
        self.log.unlink(missing_ok=True)
        if not (self.path / "build.ninja").exists():
            environment = {"CXX": compiler} if compiler else {}
            if command(["meson", "setup", self.path, *options], self.log, environment):
                raise BuildFailed(f"meson setup {name} failed:\n{tail(self.log)}")

    def ninja(self, *targets, politely=False):
        if command([*(["nice", "-n", "19"] if politely else []), "ninja", "-C", self.path, *targets],
                   self.log):
            raise BuildFailed(f"ninja -C {self.path.name} failed:\n{tail(self.log)}")

    def introspect(self, what):
        done = subprocess.run(["meson", "introspect", f"--{what}", str(self.path)],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def tests(self, *suites):
        """Names and programs of the tests in these suites."""
        found = {}
        for test in self.introspect("tests"):
            if any(s.split(":")[-1] in suites for s in test["suite"]):
                # Not scripts beside the tree, whose paths lead out of it.
                programs = [p for p in map(os.path.normpath, test["cmd"]) if Path(p).is_relative_to(self.path)]
                found[test["name"]] = [str(Path(p).relative_to(self.path)) for p in programs]
        return found

    def build_tests(self, *suites, names=None, politely=False):
        """Builds what the tests of these suites need; as tests() gives them."""
        self.ninja("build.ninja")
        tests = {name: programs for name, programs in self.tests(*suites).items()
                 if names is None or name in names}
        if tests:
            self.ninja(*sorted({p for programs in tests.values() for p in programs}), politely=politely)
        return tests

    def run_tests(self, *suites, names=None, environment=None):
        """Builds what the tests of these suites need, runs them, and counts their cases."""
        counts = Counts()
        tests = self.build_tests(*suites, names=names)
        if not tests:
            return counts
        for stale in self.path.glob("*.xml"):
            stale.unlink()
        status = command(
            ["meson", "test", "-C", self.path, "--no-rebuild", "--print-errorlogs", *sorted(tests)],
            self.log, environment)
        # The next run of this tree writes its own.
        kept = f"testlog-{'-'.join(suites)}.txt"
        (self.path / "meson-logs/testlog.txt").rename(self.path / kept)
        report = ElementTree.parse(self.path / "meson-logs/testlog.junit.xml").getroot()
        for case in report.iter("testcase"):
            name = f"{case.get('classname', '')}.{case.get('name')}".strip(".")
            if case.find("failure") is not None or case.find("error") is not None:
                counts.fail(f"{name}: see {self.path.name}/{kept}")
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                counts.skipped += 1
            else:
                counts.passed += 1
        # A program that crashed, or did not end, has left no report of its cases.
        for line in (self.path / "meson-logs/testlog.json").read_text().splitlines():
            test = json.loads(line)
            if test["result"] in ("TIMEOUT", "ERROR", "INTERRUPT"):
                counts.fail(f"{test['name']}: {test['result']}: see {self.path.name}/{kept}")
        if status and not counts.failed:
            counts.fail(f"meson test failed outside a case: see {self.path.name}/{kept}")
        return counts


def flavour(optimization):
    """Meson options. Line numbers are all that a test needs of debug information, and eight sources
    together compile in half the time: headers are most of it."""
    return (f"-Doptimization={optimization}", "-Ddebug=false", "-Dcpp_args=-g1", "-Dunity=on",
            "-Dunity_size=8")


_test_tree = None


def test_tree():
    global _test_tree
    if _test_tree is None:
        _test_tree = Tree("build-test", *flavour(optimization=2))
    return _test_tree


# Unit tests that say more without a sanitizer: it brings a heap of its own, and plays fewer sessions.
PLAIN = ("allocator", "pipeline_model", "tcp", "worker", "loop", "steady_state", "bench_compare")


def unit(options):
    return test_tree().run_tests("unit", names=None if options.all_units else PLAIN)


def fixtures(_):
    return test_tree().run_tests("fixtures")


def asan_tree():
    # Unoptimised: what the checks cost to compile is more than what they cost to run.
    return Tree("build-asan", "-Dsanitize=address,undefined", "-Dwerror=false", *flavour(optimization=0))


def sanitize(_):
    return asan_tree().run_tests("unit", "fixtures", environment={
        "POSTERN_MODEL_SESSIONS": "5000",
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": "print_stacktrace=1"})


def tsan_tree():
    return Tree("build-tsan", "-Dsanitize=thread", *flavour(optimization=1))


def threads(_):
    return tsan_tree().run_tests("unit", "fixtures", names=THREADED,
                                 environment={"TSAN_OPTIONS": "halt_on_error=1"})


def fuzz_tree():
    return Tree("build-fuzz", "-Dfuzz=true", "-Dwerror=false", *flavour(optimization=1),
                compiler="clang++-19")


# Fuzzers behind the ledger, which compiles for minutes: `tests/run --only fuzz` runs them too.
LARGE_FUZZERS = ("api", "letter")


def fuzzers(tree, options):
    """Names and programs of the fuzzers that are to be run."""
    tree.ninja("build.ninja")
    found = {Path(t["filename"][0]).name.removesuffix("_fuzz"): Path(t["filename"][0])
             for t in tree.introspect("targets") if t["name"].endswith("_fuzz")}
    return {name: program for name, program in found.items()
            if options.all_units or name not in LARGE_FUZZERS}


def build_fuzzers(tree, targets, politely=False):
    tree.ninja(*(str(p.relative_to(tree.path)) for p in targets.values()), politely=politely)


def fuzz(options):
    counts = Counts()
    tree = fuzz_tree()
    targets = fuzzers(tree, options)
    for source in (ROOT / "tests/fuzz").glob("*_fuzz.cc"):
        name = source.name.removesuffix("_fuzz.cc")
        if name not in targets and (options.all_units or name not in LARGE_FUZZERS):
            counts.fail(f"{source.name} has no row in tests/fuzz/meson.build")
    build_fuzzers(tree, targets)

    def run(name):
        found = tree.path / "corpus" / name
        crashes = tree.path / "crashes"
        found.mkdir(parents=True, exist_ok=True)
        crashes.mkdir(exist_ok=True)
        seeds = ROOT / "tests/fuzz/corpus" / name
        log = log_file(f"fuzz-{name}")
        log.unlink(missing_ok=True)
        # One seed: the same change meets the same inputs again, as far as the time goes.
        status = command(
            [targets[name], found, *([seeds] if seeds.is_dir() else []), "-seed=1",
             f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=3072",
             "-print_final_stats=1", f"-artifact_prefix={crashes}/{name}-"], log)
        return name, status, log

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, status, log in pool.map(run, sorted(targets)):
            if status:
                counts.fail(f"{name}: {last_matching(log, 'ERROR|SUMMARY|runtime error')}; see {log}"
                            + last_input(log))
            else:
                counts.passed += 1
    return counts


def last_matching(log, pattern):
    lines = [line for line in Path(log).read_text(errors="replace").splitlines()
             if re.search(pattern, line)]
    return lines[-1] if lines else "ended with an error"


def last_input(log):
    """What the fuzzer failed on, if short enough to be printed: the output may be all that is left."""
    written = re.findall(r"Test unit written to (.+)$", Path(log).read_text(errors="replace"), re.M)
    octets = Path(written[-1]).read_bytes() if written else b""
    return f"\n      input, base64: {b64encode(octets).decode()}" if 0 < len(octets) <= 4096 else ""


def sets(_):
    """Two judges, SpamAssassin and our scanner: each must find what each message says of itself."""
    counts = Counts()
    test_tree().ninja("control/cli/postern")
    log = log_file("sets")
    log.unlink(missing_ok=True)
    status = command([sys.executable, ROOT / "patterns/sets/check.py", "--spamassassin", "--postern",
                      test_tree().path / "control/cli/postern"], log)
    text = log.read_text(errors="replace")
    judged = re.findall(r"^(\w+): (\d+) pairs and (\d+) sample messages, (\d+) wrong$", text, re.M)
    for judge, pairs, samples, wrong in judged:
        counts.passed += 2 * int(pairs) + int(samples) - int(wrong)
        counts.failed += int(wrong)
    counts.notes = re.findall(r"^(?:spamassassin|postern): .*(?<! wrong)$", text, re.M)[:20]
    if status and not counts.failed:
        counts.fail(f"exit {status}:\n{tail(log, 15)}")
    if counts.failed:
        counts.notes.append(f"see {log}")
    return counts


def tricks(_):
    test_tree().ninja("control/cli/postern", "dataplane/mime/mime-dump")
    return closing_line([sys.executable, ROOT / "tests/tricks/run",
                         "--postern", test_tree().path / "control/cli/postern",
                         "--mime-dump", test_tree().path / "dataplane/mime/mime-dump"], "tricks")


def parity(_):
    test_tree().ninja("control/cli/postern", "dataplane/mime/mime-dump")
    dump, postern = (test_tree().path / name for name in ("dataplane/mime/mime-dump", "control/cli/postern"))
    parts = {"parity": ["decoding.py", "--dump", dump], "parity-rules": ["rules.py", "--postern", postern],
             "parity-evals": ["eval_rules.py", "--postern", postern, "--messages", "200"]}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda name: closing_line(
            [sys.executable, ROOT / "tests/parity" / parts[name][0], *parts[name][1:]], name), parts)
    total = Counts()
    for part in done:
        total.passed += part.passed
        total.failed += part.failed
        total.skipped += part.skipped
        total.notes += part.notes
    return total


def wire(options):
    counts = Counts()
    if os.geteuid() != 0:
        return counts.fail("the wire tests lay out network namespaces: run as root")
    test_tree().ninja("dataplane/postern-dataplane", "control/postern-control", "control/cli/postern",
                      "tests/wire/impaired-cable", "tests/wire/segment-attacker")
    return closing_line([ROOT / "tests/wire/run", "--build", test_tree().path,
                         *(["--quick"] if options.quick else [])], "wire")


def budget(_):
    test_tree().ninja("bench/postern-bench-instructions")
    return closing_line([sys.executable, ROOT / "bench/budget", "--build", test_tree().path], "budget")


def console(_):
    test_tree().ninja("build.ninja")
    test_tree().ninja("tests/console/console-fixture")
    return closing_line([sys.executable, ROOT / "tests/console/run", "--build", test_tree().path], "console")


class BuildAhead(threading.Thread):
    """Builds the trees of groups to come, one after the other, at the lowest priority: while others wait
    for a browser or a mail server. What fails to build says so in its group."""

    def __init__(self, groups, options):
        super().__init__(daemon=True)
        self._builds = {"sanitize": self._sanitize, "threads": self._threads, "fuzz": self._fuzz}
        self._options = options
        self._built = {group: threading.Event() for group in groups if group in self._builds}

    def run(self):
        for group, built in self._built.items():
            try:
                self._builds[group]()
            except BuildFailed:
                pass
            finally:
                built.set()

    def wait_for(self, group):
        if group in self._built:
            self._built[group].wait()

    def _sanitize(self):
        asan_tree().build_tests("unit", "fixtures", politely=True)

    def _threads(self):
        tsan_tree().build_tests("unit", "fixtures", names=THREADED, politely=True)

    def _fuzz(self):
        tree = fuzz_tree()
        build_fuzzers(tree, fuzzers(tree, self._options), politely=True)


def closing_line(words, name):
    """Runs a program that closes with `N passed, N failed`; its failures are lines with FAIL."""
    counts = Counts()
    log = log_file(name)
    log.unlink(missing_ok=True)
    status = command(words, log)
    text = log.read_text(errors="replace")
    closing = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.MULTILINE)
    if not closing:
        return counts.fail(f"ended without counts (exit {status}); see {log}\n{tail(log, 15)}")
    counts.passed, counts.failed, counts.skipped = (int(n or 0) for n in closing[-1])
    counts.notes = [line.strip() for line in text.splitlines()
                    if line.strip().startswith(("FAIL", "skip"))]
    if counts.failed:
        counts.notes.append(f"see {log}")
    elif status:
        counts.fail(f"exit {status}; see {log}")
    return counts


GROUPS = {"unit": unit, "fixtures": fixtures, "sets": sets, "tricks": tricks, "parity": parity, "budget": budget,
          "console": console, "wire": wire, "sanitize": sanitize, "threads": threads, "fuzz": fuzz}
QUICK = ("unit", "fixtures", "sets", "tricks", "parity", "budget", "console", "wire")


def main():
    parser = argparse.ArgumentParser(
        prog="tests/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="GROUP,…")
    for group in GROUPS:
        parser.add_argument(f"--{group}", dest="only", action="append_const", const=group,
                            help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    # Without the sanitizers' run, or when asked for, all of them.
    options.all_units = options.quick or bool(options.only)
    unknown = [group for group in options.only if group not in GROUPS]
    if unknown:
        parser.error(f"unknown group {unknown[0]}; groups are {', '.join(GROUPS)}")

    if not Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus.tar.xz")).exists():
        print("note: no ../shared/corpus.tar.xz beside the project: the cases with real mail are skipped")
    total = Counts()
    groups = list(options.only or (QUICK if options.quick else GROUPS))
    ahead = None
    for number, group in enumerate(groups):
        began = time.monotonic()
        if ahead:
            ahead.wait_for(group)
        elif group in ("sets", "parity", "console", "wire"):  # they leave a core idle, or wait more than they work
            ahead = BuildAhead(groups[number + 1:], options)
            ahead.start()
        try:
            counts = GROUPS[group](options)
        except BuildFailed as error:
            counts = Counts().fail(str(error))
        if counts.passed + counts.failed + counts.skipped == 0:
            counts.fail("no test was found")
        took = time.monotonic() - began
        print(f"{'FAIL' if counts.failed else 'ok':4}  {group:9} {counts.passed:5} passed, "
              f"{counts.failed} failed, {counts.skipped} skipped   {took:5.0f} s", flush=True)
        for note in counts.notes:
            print("      " + note.replace("\n", "\n      "), flush=True)
        total.passed += counts.passed
        total.failed += counts.failed
        total.skipped += counts.skipped
    print(f"{total.passed} passed, {total.failed} failed" +
          (f", {total.skipped} skipped" if total.skipped else ""))
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
