# SPDX-License-Identifier: Apache-2.0
"""The account of a loop against other books: the thread's CPU clock, the scheduler's run delay, the
victim's log of its sleeps, and the clock on the wall."""

import contextlib
import ctypes
import os
import signal
import threading
import time

import pytest

from harness import waiting
from harness.agent import Agent
from harness.cgroups import cpu_quota
from harness.paths import PYTHON, VICTIMS
from harness.resources import hog
from harness.victims import Talker

EXACT = 0.001         # the two conservation laws
# What it computes in its home wait before and after it sleeps there is idle by definition, and in
# its own book: 8 us a wait were seen, 16 where signals end the waits. So with any other sleep: its CPU time
# begins and ends a little before the switch.
IN_A_WAIT_SECONDS = 20e-6
AROUND_SECONDS = 0.01  # the victim's own reading and printing, outside its books
THROTTLED_SECONDS = 0.1  # the quota's period: a group is throttled on when its thread is done
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Look:
    """What the agent had counted of the victim's service, up to `time_ns`."""

    def __init__(self, service):
        self.time_ns = service["counted_until_monotonic_ns"]
        self.busy = service["busy_seconds"]
        self.idle = service["idle_seconds"]
        self.turns = service["turns"]
        self.functions = sum(one["busy_seconds"] for one in service["functions"])


def look(agent, pid, since_ns):
    """The first that is complete up to `since_ns` and beyond."""
    def fresh():
        for service in agent.services():
            if any(loop["pid"] == pid for loop in service["loops"]):
                seen = Look(service)
                return seen if seen.time_ns > since_ns else None
        return None
    return waiting.until(fresh, 5, "the account goes on")


TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")  # what the book of the stolen time is rounded down to


def stolen_seconds():
    """What the hypervisor kept from this machine's CPUs: wall time on a CPU without CPU time."""
    with open("/proc/stat", encoding="ascii") as stat:
        return int(stat.readline().split()[8]) * TICK_SECONDS


class Compared:
    """One activity of the victim: its own books beside the agent's."""

    def __init__(self, agent, victim, activity, meanwhile=lambda pid: contextlib.nullcontext()):
        stolen = stolen_seconds()
        before = look(agent, victim.pid, time.monotonic_ns())
        victim.tell(activity)
        with meanwhile(victim.pid):
            self.own = victim.hear("books")
        after = look(agent, victim.pid, self.own["end_ns"])
        self.stolen = stolen_seconds() - stolen + TICK_SECONDS
        self.life = (after.time_ns - before.time_ns) / 1e9
        self.busy = {cause: seconds - before.busy.get(cause, 0)
                     for cause, seconds in after.busy.items()}
        self.idle = after.idle - before.idle
        self.turns = after.turns - before.turns
        self.functions = after.functions - before.functions
        print(activity, {cause: round(seconds, 4) for cause, seconds in self.busy.items()
                         if seconds}, self.own, f"stolen {self.stolen} turns {self.turns}")

    def assert_conserved(self):
        busy = sum(self.busy.values())
        assert busy + self.idle == pytest.approx(self.life, rel=EXACT)
        assert self.functions == pytest.approx(busy, rel=EXACT, abs=1e-6)
        assert self.busy["other"] < 0.01 * busy

    def assert_agrees(self, throttled=0):
        """With the books of the thread. Ticks' share of cpu that is the collector's is in gc."""
        self.assert_conserved()
        assert self.busy["throttled"] == pytest.approx(throttled, rel=0.02, abs=THROTTLED_SECONDS)
        if not throttled:
            assert self.busy["throttled"] == 0
        cpu, own_cpu = self.busy["cpu"] + self.busy["gc"], self.own["cpu_ns"] / 1e9
        in_waits = self.turns * IN_A_WAIT_SECONDS
        assert 0.99 * own_cpu - AROUND_SECONDS - in_waits <= cpu
        assert cpu <= 1.01 * own_cpu + AROUND_SECONDS + self.stolen
        waited = self.own["waited_ns"] / 1e9
        ready = self.busy["runqueue"] + self.busy["throttled"]
        assert waited * 0.98 - AROUND_SECONDS <= ready <= waited * 1.02 + AROUND_SECONDS
        slept, stopped = self.own["slept_ns"] / 1e9, self.busy["stopped"]
        assert slept - waited - stopped - AROUND_SECONDS <= self.busy["sleep"]
        assert self.busy["sleep"] <= slept + AROUND_SECONDS + self.own["sleeps"] * IN_A_WAIT_SECONDS


@pytest.fixture(scope="module")
def victim(agent, loop_kind):
    with Talker([PYTHON, str(VICTIMS / "books.py"), loop_kind]) as talker:
        talker.hear("ready")
        agent.wait_for_loop(talker.pid)
        yield talker


@pytest.mark.parametrize("activity", ["plain", "signals", "migrations", "vforks"])
def test_agrees_with_the_threads_own_books(agent, victim, activity):
    Compared(agent, victim, activity).assert_agrees()


def test_agrees_under_preemption(agent, victim):
    cpu = min(os.sched_getaffinity(0))

    @contextlib.contextmanager
    def competition(pid):
        os.sched_setaffinity(pid, {cpu})
        try:
            with hog(cpu):
                yield
        finally:
            os.sched_setaffinity(pid, os.sched_getaffinity(0))
    compared = Compared(agent, victim, "plain", competition)
    compared.assert_agrees()
    assert compared.own["waited_ns"] / 1e9 > 0.1, "the hog did not compete"


def test_agrees_with_the_book_of_its_quota(agent, loop_kind, tmp_path):
    """By another name: of one name, both victims would be one service."""
    script = tmp_path / "squeezed_books.py"
    script.symlink_to(VICTIMS / "books.py")
    with cpu_quota(0.3) as (group, throttled_seconds), \
            Talker([PYTHON, str(script), loop_kind], group) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        time.sleep(0.3)  # it starts throttled; some periods later it is not
        throttled = throttled_seconds()
        compared = Compared(agent, victim, "one_long_turn")
        throttled = throttled_seconds() - throttled
    assert throttled > 0.5, "the quota was not used up"
    compared.assert_agrees(throttled)


@contextlib.contextmanager
def again_and_again(act):
    """Calls it every 50 ms, always in the same thread."""
    over, failures = threading.Event(), []

    def repeat():
        try:
            while not over.wait(0.05):
                act()
        except OSError as error:
            failures.append(error)
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failures, failures


def stops(pid):
    """Stopped and let go on."""
    def stop():
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.03)
        os.kill(pid, signal.SIGCONT)
    return again_and_again(stop)


def debugger(pid):
    """Traced, and held by the tracer. ptrace(2) binds the tracer's thread."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def trace():
        if ptrace(PTRACE_SEIZE, pid, None, None):
            raise OSError(ctypes.get_errno(), "PTRACE_SEIZE")
        ptrace(PTRACE_INTERRUPT, pid, None, None)
        os.waitpid(pid, 0x40000000)  # __WALL
        time.sleep(0.03)
        ptrace(PTRACE_DETACH, pid, None, None)
    return again_and_again(trace)


@pytest.mark.parametrize("meanwhile", [stops, debugger])
def test_agrees_while_it_is_stopped(agent, victim, meanwhile):
    compared = Compared(agent, victim, "plain", meanwhile)
    compared.assert_agrees()
    assert 0.1 < compared.busy["stopped"] < compared.own["wall_ns"] / 1e9


def looks_into_turn(victim, activity):
    """Of an agent that starts inside a long turn: its first look, its last one, and the victim's books."""
    victim.tell(activity)
    victim.hear("begun")
    time.sleep(0.2)
    with Agent("--pid", str(victim.pid)) as agent:
        before = look(agent, victim.pid, time.monotonic_ns())
        own = victim.hear("books")
        return before, look(agent, victim.pid, own["end_ns"]), own


@pytest.mark.parametrize("activity, causes", [("one_long_turn", ("cpu", "runqueue", "gc")),
                                              ("one_long_sleep", ("sleep", "runqueue"))])
def test_an_agent_that_comes_in_mid_turn(victim, activity, causes):
    """From its first look on; what was before it is not its business."""
    for _ in range(3):
        before, after, own = looks_into_turn(victim, activity)
        if before.time_ns < own["end_ns"] - 0.2e9:
            break
    else:
        pytest.fail("the agent came too late, three times")
    busy = {cause: seconds - before.busy.get(cause, 0) for cause, seconds in after.busy.items()}
    life = (after.time_ns - before.time_ns) / 1e9
    print(busy, life, own)
    assert sum(busy.values()) + after.idle - before.idle == pytest.approx(life, rel=EXACT)
    assert after.functions - before.functions == pytest.approx(sum(busy.values()), rel=EXACT)
    rest = (own["end_ns"] - before.time_ns) / 1e9
    assert sum(busy[cause] for cause in causes) == pytest.approx(rest, abs=AROUND_SECONDS)


def test_an_agent_that_comes_in_a_wait(victim):
    with Agent("--pid", str(victim.pid)) as agent:
        agent.wait_for_loop(victim.pid)
        Compared(agent, victim, "plain").assert_agrees()


def test_the_agent_audits_itself(agent):
    """Once a minute. What a hypervisor keeps from a thread is computing by the clock alone."""
    def ratios():
        return [value for _, value in agent.scrape().find("loopstall_account_error_ratio")]
    stolen, began = stolen_seconds(), time.monotonic()
    with Talker([PYTHON, str(VICTIMS / "books.py"), "asyncio"]) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        while time.monotonic() - began < 61 or not ratios():
            assert time.monotonic() - began < 130, "no audit in two minutes"
            Compared(agent, victim, "plain")
    share_stolen = (stolen_seconds() - stolen + TICK_SECONDS) / (time.monotonic() - began)
    [ratio] = ratios()
    assert 0 <= ratio < 0.01 + share_stolen
