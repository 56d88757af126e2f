# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a saturated service, on a machine whose speed does not keep still: one agent and one load run all
the time, and the agent's BPF programs are taken off their hooks and put back about every second.

A round is two short windows with the hooks off and two with them on, one after the other: a machine is more like itself
the shorter it has had to change. Putting the hooks back takes 3 ms; taking them off takes a quarter of a second, for the kernel
waits for all readers of each tracepoint, and nothing is measured meanwhile. So each round goes from off to on. What that
might do by itself is in the control (A/A): rounds in which nothing is put back. Requests are counted by the bytes of the
loopback device. The server's CPU time is no help in windows that short: its book is as old as the last tick of the scheduler.

The agent's own process runs in both; what it takes with the hooks off is shown beside it. `--hooks calls switches clocks`
puts back only those at system calls, at switches and at ends of processes, or the sampling clocks; `--hooks all empty` puts
back all of them, by turns with the agent's programs and with such as return at once, and compares the two.

    sudo /usr/bin/python3 tests/bench/switched.py --service uvloop --minutes 15 --json build/bench/switched.json

Asserts nothing about speed; it fails only where something did not run.
"""

import dataclasses
import pathlib
import statistics
import time

import figures
import overhead
from overhead import SERVICES, bootstrapped
from saturated import CONNECTIONS, cpu_seconds, under_load
from switchable import KINDS, check_that_it_switches, switchable_agent

RECEIVED = pathlib.Path("/sys/class/net/lo/statistics/rx_bytes")


@dataclasses.dataclass
class Window:
    """Rates over one window, per second."""
    bytes: float
    agent_cpu: float


@dataclasses.dataclass
class Round:
    hooks: str  # which were put back
    windows: list


def window(seconds, agent):
    def now():
        return time.monotonic(), int(RECEIVED.read_text()), cpu_seconds(agent.process.pid)
    before = now()
    time.sleep(seconds)
    elapsed, received, agent_cpu = (late - early for early, late in zip(before, now()))
    assert received > 0, "the load has ended"
    return Window(received / elapsed, agent_cpu / elapsed)


def two_windows(word, seconds, agent, switch):
    switch.turn(word)
    return [window(seconds, agent) for _ in range(2)]


def one_round(hooks, *with_these):
    """Windows off, off, on, on."""
    return Round(hooks, [one for word in ("off", f"on {hooks}") for one in two_windows(word, *with_these)])


def measured(chosen):
    """Rounds of windows, and what the agent counted meanwhile."""
    rounds = []
    with chosen.service.running() as (server, url), switchable_agent() as (agent, switch):
        own = agent.wait_for_loop(server.pid)["labels"]["process"]
        with under_load(url, chosen.minutes, chosen.connections, chosen.service.load_script):
            time.sleep(overhead.AGENT_WARM_SECONDS)
            rate = check_that_it_switches(agent, switch, own)
            end = time.monotonic() + chosen.minutes * 60
            while time.monotonic() < end or len(rounds) < 3:
                rounds += [one_round(hooks, chosen.window, agent, switch) for hooks in chosen.hooks]
            check_that_it_switches(agent, switch, own)
    return rounds, {"turns_per_second": rate}


def ratios_of(rounds):
    """{what: a ratio of throughputs for each round}."""
    values = [[one.bytes for one in each.windows] for each in rounds]
    return {
        "on / off": [(on + on_too) / (off + off_too) for off, off_too, on, on_too in values],
        "control: off, and off after it": [off_too / off for off, off_too, _, _ in values],
        "control: on, and on after it": [on_too / on for _, _, on, on_too in values],
    }


def show(what, ratios):
    low, high = bootstrapped(ratios)
    print(f"  {what:44} ×{statistics.median(ratios):.4f} ({low:.4f} to {high:.4f})  sd {statistics.stdev(ratios):.4f}")


def report(chosen, rounds, beside):
    print(f"{chosen.service.title}, {chosen.connections} connections, windows of {chosen.window} s; {beside['turns_per_second']:.0f} turns/s")
    ratios = {}
    for hooks in chosen.hooks:
        of_these = [each for each in rounds if each.hooks == hooks]
        ratios[hooks] = ratios_of(of_these)
        print(f"hooks put back: {hooks}, {len(of_these)} rounds")
        for what, values in ratios[hooks].items():
            show(f"throughput, {what}", values)
        for what, places in (("off", (0, 1)), ("on", (2, 3))):
            cores = statistics.mean(each.windows[place].agent_cpu for each in of_these for place in places)
            print(f"  the agent's own CPU time, hooks {what}: {cores:.4f} cores")
    first, *others = chosen.hooks
    print("on / off, of rounds one after the other")
    for other in others:
        show(f"{first} / {other}", [one / beside_it for one, beside_it in zip(ratios[first]["on / off"], ratios[other]["on / off"])])


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--service", choices=SERVICES, default="uvloop")
    flags.add_argument("--minutes", type=float, default=15)
    flags.add_argument("--connections", type=int, default=CONNECTIONS)
    flags.add_argument("--hooks", nargs="+", choices=KINDS, default=("all", "nothing"),
                       help="which are put back, by rounds in turn")
    flags.add_argument("--window", type=float, default=0.05, help="seconds")
    chosen = flags.parse_args()
    chosen.service = SERVICES[chosen.service]
    overhead.check_environment()
    rounds, beside = measured(chosen)
    figures.store(chosen.json, {"beside": beside, "rounds": [dataclasses.asdict(each) for each in rounds]})
    report(chosen, rounds, beside)


main()
