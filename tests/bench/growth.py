# SPDX-License-Identifier: Apache-2.0
"""What the agent's cost grows with: turns, functions, and processes that are no business of its.

Each line is an agent of its own beside one load: its CPU time and its programs' by their own clocks, its
memory, and a scrape.

    sudo /usr/bin/python3 tests/bench/growth.py --json build/bench/growth.json

Asserts nothing about speed; it fails only where something did not run.
"""

import contextlib
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import figures  # noqa: E402
from harness import crowds  # noqa: E402
from harness.agent import Agent  # noqa: E402
from harness.metrics import Change  # noqa: E402
from harness.paths import PYTHON  # noqa: E402
from harness.victims import Talker  # noqa: E402

SECONDS = 15
IDLE = "/bin/sleep"


@contextlib.contextmanager
def idle_processes(number):
    pids = [os.posix_spawn(IDLE, [IDLE, "infinity"], {}) for _ in range(number)]
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)


@contextlib.contextmanager
def generated_functions(number):
    """One loop, held by that many functions of names of their own."""
    with Talker([PYTHON, "many_names.py", "0", str(number), "50"]) as worker:
        worker.hear("ready")
        time.sleep(3)  # its loop is known
        worker.tell("go")
        worker.hear("done", 120)
        yield


LOADS = {
    "one loop, 1 turn/s": lambda: crowds.loops(1, 1, 1),
    "beside 10,000 idle processes": lambda: both(idle_processes(10_000), crowds.loops(1, 1, 1)),
    "100 loops, 10 turns/s each": lambda: crowds.loops(4, 25, 0.1),
    "100 loops, 100 turns/s each": lambda: crowds.loops(4, 25, 0.01),
    "1,000 functions": lambda: generated_functions(1_000),
    "20,000 functions": lambda: generated_functions(20_000),
}


@contextlib.contextmanager
def both(*loads):
    with contextlib.ExitStack() as opened:
        for load in loads:
            opened.enter_context(load)
        yield


def measure(agent):
    before, cpu, began = agent.scrape(), agent.cpu_seconds(), time.monotonic()
    time.sleep(SECONDS)
    after, elapsed = agent.scrape(), time.monotonic() - began
    change = Change(before, after)
    return {
        "waits_per_second": change.sum("loopstall_program_runs_total", program="wait_enter") / elapsed,
        "agent_cpu": (agent.cpu_seconds() - cpu) / elapsed,
        "programs_cpu": change.sum("loopstall_program_seconds_total") / elapsed,
        "resident_megabytes": agent.resident_bytes() / 1e6,
        "samples": len(after.samples),
    }


def measured(load):
    """The agent comes first: it sees everything begin."""
    with Agent("--sample-rate", "auto", stall_threshold="100ms") as agent, load():
        time.sleep(5)
        return measure(agent)


def main():
    arguments = figures.parser(__doc__).parse_args()
    rows = {}
    print("| load | waits/s | agent, CPU | programs, CPU | resident MB | samples of a scrape |")
    print("|---|---|---|---|---|---|")
    for name, load in LOADS.items():
        row = rows[name] = measured(load)
        print(f"| {name} | {row['waits_per_second']:.0f} | {row['agent_cpu'] * 100:.2f} % "
              f"| {row['programs_cpu'] * 100:.3f} % | {row['resident_megabytes']:.1f} "
              f"| {row['samples']} |", flush=True)
    figures.store(arguments.json, rows)


main()
