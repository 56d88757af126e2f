# SPDX-License-Identifier: Apache-2.0
"""Runs files of this tier, or all of them, under pytest.

Leaves with 77, CTest's skip, where every test was skipped: a missing privilege must not look like a
success.

What fails is run once more, by itself and in a new process, after all else has ended: these tests measure,
and a virtual machine may stand still. Passing then, it is named as unsteady, with what was wrong, and the
summary of the whole run shows it (decision 26). More than a few in one run are not chance, and stay red.
"""

import pathlib
import subprocess
import sys

import pytest

SKIPPED = 77
MAX_UNSTEADY = 3
AGAIN = "--again"


class Outcomes:
    def __init__(self):
        self.ran = 0
        self.places = {}  # id of the test: what runs it from anywhere
        self.failed = {}  # id of the test: what was wrong

    def pytest_collection_modifyitems(self, items):
        for item in items:
            _, parameters = item.nodeid.split("::", 1)
            self.places[item.nodeid] = f"{item.path}::{parameters}"

    def pytest_runtest_logreport(self, report):
        self.ran += report.when == "call" and not report.skipped
        if report.failed:
            self.failed.setdefault(report.nodeid, wrong_in(report))


def wrong_in(report):
    lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E  ")]
    return lines[0][1:].strip()[:200] if lines else report.when


def run(files, outcomes):
    return pytest.main(["-q", "-rs", "-p", "no:cacheprovider", *files], plugins=[outcomes])


def passes_alone(place):
    """Whether a test passes in a process that runs nothing else."""
    again = [sys.executable, "-B", __file__, AGAIN, place]
    return subprocess.run(again, check=False).returncode == 0


def main():
    here = pathlib.Path(__file__).resolve().parent
    words = sys.argv[1:]
    outcomes = Outcomes()
    if words[:1] == [AGAIN]:
        sys.exit(int(run(words[1:], outcomes)))
    names = words or sorted(path.name for path in here.glob("test_*.py"))
    status = run([str(here / name) for name in names], outcomes)
    sys.stdout.flush()
    if status == pytest.ExitCode.TESTS_FAILED and len(outcomes.failed) <= MAX_UNSTEADY:
        if all(passes_alone(outcomes.places[test]) for test in outcomes.failed):
            for test, wrong in outcomes.failed.items():
                print(f"unsteady: {test}: {wrong}; not when run again")
            sys.exit(0)
    sys.exit(SKIPPED if status == pytest.ExitCode.OK and not outcomes.ran else int(status))


if __name__ == "__main__":
    main()
