# SPDX-License-Identifier: Apache-2.0
"""The rules that a dashboard, its queries and the alerts' texts keep. Needs no privileges."""

import itertools
import re

import pytest

import paths
import queries

PANELS = [
    pytest.param(path, panel, id=f"{path.stem}-{panel['id']}-{panel['title']}")
    for path in paths.DASHBOARDS
    for panel in queries.panels_of(queries.load_dashboard(path))
]
DATA_PANELS = [parameter for parameter in PANELS if parameter.values[1]["type"] != "row"]
ALERTS = [
    pytest.param(rule, id=rule["alert"])
    for path in paths.RULES
    for rule in queries.rules_of(path)
    if "alert" in rule
]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COUNTER_SUFFIXES = ("_total", "_bucket", "_sum", "_count")


def test_there_is_something_to_lint():
    assert paths.DASHBOARDS and paths.RULES and paths.RULE_TESTS and DATA_PANELS and ALERTS


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_dashboard_is_portable(path):
    dashboard = queries.load_dashboard(path)
    assert dashboard["schemaVersion"] == 39
    assert "id" not in dashboard, "a database id of the Grafana that exported it"
    assert "__inputs" not in dashboard
    assert re.fullmatch(r"[a-z0-9-]{3,40}", dashboard["uid"])
    assert dashboard["title"] and dashboard["description"] and "loopstall" in dashboard["tags"]
    assert dashboard["editable"] is False


def test_dashboard_uids_are_unique():
    uids = [queries.load_dashboard(path)["uid"] for path in paths.DASHBOARDS]
    assert len(uids) == len(set(uids))


def scope_of(path):
    """The variables that choose what a dashboard shows: services, or agents."""
    return ["instance"] if path.stem == "loopstall-agents" else ["namespace", "pod", "process"]


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_variables(path):
    variables = {v["name"]: v for v in queries.variables_of(queries.load_dashboard(path))}
    assert list(variables) == ["datasource", *scope_of(path)]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for variable in list(variables.values())[1:]:
        assert variable["datasource"] == DATASOURCE
        # `.*`, unlike Grafana's own All, also matches series that lack the label.
        assert variable["multi"] and variable["includeAll"] and variable["allValue"] == ".*"
        assert variable["current"]["value"] == ["$__all"], "a value of somebody's system"
    assert all(v["label"] and v["description"] for v in variables.values())


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_panel_ids_are_unique_and_positions_do_not_overlap(path):
    panels = list(queries.panels_of(queries.load_dashboard(path)))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    boxes = [panel["gridPos"] for panel in panels]
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= 24 for box in boxes)
    for one, other in itertools.combinations(boxes, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


@pytest.mark.parametrize("path, panel", DATA_PANELS)
def test_panel_explains_itself(path, panel):
    assert panel["title"].strip()
    assert len(panel["description"]) > 30 and panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


def objects_in(value):
    """Every JSON object at any depth."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (dict, list)):
            yield from objects_in(part)


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_nothing_names_a_datasource_of_somebodys_system(path):
    sources = [o["datasource"] for o in objects_in(queries.load_dashboard(path)) if "datasource" in o]
    builtin = {"type": "grafana", "uid": "-- Grafana --"}  # of Grafana's own annotations
    assert sources and all(source in (DATASOURCE, builtin) for source in sources)


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_annotations_follow_the_variables(path):
    for annotation in queries.load_dashboard(path)["annotations"]["list"]:
        for label in scope_of(path) if "expr" in annotation else ():
            assert f'{label}=~"${label}"' in annotation["expr"]


@pytest.mark.parametrize("path, panel", DATA_PANELS)
def test_panel_reads_the_chosen_datasource(path, panel):
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]
    assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
    references = [target["refId"] for target in panel["targets"]]
    assert len(references) == len(set(references))


@pytest.mark.parametrize("path, panel", DATA_PANELS)
def test_panel_queries(path, panel):
    for target in panel["targets"]:
        expression = target["expr"]
        # Only the window that suits the scrape interval, or the whole range for instant queries.
        windows = set(re.findall(r"\[([^\]]*)\]", expression))
        assert windows <= ({"$__range"} if target["instant"] else {"$__rate_interval"})
        assert "irate(" not in expression
        for selector in service_selectors(expression):
            for label in ("namespace", "pod", "process"):
                assert f'{label}=~"${label}"' in selector, f"{selector} ignores ${label}"
        for name in queries.metrics_in(expression):
            if name.endswith(COUNTER_SUFFIXES):
                assert re.search(rf"\b(rate|increase)\({name}\b", expression), f"raw counter {name}"


def service_selectors(expression):
    """The selectors of the metrics that have a service's labels."""
    for name, selector in re.findall(r"\b((?:loopstall|process)_\w+)(\{[^}]*\})?", expression):
        if name in queries.metrics_in(expression) and name not in AGENT_METRICS:
            yield name + selector


AGENT_METRICS = {
    "loopstall_build_info",
    "loopstall_hook_info",
    "loopstall_targets",
    "loopstall_events_lost_total",
    "loopstall_stack_errors_total",
    "loopstall_series_folded_total",
    "loopstall_program_runs_total",
    "loopstall_program_seconds_total",
    "loopstall_overhead_cores",
    "loopstall_overhead_budget_cores",
    "loopstall_detail",
    "loopstall_account_error_ratio",
    "loopstall_canary_reported_total",
    "loopstall_canary_missed_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}


@pytest.mark.parametrize("query", queries.all_queries(), ids=str)
def test_queries_use_metrics_that_the_agent_has(query):
    if not paths.CATALOGUE.exists():
        pytest.skip("agent/exposition/catalogue.cc is not there")
    known = set(re.findall(r'"((?:loopstall|process)_\w+)"', paths.CATALOGUE.read_text()))
    known |= {name + end for name in known for end in ("_bucket", "_sum", "_count")}
    recorded = {rule.get("record") for path in paths.RULES for rule in queries.rules_of(path)}
    assert queries.metrics_in(query.expression) <= known | recorded


@pytest.mark.parametrize("rule", ALERTS)
def test_alert_has_texts_and_a_runbook(rule):
    assert re.fullmatch(r"[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    is_platforms = re.match("Agent|LoopStarved", rule["alert"])
    assert rule["labels"]["audience"] == ("platform" if is_platforms else "application")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]
    runbook = rule["annotations"]["runbook_url"]
    assert runbook == f"dashboards/runbooks/{rule['alert']}.md"
    text = (paths.ROOT / runbook).read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    assert "## What you see" in text and "## Mend it" in text


def test_every_runbook_has_its_alert():
    names = {parameter.values[0]["alert"] for parameter in ALERTS}
    assert {path.stem for path in paths.RUNBOOKS.glob("*.md")} == names


@pytest.mark.parametrize("rule", ALERTS)
def test_alert_has_rule_tests(rule):
    texts = [path.read_text() for path in paths.RULE_TESTS]
    assert any(f"alertname: {rule['alert']}" in text and "exp_alerts: []" in text for text in texts)
