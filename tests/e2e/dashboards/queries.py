# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboards and the rules, with the variables put in as Grafana would."""

import dataclasses
import json
import re

import yaml

import paths

RATE_INTERVAL = "30s"
RANGE = "60s"


@dataclasses.dataclass(frozen=True)
class Query:
    """One query, and whether a working system may leave it empty."""

    where: str
    expression: str
    instant: bool = False
    may_be_empty: bool = False
    is_share: bool = False  # of a loop's time: between 0 and 1
    recorded: str | None = None  # the series that a recording rule makes of it

    def __str__(self):
        return self.where


def load_dashboard(path):
    return json.loads(path.read_text())


def panels_of(dashboard):
    """All panels, also those inside collapsed rows."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def variables_of(dashboard):
    return dashboard["templating"]["list"]


def substitute(expression, dashboard):
    """Puts the variables' All values in. A variable that nothing defines stays and fails to parse."""
    expression = expression.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", RANGE)
    for variable in variables_of(dashboard):
        if variable["type"] == "query":
            expression = re.sub(rf"\${variable['name']}\b", variable["allValue"], expression)
    return expression


def dashboard_queries(path):
    dashboard = load_dashboard(path)
    for panel in panels_of(dashboard):
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
        for target in panel.get("targets", []):
            yield Query(
                f"{path.name}: {panel['title']} ({target['refId']})",
                substitute(target["expr"], dashboard),
                instant=target.get("instant", False),
                is_share=unit == "percentunit" and "loopstall_idle" in target["expr"],
            )
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield Query(
                f"{path.name}: annotation {annotation['name']}",
                substitute(annotation["expr"], dashboard),
                may_be_empty=True,
            )


def variable_queries(path):
    """(name, series selector, label) of each label_values() variable."""
    dashboard = load_dashboard(path)
    for variable in variables_of(dashboard):
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert match, f"{variable['name']}: not label_values(selector, label)"
            yield variable["name"], substitute(match.group(1), dashboard), match.group(2)


def rules_of(path):
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from group["rules"]


def rule_queries(path):
    for rule in rules_of(path):
        name = rule.get("record") or rule["alert"]
        yield Query(
            f"{path.name}: {name}",
            rule["expr"],
            instant=True,
            may_be_empty="alert" in rule,
            is_share=":ratio_" in name,
            recorded=rule.get("record"),
        )


def metrics_in(expression):
    """The names of loopstall's and the process's metrics and of recording rules."""
    without_strings = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:loopstall|process)[_:][a-z0-9_:]*[a-z0-9]\b", without_strings))


def all_queries():
    for path in paths.DASHBOARDS:
        yield from dashboard_queries(path)
    for path in paths.RULES:
        yield from rule_queries(path)
