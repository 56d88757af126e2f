# SPDX-License-Identifier: Apache-2.0
"""The two conservation laws, each from sums that are kept apart inside the agent."""

import datetime

import pytest

from harness import running
from harness.cases import CASES

KINDS = [case for case in CASES if case.name in ("retry_sleep", "mixed", "lock")]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def run(case, loop_kind, agent):
    """About ten seconds of a busy loop, looked at before and after, while it idles."""
    return running.run_together(case, [loop_kind], "broken", {}, agent,
                                idle_first=1.2)[loop_kind]


@pytest.fixture(scope="module")
def labels(case, loop_kind):
    return {"process": case.script, "runtime": loop_kind}


def seconds_between(run):
    then, now = (datetime.datetime.fromisoformat(service["wall_time"].replace("Z", "+00:00"))
                 for service in (run.before, run.after))
    return (now - then).total_seconds()


def test_busy_and_idle_add_up_to_life(run):
    """Between two snapshots, by the snapshots' own clock."""
    busy = {cause: seconds - run.before["busy_seconds"].get(cause, 0)
            for cause, seconds in run.after["busy_seconds"].items()}
    idle = run.after["idle_seconds"] - run.before["idle_seconds"]
    wall = seconds_between(run)
    print(f"wall {wall:.3f} s, idle {idle:.3f} s, busy {busy}")
    assert sum(busy.values()) + idle == pytest.approx(wall, rel=0.01)
    own = sum(hold["end_ns"] - hold["start_ns"] for hold in run.holds) / 1e9
    assert own <= sum(busy.values()) <= own + 0.05 * wall


def test_functions_add_up_to_busy(run, labels):
    busy = run.change.sum("loopstall_busy_seconds_total", **labels)
    functions = run.change.values_of("loopstall_function_busy_seconds_total", "function", **labels)
    print(f"busy {busy:.3f} s, functions {functions}")
    assert sum(functions.values()) == pytest.approx(busy, rel=0.02)


def test_entries_add_up_to_no_more_than_busy(run, labels):
    busy = run.change.sum("loopstall_busy_seconds_total", **labels)
    entries = run.change.values_of("loopstall_entry_busy_seconds_total", "entry", **labels)
    print(f"busy {busy:.3f} s, entries {entries}")
    assert 0.9 * busy <= sum(entries.values()) <= 1.02 * busy


def test_turns_add_up_to_busy(run, labels):
    """The histogram's sum is busy time; the loop was idle at both looks."""
    busy = run.change.sum("loopstall_busy_seconds_total", **labels)
    assert run.change.sum("loopstall_turn_seconds_sum", **labels) == pytest.approx(busy, rel=0.005)


def test_blocked_time_by_system_call_is_part_of_busy(run, labels):
    busy = run.change.values_of("loopstall_busy_seconds_total", "cause", **labels)
    waited = sum(busy.get(cause, 0)
                 for cause in ("sleep", "network", "file", "pipe", "lock", "gil", "process"))
    blocked = run.change.values_of("loopstall_syscall_blocked_seconds_total", "syscall", **labels)
    print(f"waited {waited:.3f} s, by system call {blocked}")
    assert sum(blocked.values()) == pytest.approx(waited, rel=0.02)
