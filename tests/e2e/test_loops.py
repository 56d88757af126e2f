# SPDX-License-Identifier: Apache-2.0
"""Every kind of Python loop is found and measured, also one that lives for a single job."""

import time

import pytest

from harness import matching, waiting
from harness.metrics import Change
from harness.paths import PYTHON
from harness.victims import Talker

KINDS = {"epoll": "asyncio", "poll": "asyncio", "select": "asyncio", "uvloop": "uvloop",
         "trio": "trio", "tornado": "asyncio"}
CAUSES = {"back_off": "sleep", "wait_by_poll": "network", "wait_by_select": "network",
          "wait_by_selector": "network"}
NEEDS = {"uvloop": "python3-uvloop", "trio": "python3-trio", "tornado": "python3-tornado"}

each_kind = pytest.mark.parametrize("kind", KINDS)


def loops(kind, form):
    return Talker([PYTHON, "loops.py", kind, form])


def holds_of(done):
    return [{"start_ns": start, "end_ns": end, "function": function}
            for function, start, end in done["holds"]]


def look(agent, runtime):
    scrape = agent.scrape()
    labels = {"process": "loops.py", "runtime": runtime}
    return (scrape.sum("loopstall_busy_seconds_total", **labels),
            scrape.sum("loopstall_idle_seconds_total", **labels))


def run_service(agent, kind, form):
    """(records, what the victim said, busy and idle seconds, wall seconds)"""
    with loops(kind, form) as victim:
        victim.hear("ready")
        loop = agent.wait_for_loop(victim.pid)
        assert loop["labels"]["runtime"] == KINDS[kind]
        time.sleep(0.5)
        before, began = look(agent, KINDS[kind]), time.monotonic()
        victim.tell("go")
        done = victim.hear("done")
        time.sleep(1.2)
        after, wall = look(agent, KINDS[kind]), time.monotonic() - began
        return (agent.records(victim.pid), done, [now - then for now, then in zip(after, before)],
                wall)


@each_kind
def test_loop_is_measured(agent, kind):
    records, done, (busy, idle), wall = run_service(agent, kind, "broken")
    holds = holds_of(done)
    assert len(holds) == 32
    for match in matching.match(holds, records):
        assert match.record, f"no record of {match.hold}"
        assert matching.blamed(match.record) == (match.hold["function"], "loops.py"), match
        assert match.record["cause"] == CAUSES[match.hold["function"]], match.record
        assert abs(match.record["duration_seconds"] - match.hold_seconds) <= max(
            0.05 * match.hold_seconds, 0.002)
    own = sum(hold["end_ns"] - hold["start_ns"] for hold in holds) / 1e9
    assert own <= busy <= own + 0.1 * wall
    # The accounts are published four times a second.
    assert wall - 0.6 <= busy + idle <= wall + 0.6


@each_kind
def test_mended_loop_is_silent(agent, kind):
    records, _, (busy, idle), wall = run_service(agent, kind, "mended")
    assert not [record for record in records if record["phase"] == "serving"]
    assert busy < 0.1 * wall and idle > 0.8 * wall


@pytest.mark.parametrize("form", ["same", "thread", "open"])
def test_loops_that_live_for_one_job(agent, form):
    with loops("jobs", form) as victim:
        victim.hear("ready")
        time.sleep(1.5)
        before = look(agent, "asyncio")
        victim.tell("go")
        done = victim.hear("done")
        time.sleep(1.2)
        busy, idle = (now - then for now, then in zip(look(agent, "asyncio"), before))
        lives = done["lives"]
        found = [record for record in agent.records(victim.pid)
                 if record["start_monotonic_ns"] > lives[0][0]]
    own = sum(end - start for start, end in lives) / 1e9
    print(f"lives {own:.3f} s, busy {busy:.3f} s, idle {idle:.3f} s, {len(found)} records")
    assert busy + idle >= 0.95 * own
    if form != "open":  # one that is never closed lasts until its thread's next one
        assert busy + idle <= 1.15 * own
    assert len(found) == len(lives)
    # The turn also has what the job does around the call: what it waits for a CPU is not the call's.
    for match in matching.match(holds_of(done), found):
        assert match.record, f"no record of {match.hold}"
        assert matching.blamed(match.record) == ("charge_card", "loops.py"), match
        assert match.hold_seconds - 0.002 <= match.record["duration_seconds"]
        held = max(hold["seconds"] for hold in match.record["holds"])
        assert abs(held - match.hold_seconds) <= max(0.05 * match.hold_seconds, 0.002), match
