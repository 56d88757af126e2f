# SPDX-License-Identifier: Apache-2.0
"""The agent makes a stall in a loop of its own, and says whether it saw it."""

import pytest

from harness import bpf_objects, waiting
from harness.agent import Agent

SPARE_SLOTS = 64  # of loops that begin without a question; the canary's is the next


def counts(agent):
    scrape = agent.scrape()
    return {what: scrape.sum(f"loopstall_canary_{what}_total") for what in ("reported", "missed")}


def blind(agent):
    """As if its programs met no loop: the slots are not of its loops' generations."""
    slots, = (number for number, name in bpf_objects.held("map", agent.process.pid).items()
              if name == "loop_slots")
    for slot in range(SPARE_SLOTS + 1):
        bpf_objects.clear(slots, slot)


def test_its_stall_is_reported(agent):
    waiting.until(lambda: counts(agent)["reported"], 30, "the canary is reported")
    assert counts(agent)["missed"] == 0
    assert not agent.services(process="loopstall"), "it is nobody's service"
    assert not agent.records(agent.process.pid), "it is nobody's stall"


def test_a_stall_beyond_two_seconds_is_not_waited_for(privileged, agent_binary):
    with Agent(stall_threshold="1h") as agent:
        waiting.until(lambda: counts(agent)["reported"], 30, "the canary is reported")


def test_a_blind_agent_says_so(privileged, agent_binary):
    for _ in range(3):
        with Agent() as agent:
            blind(agent)
            if counts(agent)["reported"]:
                continue  # too late: its first stall is 5 s after the start
            waiting.until(lambda: counts(agent)["missed"], 30, "the canary is missed")
            assert counts(agent) == {"reported": 0, "missed": 1}
            assert "was not reported" in agent.said()
            return
    pytest.fail("three agents could not be blinded in time")
