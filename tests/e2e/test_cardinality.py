# SPDX-License-Identifier: Apache-2.0
"""A service with 100,000 names of functions, whose workers come and go: its series and the agent's memory are
bounded, and no counter falls, jumps, goes or is there twice."""

import collections
import contextlib
import threading
import time

import pytest

from harness.agent import Agent
from harness.paths import PYTHON
from harness.resources import MEGABYTE
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged")

SCRIPT = "many_names.py"
ROUNDS, WORKERS, NAMES = 5, 2, 10_000  # names of each worker of each round
EVERY = 1_000  # of which this one's function holds its loop for long
DESERVING = ROUNDS * WORKERS * NAMES // EVERY
ADMITTED = 20  # --functions-per-container
COUNTERS = ("_total", "_bucket", "_sum", "_count")
# What a counter of seconds may be late with: it is shown up to two looks after it was measured.
LATE_SECONDS = 1.5


class Scraper(threading.Thread):
    """Scrapes four times a second until it is stopped: [(when, {name and labels: value})]."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self._agent = agent
        self._stopped = threading.Event()
        self.seen = []
        self.twice = collections.Counter()

    def scrape(self):
        samples = {}
        for name, labels, value in self._agent.scrape().samples:
            key = (name, *sorted(labels.items()))
            self.twice[key] += key in samples
            samples[key] = value
        self.seen.append((time.monotonic(), samples))

    def run(self):
        while not self._stopped.wait(0.25):
            self.scrape()

    def stop(self):
        self._stopped.set()
        self.join()
        self.scrape()


def run_round(agent, number):
    firsts = [(number * WORKERS + worker) * NAMES for worker in range(WORKERS)]
    with contextlib.ExitStack() as alive:
        workers = [alive.enter_context(Talker([PYTHON, SCRIPT, str(first), str(NAMES), str(EVERY)]))
                   for first in firsts]
        for worker in workers:
            worker.hear("ready")
            agent.wait_for_loop(worker.pid)
        for worker in workers:
            worker.tell("go")
        for worker in workers:
            worker.hear("done", 60)
        time.sleep(1.5)  # the last names are read, and shown


@pytest.fixture(scope="module")
def course():
    """(The scraper, the agent's resident bytes after each round, its last scrape)."""
    with Agent() as agent:
        scraper = Scraper(agent)
        scraper.start()
        resident = []
        for number in range(ROUNDS):
            run_round(agent, number)
            resident.append(agent.resident_bytes())
        scraper.stop()
        print(f"{len(scraper.seen)} scrapes of {len(scraper.seen[-1][1])} samples, resident "
              f"{[round(size / MEGABYTE, 1) for size in resident]} MB")
        return scraper, resident, agent.scrape()


def label(key, name):
    return dict(key[1:]).get(name)


def counters(samples):
    """Those of the service."""
    return {key: value for key, value in samples.items()
            if key[0].endswith(COUNTERS) and label(key, "process") == SCRIPT}


def test_functions_are_bounded_and_the_rest_is_counted(course):
    _, _, scrape = course
    functions = {labels["function"] for labels, _ in scrape.find(
        "loopstall_function_busy_seconds_total", process=SCRIPT)}
    own = {name for name in functions if not name.startswith("~")}
    assert len(own) == ADMITTED
    assert "~other" in functions
    folded = scrape.sum("loopstall_series_folded_total")
    # Some of the deserving ones may have met no sample of their stack in time.
    assert 0.9 * (DESERVING - ADMITTED) <= folded <= 1.2 * DESERVING


def test_nothing_that_was_held_is_missing(course):
    _, _, scrape = course
    held = scrape.sum("loopstall_blocking_seconds_sum", process=SCRIPT, cause="sleep")
    assert held >= 0.9 * DESERVING * 0.015
    busy = scrape.sum("loopstall_busy_seconds_total", process=SCRIPT)
    by_function = scrape.sum("loopstall_function_busy_seconds_total", process=SCRIPT)
    assert by_function == pytest.approx(busy, rel=0.001)


def test_series_are_bounded(course):
    scraper, _, _ = course
    number = [len(counters(samples)) for _, samples in scraper.seen]
    per_function = 19 * 4  # causes that one of them may have
    assert number[-1] <= 200 + (ADMITTED + 8) * per_function
    assert number[-1] <= 1.3 * number[len(number) // 2]


def test_memory_is_bounded(course):
    _, resident, _ = course
    assert resident[-1] <= 140 * MEGABYTE
    assert resident[-1] - resident[2] <= 12 * MEGABYTE


def test_no_series_is_there_twice(course):
    scraper, _, _ = course
    assert [key for key, times in scraper.twice.items() if times] == []


def test_no_counter_falls_jumps_or_goes(course):
    scraper, _, _ = course
    assert len(scraper.seen) >= 20
    for (before, earlier), (now, later) in zip(scraper.seen, scraper.seen[1:]):
        old, new = counters(earlier), counters(later)
        assert old.keys() <= new.keys(), "a series went"
        # All loops of the time before, and those whose worker had just begun.
        most = (now - before + LATE_SECONDS) * 2 * WORKERS
        for key, value in new.items():
            grown = value - old.get(key, 0)
            assert grown >= 0, key
            if key[0].endswith("_seconds_total") or key[0].endswith("_seconds_sum"):
                assert grown <= most, (key, grown, most)
