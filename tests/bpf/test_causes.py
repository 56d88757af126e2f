# SPDX-License-Identifier: Apache-2.0
"""Why a turn did not run: one blocking system call after the other, under both boundary hooks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import waiting
from harness.paths import PYTHON

BLOCKERS = Path(__file__).parent / "victims" / "blockers.py"

# What the blocker waits for: cause, system call (any of these), kind of the descriptor.
EXPECTED = {
    "nanosleep": ("sleep", {"clock_nanosleep"}, ""),
    "select_nothing": ("sleep", {"select", "pselect6"}, ""),
    "poll_nothing": ("sleep", {"poll"}, ""),
    "select_socket": ("network", {"select", "pselect6"}, "socket"),
    "select_except_only": ("network", {"select", "pselect6"}, "socket"),
    "select_pipe": ("pipe", {"select", "pselect6"}, "pipe"),
    "poll_socket": ("network", {"poll"}, "socket"),
    "poll_pipe": ("pipe", {"poll"}, "pipe"),
    "nested_epoll_socket": ("network", {"epoll_wait"}, "epoll"),
    "nested_epoll_pipe": ("pipe", {"epoll_wait"}, "epoll"),
    "nested_epoll_empty": ("sleep", {"epoll_wait"}, "epoll"),
    "nested_epoll_wakers_first": ("network", {"epoll_wait"}, "epoll"),
    "nested_epoll_socket_first": ("network", {"epoll_wait"}, "epoll"),
    "nested_epoll_wakers_and_pipe": ("pipe", {"epoll_wait"}, "epoll"),
    "nested_epoll_waker": ("pipe", {"epoll_wait"}, "epoll"),
    "poll_waker_and_socket": ("network", {"poll"}, "socket"),
    "poll_epoll_of_socket": ("network", {"poll"}, "socket"),
    "select_waker_and_socket": ("network", {"select", "pselect6"}, "socket"),
    "select_waker_and_socket_of_another_set": ("network", {"select", "pselect6"}, "socket"),
    "select_wakers": ("pipe", {"select", "pselect6"}, "eventfd"),
    "recv_unix": ("network", {"recvfrom"}, ""),
    "accept_tcp": ("network", {"accept4", "accept"}, ""),
    "read_socket": ("network", {"read"}, "socket"),
    "read_pipe": ("pipe", {"read"}, "pipe"),
    "write_pipe": ("pipe", {"write"}, "pipe"),
    "read_tty": ("pipe", {"read"}, "character_device"),
    "read_eventfd": ("pipe", {"read"}, "eventfd"),
    "read_timerfd": ("sleep", {"read"}, "timerfd"),
    "flock_file": ("file", {"flock"}, "file"),
    "futex_lock": ("lock", {"futex"}, ""),
    "wait4_child": ("process", {"wait4"}, ""),
    "waitid_child": ("process", {"waitid"}, ""),
    "vfork_child": ("pipe", {"read"}, "pipe"),  # Popen reads the error pipe until the exec
    "vfork_exec": ("process", {"vfork", "clone", "clone3"}, ""),
    "sigtimedwait": ("sleep", {"rt_sigtimedwait"}, ""),
    "interrupted_poll": ("network", {"poll"}, "socket"),
    "stopped_in_sleep": ("sleep", {"clock_nanosleep"}, ""),
    "compute": ("cpu", None, ""),
}
HOLD_NS = 60_000_000


def listen(victim):
    truth = {}
    for line in victim.stdout:
        words = line.split()
        if words == ["end"]:
            return truth
        truth[words[0]] = (int(words[1]), int(words[2]))
    raise AssertionError(f"the victim ended after {list(truth)}")


@pytest.fixture(scope="module")
def observed(hooked_agent, scratch):
    """(truth by blocker, the agent's records of that process)."""
    victim = subprocess.Popen([PYTHON, "-u", BLOCKERS, str(scratch)], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert victim.stdout.readline() == "ready\n"
        hooked_agent.wait_for_loop(victim.pid)
        victim.stdin.write("go\n")
        victim.stdin.flush()
        truth = listen(victim)
        last = truth["compute"][0]
        waiting.until(lambda: any(record["start_monotonic_ns"] + 1e6 > last
                                  for record in hooked_agent.records(victim.pid)),
                      10, "the last blocker is recorded")
        yield truth, hooked_agent.records(victim.pid), hooked_agent.scrape()
    finally:
        victim.kill()
        victim.wait()


def record_of(name, truth, records):
    begin, end = truth[name]
    found = [record for record in records
             if record["start_monotonic_ns"] <= begin + 1_000_000
             and record["start_monotonic_ns"] + record["duration_seconds"] * 1e9 >= end - 1_000_000]
    assert len(found) == 1, f"{name}: {len(found)} records of {len(records)}"
    return found[0]


@pytest.mark.parametrize("name", EXPECTED)
def test_cause(name, observed):
    truth, records, _ = observed
    cause, calls, kind = EXPECTED[name]
    begin, end = truth[name]
    record = record_of(name, truth, records)
    shown = json.dumps({key: record[key] for key in ("cause", "causes", "syscalls")})
    assert record["cause"] == cause, shown
    assert sum(record["causes"].values()) == pytest.approx(record["duration_seconds"], abs=2e-6)
    # The blocker's own time, but for what this machine's other load took.
    waited = record["causes"].get("runqueue", 0) + record["causes"].get("cpu", 0)
    if cause != "cpu":
        assert record["causes"][cause] >= HOLD_NS / 1e9 * 0.8 - waited, shown
    assert record["duration_seconds"] == pytest.approx((end - begin) / 1e9, rel=0.1, abs=0.004)
    if calls:
        longest = max(record["syscalls"], key=lambda entry: entry["blocked_seconds"])
        assert longest["syscall"] in calls, shown
        assert longest["fd_kind"] == kind, shown


def test_a_stop_in_a_sleep_is_told_apart(observed):
    """60 ms stopped inside a sleep of 300: the rest, before and after, is sleep."""
    truth, records, _ = observed
    causes = record_of("stopped_in_sleep", truth, records)["causes"]
    assert causes["stopped"] == pytest.approx(0.06, abs=0.03), causes
    assert causes["sleep"] + causes["stopped"] + causes.get("runqueue", 0) \
        == pytest.approx(0.3, abs=0.02), causes
    assert causes.get("other", 0) < 0.001, causes


def test_a_stop_alone_is_no_stall(observed):
    truth, records, scrape = observed
    begin, end = truth["stopped"]
    during = [record for record in records if begin <= record["start_monotonic_ns"] <= end]
    assert not during, during
    assert end - begin >= HOLD_NS * 0.9


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
