# SPDX-License-Identifier: Apache-2.0
"""The tables that the demo prints: pure functions from rows to lines of at most the given width."""

import textwrap
from typing import Any, Dict, List, Optional, Sequence

from loopstall_demo.model import FunctionRow, LoopReport

_HEADER = ("FUNCTION", "ENTRY", "FILE:LINE", "CAUSE", "HOLDS", "P50", "P99", "OF LOOP")
_SHRINKABLE = (0, 1, 2)  # names, which may be cut; figures may not
_RIGHT_ALIGNED = frozenset({4, 5, 6, 7})
_LEAST_NAME_WIDTH = 8
_GAP = "  "
_MAX_ROWS = 24
_LEAST_OCCUPANCY = 0.001
_LEAST_OCCUPANCY_WITHOUT_HOLD = 0.01


def printable(text: str) -> str:
    """Names come from observed programs: nothing in them may steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def duration(seconds: Optional[float]) -> str:
    """A duration with three figures at most."""
    if seconds is None:
        return "-"
    if seconds == 0:
        return "0"
    if seconds >= 0.9995:  # less is rounded to 999 ms
        return f"{seconds:.2f} s"
    if seconds >= 0.01:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds * 1e3:.1f} ms"


def percent(ratio: float) -> str:
    """A share."""
    return f"{ratio * 100:.1f} %"


def loop_lines(report: LoopReport, width: int) -> List[str]:
    """The loop's headline, its functions with the advice for each, and what was left out."""
    shown = [row for row in report.functions if _is_notable(row)][:_MAX_ROWS]
    lines = _headline(report, width) + _share_line(report, width)
    if not shown:
        return lines + [f"No function held this loop for {percent(_LEAST_OCCUPANCY)} of the time."]
    lines += [""] + _function_table(shown, width)
    rest = [row for row in report.functions if row not in shown]
    if rest:
        together = percent(sum(row.occupancy for row in rest))
        lines.append(f"… and {len(rest)} more, together {together} of the loop")
    return lines


def _is_notable(row: FunctionRow) -> bool:
    return row.occupancy >= (_LEAST_OCCUPANCY if row.holds else _LEAST_OCCUPANCY_WITHOUT_HOLD)


def comparison_lines(
    broken: LoopReport,
    broken_load: Dict[str, Any],
    mended: LoopReport,
    mended_load: Dict[str, Any],
) -> List[str]:
    """Both runs side by side."""
    loads = (broken_load, mended_load)
    reports = (broken, mended)
    rows = [
        ("", "broken", "mended"),
        ("requests", *(str(load["requests"]) for load in loads)),
        ("errors", *(str(load["errors"]) for load in loads)),
        ("p50 of all requests", *(duration(load["p50_seconds"]) for load in loads)),
        ("p99 of all requests", *(duration(load["p99_seconds"]) for load in loads)),
        *(
            (f"p99 of /{name}", *(duration(_endpoint_p99(load, name)) for load in loads))
            for name in ("upload", "healthz")
        ),
        ("utilisation of the loop", *(percent(report.utilization) for report in reports)),
        ("stalls", *(str(report.stall_count) for report in reports)),
        ("time in stalls", *(duration(report.stall_seconds) for report in reports)),
    ]
    return [f"{name:<26}{left:>12}{right:>12}" for name, left, right in rows]


def _endpoint_p99(load: Dict[str, Any], name: str) -> Optional[float]:
    return load.get("endpoints", {}).get(name, {}).get("p99_seconds")


def _headline(report: LoopReport, width: int) -> List[str]:
    pids = ", ".join(str(pid) for pid in report.pids) or "gone"
    causes = ", ".join(
        f"{cause} {count}" for cause, count in sorted(report.stalls.items(), key=lambda p: -p[1])
    )
    stalls = f"{report.stall_count} stalls" + (f" ({causes})" if causes else "")
    text = (
        f"Loop {printable(report.process)} ({printable(report.runtime)}, pid {pids}):"
        f" utilisation {percent(report.utilization)}, {stalls},"
        f" {duration(report.stall_seconds)} in stalls"
    )
    return textwrap.wrap(text, width, subsequent_indent="  ")


def _share_line(report: LoopReport, width: int) -> List[str]:
    shares = sorted(report.shares.items(), key=lambda pair: -pair[1])
    causes = [
        f"{printable(cause)} {percent(share)}"
        for cause, share in shares
        if share >= _LEAST_OCCUPANCY
    ]
    text = ", ".join([f"Its time: idle {percent(1 - report.utilization)}", *causes])
    return textwrap.wrap(text, width, subsequent_indent="  ")


def _function_table(rows: Sequence[FunctionRow], width: int) -> List[str]:
    cells = [_HEADER] + [_cells(row) for row in rows]
    widths = _fit([max(len(line[i]) for line in cells) for i in range(len(_HEADER))], width)
    lines = [_table_line(_HEADER, widths)]
    for row, line in zip(rows, cells[1:]):
        lines.append(_table_line(line, widths))
        if row.advice:
            lines += textwrap.wrap(
                printable(row.advice), width, initial_indent="    → ", subsequent_indent="      "
            )
    return lines


def _cells(row: FunctionRow) -> Sequence[str]:
    place = f"{row.file}:{row.line}" if row.file and row.line else row.file
    return (
        printable(row.function),
        printable(row.entry) or "-",
        printable(place) or "-",
        printable(row.cause),
        str(row.holds),
        duration(row.p50),
        duration(row.p99),
        percent(row.occupancy),
    )


def _fit(widths: List[int], width: int) -> List[int]:
    fitted = list(widths)
    while sum(fitted) + len(_GAP) * (len(fitted) - 1) > width:
        widest = max(_SHRINKABLE, key=lambda column: fitted[column])
        if fitted[widest] <= _LEAST_NAME_WIDTH:
            break
        fitted[widest] -= 1
    return fitted


def _table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for column, (cell, width) in enumerate(zip(cells, widths)):
        # The end of a path or of a qualified name tells more than its beginning.
        text = cell if len(cell) <= width else "…" + cell[len(cell) - width + 1 :]
        parts.append(text.rjust(width) if column in _RIGHT_ALIGNED else text.ljust(width))
    return _GAP.join(parts).rstrip()
