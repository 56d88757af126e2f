# SPDX-License-Identifier: Apache-2.0
"""Inside the emulated machine of instructions.py: a bystander and a service, without the agent, by each of its hooks, and
without it again.

usage: in_guest.py LOOP,… HOOK,… CONNECTIONS,… BYSTANDER REPEATS RESULTS

Writes a JSON line for each figure, {"what", "agent", "values"}, one for each agent, {"programs", "agent"}, and {"end": true} last; {"failed"} says why not.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness.agent import Agent  # noqa: E402
from harness.metrics import Change  # noqa: E402
from harness.paths import VICTIMS  # noqa: E402
from saturated import cpu_seconds, uvicorn, wrk_command  # noqa: E402

# A real machine runs some five instructions in a nanosecond, and one here: a tick comes a fifth as often for the same
# work.
SAMPLE_RATE = "20"
READY_SECONDS = 240
LOAD_SECONDS = 1
CALLS, SWITCHES = 20_000, 20_000
CLOCK = pathlib.Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def a_request(process, url, connections):
    """The server's CPU time, ns: with one connection each request has its turns for itself, with more they share them."""
    before = cpu_seconds(process.pid)
    said = subprocess.run(wrk_command(url, LOAD_SECONDS, connections), check=True, capture_output=True, text=True).stdout
    return (cpu_seconds(process.pid) - before) * 1e9 / int(re.search(r"(\d+) requests in", said)[1])


def bystander(program):
    shown = json.loads(subprocess.run([program, str(CALLS), str(SWITCHES), "1"], check=True, capture_output=True,
                                      text=True).stdout)
    return shown["call_ns"], shown["yield_ns"] - shown["call_ns"]


@contextlib.contextmanager
def beside(hook, services, connections, say):
    """The agent by that hook, which knows the services."""
    if hook in ("none", "none again"):
        yield
        return
    with Agent("--hook", hook, "--sample-rate", SAMPLE_RATE, stall_threshold="100ms", ready_within=READY_SECONDS) as agent:
        for process, url in services.values():
            a_request(process, url, connections)
            agent.wait_for_loop(process.pid, READY_SECONDS)
        time.sleep(3)  # it reads names
        before = agent.scrape()
        yield
        time.sleep(1.5)
        change = Change(before, agent.scrape())
        say({"programs": programs(change), "agent": hook})


def programs(change):
    """{name: (runs, ns of one by the programs' own clocks)}"""
    runs, seconds = (change.values_of(f"loopstall_program_{what}_total", "program") for what in ("runs", "seconds"))
    return {name: (runs[name], seconds[name] / runs[name] * 1e9) for name in runs if seconds[name]}


def measure(hooks, services, at_a_time, program, repeats, say):
    for hook in ("none", *hooks, "none again"):
        with beside(hook, services, at_a_time[-1], say):
            calls, switches = zip(*(bystander(program) for _ in range(repeats)))
            say({"what": "a getppid", "agent": hook, "values": calls})
            say({"what": "a switch", "agent": hook, "values": switches})
            for loop, (process, url) in services.items():
                for connections in at_a_time:
                    values = [a_request(process, url, connections) for _ in range(repeats + 1)][1:]
                    say({"what": f"a request on {loop}, {connections} at a time", "agent": hook, "values": values})


def main():
    loops, hooks, at_a_time, program, repeats, results = sys.argv[1:]
    with open(results, "w", encoding="ascii") as out:
        def say(line):
            print(json.dumps(line), file=out, flush=True)
        try:
            assert CLOCK.read_text().strip() == "tsc", f"the clock is {CLOCK.read_text()}"
            with contextlib.ExitStack() as opened:
                services = {loop: opened.enter_context(uvicorn("hello:app", loop, VICTIMS, os.environ, READY_SECONDS)) for loop in loops.split(",")}
                measure(hooks.split(","), services, at_a_time.split(","), program, int(repeats), say)
        except Exception:  # whatever it was, it must be told outside
            say({"failed": traceback.format_exc()})
        say({"end": True})
    os.sync()


main()
