# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboards and rules, against a real Prometheus that scrapes a real agent
under the example's load: none fails, and none is empty. Needs root.
"""

import dataclasses
import json
import math
import re
import signal
import subprocess
import time

import pytest

import example_service
import paths
import queries
from live_agent import live_agent, missing
from harness.prometheus_server import Prometheus, fetch, wait_until

# Long enough for the 30 s windows of the queries, with a margin for a slow machine.
PATIENCE_SECONDS = 120
# A dashboard must stay readable and cheap: no panel may draw more.
SERIES_PER_QUERY = 200

QUERIES = list(queries.all_queries())
ABSENT_WHILE_ALL_IS_WELL = {
    "loopstall_killed_in_stall_total",  # test_alerting.py makes it
    "loopstall_account_error_ratio",  # before the first audit, a minute after the start
}


LACKING = missing("prometheus", "promtool")
pytestmark = pytest.mark.skipif(LACKING is not None, reason=str(LACKING))


class System:
    """The agent and the Prometheus that scrapes it."""

    def __init__(self, agent, admin, pid, prometheus):
        self.agent = agent
        self.admin = admin
        self.pid = pid
        self.prometheus = prometheus

    def metrics(self, **headers):
        return fetch(f"http://{self.agent}/metrics", **headers)

    def stall(self, name):
        return json.loads(fetch(f"http://{self.admin}/api/v1/stalls/{name}"))


def chart_capabilities():
    """Those that the chart gives, in setpriv's words."""
    helpers = (paths.CHART / "templates/_helpers.tpl").read_text()
    added = re.search(r'concat \(list ((?:"[A-Z_]+" ?)+)\)', helpers).group(1)
    return [name.strip('"').lower() for name in added.split()]


def as_in_the_chart():
    """Root with the chart's capabilities and no others, and no way to gain any."""
    bounding = ",".join(["-all", *(f"+{name}" for name in chart_capabilities())])
    return ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", "--no-new-privs"]


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    directory = tmp_path_factory.mktemp("live")
    with example_service.under_load(directory), \
            live_agent(directory, as_in_the_chart()) as agent, \
            Prometheus(directory, agent.listen, paths.RULES) as prometheus:
        yield System(agent.listen, agent.admin, agent.process.pid, prometheus)


def test_the_agent_has_only_the_charts_capabilities(system):
    """What the rest of this file shows to be enough."""
    status = dict(
        line.split(":\t", 1) for line in open(f"/proc/{system.pid}/status") if ":\t" in line
    )
    numbers = {"dac_read_search": 2, "sys_ptrace": 19, "perfmon": 38, "bpf": 39}
    allowed = sum(1 << numbers[name] for name in chart_capabilities())
    assert int(status["CapBnd"], 16) == allowed
    assert int(status["CapEff"], 16) & ~allowed == 0
    assert status["NoNewPrivs"].strip() == "1"


def has_values(found):
    return any(not math.isnan(value) for _, values in found for value in values)


def test_metrics_are_clean(system):
    # The example's first stall creates function series; only then is the exposition whole.
    wait_until(
        lambda: "loopstall_blocking_seconds_bucket" in system.metrics(),
        PATIENCE_SECONDS,
        "a function holds the loop",
    )
    outcome = subprocess.run(
        ["promtool", "check", "metrics"], input=system.metrics(), capture_output=True, text=True
    )
    assert outcome.returncode == 0 and not outcome.stderr, outcome.stdout + outcome.stderr


OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def text_samples(system):
    time.sleep(0.3)  # one that is younger is used again
    return [line for line in system.metrics().splitlines() if not line.startswith("#")]


def test_open_metrics_hold_what_the_text_holds(system):
    """By the strict parser of Prometheus' own client. The agent goes on counting meanwhile, and functions
    come: between what the text held before and what it holds after."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    before = text_samples(system)
    families = list(parser.text_string_to_metric_families(system.metrics(Accept=OPEN_METRICS)))
    assert {"loopstall_turn_seconds", "loopstall_busy_seconds"} <= {one.name for one in families}
    units = {one.name: one.unit for one in families}
    assert units["loopstall_turn_seconds"] == "seconds"
    after = text_samples(system)
    samples = [sample for one in families for sample in one.samples
               if not sample.name.endswith("_created")]  # the text has no place for them
    processes = 10  # series of those that are no loop come and go with them
    assert len(before) - processes <= len(samples) <= len(after) + processes
    assert {sample.name for sample in samples} == {re.split("[ {]", line, 1)[0] for line in after}


def test_exemplars_lead_to_stalls(settled):
    """From Prometheus' own store to the agent's records."""
    def stored():
        now = time.time()
        return settled.prometheus.get("query_exemplars", start=now - 300, end=now + 5,
                                      query="loopstall_turn_seconds_bucket")

    checked = 0
    for series in wait_until(stored, PATIENCE_SECONDS, "exemplars"):
        bound = float(series["seriesLabels"]["le"])
        for exemplar in series["exemplars"]:
            stall = settled.stall(exemplar["labels"]["stall_id"])
            assert stall["process"] == series["seriesLabels"]["process"]
            assert stall["duration_seconds"] == pytest.approx(float(exemplar["value"]))
            assert stall["duration_seconds"] <= bound
            checked += 1
    assert checked


@pytest.fixture(scope="module")
def settled(system):
    """The system, once every query that must answer has answered, or patience is at its end."""
    waiting = [query for query in QUERIES if not query.may_be_empty]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting and time.monotonic() < deadline:
        waiting = [q for q in waiting if not has_values(system.prometheus.values(q))]
        time.sleep(1)
    return system


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_query_answers(settled, query):
    found = settled.prometheus.values(query)
    if not query.may_be_empty:
        assert has_values(found), f"empty: {query.expression}"
    assert len(found) <= SERIES_PER_QUERY


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_metric_of_a_query_is_there(settled, query):
    """What `or` and a comparison would hide."""
    for name in queries.metrics_in(query.expression) - ABSENT_WHILE_ALL_IS_WELL:
        assert settled.prometheus.get("query", query=name)["result"], name


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_variables_offer_the_service(settled, path):
    offered = {
        name: settled.prometheus.get(f"label/{label}/values", **{"match[]": selector})
        for name, selector, label in queries.variable_queries(path)
    }
    if path.stem == "loopstall-agents":
        assert offered == {"instance": [settled.agent]}
        return
    assert "app.main:app" in offered["process"]
    # The service runs in no pod. "All" must include it nevertheless, as the other tests show.
    assert offered["namespace"] == offered["pod"] == []


@pytest.mark.parametrize("query", [query for query in QUERIES if query.is_share], ids=str)
def test_shares_lie_between_none_and_all(settled, query):
    """Of a recording rule what it recorded: of one instant, whereas its expression would be of now and the
    rules that it rests on a second old, in which a window that is not full yet has grown by some percent."""
    if query.recorded:
        query = dataclasses.replace(query, expression=query.recorded)
    for labels, values in settled.prometheus.values(query):
        numbers = [value for value in values if not math.isnan(value)]
        # Both sides of the division are extrapolated to the window, not quite alike.
        assert all(-0.001 <= number <= 1.05 for number in numbers), (labels, numbers)


def test_rules_evaluate_without_errors(settled):
    groups = settled.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules and [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_the_alert_finds_the_functions_that_block(settled):
    """FunctionHoldsLoop is at least pending for the example's two blocking HTTP calls."""

    def holders():
        alerts = settled.prometheus.alerts("FunctionHoldsLoop", held_by="blocking")
        return {alert["labels"]["function"] for alert in alerts}

    expected = {"recognise_text", "send_audit_record"}
    wait_until(lambda: expected <= holders(), PATIENCE_SECONDS, f"alerts for {expected}")
    assert "compress_image" not in holders(), "computing is not blocking"


def test_no_label_of_the_agent_is_renamed(settled):
    """With honor_labels no series has an exported_… label."""
    labels = settled.prometheus.get("labels")
    assert [label for label in labels if re.match("exported_", label)] == []


def test_a_hang_is_alerted_while_it_lasts(settled, tmp_path):
    def stalled():
        alerts = settled.prometheus.alerts("LoopStalled")
        return [alert for alert in alerts if "hanging_victim" in alert["labels"]["process"]]

    def words():
        return example_service.tail_of(tmp_path, "victim").split("\n")

    def is_measured():
        turns = 'loopstall_turn_seconds_count{process=~".*hanging_victim.*"} > 0'
        return settled.prometheus.get("query", query=turns)["result"]

    script = paths.ROOT / "tests/e2e/dashboards/hanging_victim.py"
    with example_service.running([example_service.PYTHON, script], "victim", tmp_path) as victim:
        wait_until(lambda: "listening" in words(), 20, "the victim listens")
        wait_until(is_measured, 60, "the victim is measured")
        assert stalled() == [], "an idle loop"
        victim.send_signal(signal.SIGUSR1)
        (alert,) = wait_until(stalled, 14, "LoopStalled fires")
        assert alert["state"] == "firing" and float(alert["value"]) > 5
        assert "goes on" not in words(), "only after the hang"
        wait_until(lambda: "goes on" in words(), 20, "the victim goes on")
        wait_until(lambda: not stalled(), 20, "LoopStalled ends")
