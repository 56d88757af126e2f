# SPDX-License-Identifier: Apache-2.0
"""Thousands of processes start and end, with more loops among them than there are slots: nothing is
left of them, and the loops that come then are measured.

    LOOPSTALL_STARTS=20000 /usr/bin/python3 -B -m pytest tests/e2e/test_starts.py     # 90 s; 4,000 by itself
"""

import dataclasses
import os
import time

import pytest

from harness import crowds, waiting
from harness.agent import Agent
from harness.paths import PYTHON, VICTIMS
from harness.resources import MEGABYTE
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged")

SLOTS = 256
STARTS = int(os.environ.get("LOOPSTALL_STARTS", "4000"))
ROUNDS = ((STARTS // 4, 200), (STARTS * 3 // 4, 400))  # process starts, loops among them
AFTERWARDS = 150
EXACT = 0.001
# Between the end of a thread and the agent's hearing of it.
UNHEARD_SECONDS = 0.5


@dataclasses.dataclass
class Held:
    """What the agent has."""

    descriptors: int
    threads: int
    resident: int
    slept: float  # what the loops of a round slept and lived, by themselves
    lived: float
    measured: float  # by the agent


def life(agent):
    return sum(sum(service["busy_seconds"].values()) + service["idle_seconds"]
               for service in agent.services(process="process_starts.py"))


def settled_life(agent):
    """Once it grows no more."""
    seen = [life(agent)]

    def is_still():
        seen.append(life(agent))
        return seen[-1] == seen[-2]
    waiting.until(is_still, 20, "the last loops are accounted for", every=1)
    return seen[-1]


def held(agent, slept, lived, measured):
    proc = f"/proc/{agent.process.pid}"
    return Held(len(os.listdir(f"{proc}/fd")), len(os.listdir(f"{proc}/task")),
                agent.resident_bytes(), slept, lived, measured)


@pytest.fixture(scope="module")
def rounds():
    """(What the agent held after each round, its last scrape, (first, last) look at the loops that
    came then)."""
    seen = []
    with Agent("--max-loops", str(SLOTS)) as agent:
        with Talker([PYTHON, VICTIMS / "process_starts.py"]) as starter:
            starter.hear("ready")
            before = settled_life(agent)
            for starts, loops in ROUNDS:
                starter.tell(f"{starts} {loops}")
                done = starter.hear("done", 300)
                after = settled_life(agent)
                seen.append(held(agent, done["slept"], done["lived"], after - before))
                before = after
        scrape = agent.scrape()
        with crowds.loops(processes=3, each=AFTERWARDS // 3, turn_seconds=0.5):
            crowds.wait_until_listed(agent, AFTERWARDS, 60)
            time.sleep(2.5)
            first = crowds.look(agent)
            time.sleep(3)
            looks = first, crowds.look(agent)
    print("\n".join(map(str, seen)))
    return seen, scrape, looks


def test_nothing_piles_up(rounds):
    (first, last), _, _ = rounds
    assert last.descriptors <= first.descriptors + 3
    assert last.threads <= first.threads + 2
    assert last.resident <= first.resident + 4 * MEGABYTE


def test_no_loop_was_refused(rounds):
    _, scrape, _ = rounds
    for reason in ("no_free_slot", "no_spare_slot", "thread_state", "lifecycle"):
        assert scrape.sum("loopstall_events_lost_total", reason=reason) == 0, reason


def test_the_short_lives_were_measured(rounds):
    """Nearly all of their sleep at least, and not more than they lived."""
    seen, _, _ = rounds
    for round_ in seen:
        assert 0.85 * round_.slept <= round_.measured <= round_.lived + UNHEARD_SECONDS


def test_the_next_loops_have_their_lives(rounds):
    _, _, (first, last) = rounds
    lived = last.busy + last.idle - first.busy - first.idle
    assert lived == pytest.approx((last.life - first.life) * AFTERWARDS, rel=EXACT)
