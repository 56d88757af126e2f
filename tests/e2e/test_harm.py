# SPDX-License-Identifier: Apache-2.0
"""What a held loop does to others: timers that run late, connections that wait."""

import time

import pytest

from harness import waiting
from harness.agent import Agent
from harness.metrics import Change
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker

KINDS = {"epoll": "asyncio", "poll": "asyncio", "select": "asyncio", "uvloop": "uvloop"}
ROUNDS, CONNECTIONS = 6, 7
LATE_SECONDS = 0.05  # a bound of the histogram; a beat that a hold of 130 ms meets is later
# asyncio rounds its waits up to the next millisecond, uvloop counts in them.
ROUNDING_SECONDS = 0.0025


class Run:
    """One run of the victim: what it says, and what the agent counted meanwhile."""

    def __init__(self, agent, kind, form):
        labels = {"process": "harm.py", "runtime": KINDS[kind]}
        with Talker([PYTHON, str(VICTIMS / "harm.py"), kind, form]) as victim:
            victim.hear("ready")
            agent.wait_for_loop(victim.pid)
            time.sleep(0.6)
            before = agent.scrape()
            began_ns = time.monotonic_ns()
            victim.tell("go")
            self.said = victim.hear("done")
            ended_ns = time.monotonic_ns()
            waiting.until(lambda: agent.services(**labels)[0]["counted_until_monotonic_ns"] >
                          ended_ns + 200_000_000, 10, "the run is counted")
            self.counted = Change(before, agent.scrape())
            self.records = [record for record in agent.records(victim.pid)
                            if record["start_monotonic_ns"] > began_ns]
        self.labels = labels

    def lags(self):
        return self.counted.sum("loopstall_timer_lag_seconds_count", **self.labels)

    def late(self):
        """How many timers were later than the bound."""
        return self.lags() - self.counted.sum("loopstall_timer_lag_seconds_bucket",
                                              le=str(LATE_SECONDS), **self.labels)

    def harm(self, function):
        return self.counted.sum("loopstall_function_harm_seconds_total", function=function,
                                **self.labels)


def check_timers(run):
    own = [lag / 1e9 for lag in run.said["lag_ns"]]
    assert run.late() == sum(lag > LATE_SECONDS for lag in own)
    # Two timers that one turn runs are one: the loop was late for the first of them.
    assert 0.5 * len(own) <= run.lags() <= len(own) + 3
    seconds = run.counted.sum("loopstall_timer_lag_seconds_sum", **run.labels)
    late = sum(lag for lag in own if lag > LATE_SECONDS)
    assert late - ROUNDING_SECONDS * run.late() <= seconds <= sum(own) + ROUNDING_SECONDS


@pytest.fixture(scope="module", params=KINDS)
def broken(agent, request):
    return Run(agent, request.param, "broken")


def test_timers_that_a_hold_makes_late_are_counted(broken):
    check_timers(broken)
    assert broken.late() >= ROUNDS


def test_timers_of_a_mended_loop_are_in_time(agent, loop_kind):
    run = Run(agent, "epoll" if loop_kind == "asyncio" else loop_kind, "mended")
    check_timers(run)
    assert run.harm("hold_all") == run.harm("hold_none") == 0


def test_connections_that_wait_are_the_functions_harm(broken):
    def waited(times_ns):
        return sum(times_ns) / 1e9 / 2 * CONNECTIONS
    assert broken.harm("hold_all") == pytest.approx(waited(broken.said["all_ns"]), rel=0.03)
    assert broken.harm("hold_none") == 0
    by_function = {}
    for record in broken.records:
        if record["duration_seconds"] >= 0.12 and record["phase"] == "serving":
            assert record["harm_seconds"] == pytest.approx(
                record["delayed_events"] * record["duration_seconds"] / 2, rel=1e-6)
            by_function.setdefault(record["holds"][0]["function"], []).append(
                record["delayed_events"])
    assert by_function == {"hold_all": [CONNECTIONS] * ROUNDS, "hold_none": [0] * ROUNDS}


def test_the_raw_hook_knows_time_outs_too(privileged, agent_binary):
    """It finds them among the registers of every system call of the node."""
    with Agent("--hook", "tp_btf") as agent:
        for kind in ("epoll", "select"):
            check_timers(Run(agent, kind, "broken"))
