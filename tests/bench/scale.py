# SPDX-License-Identifier: Apache-2.0
"""What the agent itself costs, by the number of loops that it watches and of their turns.

Real asyncio loops, a thread each, that turn once a second; then fifty that never wait. For each: the
agent's CPU time and the BPF programs' by their own clocks, its resident memory, the time from its start
until all loops are listed, and how long a scrape takes and how large it is.

    sudo /usr/bin/python3 tests/bench/scale.py --json build/bench/scale.json

Asserts nothing about speed; it fails only where something did not run.
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import figures  # noqa: E402
from harness import crowds  # noqa: E402
from harness.agent import Agent, get  # noqa: E402
from harness.metrics import Change  # noqa: E402

SECONDS = 10
SCRAPES = 9
# (processes, loops in each, seconds between the turns of one)
CROWDS = [(1, 1, 1), (2, 50, 1), (20, 50, 1), (50, 1, 0)]


def scrape_cost(agent):
    """(median seconds, bytes) of a scrape that is rendered anew."""
    seconds = []
    for _ in range(SCRAPES):
        time.sleep(0.3)  # one that is younger is used again
        started = time.monotonic()
        status, body = get(f"http://{agent.listen}/metrics")
        seconds.append(time.monotonic() - started)
        assert status == 200
    return statistics.median(seconds), len(body)


def measure(processes, each, turn_seconds):
    loops = processes * each
    with crowds.loops(processes, each, turn_seconds):
        started = time.monotonic()
        with Agent("--sample-rate", "auto", stall_threshold="100ms", ready_within=120) as agent:  # fifty share two CPUs with it
            ready = time.monotonic() - started
            crowds.wait_until_listed(agent, loops, 120)
            listed = time.monotonic() - started
            time.sleep(3)
            before, cpu, began = agent.scrape(), agent.cpu_seconds(), time.monotonic()
            time.sleep(SECONDS)
            change, elapsed = Change(before, agent.scrape()), time.monotonic() - began
            cpu = (agent.cpu_seconds() - cpu) / elapsed
            scrape_seconds, scrape_bytes = scrape_cost(agent)
            return {
                "loops": loops,
                "turns_per_second": change.sum("loopstall_turn_seconds_count") / elapsed,
                "agent_cpu": cpu,
                "programs_cpu": change.sum("loopstall_program_seconds_total") / elapsed,
                "resident_megabytes": agent.resident_bytes() / 1e6,
                "ready_seconds": ready,
                "listed_seconds": listed,
                "scrape_milliseconds": scrape_seconds * 1e3,
                "scrape_kilobytes": scrape_bytes / 1e3,
                "lost": change.values_of("loopstall_events_lost_total", "reason"),
            }


def main():
    arguments = figures.parser(__doc__).parse_args()
    rows = []
    print("| loops | turns/s | agent, CPU | programs, CPU | resident MB | ready s | all listed s "
          "| scrape ms | scrape kB | lost |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for crowd in CROWDS:
        row = measure(*crowd)
        rows.append(row)
        lost = {reason: count for reason, count in row["lost"].items() if count}
        print(f"| {row['loops']} | {row['turns_per_second']:.0f} | {row['agent_cpu'] * 100:.2f} % "
              f"| {row['programs_cpu'] * 100:.2f} % | {row['resident_megabytes']:.1f} "
              f"| {row['ready_seconds']:.1f} | {row['listed_seconds']:.1f} "
              f"| {row['scrape_milliseconds']:.1f} | {row['scrape_kilobytes']:.0f} "
              f"| {lost or 'nothing'} |", flush=True)
    figures.store(arguments.json, rows)


main()
