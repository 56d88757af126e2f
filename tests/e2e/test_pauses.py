# SPDX-License-Identifier: Apache-2.0
"""The witnesses of what the machine stood still: what the other files leave out by them is worth only
as much as this. A machine cannot stop itself: here the witness is stopped."""

import os
import signal
import subprocess
import time

import pytest

from harness import waiting
from harness.paths import PYTHON

pytestmark = pytest.mark.usefixtures("privileged")

KEEP_A_CPU = """
import os, sys, time
if sys.argv[2] == "real-time":
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
os.sched_setaffinity(0, {int(sys.argv[1])})
begin = time.monotonic_ns()
while time.monotonic_ns() < begin + 40_000_000: pass
print(begin, time.monotonic_ns())
"""


def keep_a_cpu(how):
    """Begin and end of a time in which it kept a CPU for 40 ms."""
    cpu = max(os.sched_getaffinity(0))
    said = subprocess.run([PYTHON, "-c", KEEP_A_CPU, str(cpu), how], check=True,
                          capture_output=True, text=True).stdout
    return [int(word) for word in said.split()]


def test_a_cpu_that_stands_still_is_a_pause(pauses):
    begin = time.monotonic_ns()
    os.kill(pauses.witnesses[0], signal.SIGSTOP)
    time.sleep(0.04)
    os.kill(pauses.witnesses[0], signal.SIGCONT)
    end = time.monotonic_ns()
    waiting.until(lambda: pauses.within(begin, end) > 0, 2, "a witness has seen it")
    assert 30e6 <= pauses.within(begin, end) <= end - begin
    assert pauses.within(begin, begin + 20_000_000) >= 10e6
    assert pauses.within(begin - 1_000_000, begin) == 0


@pytest.mark.parametrize("how", ["at leisure", "real-time"])
def test_what_others_compute_is_none(pauses, how):
    """The machine itself may be paused meanwhile; not three times."""
    for _ in range(3):
        begin, end = keep_a_cpu(how)
        time.sleep(0.05)
        if not pauses.within(begin, end):
            return
    pytest.fail("a thread that keeps a CPU passes for a pause")
