# SPDX-License-Identifier: Apache-2.0
"""The page of a live agent, in a real Chromium, beside a service that has blocked its loop."""

import pathlib
import subprocess

from harness import waiting
from harness.agent import Agent
from harness.paths import PYTHON

VICTIM = pathlib.Path(__file__).resolve().parents[1] / "dashboards" / "blocking_victim.py"
HOLDS, HOLD_SECONDS = 6, 0.15


def has_whole_history(agent):
    """A step that is later than the victim's end."""
    service, = agent.services(process=VICTIM.name)
    past = [one for one in agent.api("history")["services"] if one["labels"] == service["labels"]]
    slept = sum(past[0]["busy_seconds"].get("sleep", [])) if past else 0
    return not service["loops"] and slept > 0.999 * service["busy_seconds"]["sleep"]


def test_of_a_live_agent(privileged, visit):
    with Agent(stall_threshold="100ms") as agent:
        subprocess.run([PYTHON, VICTIM, str(HOLDS), str(HOLD_SECONDS)], timeout=60, check=True)
        waiting.until(lambda: has_whole_history(agent), 30, "the history has all of it", every=1)
        visit("live.test.mjs", LOOPSTALL_PAGE_URL=f"http://{agent.admin}/")
