# SPDX-License-Identifier: Apache-2.0
"""Every Python from 3.8 to 3.14: the same victims, which need the standard library alone, must be
named and measured as exactly as Debian's own.

Those that wait leave the CPU to others, so all Pythons run at once; those that compute run one after
another.
"""

import contextlib

import pytest

from harness import matching, portable, pythons, waiting
from harness.agent import Agent
from harness.portable import CASES, SCRIPT, STRANGE, WAITS, Seen
from harness.victims import Victim

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


def run(agent, chosen, case, form):
    """Runs the case on all of the Pythons. {source: Seen}"""
    with contextlib.ExitStack() as alive:
        victims = {}
        for source, python in chosen.items():
            victims[source] = alive.enter_context(
                victim_on(python, case.script, case.name, form, case.holds_in(form)))
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
        return {source: Seen(agent, victim) for source, victim in victims.items()}


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
    portable.check_blame(case, seen(source, case, "broken"))


@each_case
def test_names_the_cause(source, case, seen):
    portable.check_causes(case, seen(source, case, "broken"))


@each_case
def test_measures_the_duration(source, case, seen):
    portable.check_durations(seen(source, case, "broken"))


@each_case
def test_causes_add_up_to_the_turn(source, case, seen):
    portable.check_sums(seen(source, case, "broken"))


@each_case
def test_mended_twin_does_not_hold(source, case, seen):
    portable.check_silence(case, seen(source, case, "mended"))


def test_the_runtime_is_named(source, seen):
    assert seen(source, WAITS, "broken").labels["runtime"] == "asyncio"


def test_records_have_the_whole_chain_of_awaits(source, seen):
    """Each coroutine, the awaited one first, and the line where it stands in a split expression;
    and that it was one and the same for the whole hold."""
    # How many are blamed wrongly is the first test's to judge.
    holds = [matching.longest_hold(match.record)
             for match in seen(source, WAITS, "broken").matched()
             if match.hold["function"] == "charge_card"
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
