# SPDX-License-Identifier: Apache-2.0
"""Runs a case to its end, with or without an agent that watches, and keeps what both said."""

import contextlib
import dataclasses
import time

from . import waiting
from .metrics import Change
from .resources import MEGABYTE, write_file
from .victims import Victim

LOOPS = ("asyncio", "uvloop")
HOLD_NS = 20_000_000  # the issue's "hold of 20 ms or more", and the agents' threshold
MENDED_ROUNDS = 30
FILE_BYTES = {"cold_read": 8, "fsync": 1, "cold_mmap": 8, "warm_read": 960}


@dataclasses.dataclass
class Run:
    """What a victim knows of itself, and what the agent found."""

    case: object
    pid: int
    holds: list       # of the truth log
    worst_beat_ns: int
    records: list = dataclasses.field(default_factory=list)
    change: Change = None
    before: dict = None   # the service in /api/v1/loops when the work began and when it was over
    after: dict = None
    seconds: float = 0

    def long_holds(self):
        return [hold for hold in self.holds if hold["end_ns"] - hold["start_ns"] >= HOLD_NS]


def options_of(case, peers, dsn, scratch):
    """The victim's --option values; the callables are asked only for what the case needs."""
    options = {}
    for need in case.needs:
        if need == "dsn":
            options[need] = dsn()
        elif need == "file":
            options[need] = write_file(scratch() / case.name, FILE_BYTES[case.name] * MEGABYTE)
        else:
            options[need] = peers()[need]
    return options


def run_together(case, loops, form, options, agent=None, cgroup=None, heartbeat=False, holds=None,
                 idle_first=0):
    """Runs the case under each of the loops at once. Returns {loop: Run}. idle_first: seconds
    between the agent's first word of the loop and the first look at its account."""
    rounds = holds or (case.holds if form == "broken" else min(case.holds, MENDED_ROUNDS))
    with contextlib.ExitStack() as alive:
        victims = {loop: alive.enter_context(Victim(case.script, case.name, loop, form, rounds,
                                                    options, cgroup, heartbeat)) for loop in loops}
        return _run(dict.fromkeys(loops, case), victims, agent, idle_first)


def run_side_by_side(cases, form, options, agent=None):
    """Runs cases that sleep, each under its own loop, all at once. Returns {name: Run}."""
    with contextlib.ExitStack() as alive:
        victims = {case.name: alive.enter_context(Victim(
            case.script, case.name, case.loop, form, case.holds, options)) for case in cases}
        return _run({case.name: case for case in cases}, victims, agent)


def _run(cases, victims, agent, idle_first=0):
    """Takes the victims, by any key, through their conversation. Returns {key: Run}."""
    for victim in victims.values():
        victim.hear("ready")
    if agent:
        for victim in victims.values():
            agent.wait_for_loop(victim.pid)
    time.sleep(idle_first)
    before = _look(agent, victims)
    started = time.monotonic()
    for victim in victims.values():
        victim.tell("go")
    runs = {}
    for key, victim in victims.items():
        done = victim.hear("done", 180)
        holds = [line for line in victim.truth() if line["kind"] == "hold"]
        runs[key] = Run(cases[key], victim.pid, holds, done["worst_beat_ns"])
    if agent:
        _collect(agent, victims, runs, before, started)
    return runs


def _look(agent, victims):
    if not agent:
        return None
    services = {loop: _service(agent, victim.pid) for loop, victim in victims.items()}
    return agent.scrape(), services


def _service(agent, pid):
    """The process's service, with the time of the snapshot that it is from."""
    answer = agent.api("loops")
    for service in answer["services"]:
        if any(loop["pid"] == pid for loop in service["loops"]):
            return service | {"wall_time": answer["wall_time"]}
    raise AssertionError(f"process {pid} is no longer listed")


def _collect(agent, victims, runs, before, started):
    with contextlib.suppress(AssertionError):  # missing records are the tests' to report
        waiting.until(lambda: all(len(agent.records(run.pid)) >= len(run.long_holds())
                                  for run in runs.values()), 3, "every hold has its record")
    time.sleep(1.2)  # what was sent last has been drained and published
    scrape, services = _look(agent, victims)
    for loop, run in runs.items():
        run.records = agent.records(run.pid)
        run.change = Change(before[0], scrape)
        run.before, run.after = before[1][loop], services[loop]
        run.seconds = time.monotonic() - started
