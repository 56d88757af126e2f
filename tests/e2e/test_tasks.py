# SPDX-License-Identifier: Apache-2.0
"""The asyncio task that held the loop is named: from CPython 3.14 on, which says where it keeps it."""

import time

import pytest

from harness import matching, pythons
from harness.paths import VICTIMS
from harness.victims import Talker

SEEN = 64  # bytes of UTF-8 at most; fewer where a character takes more than one byte in memory

pytestmark = pytest.mark.usefixtures("privileged")


def run(agent, source):
    """[(the task that held the loop, the record of that)]"""
    try:
        python = pythons.get(source)
    except pythons.Missing as missing:
        pytest.skip(str(missing))
    with Talker([*python.command, str(VICTIMS / "tasks.py")],
                environment=dict(python.environment)) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        victim.tell("go")
        holds = [{"start_ns": start, "end_ns": end, "task": task}
                 for task, start, end in victim.hear("done")["holds"]]
        time.sleep(1.2)
        matches = matching.match(holds, agent.records(victim.pid))
    assert len(matches) == 22 and all(match.record for match in matches)
    return [(match.hold["task"], match.record) for match in matches]


def named(coroutines):
    return coroutines.get("task")


@pytest.mark.parametrize("source", ["sid-3.14", "sid-3.14-debug"])
def test_each_hold_has_its_own_task(agent, source):
    for task, record in run(agent, source):
        hold = matching.longest_hold(record)
        assert hold["function"] in ("back_off", "score")
        told = {named(record["coroutines"]), named(hold["coroutines"])}
        assert told == {task and task.encode()[:SEEN].decode()}, record


@pytest.mark.parametrize("source", ["debian", "trixie-3.13"])
def test_older_pythons_have_none(agent, source):
    for _, record in run(agent, source):
        assert "task" not in record["coroutines"]
        assert all("task" not in hold["coroutines"] for hold in record["holds"])
