# SPDX-License-Identifier: Apache-2.0
"""Time in Python's cyclic collector is cause gc and nobody's fault, by the collector's own clock."""

import math

import pytest

from harness import matching, running
from harness.cases import Case

CASE = Case("collector.py", "collector", "~gc", "", ("gc",), sleeps=False, holds=60)
FUNCTION = "make_orders"
TICK_SECONDS = 1 / 99

pytestmark = pytest.mark.usefixtures("privileged")


@pytest.fixture(scope="module", params=running.LOOPS)
def run(request, agent):
    return running.run_together(CASE, [request.param], "broken", {}, agent)[request.param]


@pytest.fixture(scope="module")
def labels(run):
    return {"process": CASE.script, "runtime": run.records[0]["runtime"]}


def truth(run, part):
    return sum(hold["parts"][part] for hold in run.holds) / 1e9


def sampled(seconds):
    """(least, most) that samples of 99 Hz show of so much CPU time: four standard deviations, and
    a tenth for what a hypervisor takes of the wall time that they measure."""
    spread = 4 * math.sqrt(seconds / TICK_SECONDS) * TICK_SECONDS
    return 0.9 * seconds - spread, 1.1 * seconds + spread


def test_collections_are_cause_gc(run, labels):
    own = truth(run, "gc")
    assert own > 1, "too little was collected to judge by"
    least, most = sampled(own)
    seconds = run.change.sum("loopstall_busy_seconds_total", cause="gc", **labels)
    print(f"gc: {seconds:.3f} s by the agent, {own:.3f} s by gc.callbacks")
    assert least <= seconds <= most


def test_collections_are_nobodys_fault(run, labels):
    functions = run.change.values_of("loopstall_function_busy_seconds_total", "function", cause="gc",
                                     **labels)
    seconds = run.change.sum("loopstall_busy_seconds_total", cause="gc", **labels)
    assert functions["~gc"] == pytest.approx(seconds, abs=1e-6)
    assert sum(functions.values()) == pytest.approx(seconds, abs=1e-6)
    _, most = sampled(truth(run, FUNCTION))
    assert run.change.sum("loopstall_function_busy_seconds_total", function=FUNCTION,
                          cause="cpu", **labels) <= most


def test_no_counter_fell_and_the_causes_are_the_turns(run, labels):
    """gc is taken out of cpu: neither may fall, and together they are the time of the turns."""
    for cause, seconds in run.after["busy_seconds"].items():
        assert seconds >= run.before["busy_seconds"].get(cause, 0), cause
    busy = run.change.sum("loopstall_busy_seconds_total", **labels)
    functions = run.change.sum("loopstall_function_busy_seconds_total", **labels)
    turns = run.change.sum("loopstall_turn_seconds_sum", **labels)
    print(f"busy {busy:.3f} s, functions {functions:.3f} s, turns {turns:.3f} s")
    assert busy == pytest.approx(turns, rel=0.01)
    assert functions == pytest.approx(busy, rel=0.001)


def test_records_show_it(run):
    """One stall's few samples say little, so all are asked together."""
    matches = [match for match in matching.match(run.long_holds(), run.records) if match.record]
    own = sum(match.hold["parts"]["gc"] for match in matches) / 1e9
    least, most = sampled(own)
    assert least <= sum(match.record["causes"].get("gc", 0) for match in matches) <= most
    for match in matches:
        record = match.record
        assert sum(record["causes"].values()) == pytest.approx(record["duration_seconds"], rel=0.005)
        for hold in record["holds"]:
            assert (hold["function"] == "~gc") == (hold["cause"] == "gc")
    shown = [hold for match in matches for hold in match.record["holds"]
             if hold["function"] == "~gc"]
    assert shown and all("collector" in hold["advice"] for hold in shown)
    # Where it happened is shown, and is not blamed.
    assert any(frame["function"] == FUNCTION for hold in shown for frame in hold["stack"])


def test_mended_twin_is_silent(agent, run, labels):
    loop = labels["runtime"]
    # Idle at first: the series are those of the run before, whose last turns are added up to a second later.
    twin = running.run_together(CASE, [loop], "mended", {}, agent, idle_first=1.5)[loop]
    assert truth(twin, "gc") == 0
    assert twin.change.sum("loopstall_busy_seconds_total", cause="gc", **labels) == 0
    assert not [hold for record in twin.records for hold in record["holds"]
                if hold["function"] == "~gc"]
