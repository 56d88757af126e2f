# SPDX-License-Identifier: Apache-2.0
"""Whoever is on call hears of a hang while it lasts, and of a death in one: through a real agent,
Prometheus and Alertmanager to a webhook. Needs root.
"""

import re
import signal

import pytest

import example_service
import paths
from alertmanager_server import Webhook, alertmanager
from live_agent import live_agent, missing
from harness.prometheus_server import Prometheus, fetch, wait_until

VICTIM = paths.ROOT / "tests/e2e/dashboards/hanging_victim.py"
STALL_SECONDS = 0.1  # the agent's threshold: who dies sooner dies in no stall


LACKING = missing("prometheus", "prometheus-alertmanager")
pytestmark = pytest.mark.skipif(LACKING is not None, reason=str(LACKING))


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """(The agent's address, Prometheus, the webhook)."""
    directory = tmp_path_factory.mktemp("alerting")
    with live_agent(directory) as agent, Webhook() as webhook, \
            alertmanager(directory, webhook.url) as address, \
            Prometheus(directory, agent.listen, paths.RULES, alertmanager=address) as prometheus:
        yield agent.listen, prometheus, webhook


@pytest.fixture
def victim(system, tmp_path):
    """(A measured, idle loop; what it said)."""
    _, prometheus, _ = system

    def words():
        return example_service.tail_of(tmp_path, "victim").split("\n")

    def is_measured():
        turns = 'loopstall_turn_seconds_count{process=~".*hanging_victim.*"} > 0'
        return prometheus.get("query", query=turns)["result"]

    with example_service.running([example_service.PYTHON, VICTIM], "victim", tmp_path) as process:
        wait_until(lambda: "listening" in words(), 20, "the victim listens")
        wait_until(is_measured, 60, "the victim is measured")
        yield process, words


def test_a_hang_is_told_of_while_it_lasts(system, victim):
    _, _, webhook = system
    process, words = victim
    assert webhook.told_of("LoopStalled") == [], "an idle loop"
    process.send_signal(signal.SIGUSR1)
    alert, = wait_until(lambda: webhook.told_of("LoopStalled"), 14, "the webhook is told")
    assert "goes on" not in words(), "only after the hang"
    assert alert["labels"]["audience"] == "application"
    assert "hanging_victim" in alert["annotations"]["summary"]
    assert alert["annotations"]["runbook_url"] == "dashboards/runbooks/LoopStalled.md"
    wait_until(lambda: webhook.told_of("LoopStalled", "resolved"), 40, "it is told of the end")
    assert "goes on" in words()


def test_a_death_in_a_stall_is_told_of(system, victim):
    agent, _, webhook = system
    process, _ = victim

    def is_seen_to_hang():
        turns = re.findall(r"^loopstall_turn_in_progress_seconds{.*} (\S+)$", fetch(f"http://{agent}/metrics"), re.M)
        return any(float(seconds) > STALL_SECONDS for seconds in turns)

    process.send_signal(signal.SIGUSR1)
    wait_until(is_seen_to_hang, 10, "the victim hangs for as long as a stall lasts")
    assert webhook.told_of("KilledInStall") == []
    process.kill()
    alert, = wait_until(lambda: webhook.told_of("KilledInStall"), 20, "the webhook is told")
    assert alert["labels"]["function"] == "sleep_in_a_retry_helper"
    assert "1 of the processes" in alert["annotations"]["description"]
