# SPDX-License-Identifier: Apache-2.0
"""What the loop would gain without a function, against the service that was mended."""

import contextlib
import time

import pytest

from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker

FUNCTIONS = ("look_up", "render")
WATCHED_SECONDS = 20
SHORT_BUCKETS = 3  # turns of up to 5 ms: no function's


@pytest.fixture(scope="module")
def gains(agent, tmp_path_factory):
    """The gain of each form of the service, all under the same load; by other names, for services
    of one name are one."""
    folder = tmp_path_factory.mktemp("gain")
    with contextlib.ExitStack() as stack:
        pids = {}
        for form in ("broken", *(f"without_{function}" for function in FUNCTIONS)):
            script = folder / f"{form}.py"
            script.symlink_to(VICTIMS / "gain.py")
            victim = stack.enter_context(Talker([PYTHON, str(script), form]))
            victim.hear("ready")
            agent.wait_for_loop(victim.pid)
            pids[form] = victim.pid
        time.sleep(WATCHED_SECONDS)
        return {form: agent.services(process=f"{form}.py")[0]["gain"] for form in pids}


def share_of_long_turns(turn_seconds, gain):
    return sum(turn_seconds[SHORT_BUCKETS:]) / gain["loop_seconds"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_mended_form_is_predicted(gains, function):
    broken, mended = gains["broken"], gains[f"without_{function}"]
    without, = (one for one in broken["functions"] if one["function"] == function)
    assert broken["loop_seconds"] > 0.9 * WATCHED_SECONDS
    assert broken["utilization"] - mended["utilization"] > 0.1, "the load did not differ"
    assert without["utilization"] == pytest.approx(mended["utilization"], abs=0.05)
    assert without["load"] == pytest.approx(broken["utilization"] / without["utilization"])
    assert share_of_long_turns(broken["turn_seconds"], broken) - share_of_long_turns(
        mended["turn_seconds"], mended) > 0.1
    assert share_of_long_turns(without["turn_seconds"], broken) == pytest.approx(
        share_of_long_turns(mended["turn_seconds"], mended), abs=0.05)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_mended_has_nothing_to_gain(gains, function):
    names = {one["function"] for one in gains[f"without_{function}"]["functions"]}
    assert function not in names
    assert names & set(FUNCTIONS) == set(FUNCTIONS) - {function}
