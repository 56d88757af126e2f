# SPDX-License-Identifier: Apache-2.0
"""A thousand loops that idle, and fifty that never do: each has its account, and what is lost is counted."""

import time

import pytest

from harness import crowds
from harness.agent import Agent
from harness.metrics import Change

pytestmark = pytest.mark.usefixtures("privileged")

SECONDS = 5
EXACT = 0.001  # the 0.1 %


def watch(agent, number):
    """(Change, first and last look) over some seconds, with all loops listed throughout."""
    crowds.wait_until_listed(agent, number, 60)
    time.sleep(2.5)  # each is counted from its second reading on
    before, first = agent.scrape(), crowds.look(agent)
    time.sleep(SECONDS)
    assert crowds.listed(agent) == number
    return Change(before, agent.scrape()), first, crowds.look(agent)


def check_life(first, last, number):
    life = (last.life - first.life) * number
    lived = last.busy + last.idle - first.busy - first.idle
    print(f"{number} loops lived {life:.3f} s: busy {last.busy - first.busy:.3f}, "
          f"idle {last.idle - first.idle:.3f}")
    assert life >= number * SECONDS / 2
    assert lived == pytest.approx(life, rel=EXACT)


@pytest.fixture(scope="module")
def idle():
    """A thousand loops that turn once a second, on an agent of their own."""
    with Agent() as agent, crowds.loops(processes=20, each=50, turn_seconds=1):
        return watch(agent, 1000)


def test_a_thousand_loops_have_their_lives(idle):
    _, first, last = idle
    check_life(first, last, 1000)


def test_a_thousand_loops_lose_nothing(idle):
    change, _, _ = idle
    turns = change.sum("loopstall_turn_seconds_count", process=crowds.SCRIPT)
    assert 0.8 * 1000 * SECONDS <= turns <= 2 * 1000 * (SECONDS + 2)
    assert set(change.lost()) <= {"switch_unseen"}  # the kernel's doing, and told from its own book


@pytest.fixture(scope="module")
def saturated():
    """Fifty loops that never wait, on what CPUs there are."""
    with Agent() as agent, crowds.loops(processes=50, each=1, turn_seconds=0):
        return watch(agent, 50)


def test_fifty_saturated_loops_have_their_lives(saturated):
    _, first, last = saturated
    check_life(first, last, 50)
    assert last.busy - first.busy >= 0.5 * (last.life - first.life) * 50, "they never idle"


def test_saturated_loops_lose_nothing_uncounted(saturated):
    """Their turns are as many as their waits: what the histogram has."""
    change, first, last = saturated
    turns = change.sum("loopstall_turn_seconds_count", process=crowds.SCRIPT)
    by_turns = change.sum("loopstall_turn_seconds_sum", process=crowds.SCRIPT)
    busy = change.sum("loopstall_busy_seconds_total", process=crowds.SCRIPT)
    print(f"{turns:.0f} turns, {by_turns:.3f} s of {busy:.3f} s busy, lost {change.lost()}")
    assert turns >= 1000
    # A turn that goes on at a look is busy already, and in the histogram later.
    assert by_turns == pytest.approx(busy, rel=0.02, abs=1)
