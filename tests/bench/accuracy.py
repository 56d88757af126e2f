# SPDX-License-Identifier: Apache-2.0
"""How true the agent's numbers are: against victims that log each of their turns and holds.

Random holds of 0.2 ms to 3 s, most of them near the stall threshold, by five causes, in loops of 1
to 50 coroutines, on a quiet machine (`quiet`) and with as many busy processes as CPUs (`load`); and
short functions at known rates (`bias`). What is printed is the table of docs/accuracy.md.

    sudo /usr/bin/python3 tests/bench/accuracy.py            about 16 minutes
    sudo /usr/bin/python3 tests/bench/accuracy.py --short    about 3 minutes, fewer stalls

Fails where a goal is missed.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness.agent import Agent  # noqa: E402
from harness.metrics import Change  # noqa: E402
from harness.paths import PYTHON, VICTIMS  # noqa: E402
from harness.resources import hog  # noqa: E402
from harness.victims import Talker  # noqa: E402

COROUTINES = (1, 1, 1, 2, 5, 10, 20, 50)  # one loop each
CAUSES = {"hold_by_sleep": "sleep", "hold_by_network": "network", "hold_by_pipe": "pipe",
          "hold_by_lock": "lock", "hold_by_cpu": "cpu"}
THRESHOLD_NS = 100_000_000
UNDECIDED_NS = 1_000_000  # turns this near to the threshold are not judged
BEFORE_NS = 5_000_000     # a record may begin this much before the victim's own clock says so
MACHINE = {"runqueue", "throttled"}


class Turn:
    """A turn by its victim's own clock."""

    def __init__(self, pid, start_ns, end_ns, woken_ns, holds):
        self.pid, self.end_ns, self.woken_ns = pid, end_ns, woken_ns
        self.start_ns = start_ns
        self.holds = holds

    @property
    def duration_ns(self):
        """From the wake-up, as the agent means it."""
        return self.end_ns - self.start_ns + self.woken_ns

    def by_function(self):
        """Nanoseconds, without those in which the machine kept it waiting."""
        spent = collections.Counter()
        for function, start_ns, end_ns, waited_ns in self.holds:
            spent[function] += end_ns - start_ns - waited_ns
        return spent


def collect(agent, records, seconds):
    """The agent remembers the last 1,000 stalls."""
    until = time.monotonic() + seconds
    while True:
        for record in agent.api("stalls?limit=1000")["stalls"]:
            records[record["id"]] = record
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(3, left))


def run_holds(seconds, busy):
    """(turns, records) of all loops."""
    records, turns = {}, []
    with Agent(stall_threshold="100ms") as agent, contextlib.ExitStack() as stack:
        victims = [stack.enter_context(Talker([
            PYTHON, str(VICTIMS / "truth.py"), "holds", str(seed), str(coroutines), "0.08",
            str(seconds)])) for seed, coroutines in enumerate(COROUTINES)]
        for victim in victims:
            victim.hear("ready")
            agent.wait_for_loop(victim.pid)
        for cpu in os.sched_getaffinity(0) if busy else ():
            stack.enter_context(hog(cpu))
        for victim in victims:
            victim.tell("go")
        collect(agent, records, seconds)
        for victim in victims:
            turns += [Turn(victim.pid, *turn) for turn in victim.hear("over", 120)["turns"]]
        collect(agent, records, 3)
    began_ns = min(turn.start_ns for turn in turns)
    return turns, [record for record in records.values()
                   if record["start_monotonic_ns"] >= began_ns - BEFORE_NS]


def match(turns, records):
    """[(turn, record)], turns without, records without."""
    by_pid = collections.defaultdict(list)
    for record in records:
        by_pid[record["pid"]].append(record)
    pairs, missed, used = [], [], set()
    for turn in turns:
        found = next((record for record in by_pid[turn.pid] if record["id"] not in used and
                      covers(record, turn)), None)
        if found:
            used.add(found["id"])
            pairs.append((turn, found))
        else:
            missed.append(turn)
    return pairs, missed, [record for record in records if record["id"] not in used]


def covers(record, turn):
    start_ns = record["start_monotonic_ns"]
    end_ns = start_ns + record["duration_seconds"] * 1e9
    middle_ns = (turn.start_ns + turn.end_ns) / 2
    return start_ns < middle_ns < end_ns


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def judge_holds(name, turns, records):
    pairs, missed, unmatched = match(turns, records)
    stalls = [turn for turn in turns if turn.duration_ns >= THRESHOLD_NS + UNDECIDED_NS]
    lost = [turn for turn in missed if turn.duration_ns >= THRESHOLD_NS + UNDECIDED_NS]
    false = [record for record in unmatched
             if record["duration_seconds"] * 1e9 >= THRESHOLD_NS + UNDECIDED_NS]
    false += [record for turn, record in pairs if turn.duration_ns < THRESHOLD_NS - UNDECIDED_NS]
    single = [(turn, record) for turn, record in pairs if len(turn.holds) == 1]
    errors_ns = [abs(record["duration_seconds"] * 1e9 - turn.duration_ns)
                 for turn, record in single]
    relative = [error / turn.duration_ns for error, (turn, _) in zip(errors_ns, single)]
    right, whole, own, claimed = 0, 0, 0, 0
    confusion = collections.Counter()
    for turn, record in pairs:
        truth = turn.by_function()
        seen = collections.Counter()
        for hold in record["holds"]:
            seen[hold["function"]] += hold["seconds"] * 1e9
        right += sum(min(ns, seen[function]) for function, ns in truth.items())
        whole += sum(truth.values())
        if len(turn.holds) > 1:
            own += sum(truth.values())
            claimed += sum(seen[function] for function in truth)
        elif not record["cause"] in MACHINE and turn.holds:
            confusion[CAUSES[turn.holds[0][0]], record["cause"]] += 1
    rows = {
        "stalls": len(stalls),
        "of these between 90 and 110 ms": sum(t.duration_ns < 110_000_000 for t in stalls),
        "recall": 1 - len(lost) / len(stalls),
        "precision": 1 - len(false) / max(1, len(records)),
        "duration error, median, ms": statistics.median(errors_ns) / 1e6,
        "duration error, p99, ms": quantile(errors_ns, 0.99) / 1e6,
        "duration error, p99, relative": quantile(relative, 0.99),
        "mixed turns: time of all functions, error": claimed / own - 1 if own else 0.0,
        "function right, of blocked time": right / whole,
        "cause right": sum(n for (a, b), n in confusion.items() if a == b) /
        sum(confusion.values()),
    }
    print_table(f"holds, {name}", rows)
    wrong = {pair: n for pair, n in confusion.items() if pair[0] != pair[1]}
    print(f"causes that were taken for others: {wrong or 'none'}\n")
    for turn in lost[:5]:
        print("  lost:", turn.pid, turn.duration_ns / 1e6, turn.holds)
    for record in false[:5]:
        print("  false:", record["pid"], record["duration_seconds"], record["causes"])
    return [
        f"{name}: {what} is {value:.5f}" for what, value, fine in (
            ("recall", rows["recall"], rows["recall"] >= 0.999),
            ("precision", rows["precision"], rows["precision"] >= 0.999),
            ("function accuracy", rows["function right, of blocked time"],
             rows["function right, of blocked time"] >= 0.995),
            ("duration error", rows["duration error, p99, ms"],
             rows["duration error, p99, ms"] <= 0.5 or
             rows["duration error, p99, relative"] <= 0.01),
        ) if not fine]


def judge_bias(seconds, sample_rate):
    with Agent("--sample-rate", str(sample_rate)) as agent, Talker([PYTHON, str(VICTIMS / "truth.py"), "rates", str(seconds)]) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        victim.tell("go")
        victim.hear("warm", 60)
        before, began = agent.scrape(), time.monotonic()
        victim.tell("go")
        spent = victim.hear("over", seconds + 60)["spent"]
        lasted = time.monotonic() - began
        time.sleep(1.5)
        change = Change(before, agent.scrape())
    rows, failures = {}, []
    for function, own in spent.items():
        seen = sum(
            value for cause, value in change.values_of(
                "loopstall_function_busy_seconds_total", "cause", function=function).items()
            if cause not in MACHINE)
        error = seen / own - 1
        ticks = own * sample_rate
        # Computing is sampled by the clock: by chance alone it is off by this much.
        chance = ticks ** -0.5 if function.startswith("cpu") else 0.0
        rows[f"{function}: share of the loop, error, one sigma of the sampling"] = (
            f"{own / lasted:.3f}, {error:+.3%}, {chance:.1%}")
        if abs(error) > 0.03 + 3 * chance:
            failures.append(f"bias: {function} is off by {error:+.2%}")
    print_table(f"bias, after {seconds} s at {sample_rate} Hz", rows)
    return failures


def print_table(title, rows):
    print(f"| {title} | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value if isinstance(value, (int, str)) else format(value, '.5f')} |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("quiet", "load", "bias"), action="append",
                        help="this part only")
    parser.add_argument("--short", action="store_true", help="a tenth of the time")
    parser.add_argument("--sample-rate", type=int, default=99, metavar="HZ",
                        help="of the agent, for the bias; %(default)s by default")
    options = parser.parse_args()
    parts, failures = options.part or ("quiet", "load", "bias"), []
    for name in ("quiet", "load"):
        if name in parts:
            failures += judge_holds(name, *run_holds(30 if options.short else 360, name == "load"))
    if "bias" in parts:
        failures += judge_bias(20 if options.short else 120, options.sample_rate)
    print("\n".join(failures) or "every goal is reached")
    sys.exit(bool(failures))


main()
