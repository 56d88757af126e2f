# SPDX-License-Identifier: Apache-2.0
"""What the machine takes from a loop: told apart by cause, and never a function's fault."""

import contextlib
import os
import pathlib
import subprocess
import time

import pytest

from harness import waiting
from harness.metrics import Change
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker

SECONDS = 6
QUOTA = 0.2


@contextlib.contextmanager
def cpu_quota():
    """A cgroup with a fifth of a CPU, and how long its book says that it was throttled."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup")
    name = f"loopstall-quota-{os.getpid()}"
    if v1.is_dir():
        group = v1 / name
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text(str(int(QUOTA * 100000)))
        key, unit = "throttled_time", 1e9
    elif "cpu" in (v2 / "cgroup.controllers").read_text().split():
        (v2 / "cgroup.subtree_control").write_text("+cpu")
        group = v2 / name
        group.mkdir()
        (group / "cpu.max").write_text(f"{int(QUOTA * 100000)} 100000")
        key, unit = "throttled_usec", 1e6
    else:
        pytest.skip("no cpu cgroup controller")

    def throttled_seconds():
        book = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        return int(book[key]) / unit
    try:
        yield str(group), throttled_seconds
    finally:
        waiting.until(lambda: not (group / "cgroup.procs").read_text().strip(), 10,
                      "the cgroup is empty")
        group.rmdir()


@contextlib.contextmanager
def hog(cpu):
    """Something else that wants the whole of that CPU."""
    spin = subprocess.Popen([PYTHON, "-c", "while True: pass"],
                            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    try:
        yield
    finally:
        spin.kill()
        spin.wait()


def run_delay(pid):
    with open(f"/proc/{pid}/task/{pid}/schedstat", encoding="ascii") as book:
        return int(book.read().split()[1]) / 1e9


class Ran:
    """A loop that computes without end, watched for some seconds."""

    def __init__(self, agent, loop_kind, cgroup=None, throttled_seconds=lambda: 0, cpu=None):
        with Talker([PYTHON, str(VICTIMS / "squeezed.py"), loop_kind], cgroup) as victim:
            victim.hear("ready")
            if cpu is not None:
                os.sched_setaffinity(victim.pid, {cpu})
            agent.wait_for_loop(victim.pid)
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
    with cpu_quota() as (group, throttled_seconds):
        return Ran(agent, loop_kind, group, throttled_seconds)


def test_a_quota_is_throttled_time(squeezed):
    """Against the cgroup's own book; a scrape is up to half a second off at both ends."""
    assert squeezed.throttled > 0.3 * SECONDS, "the quota was not used up"
    assert 0.85 * squeezed.throttled - 0.3 <= squeezed.busy["throttled"]
    assert squeezed.busy["throttled"] <= 1.1 * squeezed.throttled + 0.3
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
    assert ran.delay > 0.2 * SECONDS, "the hog did not compete"
    assert 0.9 * ran.delay - 0.3 <= ran.busy["runqueue"] <= 1.05 * ran.delay + 0.3
    ran.assert_machine_is_to_blame()
