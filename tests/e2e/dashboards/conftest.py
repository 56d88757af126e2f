# SPDX-License-Identifier: Apache-2.0
"""Makes a run that skipped most of its tests visible to ctest (SKIP_RETURN_CODE 77)."""

import pytest

MOSTLY_SKIPPED = 77


def _count(session, outcome):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get(outcome, []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and _count(session, "skipped") > _count(session, "passed"):
        session.exitstatus = MOSTLY_SKIPPED


def pytest_unconfigure(config):
    """The reason comes last: scripts/test-summary shows the last line that speaks of a skip."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("skipped", [])[:1] if reporter else []:
        print(f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}")
