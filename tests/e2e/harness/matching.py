# SPDX-License-Identifier: Apache-2.0
"""Lays stall records over the truth, by time."""

import dataclasses


@dataclasses.dataclass
class Match:
    hold: dict
    record: dict  # None: no record covers the hold

    @property
    def hold_seconds(self):
        return (self.hold["end_ns"] - self.hold["start_ns"]) / 1e9


def _overlap_ns(hold, record):
    start_ns = record["start_monotonic_ns"]
    end_ns = start_ns + round(record["duration_seconds"] * 1e9)
    return min(end_ns, hold["end_ns"]) - max(start_ns, hold["start_ns"])


def match(holds, records):
    """For each hold the record that covers most of it."""
    matches = []
    for hold in holds:
        best = max(records, key=lambda record: _overlap_ns(hold, record), default=None)
        covered = best is not None and _overlap_ns(hold, best) > 0
        matches.append(Match(hold, best if covered else None))
    return matches


def blamed(record):
    """(function, file) of the longest hold."""
    longest = max(record["holds"], key=lambda hold: hold["seconds"], default=None)
    return (longest["function"], longest["file"]) if longest else ("", "")
