# SPDX-License-Identifier: Apache-2.0
"""Every kind of Python loop is found and measured, also one that lives for a single job."""

import subprocess
import time

import pytest

from harness import matching
from harness.agent import Agent
from harness.paths import PYTHON, REPOSITORY, VICTIMS
from harness.victims import Talker

KINDS = {"epoll": "asyncio", "poll": "asyncio", "select": "asyncio", "uvloop": "uvloop",
         "trio": "trio", "tornado": "asyncio"}
CAUSES = {"back_off": "sleep", "wait_by_poll": "network", "wait_by_select": "network",
          "wait_by_selector": "network"}
each_kind = pytest.mark.parametrize("kind", KINDS)


def loops(kind, form, command=(PYTHON,)):
    return Talker([*command, str(VICTIMS / "loops.py"), kind, form],
                  environment={"BIND": str(VICTIMS)})


def of_suite(suite):
    """The command that runs another Debian suite's Python with its own uvloop."""
    fetched = subprocess.run([REPOSITORY / "scripts" / "fetch-suite", suite, "python3",
                              "python3-uvloop"], capture_output=True, text=True, check=False)
    if fetched.returncode == 77:
        pytest.skip(fetched.stderr.strip().rsplit("\n", 1)[-1])
    assert fetched.returncode == 0, fetched.stderr
    return [fetched.stdout.strip() + "/enter", "/usr/bin/python3"]


def holds_of(done):
    return [{"start_ns": start, "end_ns": end, "function": function}
            for function, start, end, *_ in done["holds"]]


def look(agent, runtime):
    scrape = agent.scrape()
    labels = {"process": "loops.py", "runtime": runtime}
    return (scrape.sum("loopstall_busy_seconds_total", **labels),
            scrape.sum("loopstall_idle_seconds_total", **labels))


def run_service(agent, kind, form, command=(PYTHON,)):
    """(records, what the victim said, busy and idle seconds, wall seconds)"""
    with loops(kind, form, command) as victim:
        victim.hear("ready")
        loop = agent.wait_for_loop(victim.pid)
        assert loop["labels"]["runtime"] == KINDS[kind]
        time.sleep(0.5)
        before, began = look(agent, KINDS[kind]), time.monotonic()
        victim.tell("go")
        done = victim.hear("done")
        time.sleep(1.2)
        after, wall = look(agent, KINDS[kind]), time.monotonic() - began
        records = [record for record in agent.records(victim.pid) if record["phase"] == "serving"]
        return records, done, [now - then for now, then in zip(after, before)], wall


def check_broken(agent, kind, command=(PYTHON,)):
    records, done, (busy, idle), wall = run_service(agent, kind, "broken", command)
    holds = holds_of(done)
    assert len(holds) == 32
    for match in matching.check(holds, records, "loops.py"):
        assert match.record["cause"] == CAUSES[match.hold["function"]], match.record
    own = sum(hold["end_ns"] - hold["start_ns"] for hold in holds) / 1e9
    assert own <= busy <= own + 0.1 * wall
    # The accounts are published four times a second.
    assert wall - 0.6 <= busy + idle <= wall + 0.6


def check_mended(agent, kind, command=(PYTHON,)):
    records, _, (busy, idle), wall = run_service(agent, kind, "mended", command)
    assert not [record for record in records if record["cause"] not in matching.MACHINE]
    assert busy < 0.1 * wall and idle > 0.8 * wall


@each_kind
def test_loop_is_measured(agent, kind):
    check_broken(agent, kind)


@each_kind
def test_mended_loop_is_silent(agent, kind):
    check_mended(agent, kind)


def test_uvloop_of_a_later_suite(agent):
    """uvloop 0.21, whose libuv waits by epoll_pwait and has a ring for its files."""
    command = of_suite("trixie")
    check_broken(agent, "uvloop", command)
    check_mended(agent, "uvloop", command)


def run_jobs(agent, victim):
    """(records, what the victim said, busy and idle seconds)"""
    before = look(agent, "asyncio")
    victim.tell("go")
    done = victim.hear("done")
    time.sleep(1.2)
    busy, idle = (now - then for now, then in zip(look(agent, "asyncio"), before))
    records = agent.records(victim.pid)
    print(f"busy {busy:.3f} s, idle {idle:.3f} s, {len(records)} records")
    return records, done, busy + idle


def check_jobs(records, done):
    lives, holds = done["lives"], holds_of(done)
    assert len(holds) == len(lives)
    matching.check(holds, [record for record in records
                           if record["start_monotonic_ns"] > lives[0][0]], "loops.py")


@pytest.mark.parametrize("form", ["same", "thread", "open"])
def test_loops_that_live_for_one_job(agent, form):
    with loops("jobs", form) as victim:
        victim.hear("ready")
        time.sleep(1.5)
        records, done, measured = run_jobs(agent, victim)
    own = sum(end - start for start, end in done["lives"]) / 1e9
    assert measured >= 0.95 * own
    if form != "open":  # one that is never closed lasts until its thread's next one
        assert measured <= 1.15 * own
    check_jobs(records, done)


def test_loops_that_follow_one_older_than_the_agent(privileged, agent_binary):
    """Nothing was asked about the first, which is not closed: the second one's waits are new."""
    with loops("jobs", "older") as victim:
        victim.hear("ready")
        with Agent("--pid", str(victim.pid)) as agent:
            agent.wait_for_loop(victim.pid, serving=False)
            records, done, _ = run_jobs(agent, victim)
    for list_of_jobs in (done["lives"], done["holds"]):
        del list_of_jobs[0]  # the agent asks in its first wait
    check_jobs(records, done)
