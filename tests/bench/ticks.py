# SPDX-License-Identifier: Apache-2.0
"""Whether the sampling clock belongs on each CPU or on each loop's thread: what either costs.

A clock on a CPU ticks whatever runs there, also where no loop is; a clock on a thread must be taken off and put on at
each of its context switches. The first is measured by how much slower a thread computes under a clock that is
fast enough to see, the second by how much longer a switch takes. All rounds are stored; the reckoning for other
numbers of CPUs, loops and switches is printed with them.

    /usr/bin/python3 tests/bench/ticks.py --json build/bench/ticks.json

Asserts nothing about speed; it fails only where something did not run.
"""

import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import figures  # noqa: E402
from harness.paths import binary  # noqa: E402

PROGRAM = binary().parent / "tests" / "bench" / "bench_tick"
PLACES = ("none", "cpu", "thread")
FAST_HZ, AGENT_HZ = 10_000, 99
SPIN_SECONDS, HOPS = 0.5, 50_000
# (CPUs that are busy, loops, context switches a second of each loop)
NODES = ((2, 1, 500), (2, 50, 500), (64, 10, 500), (64, 10, 5_000), (64, 1000, 500))


def measure(place, hz):
    shown = subprocess.run([PROGRAM, place, str(hz), str(SPIN_SECONDS), str(HOPS)], check=True,
                           capture_output=True, text=True).stdout
    return json.loads(shown)


def one_round():
    """The clock that is seen in computing is fast; that of the switches has the agent's rate."""
    return {place: {"spins": measure(place, FAST_HZ)["spins_per_second"],
                    "hop_ns": measure(place, AGENT_HZ)["hop_ns"]} for place in PLACES}


def report(rounds):
    tick_ns = [1e9 * (one["none"]["spins"] / one["cpu"]["spins"] - 1) / FAST_HZ for one in rounds]
    tick = statistics.median(tick_ns)
    print(f"{len(rounds)} rounds; medians, in brackets the quartiles\n")
    low, _, high = statistics.quantiles(tick_ns, n=4)
    print(f"a tick, without a program: {tick:.0f} ns ({low:.0f}, {high:.0f})")
    switch = {}
    for place in ("cpu", "thread"):
        more = [one[place]["hop_ns"] - one["none"]["hop_ns"] for one in rounds]
        low, switch[place], high = statistics.quantiles(more, n=4)
        print(f"a switch, with the clock on the {place}: {switch[place]:+.0f} ns ({low:+.0f}, {high:+.0f})")
    print("\n| busy CPUs | loops | switches/s of each | clock on each CPU, cores | on each thread, cores |")
    print("|---|---|---|---|---|")
    for cpus, loops, switches in NODES:
        on_cpus = cpus * AGENT_HZ * tick / 1e9
        on_threads = loops * (switches * max(switch["thread"], 0) + AGENT_HZ * tick) / 1e9
        print(f"| {cpus} | {loops} | {switches} | {on_cpus:.5f} | {on_threads:.5f} |")


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--rounds", type=int, default=15)
    arguments = flags.parse_args()
    rounds = [one_round() for _ in range(arguments.rounds)]
    report(rounds)
    figures.store(arguments.json, rounds)


main()
