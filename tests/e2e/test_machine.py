# SPDX-License-Identifier: Apache-2.0
"""What the machine takes from a loop: told apart by cause, and never a function's fault."""

import os
import time

import pytest

from harness import portable, waiting
from harness.cgroups import cpu_quota
from harness.metrics import Change
from harness.paths import PYTHON, VICTIMS
from harness.resources import hog
from harness.schedstat import ran_and_waited_ns
from harness.victims import Talker

SECONDS = 5
QUOTA = 0.2


def run_delay(pid):
    return ran_and_waited_ns(pid)[1] / 1e9


class Ran:
    """A loop that computes without end, watched for some seconds."""

    def __init__(self, agent, loop_kind, cgroup=None, throttled_seconds=lambda: 0, cpu=None):
        with Talker([PYTHON, str(VICTIMS / "squeezed.py"), loop_kind], cgroup) as victim:
            victim.hear("ready")
            if cpu is not None:
                os.sched_setaffinity(victim.pid, {cpu})
            agent.wait_for_loop(victim.pid)
            self.wait_for_the_one_before(agent, loop_kind)
            victim.tell("go")
            victim.hear("started")
            before, throttled, delay = agent.scrape(), throttled_seconds(), run_delay(victim.pid)
            time.sleep(SECONDS)
            after = agent.scrape()
            self.throttled = throttled_seconds() - throttled
            self.delay = run_delay(victim.pid) - delay
            self.records = agent.records(victim.pid)
            self.pid = victim.pid
        labels = {"process": "squeezed.py", "runtime": loop_kind}
        change = Change(before, after)
        self.busy = change.values_of("loopstall_busy_seconds_total", "cause", **labels)
        self.blamed = {
            (pairs["function"], pairs["cause"]): value for name in
            ("loopstall_function_busy_seconds_total", "loopstall_blocking_seconds_count")
            for pairs, value in after.find(name, **labels) if value}
        print(self.busy, f"throttled {self.throttled:.3f} s, run delay {self.delay:.3f} s")

    @staticmethod
    def wait_for_the_one_before(agent, loop_kind):
        """Its series are the same, and its last half second is added up to a second later."""
        def throttled():
            return agent.scrape().sum("loopstall_busy_seconds_total", cause="throttled",
                                      process="squeezed.py", runtime=loop_kind)

        def is_settled():
            seen = throttled()
            time.sleep(1.2)
            return throttled() == seen
        waiting.until(is_settled, 6, "the victim before this one is counted")

    def assert_machine_is_to_blame(self):
        of_machine = {"runqueue", "throttled", "stopped"}
        assert {function for function, cause in self.blamed if cause in of_machine} == {"~machine"}
        assert {cause for function, cause in self.blamed if function == "~machine"} <= of_machine
        holds = [hold for record in self.records for hold in record["holds"]]
        assert holds
        for hold in holds:
            assert (hold["function"] == "~machine") == (hold["cause"] in of_machine), hold


@pytest.fixture(scope="module")
def squeezed(agent, loop_kind):
    with cpu_quota(QUOTA) as (group, throttled_seconds):
        return Ran(agent, loop_kind, group, throttled_seconds)


def test_a_quota_is_throttled_time(squeezed):
    portable.check_quota(squeezed.busy["throttled"], squeezed.throttled, SECONDS)
    assert squeezed.busy["cpu"] <= (QUOTA + 0.1) * SECONDS


def test_a_quota_is_no_functions_fault(squeezed):
    squeezed.assert_machine_is_to_blame()
    dominant = [record["cause"] for record in squeezed.records]
    assert dominant.count("throttled") >= 5, dominant
    advice = [record["advice"] for record in squeezed.records if record["cause"] == "throttled"]
    assert all("CPU limit" in text for text in advice)


def test_a_hog_is_run_queue_time(agent, loop_kind):
    cpu = min(os.sched_getaffinity(0))
    with hog(cpu):
        ran = Ran(agent, loop_kind, cpu=cpu)
    assert ran.busy["throttled"] == 0
    assert not [record for record in ran.records if record["causes"].get("throttled")]
    assert ran.delay > 0.2 * SECONDS, "the hog did not compete"
    assert 0.9 * ran.delay - 0.3 <= ran.busy["runqueue"] <= 1.05 * ran.delay + 0.3
    ran.assert_machine_is_to_blame()
