# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a saturated service, on a machine whose speed does not keep still: one agent and one load run all
the time, and the agent's BPF programs are taken off their hooks and put back every half second.

Four windows make a round: off, on, on, off. Its ratio, the two with the hooks by the two without, does not feel a drift
of the machine that is steady for two seconds; overhead.py, which starts an agent for each pair, lies three minutes between
the ends of a pair. The control (A/A) are windows beside each other that are alike. Requests are counted by the bytes
of the loopback device, the server's CPU time by the scheduler.

The agent's own process runs in both; what it takes with the hooks off is shown beside it.

    sudo /usr/bin/python3 tests/bench/switched.py --service uvloop --minutes 10 --json build/bench/switched.json

Asserts nothing about speed; it fails only where something did not run.
"""

import contextlib
import dataclasses
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import figures
import overhead
from harness import waiting
from harness.agent import Agent
from harness.paths import binary
from overhead import SERVICES, bootstrapped
from saturated import CONNECTIONS, cpu_seconds, wrk_command

LIBRARY = binary().parent / "tests" / "bench" / "libbench_hook_switch.so"
RECEIVED = pathlib.Path("/sys/class/net/lo/statistics/rx_bytes")
SETTLE_SECONDS = 0.1


@dataclasses.dataclass
class Window:
    """Rates over one window, all per second but the last."""
    bytes: float
    agent_cpu: float
    cpu_seconds_per_byte: float


class Switch:
    """The hooks of an agent that has the library loaded."""

    def __init__(self, connection):
        self._words = connection.makefile("rw", buffering=1, encoding="ascii")
        self.hooks = 0

    def turn(self, word):
        self._words.write(word + "\n")
        answer = self._words.readline()
        assert answer.startswith("done "), answer
        self.hooks = int(answer.split()[1])


@contextlib.contextmanager
def switchable_agent():
    """(Agent, Switch), its hooks on."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "switch")
        listener.bind(path)
        listener.listen()
        listener.settimeout(10)
        os.environ |= {"LD_PRELOAD": str(LIBRARY), "LOOPSTALL_BENCH_SWITCH": path}
        # Without its capabilities it could not attach again.
        agent = Agent("--sample-rate", "auto", "--drop-capabilities", "no", stall_threshold="100ms")
        with agent:
            del os.environ["LD_PRELOAD"], os.environ["LOOPSTALL_BENCH_SWITCH"]
            yield agent, Switch(listener.accept()[0])


def turns(agent, own):
    return agent.scrape().sum("loopstall_turn_seconds_count", process=own)


def window(seconds, server, agent):
    def now():
        return time.monotonic(), int(RECEIVED.read_text()), cpu_seconds(server.pid), cpu_seconds(agent.process.pid)
    before = now()
    time.sleep(seconds)
    elapsed, received, server_cpu, agent_cpu = (late - early for early, late in zip(before, now()))
    assert received > 0, "the load has ended"
    return Window(received / elapsed, agent_cpu / elapsed, server_cpu / received)


def settled(switch, word):
    switch.turn(word)
    time.sleep(SETTLE_SECONDS)


def one_round(chosen, server, agent, switch):
    """Windows off, on, on, off; the hooks are off before and after."""
    def measure():
        return window(chosen.window, server, agent)
    first = measure()
    settled(switch, "on")
    middle = [measure(), measure()]
    settled(switch, "off")
    return [first, *middle, measure()]


def check_that_it_switches(agent, switch, own):
    """With the hooks off it measures nothing, with them on it does."""
    counted = []
    for word in ("off", "on"):
        switch.turn(word)
        time.sleep(2)  # a scrape is as old as the last snapshot
        before = turns(agent, own)
        time.sleep(2)
        counted.append(turns(agent, own) - before)
    assert counted[0] == 0 < counted[1], f"turns counted with the hooks off and on: {counted}"
    return counted[1] / 2


def measured(chosen):
    """Rounds of windows, and what the agent counted meanwhile."""
    rounds = []
    with chosen.service.running() as (server, url), switchable_agent() as (agent, switch):
        own = agent.wait_for_loop(server.pid)["labels"]["process"]
        load = subprocess.Popen(wrk_command(url, int(chosen.minutes * 60 + 60), script=chosen.service.load_script),
                                stdout=subprocess.DEVNULL)
        try:
            time.sleep(overhead.AGENT_WARM_SECONDS)
            rate = check_that_it_switches(agent, switch, own)
            settled(switch, "off")
            end = time.monotonic() + chosen.minutes * 60
            while time.monotonic() < end or len(rounds) < 3:
                rounds.append(one_round(chosen, server, agent, switch))
            assert load.poll() is None, "the load has ended"
            check_that_it_switches(agent, switch, own)
        finally:
            load.terminate()
            load.wait()
    return rounds, {"turns_per_second": rate, "hooks": switch.hooks}


def ratios_of(rounds, field):
    """{what: a ratio for each round}."""
    values = [[getattr(one, field) for one in each] for each in rounds]
    return {
        "the agent's hooks": [(on + on_too) / (off + off_too) for off, on, on_too, off_too in values],
        "control: off, and off after it": [later[0] / earlier[3] for earlier, later in zip(values, values[1:])],
        "control: on, and on after it": [on_too / on for _, on, on_too, _ in values],
    }


def report(chosen, rounds, beside):
    print(f"{chosen.service.title}, {CONNECTIONS} connections, {len(rounds)} rounds of four windows of {chosen.window} s; "
          f"{beside['hooks']} hooks and clocks, {beside['turns_per_second']:.0f} turns/s")
    for title, field in (("throughput", "bytes"), ("the server's CPU time per request", "cpu_seconds_per_byte")):
        for what, ratios in ratios_of(rounds, field).items():
            low, high = bootstrapped(ratios)
            print(f"  {title:34} {what:32} ×{statistics.median(ratios):.4f} ({low:.4f} to {high:.4f})"
                  f"  sd {statistics.stdev(ratios):.4f}")
    for what, places in (("off", (0, 3)), ("on", (1, 2))):
        cores = statistics.mean(each[place].agent_cpu for each in rounds for place in places)
        print(f"  the agent's own CPU time, hooks {what}: {cores:.4f} cores")


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--service", choices=SERVICES, default="uvloop")
    flags.add_argument("--minutes", type=float, default=10)
    flags.add_argument("--window", type=float, default=0.4, help="seconds")
    chosen = flags.parse_args()
    chosen.service = SERVICES[chosen.service]
    overhead.check_environment()
    rounds, beside = measured(chosen)
    figures.store(chosen.json, {"beside": beside, "rounds": [[dataclasses.asdict(one) for one in each] for each in rounds]})
    report(chosen, rounds, beside)


main()
