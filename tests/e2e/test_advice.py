# SPDX-License-Identifier: Apache-2.0
"""What loopstall advises for each library of its table that Debian has: the right word for a call on the loop's
thread, and none for the same call in a thread. The rows of clients with real servers are in test_libraries.py.

Without a victim: opensearchpy, of which Debian has no package, and torch, whose package brings a gigabyte (trixie's was tried
by hand: the function that calls a model has its word).
There is no row for OpenCV and the Cassandra driver: their compiled functions leave no Python frame to know them by.
"""

import time

import pytest

from harness import pythons
from harness.paths import PYTHON, REPOSITORY, VICTIMS
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged")

ADVICE = {
    "urllib_request": "urllib.request",
    "http_client": "http.client",
    "smtplib": "aiosmtplib",
    "sqlalchemy": "create_async_engine",
    "mysqlclient": "mysqlclient",
    "pika": "aio-pika",
    "kombu": "kombu",
    "celery": "waits for Celery",
    "rq": "Use arq",
    "pymemcache": "aiomcache",
    "paramiko": "asyncssh",
    "confluent_kafka": "waits for confluent-kafka",
    "django": "sync_to_async",
    "multiprocessing": "ProcessPoolExecutor",
    "futures_result": "asyncio.wrap_future",
    "queue_get": "asyncio.Queue",
    "threading_event": "asyncio's Lock, Event",
    "logging_handler": "QueueHandler",
    "json_dumps": "orjson",
    "simplejson": "orjson",
    "passlib": "passlib",
    "argon2": "argon2",
    "jwt": "token",
    "hashlib": "hashlib",
    "gzip": "gzip",
    "zipfile": "zip file",
    "tarfile": "tar file",
    "bz2": "bz2",
    "lzma": "lzma",
    "deepcopy": "copy.deepcopy",
    "csv": "CSV",
    "yaml": "CSafeLoader",
    "bs4": "selectolax",
    "lxml": "parses a document",
    "numpy": "numpy",
    "pandas": "data frame",
    "sklearn": "runs a model",
    "pydantic": "pydantic",
    "jsonable_encoder": "jsonable_encoder",
    "importing": "imports a module while it serves",
}


# What this Debian has not, by a program of another suite's: its package, what is called, and the right words.
ELSEWHERE = {
    "trixie python3-openai": {"openai": "AsyncOpenAI", "pydantic": "pydantic"},
    "sid python3-mysql.connector": {"mysql_connector": "mysql.connector.aio"},
}
ONLY_ELSEWHERE = {"openai", "mysql_connector"}


def observed(agent, form, *names, python=(PYTHON,), environment=()):
    """The advice of the longest hold of each function, and what the victim says it called."""
    script = VICTIMS / "advised.py" if names else "advised.py"
    with Talker([*python, str(script), form, *names], environment=dict(environment)) as victim:
        facts = victim.hear("ready", 60)
        agent.wait_for_loop(facts["pid"])
        victim.tell("go")
        called = dict(victim.hear("done", 60)["done"])
        if form == "broken":
            time.sleep(2)  # the names of the last stacks
        return holds_of(agent, facts["pid"]), called, facts["missing"]


def holds_of(agent, pid):
    holds = {}
    for record in agent.api("stalls?limit=1000")["stalls"]:
        for hold in record["holds"] if record["pid"] == pid and record["phase"] == "serving" else ():
            name = hold["function"].partition(".")[0]  # of the function that made the one that calls the library
            if name not in holds or hold["seconds"] > holds[name]["seconds"]:
                holds[name] = hold
    return holds


@pytest.fixture(scope="module")
def broken(agent):
    return observed(agent, "broken")


@pytest.mark.parametrize("name", ADVICE)
def test_each_call_has_its_word(broken, name):
    holds, called, missing = broken
    if name in missing:
        pytest.skip("its package is not installed")
    assert called[name] >= 0.05, "it held the loop"
    assert name in holds, sorted(holds)
    assert ADVICE[name] in holds[name]["advice"], holds[name]["advice"]
    assert name in holds[name]["advice"] or name == "jsonable_encoder"


def test_all_calls_are_in_the_table(broken):
    _, called, missing = broken
    assert set(called) | set(missing) == set(ADVICE) | ONLY_ELSEWHERE


@pytest.mark.parametrize("package", ELSEWHERE)
def test_what_other_suites_have(agent, package):
    try:
        root = pythons.fetch(*package.split())
    except pythons.Missing as missing:
        pytest.skip(str(missing))
    python = {"python": (str(root / "enter"), "/usr/bin/python3"), "environment": (("BIND", f"{REPOSITORY}/tests"),)}
    words = ELSEWHERE[package]
    holds, called, missing = observed(agent, "broken", *words, **python)
    assert missing == [] and set(called) == set(words)
    for name, word in words.items():
        assert name in holds, sorted(holds)
        assert word in holds[name]["advice"], holds[name]["advice"]
    holds, called, _ = observed(agent, "mended", *words, **python)
    assert called and not set(holds) & set(called), holds


def test_nothing_is_advised_for_calls_in_threads(agent):
    holds, called, _ = observed(agent, "mended")
    assert called
    assert not set(holds) & set(called), holds
