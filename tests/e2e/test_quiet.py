# SPDX-License-Identifier: Apache-2.0
"""Healthy services: no stall, whatever the load; and an import at start is startup, no stall."""

import contextlib
import random
import shutil
import statistics
import subprocess
import time

import pytest

from harness import waiting
from harness.agent import free_port, get
from harness.metrics import Change
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker


@contextlib.contextmanager
def uvicorn(app, loop_kind):
    """(process, URL) of a running uvicorn."""
    port = free_port()
    process = subprocess.Popen(
        [PYTHON, "-m", "uvicorn", app, "--loop", loop_kind, "--port", str(port), "--no-access-log",
         "--log-level", "warning"], cwd=VICTIMS, stdin=subprocess.DEVNULL)
    try:
        waiting.until(lambda: get(f"http://127.0.0.1:{port}/")[0] == 200, 20, f"{app} answers")
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


def stalls_of(agent, pid):
    return [record for record in agent.records(pid) if record["phase"] == "serving"]


def test_idle_service_makes_no_stall(default_agent, loop_kind):
    with uvicorn("hello:app", loop_kind) as (server, _):
        loop = default_agent.wait_for_loop(server.pid)
        before = default_agent.scrape()
        time.sleep(8)
        change = Change(before, default_agent.scrape())
        labels = {"process": "hello:app", "runtime": loop_kind}
        assert loop["labels"]["process"] == "hello:app" and loop["labels"]["runtime"] == loop_kind
        assert change.sum("loopstall_stalls_total", **labels) == 0
        assert not stalls_of(default_agent, server.pid)
        idle = change.sum("loopstall_idle_seconds_total", **labels)
        busy = change.sum("loopstall_busy_seconds_total", **labels)
        assert 7.5 < idle < 8.5 and busy < 0.2


def test_wholly_silent_loop_makes_no_stall(default_agent, loop_kind):
    with Talker([PYTHON, "lifecycle.py", "idle", loop_kind]) as victim:
        victim.hear("ready")
        default_agent.wait_for_loop(victim.pid)
        time.sleep(3)
        loop = default_agent.loop(victim.pid)
        assert loop["turn_age_seconds"] < 0.1
        assert not default_agent.records(victim.pid)


def test_no_turn_is_shown_as_older_than_it_is(default_agent, loop_kind):
    """A loop that turns 32 times a second, in each turn for 30 ms: whenever it is looked at."""
    with Talker([PYTHON, "lifecycle.py", "napping", loop_kind]) as victim:
        victim.hear("ready")
        default_agent.wait_for_loop(victim.pid, serving=False)
        looks = []
        for _ in range(60):
            time.sleep(random.uniform(0.04, 0.08))  # in step with the turns it would see one moment
            looks.append(default_agent.loop(victim.pid))
        in_turn = [look["turn_age_seconds"] for look in looks if look["state"] == "busy"]
        print(sorted(in_turn))
        assert len(in_turn) >= 40
        assert 0.005 < statistics.median(in_turn) < 0.03
        assert sum(1 for age in in_turn if age > 0.05) <= 2  # the machine may have been busy


def test_saturated_hello_world_makes_no_stall(default_agent, loop_kind):
    if not shutil.which("wrk"):
        pytest.skip("no wrk (Debian: wrk)")
    with uvicorn("hello:app", loop_kind) as (server, url):
        default_agent.wait_for_loop(server.pid)
        before = default_agent.scrape()
        load = subprocess.run(["wrk", "-t1", "-c16", "-d8s", url], check=True, capture_output=True,
                              text=True)
        time.sleep(1.2)
        change = Change(before, default_agent.scrape())
        labels = {"process": "hello:app", "runtime": loop_kind}
        print(load.stdout)
        assert change.sum("loopstall_turn_seconds_count", **labels) > 1000
        busy = change.sum("loopstall_busy_seconds_total", **labels)
        idle = change.sum("loopstall_idle_seconds_total", **labels)
        assert busy > 0.5 * (busy + idle), "the load did not saturate the service"
        assert change.sum("loopstall_stalls_total", **labels) == 0
        assert not stalls_of(default_agent, server.pid)
        functions = change.values_of("loopstall_function_busy_seconds_total", "function", **labels)
        assert sum(functions.values()) <= 1.03 * busy + 0.0101 * 9


def test_heavy_import_is_startup_and_no_stall(default_agent, loop_kind):
    before = default_agent.scrape()
    with uvicorn("heavy_app:app", loop_kind) as (server, _):
        default_agent.wait_for_loop(server.pid)
        time.sleep(1.2)
        change = Change(before, default_agent.scrape())
        labels = {"process": "heavy_app:app", "runtime": loop_kind}
        startup = change.sum("loopstall_startup_seconds_total", **labels)
        # libuv runs what is ready before its first wait, and a loop is born at that wait: there the
        # import is no turn. asyncio waits first, so there it is one.
        least = 0.75 if loop_kind == "asyncio" else 0
        assert least <= startup <= 5, "the import takes 0.8 s and more"
        assert change.sum("loopstall_stalls_total", **labels) == 0
        assert change.sum("loopstall_turn_seconds_sum", **labels) < 0.5
        records = default_agent.records(server.pid)
        assert all(record["phase"] == "startup" for record in records)
        if loop_kind == "asyncio":
            holds = [hold["function"] for record in records for hold in record["holds"]]
            assert "connect" in holds
