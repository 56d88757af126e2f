# SPDX-License-Identifier: Apache-2.0
"""Blocks too short to be sent one by one: two functions in turn, each with its true share."""

import pytest

from harness import running
from harness.cases import TWO_FUNCTIONS

NOMINAL = {"write_audit": 0.6 / 1.1, "write_metric": 0.5 / 1.1}
POINTS = 0.03


@pytest.fixture(scope="module")
def runs(agent):
    return running.run_together(TWO_FUNCTIONS, running.LOOPS, "broken", {}, agent)


def test_short_blocks_are_shared_out_truly(runs, loop_kind):
    run = runs[loop_kind]
    own = {name: sum(hold["parts"][name] for hold in run.holds) / 1e9 for name in NOMINAL}
    assert sum(own.values()) >= 20, "too short a run to judge by"
    found = {name: run.change.sum("loopstall_function_busy_seconds_total", process="waits.py",
                                  runtime=loop_kind, function=name, file="waits.py")
             for name in NOMINAL}
    waited = sum(hold["runqueue_ns"] for hold in run.holds) / 1e9
    for name, nominal in NOMINAL.items():
        true_share = own[name] / sum(own.values())
        share = found[name] / sum(found.values())
        print(f"{name}: nominal {nominal:.3f}, own {true_share:.3f}, found {share:.3f}")
        # Timers of a machine that has much to do come late, which tells more on the shorter sleep.
        assert true_share == pytest.approx(nominal, abs=POINTS)
        assert share == pytest.approx(true_share, abs=POINTS)
    # What they waited for a CPU is the machine's and no function's.
    assert 0.94 * (sum(own.values()) - waited) <= sum(found.values()) <= 1.02 * sum(own.values())


def test_both_are_in_the_records(runs, loop_kind):
    """A turn of 66 ms has both functions as holds, in most records."""
    records = runs[loop_kind].records
    both = [record for record in records
            if set(NOMINAL) <= {hold["function"] for hold in record["holds"]}]
    assert records and len(both) >= 0.95 * len(records)
