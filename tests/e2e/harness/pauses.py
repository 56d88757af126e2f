# SPDX-License-Identifier: Apache-2.0
"""When this machine stood still: a hypervisor that takes a CPU away is in no book of its guest. A
thread of high priority that sleeps on each CPU sees it: its timer comes late. When it comes in time and
the thread is kept waiting nevertheless, by a system call that a kernel without preemption does not
interrupt, the scheduler's book of the thread says so, and that is no pause.

Run as a program it is such a witness: it prints a line with the begin and the end of each pause, in
ns of CLOCK_MONOTONIC, and ends with its standard input.
"""

import contextlib
import os
import pathlib
import select
import subprocess
import sys
import time

from . import waiting
from .schedstat import ran_and_waited_ns

E2E = pathlib.Path(__file__).resolve().parents[1]
PERIOD_NS = 5_000_000  # a pause is seen from when the witness ought to have woken
LATE_NS = 3_000_000
PRIORITY = 90


class Pauses:
    """What the witnesses have seen; no pauses where they may not be of that priority."""

    def __init__(self, logs, witnesses):
        self._logs = logs
        self.witnesses = witnesses  # their pids

    def within(self, start_ns, end_ns):
        """How much of that time some CPU stood still, in ns."""
        seen = [tuple(int(word) for word in line.split())
                for log in self._logs for line in log.read_text(encoding="ascii").splitlines()]
        clipped = sorted((max(start_ns, start), min(end_ns, end)) for start, end in seen)
        total, until = 0, start_ns
        for start, end in clipped:
            total += max(0, end - max(start, until))
            until = max(until, end)
        return total


@contextlib.contextmanager
def witnessed(folder):
    """A witness on each CPU meanwhile. Yields Pauses."""
    with contextlib.ExitStack() as alive:
        logs, witnesses = [], []
        for cpu in sorted(os.sched_getaffinity(0)):
            logs.append(pathlib.Path(folder) / f"pauses-of-cpu-{cpu}")
            log = alive.enter_context(open(logs[-1], "wb"))
            witness = alive.enter_context(subprocess.Popen(
                [sys.executable, "-S", "-m", "harness.pauses", str(cpu)], cwd=E2E,
                stdin=subprocess.PIPE, stdout=log))
            alive.callback(witness.stdin.close)
            witnesses.append(witness.pid)
            waiting.until(lambda: os.fstat(log.fileno()).st_size or witness.poll() is not None, 10,
                          "a witness watches")
        yield Pauses(logs, witnesses)


def witness(cpu):
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        sys.exit("no witness of pauses: this group may have no real-time threads")
    told = select.poll()
    told.register(sys.stdin.fileno())
    os.write(1, b"0 0\n")  # it watches
    (_, waited), due_ns = ran_and_waited_ns(os.getpid()), time.monotonic_ns() + PERIOD_NS
    while not told.poll(max(0, (due_ns - time.monotonic_ns()) / 1e6)):
        now_ns, last = time.monotonic_ns(), waited
        _, waited = ran_and_waited_ns(os.getpid())
        came_ns = now_ns - (waited - last)
        if came_ns > due_ns + LATE_NS:
            os.write(1, b"%d %d\n" % (due_ns, came_ns))
        due_ns = time.monotonic_ns() + PERIOD_NS


if __name__ == "__main__":
    witness(int(sys.argv[1]))
