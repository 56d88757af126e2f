# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a saturated service: throughput, latency and CPU time with and without it.

One server, a uvicorn hello-world or the example service in its mended form, serves all rounds. Each
round measures it three times: without the agent, with it (the order of these two alternates) and once
more without it; the two measurements without are the A/A control, which shows what the machine's own
noise makes of no difference at all. A measurement is made of slices of a second, and each of its figures is the best
slice's: what the machine's neighbours do only ever makes a slice worse. For comparison, the same service under PYTHONASYNCIODEBUG=1, under
`strace -c -f`, and under a bpftrace script and austin where they are installed. Every pair is printed
and stored.

    sudo /usr/bin/python3 tests/bench/overhead.py --service uvloop --json build/bench/uvloop.json

Asserts nothing about speed; it fails only where something did not run.
"""

import contextlib
import dataclasses
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import figures  # noqa: E402
from harness import waiting  # noqa: E402
from harness.agent import Agent  # noqa: E402
from harness.metrics import Change  # noqa: E402
from harness.paths import VICTIMS, binary  # noqa: E402
from saturated import CONNECTIONS, cpu_seconds, uvicorn, wrk_command  # noqa: E402

sys.path.insert(0, str(HERE.parent / "e2e" / "demo"))
import example_stack  # noqa: E402

# Load before each measurement. An agent that is left on has seen the service's stacks before; one that
# has just begun reads their names, which costs it as much again for some seconds.
WARM_SECONDS, AGENT_WARM_SECONDS, SLICE_SECONDS = 1, 5, 1
LATENCY_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclasses.dataclass
class Measured:
    requests_per_second: float
    p50_seconds: float
    p99_seconds: float
    cpu_seconds_per_request: float  # the server's own, which a busy host disturbs less


@dataclasses.dataclass
class AgentCost:
    cpu_seconds_per_second: float
    resident_bytes: int
    turns_per_second: float
    programs: dict  # name: (runs per second, seconds per second)


class Hello:
    """A uvicorn hello-world on one of the loops."""

    load_script = []

    def __init__(self, loop):
        self.title = f"uvicorn hello-world on {loop}"
        self._loop = loop

    @contextlib.contextmanager
    def running(self, **variables):
        with uvicorn("hello:app", self._loop, VICTIMS, {**os.environ, **variables}) as found:
            yield found


class Example:
    """The example service, mended: FastAPI, a database, and calls that are made off the loop."""

    title = "the example service, mended"
    load_script = ["-s", str(HERE / "example_load.lua")]

    @contextlib.contextmanager
    def running(self, **variables):
        with example_stack.slow_servers() as urls, tempfile.TemporaryDirectory() as folder:
            known = example_stack.environment("mended", pathlib.Path(folder), urls)
            with uvicorn("app.main:app", "uvloop", example_stack.EXAMPLE,
                          {**known, **variables}) as found:
                yield found


SERVICES = {"asyncio": Hello("asyncio"), "uvloop": Hello("uvloop"), "example": Example()}


def wrk(chosen, url, seconds):
    """What it says."""
    return subprocess.run(wrk_command(url, seconds, script=chosen.service.load_script), check=True,
                          capture_output=True, text=True).stdout


def load(chosen, process, url, warm_seconds=WARM_SECONDS):
    """One measurement."""
    if warm_seconds:
        wrk(chosen, url, warm_seconds)
    slices = [one_slice(chosen, process, url) for _ in range(chosen.slices)]
    return Measured(max(one.requests_per_second for one in slices),
                    *(min(getattr(one, field) for one in slices)
                      for field in ("p50_seconds", "p99_seconds", "cpu_seconds_per_request")))


def one_slice(chosen, process, url):
    before = cpu_seconds(process.pid)
    text = wrk(chosen, url, SLICE_SECONDS)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p50, p99 = (re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text) for share in (50, 99))
    requests = re.search(r"(\d+) requests in", text)
    assert rate and p50 and p99 and requests and "Non-2xx" not in text, text
    return Measured(float(rate[1]), *(float(found[1]) * LATENCY_UNITS[found[2]]
                                      for found in (p50, p99)),
                    (cpu_seconds(process.pid) - before) / int(requests[1]))


def load_with_agent(chosen, process, url):
    """(Measured, AgentCost): the agent is ready and knows the loop before the load begins."""
    with Agent("--sample-rate", "auto", stall_threshold="100ms") as agent:
        own = agent.wait_for_loop(process.pid)["labels"]["process"]
        wrk(chosen, url, AGENT_WARM_SECONDS)
        before, cpu_before, started = agent.scrape(), agent.cpu_seconds(), time.monotonic()
        measured = load(chosen, process, url, warm_seconds=0)
        elapsed = time.monotonic() - started
        cpu, resident = agent.cpu_seconds() - cpu_before, agent.resident_bytes()
        change = Change(before, agent.scrape())
        turns = change.sum("loopstall_turn_seconds_count", process=own)
        assert turns > 0, "the agent measured no turn of the service"
        runs, seconds = (change.values_of(f"loopstall_program_{what}_total", "program")
                         for what in ("runs", "seconds"))
        programs = {program: (count / elapsed, seconds.get(program, 0) / elapsed)
                    for program, count in runs.items()}
    return measured, AgentCost(cpu / elapsed, resident, turns / elapsed, programs)


@contextlib.contextmanager
def beside(command, is_ready, what):
    """Another tool, on the running service."""
    tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        waiting.until(lambda: tool.poll() is None and is_ready(tool), 20, f"{what} measures")
        yield
    finally:
        tool.send_signal(signal.SIGINT)
        try:
            tool.wait(10)
        except subprocess.TimeoutExpired:
            tool.kill()
            tool.wait()


def strace(pid):
    status = pathlib.Path(f"/proc/{pid}/status")
    return beside(["strace", "-c", "-f", "-o", "/dev/null", "-p", str(pid)],
                  lambda _: "TracerPid:\t0" not in status.read_text(), "strace")


def bpftrace(pid):
    """Its programs are in place once it holds their descriptors."""
    def is_attached(tool):
        links = (os.readlink(entry) for entry in pathlib.Path(f"/proc/{tool.pid}/fd").iterdir())
        return sum("bpf" in link or "perf_event" in link for link in links) >= 4
    return beside(["bpftrace", str(HERE / "off_cpu.bt"), str(pid)], is_attached, "bpftrace")


def austin(pid):
    started = time.monotonic()
    return beside(["austin", "-i", "10000", "-o", "/dev/null", "-p", str(pid)],
                  lambda _: time.monotonic() - started > 0.5, "austin")


RIVALS = {"strace -c -f": strace, "bpftrace off_cpu.bt": bpftrace, "austin -i 10000": austin}


def summary(pairs, field):
    """The ratio second/first of each pair, in numbers."""
    ratios = [getattr(second, field) / getattr(first, field) for first, second in pairs]
    low, high = bootstrapped(ratios)
    return {"median": statistics.median(ratios), "from": low, "to": high,
            "sd": statistics.stdev(ratios) if len(ratios) > 1 else 0.0,
            "min": min(ratios), "max": max(ratios)}


def bootstrapped(ratios):
    """The middle 95 % of the medians of samples drawn from them, with replacement."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(4000))
    return medians[100], medians[-101]


def show_pairs(title, pairs):
    print(f"\n{title}: requests/s, p50, p99 and the server's CPU time per request, without and with")
    for number, (without, with_it) in enumerate(pairs, 1):
        print(f"  {number:2}  {without.requests_per_second:9.0f} {with_it.requests_per_second:9.0f}"
              f"  ×{with_it.requests_per_second / without.requests_per_second:.4f}"
              f"    {without.p50_seconds * 1e3:8.3f} ms {with_it.p50_seconds * 1e3:8.3f} ms"
              f"  ×{with_it.p50_seconds / without.p50_seconds:.4f}"
              f"    {without.p99_seconds * 1e3:8.3f} ms {with_it.p99_seconds * 1e3:8.3f} ms"
              f"  ×{with_it.p99_seconds / without.p99_seconds:.4f}"
              f"    {without.cpu_seconds_per_request * 1e6:6.2f} us"
              f" {with_it.cpu_seconds_per_request * 1e6:6.2f} us"
              f"  ×{with_it.cpu_seconds_per_request / without.cpu_seconds_per_request:.4f}")
    for field in ("requests_per_second", "p50_seconds", "p99_seconds", "cpu_seconds_per_request"):
        numbers = summary(pairs, field)
        print(f"  {field:24} ratio: " + "  ".join(f"{name} {value:.4f}"
                                                for name, value in numbers.items()))


def show_costs(costs):
    print("\nthe agent itself, under that load")
    for name, unit, values in (
            ("turns per second", "{:.0f}", [cost.turns_per_second for cost in costs]),
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
    flags = figures.parser(__doc__)
    flags.add_argument("--service", choices=SERVICES, default="asyncio")
    flags.add_argument("--pairs", type=int, default=20)
    flags.add_argument("--comparison-pairs", type=int, default=3)
    flags.add_argument("--slices", type=int, default=5, help="of each measurement, a second each")
    chosen = flags.parse_args()
    chosen.service = SERVICES[chosen.service]
    return chosen


def check_environment():
    if os.geteuid() != 0:
        sys.exit("overhead.py needs root: the agent loads BPF programs")
    missing = [tool for tool in ("wrk", "strace", "taskset") if not shutil.which(tool)]
    if missing or not binary().exists():
        sys.exit(f"overhead.py needs {', '.join(missing) or binary()}")


def measure_agent(chosen):
    """([without, with] pairs, [without, without] pairs, [AgentCost])."""
    pairs, control, costs = [], [], []
    with chosen.service.running() as (process, url):
        for number in range(chosen.pairs):
            if number % 2:
                with_agent, cost = load_with_agent(chosen, process, url)
                without = load(chosen, process, url)
                again = load(chosen, process, url)
            else:
                without = load(chosen, process, url)
                with_agent, cost = load_with_agent(chosen, process, url)
                again = load(chosen, process, url)
            pairs.append((without, with_agent))
            control.append((without, again))
            costs.append(cost)
            print(f"pair {number + 1} of {chosen.pairs}", file=sys.stderr)
    return pairs, control, costs


def measure_comparisons(chosen):
    """The same service under what people reach for today: {title: pairs}."""
    tools = {name: tool for name, tool in RIVALS.items() if shutil.which(name.split()[0])}
    pairs = {name: [] for name in ("PYTHONASYNCIODEBUG=1", *tools)}
    with chosen.service.running() as (process, url), \
            chosen.service.running(PYTHONASYNCIODEBUG="1") as (debugged, debug_url):
        for _ in range(chosen.comparison_pairs):
            without = load(chosen, process, url)
            pairs["PYTHONASYNCIODEBUG=1"].append((without, load(chosen, debugged, debug_url)))
            for name, tool in tools.items():
                with tool(process.pid):
                    pairs[name].append((without, load(chosen, process, url)))
    return pairs


def store(chosen, machine, results, costs):
    figures.store(chosen.json, {
        "machine": machine, "service": chosen.service.title, "slices": chosen.slices,
        "costs": [dataclasses.asdict(cost) for cost in costs],
        "pairs": {title: [[dataclasses.asdict(one) for one in pair] for pair in measured]
                  for title, measured in results.items()}})


def main():
    chosen = arguments()
    check_environment()
    machine = f"{platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{chosen.service.title}, {CONNECTIONS} connections, the best of {chosen.slices} slices of {SLICE_SECONDS} s")
    print(machine)
    pairs, control, costs = measure_agent(chosen)
    results = {"agent": pairs, "control (A/A)": control}
    store(chosen, machine, results, costs)
    if chosen.comparison_pairs:
        results |= measure_comparisons(chosen)
    store(chosen, machine, results, costs)
    for title, measured in results.items():
        show_pairs(title, measured)
    show_costs(costs)


if __name__ == "__main__":
    main()
