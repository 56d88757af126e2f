# SPDX-License-Identifier: Apache-2.0
"""An agent whose hooks a bench takes off and puts back while all else runs on (hook_switch.cc)."""

import contextlib
import os
import pathlib
import socket
import tempfile
import time

from harness.agent import Agent
from harness.paths import binary

KINDS = ("all", "empty", "calls", "switches", "clocks", "nothing")
LIBRARY = binary().parent / "tests" / "bench" / "libbench_hook_switch.so"
EXPEDITED = pathlib.Path("/sys/kernel/rcu_expedited")
# What the kernel frees after the hooks are off, and caches that know no hooks yet.
SETTLE_SECONDS = {"off": 0.05, "on": 0.02}


class Switch:
    """The hooks of an agent that has the library loaded."""

    def __init__(self, connection):
        self._words = connection.makefile("rw", buffering=1, encoding="ascii")

    def turn(self, word):
        """"off", or "on KIND"; then waits until the machine has settled."""
        self._words.write(word + "\n")
        answer = self._words.readline()
        assert answer.startswith("done "), answer
        time.sleep(SETTLE_SECONDS[word.split()[0]])


@contextlib.contextmanager
def _hasty_kernel():
    """It does not wait longer than it must until nobody uses what was taken off."""
    before = EXPEDITED.read_text()
    EXPEDITED.write_text("1")
    try:
        yield
    finally:
        EXPEDITED.write_text(before)


@contextlib.contextmanager
def switchable_agent():
    """(Agent, Switch), its hooks on."""
    with _hasty_kernel(), tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "switch")
        listener.bind(path)
        listener.listen()
        listener.settimeout(10)
        os.environ |= {"LD_PRELOAD": str(LIBRARY), "LOOPSTALL_BENCH_SWITCH": path}
        # Without its capabilities it could not attach again.
        agent = Agent("--sample-rate", "auto", "--drop-capabilities", "no", stall_threshold="100ms")
        with agent:
            del os.environ["LD_PRELOAD"], os.environ["LOOPSTALL_BENCH_SWITCH"]
            yield agent, Switch(listener.accept()[0])


def check_that_it_switches(agent, switch, own):
    """With the hooks off, or with empty programs, it counts no turn of the loop of the process `own`, with its own it does:
    turns/s."""
    def turns():
        return agent.scrape().sum("loopstall_turn_seconds_count", process=own)
    counted = []
    for word in ("off", "on empty", "off", "on all"):
        switch.turn(word)
        time.sleep(2)  # a scrape is as old as the last snapshot
        before = turns()
        time.sleep(2)
        counted.append(turns() - before)
    assert counted[:3] == [0, 0, 0] and counted[3] > 0, f"turns counted with the hooks off, empty, off and on: {counted}"
    return counted[3] / 2
