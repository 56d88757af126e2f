# SPDX-License-Identifier: Apache-2.0
"""Services in containers are measured as on the host, by what their own Python says: a copy of the
host's at a place of its own, and Debian trixie's in its own file system, which is an overlay."""

import contextlib
import dataclasses
import time

import pytest

from harness import containers, portable, pythons
from harness.metrics import Change

CASES = [dataclasses.replace(case, holds=8) for case in portable.CASES]

pytestmark = pytest.mark.usefixtures("privileged")


@pytest.fixture(scope="module", params=["relocated", "trixie-3.13"])
def image(request):
    """(root, the Python in it)"""
    with contextlib.ExitStack() as made:
        if request.param == "relocated":
            root = made.enter_context(containers.root_file_system())
            yield root, containers.python_in(root)
            return
        suite, package = pythons.FETCHED[request.param]
        try:
            lower = pythons.fetch(suite, package)
        except pythons.Missing as missing:
            pytest.skip(str(missing))
        yield made.enter_context(containers.overlaid(lower)), f"/usr/bin/{package}"


def run(agent, image, case, form):
    """(Seen, the container's short id, its change in metrics, seconds)"""
    root, python = image
    cgroup = f"/docker/{containers.new_id()}"
    with containers.ContainedVictim(root, cgroup, python, case.script, case.name, "asyncio", form,
                                    case.holds_in(form)) as victim:
        victim.hear("ready", 60)
        written = containers.listing(root)
        agent.wait_for_loop(victim.pid)
        time.sleep(0.5)
        before, began = agent.scrape(), time.monotonic()
        victim.tell("go")
        victim.hear("done", 120)
        seen = portable.Seen(agent, victim)
        time.sleep(0.5)
        change, seconds = Change(before, agent.scrape()), time.monotonic() - began
        assert containers.listing(root) == written
    return seen, cgroup[-64:][:12], change, seconds


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_measured_as_on_the_host(agent, image, case):
    seen, container, change, seconds = run(agent, image, case, "broken")
    portable.check_blame(case, seen)
    portable.check_causes(case, seen)
    portable.check_durations(seen)
    portable.check_sums(seen)
    assert seen.labels["container"] == container
    # Busy and idle are the loop's life; the accounts are published four times a second.
    busy = change.sum("loopstall_busy_seconds_total", container=container)
    idle = change.sum("loopstall_idle_seconds_total", container=container)
    assert seconds - 0.6 <= busy + idle <= seconds + 0.6
    functions = change.sum("loopstall_function_busy_seconds_total", container=container)
    assert functions == pytest.approx(busy, rel=0.001)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mended_twin_is_silent(agent, image, case):
    seen, *_ = run(agent, image, case, "mended")
    portable.check_silence(case, seen)
