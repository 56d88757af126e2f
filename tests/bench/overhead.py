# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a saturated service: throughput and p99 with and without it.

One uvicorn hello-world serves all rounds. Each round measures it three times: without the agent,
with it (the order of these two alternates) and once more without it; the two measurements without
are the A/A control, which shows what the machine's own noise makes of no difference at all. For
comparison, the same service under PYTHONASYNCIODEBUG=1 and under `strace -c -f`. Every pair is
printed and stored.

    sudo /usr/bin/python3 tests/bench/overhead.py --loop uvloop --json build/bench/uvloop.json

Asserts nothing about speed; it fails only where something did not run.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import waiting  # noqa: E402
from harness.agent import Agent, free_port, get  # noqa: E402
from harness.metrics import Change  # noqa: E402
from harness.paths import PYTHON, VICTIMS, binary  # noqa: E402

SERVER_CPU, LOAD_CPU = 0, 1
LATENCY_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclasses.dataclass
class Measured:
    requests_per_second: float
    p99_seconds: float
    cpu_seconds_per_request: float  # the server's own, which a busy host disturbs less


@dataclasses.dataclass
class AgentCost:
    cpu_seconds_per_second: float
    resident_bytes: int
    programs: dict  # name: (runs per second, seconds per second)


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *command] if os.cpu_count() > 1 else command


@contextlib.contextmanager
def server(loop, **environment):
    """A uvicorn on its own CPU: (process, URL)."""
    port = free_port()
    process = subprocess.Popen(
        pinned(SERVER_CPU, [
            PYTHON, "-m", "uvicorn", "hello:app", "--loop", loop, "--port", str(port),
            "--no-access-log", "--log-level", "critical"]),
        cwd=VICTIMS, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/"
        waiting.until(lambda: get(url)[0] == 200, 20, "the service answers")
        yield process, url
    finally:
        process.terminate()
        process.wait(10)


def cpu_seconds(pid):
    """All its threads', by the scheduler's book."""
    return sum(int((task / "schedstat").read_text().split()[0]) / 1e9
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def load(process, url, seconds):
    """One measurement with wrk on the other CPU."""
    before = cpu_seconds(process.pid)
    text = subprocess.run(
        pinned(LOAD_CPU, ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", url]),
        check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    requests = re.search(r"(\d+) requests in", text)
    assert rate and p99 and requests and "Non-2xx" not in text, text
    return Measured(float(rate[1]), float(p99[1]) * LATENCY_UNITS[p99[2]],
                    (cpu_seconds(process.pid) - before) / int(requests[1]))


def load_with_agent(process, url, seconds):
    """(Measured, AgentCost): the agent is ready and knows the loop before the load begins."""
    with Agent(stall_threshold="100ms") as agent:
        agent.wait_for_loop(process.pid)
        before, cpu_before, started = agent.scrape(), agent.cpu_seconds(), time.monotonic()
        measured = load(process, url, seconds)
        elapsed = time.monotonic() - started
        cpu, resident = agent.cpu_seconds() - cpu_before, agent.resident_bytes()
        change = Change(before, agent.scrape())
        assert change.sum("loopstall_turn_seconds_count", process="hello:app") > 0, \
            "the agent measured no turn of the service"
        runs, seconds = (change.values_of(f"loopstall_program_{what}_total", "program")
                         for what in ("runs", "seconds"))
        programs = {program: (count / elapsed, seconds.get(program, 0) / elapsed)
                    for program, count in runs.items()}
    return measured, AgentCost(cpu / elapsed, resident, programs)


@contextlib.contextmanager
def traced(process):
    """strace on the running service."""
    strace = subprocess.Popen(["strace", "-c", "-f", "-o", "/dev/null", "-p", str(process.pid)],
                              stderr=subprocess.DEVNULL)
    try:
        waiting.until(lambda: "TracerPid:\t0" not in pathlib.Path(
            f"/proc/{process.pid}/status").read_text(), 10, "strace is attached")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(10)


def summary(pairs, field):
    """The ratio second/first of each pair, in numbers."""
    ratios = [getattr(second, field) / getattr(first, field) for first, second in pairs]
    return {"median": statistics.median(ratios), "mean": statistics.mean(ratios),
            "sd": statistics.stdev(ratios) if len(ratios) > 1 else 0.0,
            "min": min(ratios), "max": max(ratios)}


def show_pairs(title, pairs):
    print(f"\n{title}: requests/s, p99 and the server's CPU time per request, without and with")
    for number, (without, with_it) in enumerate(pairs, 1):
        print(f"  {number:2}  {without.requests_per_second:9.0f} {with_it.requests_per_second:9.0f}"
              f"  ×{with_it.requests_per_second / without.requests_per_second:.4f}"
              f"    {without.p99_seconds * 1e3:8.3f} ms {with_it.p99_seconds * 1e3:8.3f} ms"
              f"  ×{with_it.p99_seconds / without.p99_seconds:.4f}"
              f"    {without.cpu_seconds_per_request * 1e6:6.2f} us"
              f" {with_it.cpu_seconds_per_request * 1e6:6.2f} us"
              f"  ×{with_it.cpu_seconds_per_request / without.cpu_seconds_per_request:.4f}")
    for field in ("requests_per_second", "p99_seconds", "cpu_seconds_per_request"):
        numbers = summary(pairs, field)
        print(f"  {field:24} ratio: " + "  ".join(f"{name} {value:.4f}"
                                                for name, value in numbers.items()))


def show_costs(costs):
    print("\nthe agent itself, under that load")
    for name, unit, values in (
            ("CPU seconds per second", "{:.4f}", [cost.cpu_seconds_per_second for cost in costs]),
            ("RSS, MB", "{:.1f}", [cost.resident_bytes / 1e6 for cost in costs])):
        print(f"  {name:24} median {unit.format(statistics.median(values))}  "
              f"max {unit.format(max(values))}")
    print(f"  {'BPF program':24} {'runs/s':>10} {'ns/run':>8} {'CPU s/s':>9}")
    for program in sorted({name for cost in costs for name in cost.programs}):
        runs, seconds = (statistics.median(values) for values in zip(
            *(cost.programs.get(program, (0, 0)) for cost in costs)))
        each_ns = seconds / runs * 1e9 if runs else 0
        print(f"  {program:24} {runs:10.0f} {each_ns:8.0f} {seconds:9.5f}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--comparison-pairs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--json", type=pathlib.Path, help="where to store every number")
    return parser.parse_args()


def check_environment():
    if os.geteuid() != 0:
        sys.exit("overhead.py needs root: the agent loads BPF programs")
    missing = [tool for tool in ("wrk", "strace", "taskset") if not shutil.which(tool)]
    if missing or not binary().exists():
        sys.exit(f"overhead.py needs {', '.join(missing) or binary()}")


def measure_agent(chosen):
    """([without, with] pairs, [without, without] pairs, [AgentCost])."""
    pairs, control, costs = [], [], []
    with server(chosen.loop) as (process, url):
        load(process, url, 2)  # warm
        for number in range(chosen.pairs):
            if number % 2:
                with_agent, cost = load_with_agent(process, url, chosen.seconds)
                without = load(process, url, chosen.seconds)
                again = load(process, url, chosen.seconds)
            else:
                without = load(process, url, chosen.seconds)
                with_agent, cost = load_with_agent(process, url, chosen.seconds)
                again = load(process, url, chosen.seconds)
            pairs.append((without, with_agent))
            control.append((without, again))
            costs.append(cost)
            print(f"pair {number + 1} of {chosen.pairs}", file=sys.stderr)
    return pairs, control, costs


def measure_comparisons(chosen):
    """The same service under what people reach for today."""
    debug, strace = [], []
    with server(chosen.loop) as (process, url), \
            server(chosen.loop, PYTHONASYNCIODEBUG="1") as (debugged, debug_url):
        load(process, url, 2)
        load(debugged, debug_url, 2)
        for _ in range(chosen.comparison_pairs):
            without = load(process, url, chosen.seconds)
            debug.append((without, load(debugged, debug_url, chosen.seconds)))
            with traced(process):
                strace.append((without, load(process, url, chosen.seconds)))
    return debug, strace


def main():
    chosen = arguments()
    check_environment()
    pairs, control, costs = measure_agent(chosen)
    debug, strace = measure_comparisons(chosen)
    machine = f"{platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"uvicorn hello-world on {chosen.loop}, 16 connections, {chosen.seconds} s each")
    print(machine)
    results = {"agent": pairs, "control (A/A)": control, "PYTHONASYNCIODEBUG=1": debug,
               "strace -c -f": strace}
    for title, measured in results.items():
        show_pairs(title, measured)
    show_costs(costs)
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({
            "machine": machine, "loop": chosen.loop, "seconds": chosen.seconds,
            "costs": [dataclasses.asdict(cost) for cost in costs],
            "pairs": {title: [[dataclasses.asdict(one) for one in pair] for pair in measured]
                      for title, measured in results.items()}}, indent=1))


if __name__ == "__main__":
    main()
