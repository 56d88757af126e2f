# SPDX-License-Identifier: Apache-2.0
"""The chain of awaits, with lines, and whether one coroutine held the loop or many did."""

import linecache

import pytest

from harness import matching, running
from harness.cases import Case
from harness.paths import VICTIMS

CASES = {
    "one_long": Case("coroutines.py", "one_long", "price_line", "checkout", ("cpu",),
                     sleeps=False, holds=15),
    "many_small": Case("coroutines.py", "many_small", "price_line", "price_one", ("cpu",),
                       sleeps=False, holds=15),
}
MANY = 200
TICK_SECONDS = 1 / 99

pytestmark = pytest.mark.usefixtures("privileged")


@pytest.fixture(scope="module", params=running.LOOPS)
def records_of(request, agent):
    """records_of(name): the stall records of its holds."""
    found = {}

    def get(name):
        if name not in found:
            run = running.run_together(CASES[name], [request.param], "broken", {}, agent)
            run = run[request.param]
            found[name] = [match.record for match in matching.match(run.long_holds(), run.records)]
            assert len(found[name]) >= 10 and all(found[name])
        return found[name]

    return get


def computing(record):
    """The hold by the function that computes, and how many ticks met it by its time; some are lost
    when they fall into another program of the agent. A preemption is a sample too: there may be more."""
    hold = matching.longest_hold(record)
    assert hold["function"] == "price_line"
    return hold, record["causes"]["cpu"] / TICK_SECONDS


def test_one_long_is_one_coroutine(records_of):
    for record in records_of("one_long"):
        hold, ticks = computing(record)
        assert hold["coroutines"]["seen"] == 1
        assert hold["coroutines"]["samples"] >= 0.5 * ticks
        # Eight ticks of one coroutine alone would leave it a quarter of doubt.
        assert 0.7 * hold["seconds"] <= hold["coroutines"]["longest_seconds"] <= hold["seconds"]


def test_many_small_are_many(records_of):
    """Each is shorter than the time between two ticks, so that all of these meet others, and there
    are no more than there are."""
    for record in records_of("many_small"):
        hold, ticks = computing(record)
        seen, samples = hold["coroutines"]["seen"], hold["coroutines"]["samples"]
        assert 0.5 * ticks <= seen <= min(samples, MANY)
        assert record["coroutines"]["seen"] >= seen
        assert hold["coroutines"]["longest_seconds"] < 0.15 * hold["seconds"]


def test_the_chain_has_every_coroutine_with_its_line(records_of):
    chain = [("price_line", "function", "while time.thread_time() < until"),
             ("price_lines", "coroutine", "price_line(seconds)"),
             ("price_order", "coroutine", "await price_lines(seconds)"),
             ("checkout", "coroutine", "await price_order(SECONDS)")]
    for record in records_of("one_long"):
        hold, _ = computing(record)
        shown = hold["stack"][:len(chain)]
        assert [(frame["function"], frame["kind"]) for frame in shown] == [
            (function, kind) for function, kind, _ in chain]
        source = str(VICTIMS / "coroutines.py")
        lines = [linecache.getline(source, frame["line"]) for frame in shown]
        # The leaf may stand at either line of its loop.
        assert "pass" in lines[0] or chain[0][2] in lines[0]
        for line, (_, _, text) in list(zip(lines, chain))[1:]:
            assert text in line
        assert hold["line"] == shown[0]["line"] and hold["entry"] == "checkout"
        # What runs the loop is there too, and is no coroutine.
        assert all(frame["kind"] == "function" for frame in hold["stack"][len(chain):]
                   if "asyncio" in frame["file"])


@pytest.mark.parametrize("name", CASES)
def test_mended_twin_is_silent(agent, records_of, name):
    loop = records_of(name)[0]["runtime"]
    twin = running.run_together(CASES[name], [loop], "mended", {}, agent, holds=5)[loop]
    assert not [hold for record in twin.records for hold in record["holds"]
                if hold["function"] == "price_line" and hold["seconds"] >= 0.05]
