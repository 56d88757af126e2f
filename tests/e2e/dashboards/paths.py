# SPDX-License-Identifier: Apache-2.0
"""Where the files under test are."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
DASHBOARDS = sorted((ROOT / "dashboards" / "grafana").glob("*.json"))
GRAFANA_ALERTS = ROOT / "dashboards" / "grafana" / "alerting" / "loopstall.alerts.yaml"
RULES = sorted((ROOT / "dashboards" / "rules").glob("*.rules.yaml"))
RULE_TESTS = sorted((ROOT / "dashboards" / "rules" / "tests").glob("*.yaml"))
RUNBOOKS = ROOT / "dashboards" / "runbooks"
CHART = ROOT / "helm" / "loopstall"
EXAMPLE = ROOT / "examples" / "ocr_service"
CATALOGUE = ROOT / "agent" / "exposition" / "catalogue.cc"

BINARY = pathlib.Path(os.environ.get("LOOPSTALL_BINARY") or ROOT / "build/release/loopstall")
