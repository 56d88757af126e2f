# SPDX-License-Identifier: Apache-2.0
"""Every Python from 3.8 to 3.14: the same victims, which need the standard library alone, must be
named and measured as exactly as Debian's own.

Those that wait leave the CPU to others, so all Pythons run at once; those that compute run one after
another.
"""

import contextlib
import dataclasses

import pytest

from harness import matching, pythons, waiting
from harness.agent import Agent
from harness.victims import Victim

SCRIPT = "every_python.py"
HOLD_NS = 20_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    script: str
    name: str
    causes: dict  # {function that is blamed: cause}
    holds: int = 20  # of each function; half as many when mended
    computes: bool = False

    def __str__(self):
        return self.name


# In files and folders that are called like them: one, two and four bytes a character.
STRANGE = {"r\u00e9servation", "\u0437\u0430\u0434\u0430\u0447\u0430", "\U00020000\u4efb"}
WAITS = Case(SCRIPT, "waits", {
    "back_off": "sleep", "read_reply": "network", "read_cache": "lock", "charge_card": "sleep",
    **dict.fromkeys(STRANGE, "sleep")})
CASES = [
    WAITS,
    Case(SCRIPT, "computes", {"score_orders": "cpu", "parse_orders": "cpu"}, 9, computes=True),
    Case("threads.py", "gil", {"crunch": "gil"}, 9, computes=True),
]
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


def victim_on(python, script, case, form="broken", holds=1):
    return Victim(script, case, "asyncio", form, holds, python=python.command,
                  environment=dict(python.environment))


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
    """Runs the case on all of the Pythons. {source: Seen}"""
    holds = case.holds if form == "broken" else case.holds // 2
    with contextlib.ExitStack() as alive:
        victims = {}
        for source, python in chosen.items():
            victims[source] = alive.enter_context(
                victim_on(python, case.script, case.name, form, holds))
            if case.computes:  # it finds out how fast it is, which others must not disturb
                victims[source].hear("ready", 60)
        if not case.computes:
            for victim in victims.values():
                victim.hear("ready", 60)
        for victim in victims.values():
            agent.wait_for_loop(victim.pid)
        for victim in victims.values():
            victim.tell("go")
            if case.computes:
                victim.hear("done", 120)
        for victim in victims.values():
            if not case.computes:
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


each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_blames_the_right_function(source, case, seen):
    matches = seen(source, case, "broken").matches()
    wrong = [(match.hold["function"], match.record and matching.blamed(match.record))
             for match in matches if not match.record
             or matching.blamed(match.record) != (match.hold["function"], match.hold["file"])]
    functions = {match.hold["function"] for match in matches}
    assert functions == set(case.causes)
    assert len(matches) >= case.holds * len(functions) * 2 // 3, "too few holds to judge by"
    assert len(wrong) <= len(matches) // 100, wrong


@each_case
def test_names_the_cause(source, case, seen):
    other = []
    matches = [match for match in seen(source, case, "broken").matches() if match.record]
    for match in matches:
        longest = max(match.record["holds"], key=lambda hold: hold["seconds"])
        if longest["cause"] != case.causes[match.hold["function"]]:
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
    held = [hold for record in seen(source, case, "mended").records for hold in record["holds"]
            if hold["function"] in case.causes and hold["seconds"] >= 0.020]
    assert not held


def test_the_runtime_is_named(source, seen):
    assert seen(source, WAITS, "broken").runtime == "asyncio"


def test_records_have_the_whole_chain_of_awaits(source, seen):
    """Each coroutine, the awaited one first, and the line where it stands in a split expression;
    and that it was one and the same for the whole hold."""
    # How many are blamed wrongly is the first test's to judge.
    holds = [max(match.record["holds"], key=lambda hold: hold["seconds"])
             for match in seen(source, WAITS, "broken").matches()
             if match.record and match.hold["function"] == "charge_card"
             and matching.blamed(match.record)[0] == "charge_card"]
    assert len(holds) >= WAITS.holds * 2 // 3
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
        victims = {source: alive.enter_context(victim_on(python, SCRIPT, "hangs"))
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
                assert STRANGE <= {frame["function"] for frame in expected}, source
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
