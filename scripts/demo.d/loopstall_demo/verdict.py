# SPDX-License-Identifier: Apache-2.0
"""Whether the agent saw what the example service does: pure functions."""

import dataclasses
from typing import FrozenSet, List

from loopstall_demo.model import BLOCKING_CAUSES, MACHINE_CAUSES, FunctionRow, LoopReport, Stall

_LEAST_HOLDS = 2
_ACCUSED_OCCUPANCY = 0.05
_LONG_HOLD_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A function that holds the loop in the broken service and must not in the mended one."""

    function: str
    file: str
    causes: FrozenSet[str]

    def fits(self, function: str, file: str) -> bool:
        """Whether an observed function is this one. Names may be qualified by a class."""
        return file == self.file and (
            function == self.function or function.endswith("." + self.function)
        )

    def __str__(self) -> str:
        return f"{self.function} ({self.file}, {' or '.join(sorted(self.causes))})"


def _expect(function: str, file: str, *causes: str) -> Expectation:
    return Expectation(function, file, frozenset(causes))


#: A file that is read, written or mapped may be in the page cache, whatever the service asks for,
#: and is then the CPU's.
EXPECTED = (
    _expect("recognise_text", "app/services/ocr.py", "network"),
    _expect("compress_image", "app/services/images.py", "cpu"),
    _expect("send_audit_record", "app/services/audit_log.py", "network"),
    _expect("retry_with_pause", "app/services/retries.py", "sleep"),
    _expect("read_archive", "app/services/archive.py", "file", "cpu"),
    _expect("write_report", "app/services/archive.py", "file", "cpu"),
    _expect("scan_mapped_archive", "app/services/archive.py", "pagefault", "file", "cpu"),
    _expect("parse_json", "app/main.py", "cpu", "gc"),
    _expect("run_converter", "app/services/converter.py", "process", "pipe"),
    _expect("add_row_numbers", "app/services/checksums.py", "gil"),
    _expect("count_documents", "app/services/search_index.py", "lock"),
    _expect("fetch_rows_one_by_one", "app/services/rows.py", "sleep"),
)


def missing(report: LoopReport) -> List[Expectation]:
    """The expected functions that the agent did not name, with a right cause, in the broken run."""
    return [
        expectation
        for expectation in EXPECTED
        if _right_holds(expectation, report) < _LEAST_HOLDS
    ]


def _right_holds(expectation: Expectation, report: LoopReport) -> int:
    return sum(
        row.holds
        for row in report.functions
        if expectation.fits(row.function, row.file) and row.cause in expectation.causes
    )


def accusations(report: LoopReport, stalls: List[Stall]) -> List[str]:
    """What the agent says against expected functions in the mended run; nothing, if all is well."""
    found = []
    for expectation in EXPECTED:
        rows = [row for row in report.functions if expectation.fits(row.function, row.file)]
        found += [
            f"{row.function} takes {row.occupancy:.1%} of the loop ({row.cause})"
            for row in rows
            if _holds_loop(row)
        ]
        count = sum(1 for stall in stalls if _is_to_blame(expectation, stall))
        if count:
            found.append(f"{expectation.function} made {count} stall{'s' if count > 1 else ''}")
    return found


def _holds_loop(row: FunctionRow) -> bool:
    if row.occupancy < _ACCUSED_OCCUPANCY:
        return False
    # A mended endpoint still computes on the loop, in many short turns: that is what it is for.
    return row.cause in BLOCKING_CAUSES or (row.p50 or 0.0) >= _LONG_HOLD_SECONDS


def _is_to_blame(expectation: Expectation, stall: Stall) -> bool:
    if stall.cause in MACHINE_CAUSES or not stall.holds:
        return False
    longest = stall.holds[0]
    return (
        expectation.fits(longest.function, longest.file)
        and longest.cause not in MACHINE_CAUSES
        and longest.seconds >= stall.duration / 2
    )
