# SPDX-License-Identifier: Apache-2.0
"""Runs files of this tier, or all of them, under pytest.

Leaves with 77, CTest's skip, where every test was skipped: a missing privilege must not look like a
success.
"""

import pathlib
import sys

import pytest

SKIPPED = 77


class Outcomes:
    def __init__(self):
        self.ran = 0

    def pytest_runtest_logreport(self, report):
        self.ran += report.when == "call" and not report.skipped


def main():
    here = pathlib.Path(__file__).resolve().parent
    outcomes = Outcomes()
    names = sys.argv[1:] or sorted(path.name for path in here.glob("test_*.py"))
    files = [str(here / name) for name in names]
    status = pytest.main(["-v", "-rs", "-p", "no:cacheprovider", *files], plugins=[outcomes])
    sys.exit(SKIPPED if status == pytest.ExitCode.OK and not outcomes.ran else int(status))


if __name__ == "__main__":
    main()
