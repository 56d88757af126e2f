# SPDX-License-Identifier: Apache-2.0
"""promtool's view of the rules: their syntax, and their unit tests. Needs no privileges."""

import shutil
import subprocess

import pytest

import paths
import queries

pytestmark = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (Debian's prometheus) is not installed"
)


def promtool(*words, **options):
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, **options)


@pytest.mark.parametrize("path", paths.RULES, ids=lambda path: path.name)
def test_check_rules(path):
    outcome = promtool("check", "rules", "--lint=all", "--lint-fatal", path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("path", paths.RULE_TESTS, ids=lambda path: path.name)
def test_test_rules(path):
    outcome = promtool("test", "rules", path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_alerts_for_grafana_are_made_of_these():
    command = [paths.ROOT / "scripts/grafana-alerts", "--check"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr


def test_the_alerts_for_grafana_are_what_grafana_takes():
    """Its documented form; there is no Grafana here that could load it."""
    (group,) = queries.yaml.safe_load(paths.GRAFANA_ALERTS.read_text())["groups"]
    alerts = [rule for path in paths.RULES for rule in queries.rules_of(path) if "alert" in rule]
    assert len(group["rules"]) == len(alerts)
    assert len({rule["uid"] for rule in group["rules"]}) == len(alerts)
    assert len({rule["title"] for rule in group["rules"]}) == len(alerts)
    for rule, alert in zip(group["rules"], alerts):
        assert len(rule["uid"]) <= 40
        names = [node["refId"] for node in rule["data"]]
        assert rule["condition"] == names[-1]
        query = rule["data"][0]
        assert query["datasourceUid"] == "$LOOPSTALL_DATASOURCE_UID"
        assert query["model"]["expr"].replace("$$", "$") == alert["expr"].strip()
        assert rule["labels"] == alert["labels"]
        for text in rule["annotations"].values():
            assert "$" not in text.replace("$$", ""), "Grafana would look for a variable"
            assert "$value" not in text.replace("$values", "")


@pytest.mark.parametrize("path", paths.DASHBOARDS, ids=lambda path: path.name)
def test_dashboard_queries_parse(path, tmp_path):
    """As recording rules: that is how promtool 2.42 parses expressions without a server."""
    rules = [
        {"record": f"query:{number}", "expr": query.expression, "labels": {"where": query.where}}
        for number, query in enumerate(queries.dashboard_queries(path))
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(queries.yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    outcome = promtool("check", "rules", file)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
