# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a process that it does not measure: ns more for the cheapest system call, for a switch
between two processes, and for a hop through pipes (two calls, a wake-up, a switch), by each hook of the turn boundaries;
and beside it what programs that do nothing cost there, which is what no agent can save.

A switch is a sched_yield between two real-time processes, less a call.

Each round measures without the agent, with it by each hook, with an empty program, and without again: the two without are
the A/A control. The order of what is between turns round by round. All rounds are stored.

    sudo /usr/bin/python3 tests/bench/bystanders.py --json build/bench/bystanders.json

Asserts nothing about speed; it fails only where something did not run.
"""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import figures  # noqa: E402
from harness.agent import Agent  # noqa: E402
from harness.paths import binary  # noqa: E402

HOOKS = ("fentry", "tracepoint", "tp_btf")
EMPTY = {"an empty program at switches": "switch", "an empty program at another call": "call"}
CALLS, SWITCHES, REPEATS = 1_000_000, 100_000, 5
FIGURES = {"a call": "call_ns", "a switch": "switch_ns", "a hop": "hop_ns"}
PROGRAM, EMPTY_PROGRAM = (binary().parent / "tests" / "bench" / name for name in ("bench_bystander", "bench_empty"))


def measure():
    """The best of some: what the machine's neighbours do only ever makes one worse."""
    each = [measure_once() for _ in range(REPEATS)]
    best = {name: min(one[name] for one in each) for name in each[0]}
    return best | {"switch_ns": best["yield_ns"] - best["call_ns"]}


def measure_once():
    shown = subprocess.run([PROGRAM, str(CALLS), str(SWITCHES), str(os.cpu_count() - 1)], check=True,
                           capture_output=True, text=True).stdout
    return json.loads(shown)


@contextlib.contextmanager
def empty_program(which):
    with subprocess.Popen([EMPTY_PROGRAM, which], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "attached\n"
        yield
        process.stdin.close()


def measure_under(name):
    beside = empty_program(EMPTY[name]) if name in EMPTY else Agent("--hook", name, "--sample-rate", "auto", stall_threshold="100ms")
    with beside:
        return measure()


def permitted():
    checks = json.loads(subprocess.run([binary(), "doctor", "--json"], check=False,
                                       capture_output=True, text=True).stdout)["checks"]
    works = {check["name"]: check["finding"] == "attaches" for check in checks}
    return [hook for hook in HOOKS if works[f"hook {hook}"]]


def one_round(hooks):
    first = measure()
    seen = {hook: measure_under(hook) for hook in hooks}
    return {"none": first, **seen, "none again": measure()}


def report(rounds, hooks):
    print(f"{len(rounds)} rounds; medians, in brackets the quartiles\n")
    print("| |" + "".join(f" {what}, ns | more than without |" for what in FIGURES))
    print("|---" * (1 + 2 * len(FIGURES)) + "|")
    for name in ("none", *hooks, "none again"):
        cells = []
        for what in FIGURES.values():
            own = statistics.median(one[name][what] for one in rounds)
            more = [one[name][what] - one["none"][what] for one in rounds]
            low, middle, high = statistics.quantiles(more, n=4)
            cells += [f"{own:.1f}", "" if name == "none" else f"{middle:+.1f} ({low:+.1f}, {high:+.1f})"]
        print(f"| {name} | {' | '.join(cells)} |")


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--rounds", type=int, default=15)
    arguments = flags.parse_args()
    hooks = [*permitted(), *EMPTY]
    rounds = []
    for number in range(arguments.rounds):
        turned = hooks[number % len(hooks):] + hooks[:number % len(hooks)]
        rounds.append(one_round(turned))
    report(rounds, hooks)
    figures.store(arguments.json, rounds)


main()
