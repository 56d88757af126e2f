# SPDX-License-Identifier: Apache-2.0
"""Runs a case to its end, with or without an agent that watches, and keeps what both said."""

import contextlib
import dataclasses
import time

from . import waiting
from .cases import CASES
from .metrics import Change
from .resources import MEGABYTE, write_file
from .schedstat import ran_and_waited_ns
from .victims import Victim

LOOPS = ("asyncio", "uvloop")
HOLD_NS = 20_000_000  # the issue's "hold of 20 ms or more", and the agents' threshold
FILE_MEGABYTES = {"cold_read": 8, "fsync": 1, "cold_mmap": 8, "warm_read": 960}


@dataclasses.dataclass
class Run:
    """What a victim knows of itself, and what the agent found."""

    case: object
    pid: int
    holds: list       # of the truth log
    late_beats: list  # (begin, end, late) in ns
    records: list = dataclasses.field(default_factory=list)
    change: Change = None
    before: dict = None   # the service in /api/v1/loops when the work began and when it was over
    after: dict = None
    start_ns: int = 0  # of the work
    end_ns: int = 0
    book_ns: int = 0  # what its main thread ran and waited for a CPU meanwhile, by the scheduler

    @property
    def seconds(self):
        return (self.end_ns - self.start_ns) / 1e9

    def worst_beat_ns(self, pauses):
        """How late the loop's own timer was at most, what the machine stood still apart."""
        return max((late - pauses.within(begin, end) for begin, end, late in self.late_beats),
                   default=0)

    def long_holds(self):
        return [hold for hold in self.holds if hold["end_ns"] - hold["start_ns"] >= HOLD_NS]


def options_of(case, loop, peers, dsn, scratch):
    """The victim's --option values; the callables are asked only for what the case needs. Its file is its own."""
    options = {}
    for need in case.needs:
        if need == "dsn":
            options[need] = dsn()
        elif need == "file":
            options[need] = write_file(scratch() / f"{case.name}-{loop}", FILE_MEGABYTES[case.name] * MEGABYTE)
        else:
            options[need] = peers()[need]
    return options


def run_together(case, loops, form, options, agent=None, **how):
    """Runs the case under each of the loops at once. Returns {loop: Run}. how: of run_at_once."""
    runs = run_at_once({(case, loop): options for loop in loops}, form, agent, **how)
    return {loop: run for (_, loop), run in runs.items()}


def run_side_by_side(cases, form, options, agent=None, **how):
    """Runs cases that sleep, each under its own loop, all at once. Returns {name: Run}. how: of
    run_at_once."""
    runs = run_at_once({(case, case.loop): options for case in cases}, form, agent, **how)
    return {case.name: run for (case, _), run in runs.items()}


def run_at_once(starts, form, agent=None, cgroups=None, heartbeat=False, holds=None, idle_first=0, **python):
    """Runs victims at once. starts: {(case, loop): options}. Returns {(case, loop): Run}.
    cgroups: {loop: its group}; holds: the rounds of each, where it is not the case's own number;
    idle_first: seconds between the agent's first word of the loops and the first look at their
    accounts; python: the `python` and `environment` of Victim."""
    with contextlib.ExitStack() as alive:
        victims = {}
        for (case, loop), options in starts.items():
            rounds = holds or (case.holds if form == "broken" else
                               min(case.holds, case.mended_rounds))
            victims[case, loop] = alive.enter_context(Victim(
                case.script, case.name, loop, form, rounds, options, (cgroups or {}).get(loop), heartbeat,
                **python))
        for victim in victims.values():
            victim.hear("ready")
        if agent:
            for victim in victims.values():
                agent.wait_for_loop(victim.pid)
        time.sleep(idle_first)
        before = _look(agent, victims)
        for victim in victims.values():
            victim.tell("go")
        runs = {}
        for (case, loop), victim in victims.items():
            done = victim.hear("done", 180)
            truth = victim.truth()
            logged = [line for line in truth if line["kind"] == "hold"]
            runs[case, loop] = Run(case, victim.pid, logged, done["late_beats"],
                                   start_ns=truth[-1]["start_ns"], end_ns=truth[-1]["end_ns"])
        if agent:
            _collect(agent, victims, runs, before)
    return runs


class Once:
    """Runs each case once in each form, at the first question for it. Cases that sleep leave the
    CPU to others: they run under both loops at once, and those that rest all together."""

    def __init__(self, request, agent=None, **how):
        """request: asked for the fixtures of what the cases need; how: of run_at_once."""
        self._request = request
        self._agent = agent
        self._how = how
        self._runs = {}

    def __call__(self, case, loop, form):
        if (case, loop, form) not in self._runs:
            for ran, run in self._run(case, loop, form).items():
                self._runs[*ran, form] = run
        return self._runs[case, loop, form]

    def forget(self, case, loop, form):
        """The next question is for another run."""
        del self._runs[case, loop, form]

    def _run(self, case, loop, form):
        cases = [one for one in CASES if one.rests] if case.rests else [case]
        needed = [self._fixture(name) for name in ("peers", "dsn", "scratch")]
        starts = {(one, ran): options_of(one, ran, *needed)
                  for one in cases for ran in (LOOPS if one.sleeps else (loop,))}
        cgroups = self._fixture("slow_disks")() if case.throttled else None
        return run_at_once(starts, form, self._agent, cgroups=cgroups, **self._how)

    def _fixture(self, name):
        return lambda: self._request.getfixturevalue(name)


def _look(agent, victims):
    if not agent:
        return None
    services = {key: agent.service(victim.pid) for key, victim in victims.items()}
    books = {key: sum(ran_and_waited_ns(victim.pid)) for key, victim in victims.items()}
    return agent.scrape(), services, books


def _collect(agent, victims, runs, before):
    with contextlib.suppress(AssertionError):  # missing records are the tests' to report
        waiting.until(lambda: all(len(agent.records(run.pid)) >= len(run.long_holds())
                                  for run in runs.values()), 3, "every hold has its record")
    time.sleep(1.2)  # what was sent last has been drained and published
    scrape, services, books = _look(agent, victims)
    for key, run in runs.items():
        run.records = agent.records(run.pid)
        run.change = Change(before[0], scrape)
        run.before, run.after = before[1][key], services[key]
        run.book_ns = books[key] - before[2][key]
