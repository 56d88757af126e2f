# SPDX-License-Identifier: Apache-2.0
"""Whether `loopstall check` gives the same verdict each time: twenty runs of a broken service and of its mended twin,
under loads of different size.

    sudo /usr/bin/python3 tests/bench/verdicts.py

Ends with 1 where two runs of a form differ in the verdict or in what they name.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness.agent import free_port  # noqa: E402
from harness.paths import PYTHON, VICTIMS, binary  # noqa: E402

REQUESTS = (20, 40, 80, 120)


def verdict(form, requests):
    """The exit status and (rule, function) of all findings."""
    port = free_port()
    load = f"{PYTHON} {VICTIMS}/judged_service.py load {port} {requests}"
    done = subprocess.run([binary(), "check", "-d", "60s", "--format", "json", "--load", load, "--", PYTHON,
                           VICTIMS / "judged_service.py", form, str(port), "asyncio"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=180, check=False)
    found = json.loads(done.stdout)["findings"] if done.returncode in (0, 1) else [done.stderr]
    return done.returncode, tuple(sorted((one["rule"], one["function"]) for one in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    differ = False
    for form in ("broken", "mended"):
        verdicts = collections.Counter(verdict(form, REQUESTS[run % len(REQUESTS)]) for run in range(runs))
        differ = differ or len(verdicts) > 1
        for (status, findings), count in verdicts.most_common():
            print(f"{form}: {count} of {runs} runs: exit status {status},"
                  f" {', '.join(f'{function} ({rule})' for rule, function in findings) or 'nothing found'}", flush=True)
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
