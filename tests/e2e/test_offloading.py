# SPDX-License-Identifier: Apache-2.0
"""Work handed to threads, processes and background tasks, right and wrong: only what holds the loop
is blamed, by the function that does it, whoever was meant to.

The service is tests/victims/offload/service.py; the tables below have its endpoints.
"""

import dataclasses

import pytest

from harness import waiting
from harness.parallel import in_threads
from harness.running import LOOPS
from harness.services import Service

ROUNDS = 4
SHORTEST_SECONDS = 0.02  # the threshold of the agent
MACHINE = {"runqueue", "throttled", "stopped", "pagefault"}
FILE = "offload/service.py"

pytestmark = pytest.mark.usefixtures("privileged")


@dataclasses.dataclass(frozen=True)
class Held:
    """An endpoint that holds the loop, and what must be said of it."""

    path: str
    function: str
    entry: str
    cause: str
    advice: str  # a part of it

    def __str__(self):
        return self.path


SLEEPING = [
    Held("executor_called", "fetch_rates", "executor_called", "sleep", "asyncio.sleep"),
    Held("future_result", "future_result", "future_result", "lock", "asyncio.wrap_future"),
    Held("background_coroutine", "fetch_receipt", "send_receipt_badly", "sleep", "asyncio.sleep"),
    Held("async_generator", "stream_rates_badly", "stream_rates_badly", "sleep", "asyncio.sleep"),
]
COMPUTING = [
    Held("bcrypt", "hash_password", "login", "cpu", "bcrypt"),
    Held("zlib", "compress_export", "export", "cpu", "compression"),
    Held("regex", "check_name", "register", "cpu", "regular expressions"),
    Held("async_generator_regex", "check_name", "stream_checked", "cpu", "regular expressions"),
    Held("template", "orders_page", "orders_page", "cpu", "template"),
    # In a thread, but it keeps the GIL: it is blamed there.
    Held("def_regex", "check_name", "def_regex", "gil", "process pool"),
    Held("generator_regex", "check_name", "stream_checked_in_thread", "gil", "process pool"),
]
SLEEPING_ELSEWHERE = ["executor", "to_thread", "def_endpoint", "def_dependency",
                      "background_function", "generator"]
COMPUTING_ELSEWHERE = ["process_pool", "thread_bcrypt", "thread_zlib"]


def request_all(service, paths):
    for _ in range(ROUNDS):
        for path in paths:
            service.request(path)


@pytest.fixture(scope="module")
def answers(agent):
    """loop -> (Service, its stall records), after all requests."""
    sleeping = SLEEPING_ELSEWHERE + [row.path for row in SLEEPING]
    computing = COMPUTING_ELSEWHERE + [row.path for row in COMPUTING]
    with Service("offload.service:app", "asyncio") as first, \
            Service("offload.service:app", "uvloop") as second:
        services = dict(zip(LOOPS, (first, second)))
        for service in services.values():
            agent.wait_for_loop(service.pid)
        in_threads(lambda service: request_all(service, sleeping), services.values())
        for service in services.values():
            request_all(service, computing)
        for service in services.values():
            waiting.until(
                lambda: service.records_of(computing[-1], agent.records(service.pid))[-1],
                10, "the last hold has its record")
        yield {loop: (service, agent.records(service.pid)) for loop, service in services.items()}


each_loop = pytest.mark.parametrize("loop", LOOPS)


def by_machine(record):
    return sum(record["causes"].get(cause, 0) for cause in MACHINE)


def longest_hold(records):
    """Of one request, the record with most time that is not the machine's: (hold, record)."""
    record = max(records, key=lambda record: record["duration_seconds"] - by_machine(record))
    return max(record["holds"], key=lambda hold: hold["seconds"]), record


@each_loop
@pytest.mark.parametrize("row", SLEEPING + COMPUTING, ids=str)
def test_blames_what_holds_the_loop(answers, loop, row):
    service, records = answers[loop]
    for found in service.records_of(row.path, records):
        assert found, "a request held the loop, and there is no record"
        hold, record = longest_hold(found)
        assert (hold["function"], hold["file"], hold["entry"]) == (row.function, FILE, row.entry)
        if by_machine(record) < 0.4 * record["duration_seconds"]:
            assert hold["cause"] == row.cause
            assert row.advice in hold["advice"]


@each_loop
def test_shows_no_line_of_a_template(answers, loop):
    """Its code has the template's name, but lines of its own."""
    service, records = answers[loop]
    frames = [frame for found in service.records_of("template", records) for record in found
              for hold in record["holds"] for frame in hold["stack"]
              if frame["file"].endswith("orders.html")]
    assert frames
    assert {(frame["why"], frame["line"]) for frame in frames} == {("template_text", 0)}


@each_loop
@pytest.mark.parametrize("path", SLEEPING_ELSEWHERE + COMPUTING_ELSEWHERE)
def test_is_silent_about_what_does_not(answers, loop, path):
    service, records = answers[loop]
    for found in service.records_of(path, records):
        blamed = [(hold["function"], hold["cause"], hold["seconds"]) for record in found
                  for hold in record["holds"]
                  if hold["cause"] not in MACHINE and hold["seconds"] >= SHORTEST_SECONDS]
        assert not blamed
