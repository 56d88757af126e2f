# SPDX-License-Identifier: Apache-2.0
"""Every Python from 3.8 to 3.14: the same victims, which need the standard library alone, must be
named and measured as exactly as Debian's own.

They leave the CPU to others, so all Pythons run at once.
"""

import contextlib

import pytest

from harness import matching, pythons, waiting
from harness.agent import Agent
from harness.victims import Victim

SCRIPT = "every_python.py"
HOLD_NS = 20_000_000
HOLDS = {"waits": 20}  # of each function; half as many when mended
CAUSES = {"back_off": "sleep", "read_reply": "network", "read_cache": "lock",
          "charge_card": "sleep"}
AWAITED = ["charge_card", "pay", "place_order", "checkout", "handle_request"]

pytestmark = pytest.mark.usefixtures("privileged")


def everyone():
    """{source: Python, or why it is missing}"""
    found = {}
    for source in pythons.SOURCES:
        try:
            found[source] = pythons.get(source)
        except pythons.Missing as missing:
            found[source] = str(missing)
    return found


@pytest.fixture(scope="module")
def found(privileged):
    return everyone()


@pytest.fixture(params=pythons.SOURCES, scope="module")
def source(request, found):
    if isinstance(found[request.param], str):
        pytest.skip(found[request.param])
    return request.param


def victim_on(python, case, form):
    holds = HOLDS.get(case, 1)
    return Victim(SCRIPT, case, "asyncio", form, holds if form == "broken" else holds // 2,
                  python=python.command, environment=dict(python.environment))


class Seen:
    """What one victim logged of itself, and the agent of it."""

    def __init__(self, agent, victim, truth):
        self.holds = [line for line in truth if line["kind"] == "hold"
                      and line["end_ns"] - line["start_ns"] >= HOLD_NS]
        self.functions = {line["function"] for line in truth if line["kind"] == "hold"}
        self.runtime = agent.loop(victim.pid)["labels"]["runtime"]
        with contextlib.suppress(AssertionError):  # missing records are the tests' to report
            waiting.until(lambda: len(agent.records(victim.pid)) >= len(self.holds), 4, "records")
        self.records = agent.records(victim.pid)

    def matches(self):
        return matching.match(self.holds, self.records)


def run(agent, chosen, case, form):
    """Runs the case on all of the Pythons at once. {source: Seen}"""
    with contextlib.ExitStack() as alive:
        victims = {source: alive.enter_context(victim_on(python, case, form))
                   for source, python in chosen.items()}
        for victim in victims.values():
            victim.hear("ready", 60)
        for victim in victims.values():
            agent.wait_for_loop(victim.pid)
        for victim in victims.values():
            victim.tell("go")
        for victim in victims.values():
            victim.hear("done", 120)
        return {source: Seen(agent, victim, victim.truth()) for source, victim in victims.items()}


@pytest.fixture(scope="module")
def seen(agent, found):
    """seen(source, case, form): the Seen."""
    usable = {source: python for source, python in found.items() if not isinstance(python, str)}
    known = {}

    def get(source, case, form):
        if (source, case, form) not in known:
            for name, one in run(agent, usable, case, form).items():
                known[name, case, form] = one
        return known[source, case, form]

    return get


each_case = pytest.mark.parametrize("case", HOLDS)


@each_case
def test_blames_the_right_function(source, case, seen):
    matches = seen(source, case, "broken").matches()
    wrong = [(match.hold["function"], match.record and matching.blamed(match.record))
             for match in matches if not match.record
             or matching.blamed(match.record) != (match.hold["function"], match.hold["file"])]
    functions = {match.hold["function"] for match in matches}
    assert len(functions) == 7, functions
    assert len(matches) >= HOLDS[case] * len(functions) * 2 // 3, "too few holds to judge by"
    assert len(wrong) <= len(matches) // 100, wrong


@each_case
def test_names_the_cause(source, case, seen):
    other = []
    matches = [match for match in seen(source, case, "broken").matches() if match.record]
    for match in matches:
        longest = max(match.record["holds"], key=lambda hold: hold["seconds"])
        if longest["cause"] != CAUSES.get(match.hold["function"], "sleep"):
            other.append((match.hold["function"], match.record["causes"]))
    assert matches and len(other) <= len(matches) // 100, other


@each_case
def test_measures_the_duration(source, case, seen):
    """Within 5 % or 2 ms of the victim's own clock."""
    matches = [match for match in seen(source, case, "broken").matches() if match.record]
    off = [(match.hold, match.record["duration_seconds"]) for match in matches
           if abs(match.record["duration_seconds"] - match.hold_seconds)
           > max(0.05 * match.hold_seconds, 0.002)]
    assert matches and len(off) <= len(matches) // 100, off


@each_case
def test_causes_add_up_to_the_turn(source, case, seen):
    records = seen(source, case, "broken").records
    assert records and all(
        abs(sum(record["causes"].values()) / record["duration_seconds"] - 1) <= 0.005
        for record in records)


@each_case
def test_mended_twin_does_not_hold(source, case, seen):
    functions = seen(source, case, "broken").functions
    held = [hold for record in seen(source, case, "mended").records for hold in record["holds"]
            if hold["function"] in functions and hold["seconds"] >= 0.020]
    assert functions and not held


def test_the_runtime_is_named(source, seen, found):
    assert seen(source, "waits", "broken").runtime == "asyncio"


def test_records_have_the_whole_chain_of_awaits(source, seen):
    """Each coroutine, the awaited one first, and the line where it stands in a split expression;
    and that it was one and the same for the whole hold."""
    # How many are blamed wrongly is the first test's to judge.
    holds = [max(match.record["holds"], key=lambda hold: hold["seconds"])
             for match in seen(source, "waits", "broken").matches()
             if match.record and match.hold["function"] == "charge_card"
             and matching.blamed(match.record)[0] == "charge_card"]
    assert len(holds) >= HOLDS["waits"] * 2 // 3
    assert {hold["coroutines"]["seen"] for hold in holds} == {1}
    for stack in (hold["stack"] for hold in holds):
        own = [frame for frame in stack if frame["file"] == SCRIPT]
        assert [frame["function"] for frame in own][:len(AWAITED)] == AWAITED
        with open(own[2]["path"], encoding="utf-8") as text:
            assert "await pay(" in text.read().splitlines()[own[2]["line"] - 1]


def stack_of(agent, pid):
    loop = agent.loop(pid)
    return [{key: frame[key] for key in ("function", "path", "line")} for frame in loop["stack"]]


def test_stacks_are_what_python_says_of_itself(agent, found):
    """A loop that hangs in a sleep, once seen by the kernel side as it fell asleep, and once from
    user space by an agent that came later, against CPython's own frames of that thread."""
    usable = {source: python for source, python in found.items() if not isinstance(python, str)}
    with contextlib.ExitStack() as alive:
        victims = {source: alive.enter_context(victim_on(python, "hangs", "broken"))
                   for source, python in usable.items()}
        for victim in victims.values():
            victim.hear("ready", 60)
        for victim in victims.values():
            agent.wait_for_loop(victim.pid)
            victim.tell("go")
        own_words = {source: victim.hear("stack")["stack"] for source, victim in victims.items()}
        pids = [word for victim in victims.values() for word in ("--pid", str(victim.pid))]
        with Agent(*pids) as later:
            for source, victim in victims.items():
                expected = own_words[source]
                assert 20 <= len(expected) <= 60, source
                for one in (agent, later):
                    waiting.until(lambda: one.loop(victim.pid) and one.loop(victim.pid)["stack"],
                                  10, f"{source}: the hanging loop has a stack")
                    assert stack_of(one, victim.pid) == expected, (source, one is later)
        for victim in victims.values():
            victim.process.kill()


def test_a_python_is_here(found):
    """Debian's own is; the rest are told."""
    print({source: str(python) for source, python in found.items()})
    assert not isinstance(found["debian"], str)
