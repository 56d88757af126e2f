# SPDX-License-Identifier: Apache-2.0
"""What came and went leaves nothing in the kernel, and neither does the agent."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import waiting
from harness.agent import Agent
from harness.bpf_objects import alive, entries, held
from harness.paths import PYTHON

VICTIMS = Path(__file__).parent / "victims"
THREADS, FORKS, LOOPS, ROUNDS = 8_000, 1_500, 500, 2


def ask(victim):
    victim.stdin.write("go\n")
    victim.stdin.flush()
    words = victim.stdout.readline().split()
    assert words[0] == "done"
    return {int(word) for word in words[1:]}


@pytest.fixture(scope="module")
def rounds(privileged):
    """After each round of short lives: (dead pids, processes, verdicts, seeds, resident bytes)."""
    seen = []
    with Agent() as agent:
        command = [PYTHON, "-u", VICTIMS / "short_lived.py", *map(str, (THREADS, FORKS, LOOPS))]
        with subprocess.Popen(command, text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as victim:
            assert victim.stdout.readline() == "ready\n"
            try:
                for _ in range(ROUNDS):
                    dead = ask(victim)
                    settle(agent, victim.pid, dead)
                    pid = agent.process.pid
                    seen.append((dead, *(entries(pid, name)
                                         for name in ("processes", "verdicts", "seeds")),
                                 agent.resident_bytes()))
                yield agent, victim.pid, seen
            finally:
                victim.kill()


def settle(agent, pid, dead):
    """Until the agent has caught up with the last of the dead, or ten seconds."""
    def gone():
        known = {entry["key"] for entry in entries(agent.process.pid, "processes")}
        return not known & dead and agent.loop(pid) is None
    try:
        waiting.until(gone, 10, "the dead are forgotten", every=0.5)
    except AssertionError:
        pass  # the tests say what is left


def test_processes_are_forgotten(rounds):
    _, _, seen = rounds
    for dead, processes, _, _, _ in seen:
        left = {entry["key"] for entry in processes} & dead
        assert not left, f"{len(left)} of {len(dead)} dead processes are still described"


def test_verdicts_and_seeds_do_not_pile_up(rounds):
    """Answers that nobody fetched are pushed out by newer ones, never in the way."""
    _, _, seen = rounds
    for _, _, verdicts, seeds, _ in seen:
        assert len(verdicts) <= 8192
        assert not seeds
    print("verdicts left:", [len(verdicts) for _, _, verdicts, _, _ in seen])


def test_loops_give_their_slots_back(rounds):
    agent, pid, _ = rounds
    assert agent.loop(pid) is None
    losses = agent.api("loops")["agent"]["events_lost"]
    print(losses)
    assert {entry["reason"]: entry["count"] for entry in losses}["no_free_slot"] == 0


def test_the_agent_does_not_grow(rounds):
    _, _, seen = rounds
    sizes = [resident for *_, resident in seen]
    print("resident MiB:", [size >> 20 for size in sizes])
    assert sizes[-1] - sizes[0] < 8 << 20, "a second round needs more memory than the first"


def test_a_new_loop_is_still_found(rounds):
    agent, _, _ = rounds
    with subprocess.Popen([PYTHON, "-u", VICTIMS / "scenarios.py", "plain"],
                          stdout=subprocess.DEVNULL) as victim:
        try:
            agent.wait_for_loop(victim.pid, serving=False)
        finally:
            victim.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_the_agent_leaves_nothing(privileged, number):
    with Agent() as agent:
        pid = agent.process.pid
        before = {kind: held(kind, pid) for kind in ("prog", "map", "link")}
        assert {"on_sched_switch", "on_wait_enter"} <= set(before["prog"].values())
        assert before["map"] and before["link"]
        os.kill(pid, number)
        agent.process.wait(10)
        for kind, ids in before.items():
            waiting.until(lambda kind=kind, ids=ids: not alive(kind, ids), 10,
                          f"no {kind} of {ids} is left")
