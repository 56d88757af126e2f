# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the e2e tier: real victims, the real agent, a scrape."""

import os
import subprocess

import pytest

from harness import cgroups, resources, running
from harness.agent import Agent
from harness.paths import PYTHON, binary
from harness.pauses import witnessed


@pytest.fixture(scope="session")
def privileged():
    if os.geteuid() != 0:
        pytest.skip("needs root: it loads BPF programs and makes cgroups")


@pytest.fixture(scope="session")
def agent_binary():
    if not binary().exists():
        pytest.fail(f"no agent at {binary()}: run scripts/build or set LOOPSTALL_BINARY")


@pytest.fixture(scope="session")
def agent(privileged, agent_binary):
    """One agent for the whole node, with a threshold that records every hold of 20 ms."""
    with Agent() as running:
        yield running


@pytest.fixture(scope="session")
def default_agent(privileged, agent_binary):
    """One agent as users run it: stalls begin at 100 ms."""
    with Agent(stall_threshold="100ms") as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def pauses(tmp_path_factory):
    with witnessed(tmp_path_factory.mktemp("pauses")) as seen:
        yield seen


@pytest.fixture(scope="session")
def peers():
    with resources.slow_peers() as addresses:
        yield addresses


@pytest.fixture(scope="session")
def dsn(privileged):
    with resources.postgres() as text:
        yield text


@pytest.fixture(scope="session")
def scratch():
    with resources.scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def slow_disks(privileged, scratch):
    """{loop: the group of its victim}: each has the disk's whole speed."""
    with cgroups.throttled_disk(scratch) as one, cgroups.throttled_disk(scratch) as another:
        yield dict(zip(running.LOOPS, (one, another)))


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def loop_kind(request):
    if request.param == "uvloop" and subprocess.run(
            [PYTHON, "-c", "import uvloop"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no uvloop (Debian: python3-uvloop)")
    return request.param


_observed = {}


@pytest.fixture(scope="session")
def observed():
    """observed(case, loop, name=value, …) fills the table that is printed at the end."""
    def note(case, loop, **facts):
        _observed.setdefault((str(case), loop), {}).update(facts)
    return note


COLUMNS = {"holds": "{:d}", "right": "{:d}", "cause": "{}", "worst_ms": "{:+.2f}",
           "sum_error": "{:+.4%}", "cpu": "{:.4f}", "busy": "{:.3f}", "mended": "{:d}"}


def pytest_terminal_summary(terminalreporter):
    if not _observed:
        return
    terminalreporter.section("what was found, against the victims' own clocks")
    terminalreporter.write_line("busy: function's busy seconds / its truth; cpu: cpu / thread clock")
    terminalreporter.write_line("mended: holds of 20 ms and more")
    row = "{:<16}{:<9}" + "{:>11}" * len(COLUMNS)
    terminalreporter.write_line(row.format("case", "loop", *COLUMNS))
    for (case, loop), facts in _observed.items():
        cells = [form.format(facts[name]) if name in facts else ""
                 for name, form in COLUMNS.items()]
        terminalreporter.write_line(row.format(case, loop, *cells))
        if facts.get("wrong"):
            terminalreporter.write_line(f"{'':<16}blamed instead: {facts['wrong']}")
