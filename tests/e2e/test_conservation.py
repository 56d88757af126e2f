# SPDX-License-Identifier: Apache-2.0
"""The two conservation laws, over intervals and from the outside."""

import time

import pytest

from harness.cases import CASES
from harness.metrics import Change
from harness.victims import Victim

SECONDS = 10
KINDS = [case for case in CASES if case.name in ("retry_sleep", "mixed", "lock")]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def interval(case, loop_kind, agent):
    """Two looks at a busy loop, ten seconds apart: (wall seconds, Change, service then, now)."""
    with Victim(case.script, case.name, loop_kind, "broken", 10_000, gap=0.015) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        victim.tell("go")
        time.sleep(1)
        looks = []
        for pause in (SECONDS, 0):
            asked = time.monotonic()
            scrape = agent.scrape()
            looks.append(((asked + time.monotonic()) / 2, scrape))
            time.sleep(pause)
        victim.process.kill()
        victim.process.wait()
    (then, before), (now, after) = looks
    yield now - then, Change(before, after), {"process": case.script, "runtime": loop_kind}


def test_busy_and_idle_add_up_to_life(interval):
    wall, change, labels = interval
    busy = change.values_of("loopstall_busy_seconds_total", "cause", **labels)
    idle = change.sum("loopstall_idle_seconds_total", **labels)
    print(f"wall {wall:.3f} s, idle {idle:.3f} s, busy {busy}")
    assert sum(busy.values()) + idle == pytest.approx(wall, rel=0.01)
    assert idle > 0.05 * wall and sum(busy.values()) > 0.3 * wall


def test_functions_add_up_to_busy(interval):
    wall, change, labels = interval
    busy = change.sum("loopstall_busy_seconds_total", **labels)
    functions = change.values_of("loopstall_function_busy_seconds_total", "function", **labels)
    print(f"busy {busy:.3f} s, functions {functions}")
    assert sum(functions.values()) == pytest.approx(busy, rel=0.02)


def test_entries_add_up_to_busy(interval):
    wall, change, labels = interval
    busy = change.sum("loopstall_busy_seconds_total", **labels)
    assert change.sum("loopstall_entry_busy_seconds_total", **labels) <= 1.02 * busy


def test_turns_add_up_to_busy(interval):
    """The histogram's sum is busy time, within the turn in progress at either look."""
    wall, change, labels = interval
    busy = change.sum("loopstall_busy_seconds_total", **labels)
    assert change.sum("loopstall_turn_seconds_sum", **labels) == pytest.approx(busy, abs=0.35)
