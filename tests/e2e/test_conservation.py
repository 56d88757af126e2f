# SPDX-License-Identifier: Apache-2.0
"""The two conservation laws, each from sums that are kept apart inside the agent."""

import time

import pytest

from harness import running
from harness.cases import CASES
from harness.victims import Victim

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


EXACT = 0.001  # the 0.1 %


def test_busy_and_idle_add_up_to_life(run):
    """Between two snapshots, by the clock up to which they are complete. Beside its holds, the loop
    has at most what its thread ran, or waited for a CPU, outside them."""
    busy = {cause: seconds - run.before["busy_seconds"].get(cause, 0)
            for cause, seconds in run.after["busy_seconds"].items()}
    idle = run.after["idle_seconds"] - run.before["idle_seconds"]
    life = (run.after["counted_until_monotonic_ns"]
            - run.before["counted_until_monotonic_ns"]) / 1e9
    print(f"life {life:.3f} s, idle {idle:.3f} s, busy {busy}")
    assert life >= 1
    assert sum(busy.values()) + idle == pytest.approx(life, rel=EXACT)
    own = sum(hold["end_ns"] - hold["start_ns"] for hold in run.holds) / 1e9
    around = (run.book_ns - sum(hold["cpu_ns"] + hold["runqueue_ns"] for hold in run.holds)) / 1e9
    assert own <= sum(busy.values()) <= own + around + 0.01 * life
    assert busy["other"] < 0.01 * sum(busy.values())


def test_no_interval_is_an_exception(agent, loop_kind):
    """Looked at in the middle of turns and waits, again and again."""
    with Victim("processes.py", "subprocess_run", loop_kind, "broken", 60) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        time.sleep(1.2)  # a service's first loop is counted from its second reading on
        victim.tell("go")
        looks = []
        until = time.monotonic() + 4
        while time.monotonic() < until:
            service = agent.service(victim.pid)
            if not looks or looks[-1][0] != service["counted_until_monotonic_ns"]:
                total = sum(service["busy_seconds"].values()) + service["idle_seconds"]
                functions = sum(one["busy_seconds"] for one in service["functions"])
                looks.append((service["counted_until_monotonic_ns"], total, functions,
                              sum(service["busy_seconds"].values())))
            time.sleep(0.1)
        victim.hear("done")
    assert len(looks) >= 5
    first = looks[0]
    for now_ns, total, functions, busy in looks[1:]:
        assert total - first[1] == pytest.approx((now_ns - first[0]) / 1e9, rel=EXACT)
        assert functions == pytest.approx(busy, rel=EXACT)


def test_functions_add_up_to_busy(run, labels):
    busy = run.change.sum("loopstall_busy_seconds_total", **labels)
    functions = run.change.values_of("loopstall_function_busy_seconds_total", "function", **labels)
    print(f"busy {busy:.3f} s, functions {functions}")
    assert sum(functions.values()) == pytest.approx(busy, rel=EXACT)


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
