# SPDX-License-Identifier: Apache-2.0
"""What the agent's hooks add to the system calls of a saturated service, as the service itself sees it: with the caches as
its own work leaves them, and not as a loop that does nothing else.

Its hooks are taken off and put back about every second (switchable.py); a library in the service times each call. The figures are
medians over the calls of a window; the control are rounds in which nothing is put back.

    sudo /usr/bin/python3 tests/bench/call_times.py --loop uvloop --minutes 4 --json build/bench/call_times.json

What the hooks cost after the call, by what they pushed out of the caches, is not in it. Asserts nothing about speed; it fails
only where something did not run.
"""

import array
import mmap
import os
import statistics
import tempfile
import time

import figures
import overhead
from harness.paths import VICTIMS, binary
from overhead import bootstrapped
from saturated import CONNECTIONS, under_load, uvicorn
from switchable import KINDS, check_that_it_switches, switchable_agent

# As in call_times.cc.
LIBRARY = binary().parent / "tests" / "bench" / "libbench_call_times.so"
CALLS = ("reads", "writes", "waits")
BINS, BIN_NS, PAGE = 8192, 4, 4096
OFF, ON, NONE = 0, 1, 2
SIZE = PAGE + len(CALLS) * 2 * BINS * 4


class CallTimes:
    """The histograms that the library in the service fills."""

    def __init__(self, file):
        file.truncate(SIZE)
        self._shared = mmap.mmap(file.fileno(), SIZE)
        self.fill(NONE)

    def fill(self, which):
        self._shared[:4] = which.to_bytes(4, "little")

    def counts(self):
        return array.array("I", self._shared[PAGE:])


def median_ns(bins):
    """Of the calls in the bins, with a straight line inside of one."""
    half, seen = sum(bins) / 2, 0
    for number, count in enumerate(bins):
        if count and seen + count >= half:
            return (number + (half - seen) / count) * BIN_NS
        seen += count
    raise AssertionError("no call was seen")


def mean_ns(bins):
    """What lies beyond the last bin counts as if it lay in it."""
    return sum((number + 0.5) * BIN_NS * count for number, count in enumerate(bins) if count) / sum(bins)


def one_round(hooks, chosen, switch, times):
    """{call: {"off": median in ns, "on": …, "mean off": …, "mean on": …, "calls": how many with the hooks off}}"""
    before = times.counts()
    for which, word in ((OFF, "off"), (ON, f"on {hooks}")):
        switch.turn(word)
        times.fill(which)
        time.sleep(chosen.window)
        times.fill(NONE)
        time.sleep(0.002)  # for the last call
    grown = [late - early for early, late in zip(before, times.counts())]
    found = {}
    for place, call in enumerate(CALLS):
        off, on = (grown[(place * 2 + which) * BINS:][:BINS] for which in (OFF, ON))
        found[call] = {"off": median_ns(off), "on": median_ns(on), "mean off": mean_ns(off), "mean on": mean_ns(on), "calls": sum(off)}
    return found


def measured(chosen, folder):
    """{hooks: rounds}"""
    rounds = {hooks: [] for hooks in chosen.hooks}
    path = os.path.join(folder, "calls")
    with open(path, "w+b") as file:
        times = CallTimes(file)
        environment = os.environ | {"LD_PRELOAD": str(LIBRARY), "LOOPSTALL_BENCH_CALLS": path}
        with uvicorn("hello:app", chosen.loop, VICTIMS, environment) as (server, url), switchable_agent() as (agent, switch):
            own = agent.wait_for_loop(server.pid)["labels"]["process"]
            with under_load(url, chosen.minutes):
                time.sleep(overhead.AGENT_WARM_SECONDS)
                check_that_it_switches(agent, switch, own)
                end = time.monotonic() + chosen.minutes * 60
                while time.monotonic() < end:
                    for hooks, of_these in rounds.items():
                        of_these.append(one_round(hooks, chosen, switch, times))
    return rounds


def report(chosen, rounds):
    print(f"uvicorn hello-world on {chosen.loop}, {CONNECTIONS} connections; ns a call, of each round, and the medians of the rounds\n")
    print("| hooks | call | a request | median, off | more when on | | mean: more when on | |\n|---|---|---|---|---|---|---|---|")
    for hooks, of_these in rounds.items():
        requests = sum(each["reads"]["calls"] for each in of_these)
        for call in CALLS:
            share = sum(each[call]["calls"] for each in of_these) / requests
            off = statistics.median(each[call]["off"] for each in of_these)
            more = (spread([each[call][f"{what}on"] - each[call][f"{what}off"] for each in of_these]) for what in ("", "mean "))
            print(f"| {hooks} | {call} | {share:.3f} | {off:,.0f} | {' | '.join(more)} |")


def spread(values):
    low, high = bootstrapped(values)
    return f"{statistics.median(values):+,.0f} | {low:+,.0f} to {high:+,.0f}"


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    flags.add_argument("--minutes", type=float, default=4)
    flags.add_argument("--window", type=float, default=0.15, help="seconds")
    flags.add_argument("--hooks", nargs="+", choices=KINDS, default=("all", "nothing"), help="which are put back, by rounds in turn")
    chosen = flags.parse_args()
    overhead.check_environment()
    with tempfile.TemporaryDirectory() as folder:
        rounds = measured(chosen, folder)
    figures.store(chosen.json, rounds)
    report(chosen, rounds)


main()
