# SPDX-License-Identifier: Apache-2.0
"""The libraries that services call, against real servers or what real clients take for one: the
application's function is blamed for the right cause, with the right advice; the asynchronous
counterpart, doing the same work, is not.

The table is harness/libraries.py. Those that sleep run side by side, those that compute alone.
"""

import statistics

import pytest

from harness import matching, pythons, running, servers
from harness.libraries import (CLIENTS, COUNTERPARTS, FILES, LIBRARIES, NEWER_CLIENTS,
                               NEWER_COUNTERPARTS, NEWER_PACKAGES, NEWER_SUITE)
from harness.paths import REPOSITORY
from harness.resources import MEGABYTE, write_file

# What keeps a loop from running that is the code's own doing: not the CPU, nor the wait for one.
BLOCKING = {"sleep", "network", "file", "pipe", "lock", "process"}
MOST_OCCUPANCY = 0.05
STALL_SECONDS = 0.1
SIDE_BY_SIDE = 5
SLEEPING = [*CLIENTS, FILES]

pytestmark = pytest.mark.usefixtures("privileged")


@pytest.fixture(scope="module")
def addresses(dsn, scratch):
    with servers.library_peers() as peers, servers.mariadb() as mariadb, servers.redis() as redis:
        yield {**peers, "mariadb": mariadb, "redis": redis, "dsn": dsn,
               "file": write_file(scratch / "catalog", 4 * MEGABYTE)}


@pytest.fixture(scope="module")
def run_of(agent, addresses):
    """run_of(library, form): the Run, made at the first call with those beside it."""
    runs = {}

    def get(library, form):
        if (library.name, form) not in runs:
            beside = [library]
            if library.sleeps:
                start = SLEEPING.index(library) // SIDE_BY_SIDE * SIDE_BY_SIDE
                beside = SLEEPING[start:start + SIDE_BY_SIDE]
            made = running.run_side_by_side(beside, form, addresses, agent)
            runs.update({(name, form): run for name, run in made.items()})
        return runs[library.name, form]

    return get


@pytest.fixture(scope="module")
def newer_run_of(agent, addresses):
    """newer_run_of(library, form): the Run with the packages of a newer Debian."""
    try:
        root = pythons.fetch(NEWER_SUITE, *NEWER_PACKAGES)
    except pythons.Missing as missing:
        pytest.skip(str(missing))
    python = (str(root / "enter"), "/usr/bin/python3")
    # The servers' sockets are in /var/tmp. There are no users in that root; libraries ask for one.
    environment = {"BIND": f"{REPOSITORY}/tests /var/tmp", "USER": "root"}
    runs = {}

    def get(library, form):
        if form not in runs:
            chosen = NEWER_CLIENTS if form == "broken" else NEWER_COUNTERPARTS
            runs[form] = running.run_side_by_side(chosen, form, addresses, agent, python=python,
                                                  environment=environment)
        return runs[form][library.name]

    return get


each_library = pytest.mark.parametrize("library", LIBRARIES, ids=str)


def longest_holds(run, waited_less_than=1.0):
    """The longest hold of each record that covers one of the victim's which waited less than that
    share of its time for a CPU, by the victim's own clock."""
    matches = matching.match(run.long_holds(), run.records)
    assert len(matches) >= run.case.holds - 1, "too few holds to judge by"
    missing = [match.hold for match in matches if not match.record]
    assert not missing
    return [max(match.record["holds"], key=lambda hold: hold["seconds"]) for match in matches
            if match.hold["runqueue_ns"] < waited_less_than * match.hold_seconds * 1e9]


def undisturbed_holds(run):
    """Those in which the machine was not the main cause."""
    holds = longest_holds(run, waited_less_than=0.4)
    if len(holds) < 4:
        pytest.skip("no CPU was free for most of the time in nearly every hold")
    return holds


@each_library
def test_blames_the_applications_function(library, run_of, observed):
    holds = longest_holds(run_of(library, "broken"))
    blamed = [(hold["function"], hold["file"], hold["entry"]) for hold in holds]
    expected = (library.function, library.script, library.entry)
    observed(library, library.loop, holds=len(blamed), right=blamed.count(expected))
    assert blamed == [expected] * len(blamed)


@each_library
def test_names_the_cause(library, run_of, observed):
    causes = [hold["cause"] for hold in undisturbed_holds(run_of(library, "broken"))]
    observed(library, library.loop, cause=statistics.mode(causes))
    assert all(cause in library.causes for cause in causes), causes


@each_library
def test_advises_what_mends_it(library, run_of):
    advice = {hold["advice"] for hold in undisturbed_holds(run_of(library, "broken"))}
    assert all(library.advice in text for text in advice), advice
    assert all(text.startswith(library.function) for text in advice)


@each_library
def test_measures_what_was_held(library, run_of, observed):
    """The function's busy time by all causes, against the victim's own clock. The collector's time
    in between is not the function's: a template makes many objects."""
    run = run_of(library, "broken")
    seconds = sum(run.change.sum("loopstall_function_busy_seconds_total", process=library.script,
                                 runtime=library.loop, function=function)
                  for function in (library.function, "~gc"))
    own_seconds = sum(hold["end_ns"] - hold["start_ns"] for hold in run.holds) / 1e9
    observed(library, library.loop, busy=seconds / own_seconds)
    slack = 0.0101 * run.seconds  # one sample of 99 Hz in each second
    assert 0.9 * own_seconds - slack <= seconds <= 1.05 * own_seconds + slack


@pytest.mark.parametrize("library", COUNTERPARTS, ids=str)
def test_counterpart_holds_nothing(library, run_of, observed):
    """No function with more than 5 % of the loop's life for a blocking cause, and no stall."""
    assert_holds_nothing(library.name, run_of(library, "mended"), observed)


def assert_holds_nothing(name, run, observed):
    records = [record for record in run.records if record["phase"] == "serving"]
    stalls = [record for record in records if record["duration_seconds"] >= STALL_SECONDS
              and record["cause"] not in ("runqueue", "stopped")]
    observed(name, run.case.loop, mended=len(stalls))
    assert not stalls
    blocked = {}
    for record in records:
        for hold in record["holds"]:
            if hold["cause"] in BLOCKING:
                blocked[hold["function"]] = blocked.get(hold["function"], 0) + hold["seconds"]
    assert all(held < MOST_OCCUPANCY * run.seconds for held in blocked.values()), blocked
    life = occupancy_of(run)
    assert life["idle"] > 0.5 * life["all"], life
    assert life["blocking"] <= MOST_OCCUPANCY * life["all"], life


@pytest.mark.parametrize("library", NEWER_CLIENTS, ids=str)
def test_blames_the_function_that_calls_a_newer_client(library, newer_run_of):
    holds = longest_holds(newer_run_of(library, "broken"), waited_less_than=0.4)
    expected = (library.function, library.script, library.entry)
    for hold in holds:
        assert (hold["function"], hold["file"], hold["entry"]) == expected
        assert hold["cause"] in library.causes
        assert library.advice in hold["advice"]


@pytest.mark.parametrize("library", NEWER_COUNTERPARTS, ids=str)
def test_newer_counterpart_holds_nothing(library, newer_run_of, observed):
    assert_holds_nothing(f"{library}-newer", newer_run_of(library, "mended"), observed)


def occupancy_of(run):
    """The loop's own account of the run: all its functions together."""
    causes = {cause: run.after["busy_seconds"].get(cause, 0)
              - run.before["busy_seconds"].get(cause, 0) for cause in run.after["busy_seconds"]}
    idle = run.after["idle_seconds"] - run.before["idle_seconds"]
    return {"idle": idle, "all": idle + sum(causes.values()),
            "blocking": sum(causes.get(cause, 0) for cause in BLOCKING)}
