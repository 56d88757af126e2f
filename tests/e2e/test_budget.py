# SPDX-License-Identifier: Apache-2.0
"""Over its budget the agent measures less, in the open, and nothing wrong; under it, all again."""

import time

import pytest

from harness import crowds, waiting
from harness.agent import Agent
from harness.metrics import Change
from harness.paths import PYTHON
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged")

# What fifty saturated loops cost is far above it, what a few that rest cost far below.
BUDGET = ("--budget", "3%", "--budget-per-core", "0.1%")
SECONDS = 5
EXACT = 0.001
UNCAUSED = {"other", "runqueue", "throttled"}
BLOCKER = "resting_blocker.py"


def level(agent):
    """Ask seldom: a scrape is part of what the agent costs."""
    name, = [labels["level"] for labels, value in agent.scrape().find("loopstall_detail") if value]
    return name


def functions(change, **labels):
    """Seconds by function."""
    return {name: seconds for name, seconds in change.values_of(
        "loopstall_function_busy_seconds_total", "function", **labels).items() if seconds > 0}


def has_no_causes(agent):
    """Causes of before trail in where a loop was shown too much of another one: nothing that was
    shown is taken back, so they are held back until that one has caught up."""
    before = agent.scrape()
    time.sleep(1)
    causes = Change(before, agent.scrape()).values_of("loopstall_busy_seconds_total", "cause",
                                                      process=crowds.SCRIPT)
    trailing = sum(causes[cause] for cause in set(causes) - UNCAUSED)
    return trailing < EXACT / 2 * sum(causes.values())


@pytest.fixture(scope="module")
def course():
    """An agent beside fifty saturated loops until it measures turns only, then beside one that
    blocks twice a second until it measures everything: what it said at each."""
    seen = {}
    with Agent(*BUDGET) as agent:
        with crowds.loops(processes=50, each=1, turn_seconds=0):
            crowds.wait_until_listed(agent, 50, 60)
            waiting.until(lambda: level(agent) == "turns", 90, "it measures turns only", every=1)
            waiting.until(lambda: has_no_causes(agent), 30, "turns without causes only")
            before, first = agent.scrape(), crowds.look(agent)
            time.sleep(SECONDS)
            assert level(agent) == "turns"
            seen["least"] = Change(before, agent.scrape()), first, crowds.look(agent)
        waiting.until(lambda: crowds.listed(agent) == 0, 20, "they are gone")
        with Talker([PYTHON, BLOCKER]) as blocker:
            pid = blocker.hear("ready")["pid"]
            agent.wait_for_loop(pid)
            quiet = agent.scrape()
            waiting.until(lambda: level(agent) == "full", 150, "it measures everything", every=1)
            seen["climb"] = Change(quiet, agent.scrape())
            before = agent.scrape()
            time.sleep(SECONDS)
            seen["full"] = Change(before, agent.scrape())
        seen["log"] = agent.said()
        seen["health"] = agent.api("loops")["agent"]
    return seen


def test_the_account_stays_whole(course):
    _, first, last = course["least"]
    life = (last.life - first.life) * 50
    lived = last.busy + last.idle - first.busy - first.idle
    assert life >= 50 * SECONDS / 2
    assert lived == pytest.approx(life, rel=EXACT)


def test_turns_go_on_and_nobody_is_blamed(course):
    change, _, _ = course["least"]
    assert change.sum("loopstall_turn_seconds_count", process=crowds.SCRIPT) >= 100
    causes = change.values_of("loopstall_busy_seconds_total", "cause", process=crowds.SCRIPT)
    busy = sum(causes.values())
    print(causes)
    assert sum(causes[cause] for cause in UNCAUSED) == pytest.approx(busy, rel=EXACT)
    blamed = functions(change, process=crowds.SCRIPT)
    assert set(blamed) <= {"~unsampled", "~machine"}
    assert sum(blamed.values()) == pytest.approx(busy, rel=EXACT, abs=0.05)


def test_it_says_so(course):
    for said in ("one stack of eight", "no function is named", "no cause is named",
                 "everything again"):
        assert said in course["log"]
    assert course["health"]["budget"]["detail"] == "full"
    assert 0 < course["health"]["budget"]["used_cores"] < course["health"]["budget"]["allowed_cores"]
    left_out, = course["full"].after.find("loopstall_stack_errors_total", reason="over_budget")
    assert left_out[1] > 0


def test_the_functions_come_back(course):
    change = course["full"]
    holds = change.sum("loopstall_blocking_seconds_count", function="rest", cause="sleep")
    held = change.sum("loopstall_blocking_seconds_sum", function="rest", cause="sleep")
    assert SECONDS * 2 * 0.5 <= holds <= (SECONDS + 2) * 2 + 1
    assert 0.05 * holds <= held <= 0.09 * holds + 0.1


def test_nothing_was_lost_and_the_canary_was_seen(course):
    for change in (course["least"][0], course["climb"], course["full"]):
        lost = change.lost()
        assert set(lost) <= {"switch_unseen"}
        assert lost.get("switch_unseen", 0) <= 5
    assert course["health"]["canary"]["missed"] == 0
