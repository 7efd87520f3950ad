"""Where and when something was measured."""
import datetime
import os
import platform
import subprocess


def first_line(*command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return (done.stdout.splitlines() or [''])[0]


def load():
    return round(os.getloadavg()[0], 2)


def cpu_model():
    with open('/proc/cpuinfo') as lines:
        for line in lines:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor()


def describe(root):
    """The head of a report. `revision` is null outside a repository."""
    revision = first_line('git', 'rev-parse', 'HEAD', cwd=root)
    changed = first_line('git', 'status', '--porcelain', '--untracked-files=no', cwd=root)
    return {
        'schema': 1,
        'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
        'revision': revision,
        'modified': bool(changed),
        'machine': {'cpu': cpu_model(), 'cores': os.cpu_count(), 'kernel': platform.release(), 'load_before': load()},
        'compiler': first_line(os.environ.get('CXX', 'c++'), '--version'),
        'build': 'release, -march=x86-64-v2, assertions off',
    }
