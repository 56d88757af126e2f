# SPDX-License-Identifier: Apache-2.0
"""A loop that is idle while its users wait: all threads of its pool are busy."""

import threading

from harness import waiting
from harness.agent import get
from harness.paths import PYTHON, VICTIMS
from harness.services import Service
from harness.victims import Talker

ANYIO_THREADS = 40  # its default limit
REQUESTS = 45


def pool_of(agent, **labels):
    service, = agent.services(**labels)
    scrape = agent.scrape()
    shown = {state: scrape.sum("loopstall_pool_threads", state=state, **labels)
             for state in ("busy", "idle")}
    return shown if shown == service["pool_threads"] else None


def test_a_full_pool_explains_an_idle_loop(agent):
    labels = {"process": "pool_app:app"}
    with Service("pool_app:app", "asyncio") as service:
        url = f"http://127.0.0.1:{service.port}"
        agent.wait_for_loop(service.pid)
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(get(f"{url}/report", 120)))
                  for _ in range(REQUESTS)]
        for one in asking:
            one.start()
        waiting.until(lambda: pool_of(agent, **labels) == {"busy": ANYIO_THREADS, "idle": 0}, 30,
                      "the pool is full")
        assert not answers
        assert agent.loop(service.pid)["state"] == "idle"
        assert get(f"{url}/release")[0] == 200
        for one in asking:
            one.join(30)
        assert [status for status, _ in answers] == [200] * REQUESTS
        waiting.until(lambda: pool_of(agent, **labels) == {"busy": 0, "idle": ANYIO_THREADS}, 30,
                      "the pool is idle")


def test_jobs_that_only_wait_keep_their_threads(agent):
    with Talker([PYTHON, str(VICTIMS / "pool_jobs.py")]) as victim:
        victim.hear("ready")
        agent.wait_for_loop(victim.pid)
        waiting.until(lambda: pool_of(agent, process="pool_jobs.py") == {"busy": 2, "idle": 4}, 30,
                      "its threads are counted")
    waiting.until(lambda: not agent.scrape().find("loopstall_pool_threads", process="pool_jobs.py"),
                  30, "its series are gone")
