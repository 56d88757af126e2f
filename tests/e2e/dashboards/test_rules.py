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
