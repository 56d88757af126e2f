# SPDX-License-Identifier: Apache-2.0
"""Targets that damage their own memory or bear hostile names: bounded cost, counted errors, escaped
labels, and an honest service beside them that is measured as ever."""

import shutil
import subprocess
import time

import pytest

from harness import matching, waiting
from harness.agent import get
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker

# As the agent shows them: a question mark for each control character, a bounded length.
NAMED = {"markup": 'x"}<script>alert(1)</script>?\\', "surrogates": "a\ufffdb\ufffd",
         "megabyte": "m" * 120, "controls": "a?b?[2J?c?"}
MAX_FRAMES = 128  # LS_MAX_FRAMES
MAX_PATH_BYTES = 1024


def talker(case):
    return Talker([PYTHON, str(VICTIMS / "hostile.py"), case])


@pytest.fixture(scope="module", autouse=True)
def honest(agent):
    """A service beside the hostile ones: what it does is told rightly all the while."""
    with talker("honest") as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        seen = len(agent.records(victim.pid))
        yield
        records = agent.records(victim.pid)[seen:]
        assert len(records) > 50
        wrong = [one for one in map(matching.blamed, records) if one != ("honest", "hostile.py")]
        assert not wrong


def measured(agent, case):
    """The stall records of one hostile service after some holds, without that in which it was found:
    the wait that it was in then had no stack."""
    with talker(case) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        listed_ns = time.monotonic_ns()

        def records():
            return [record for record in agent.records(victim.pid)
                    if record["start_monotonic_ns"] > listed_ns]
        started, cpu = time.monotonic(), agent.cpu_seconds()
        victim.hear("holds")
        waiting.until(lambda: len(records()) >= 10, 15, "its holds are recorded")
        assert agent.cpu_seconds() - cpu < 0.3 * (time.monotonic() - started)
        check_exposition(agent)
        assert victim.process.poll() is None, "the victim broke itself"
        return records()


def check_exposition(agent):
    status, text = get(f"http://{agent.listen}/metrics")
    assert status == 200
    agent.api("loops")
    agent.api("stalls")
    checked = subprocess.run([shutil.which("promtool"), "check", "metrics"], input=text, text=True,
                             check=False, capture_output=True)
    assert "error while linting" not in checked.stderr, checked.stderr[:2000]
    assert "parse" not in checked.stderr, checked.stderr[:2000]


def stack_errors(agent):
    return agent.scrape().sum("loopstall_stack_errors_total")


@pytest.mark.parametrize("case", NAMED)
def test_hostile_names_are_bounded_and_escaped(agent, case):
    for record in measured(agent, case):
        function, file = matching.blamed(record)
        assert function == NAMED[case], len(function)
        assert len(file.encode()) <= MAX_PATH_BYTES
    assert "alert(1)" not in get(f"http://{agent.admin}/")[1]


def test_a_ring_of_frames_is_bounded_and_blames_the_leaf(agent):
    before = stack_errors(agent)
    for record in measured(agent, "ring"):
        held = matching.longest_hold(record)
        assert held["function"] == "sleep_in_damage"
        assert held["stack_truncated"] and held["entry"] == ""
        assert 2 < len(held["stack"]) <= MAX_FRAMES
    assert stack_errors(agent) > before


def test_garbage_code_is_counted_and_names_nobody(agent):
    before = stack_errors(agent)
    for record in measured(agent, "garbage"):
        held = matching.longest_hold(record)
        assert held["function"] in ("sleep_in_damage", "~unknown")
        functions = [frame["function"] for frame in held["stack"]]
        assert functions[:2] == ["sleep_in_damage", "garbage"]
        assert "through_outer" not in functions
    assert stack_errors(agent) > before


def test_a_loop_whose_name_could_not_be_read_at_first_is_found_later(agent):
    with talker("late_name") as victim:
        victim.hear("ready")
        victim.hear("shown")
        agent.wait_for_loop(victim.pid)
