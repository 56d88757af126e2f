# SPDX-License-Identifier: Apache-2.0
"""Makes a run in which everything was skipped visible to ctest (SKIP_RETURN_CODE 77)."""

import pytest

ALL_SKIPPED = 77


def _count(session, outcome):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get(outcome, [])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and _count(session, "skipped") and not _count(session, "passed"):
        session.exitstatus = ALL_SKIPPED


def pytest_unconfigure(config):
    """The reason comes last: scripts/test-summary shows the last line that speaks of a skip."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("skipped", [])[:1] if reporter else []:
        print(f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}")
