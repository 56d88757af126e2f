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


def interval_ns(record):
    """(begin, end) of the turn."""
    start_ns = record["start_monotonic_ns"]
    return start_ns, start_ns + round(record["duration_seconds"] * 1e9)


def _overlap_ns(hold, record):
    start_ns, end_ns = interval_ns(record)
    return min(end_ns, hold["end_ns"]) - max(start_ns, hold["start_ns"])


def match(holds, records):
    """For each hold the record that covers most of it."""
    matches = []
    for hold in holds:
        best = max(records, key=lambda record: _overlap_ns(hold, record), default=None)
        covered = best is not None and _overlap_ns(hold, best) > 0
        matches.append(Match(hold, best if covered else None))
    return matches


def longest_hold(record):
    """Of those that are some function's; a busy machine may have held the loop for longer."""
    own = [hold for hold in record["holds"] if hold["function"] != "~machine"]
    return max(own, key=lambda hold: hold["seconds"], default=None)


def blamed(record):
    """(function, file) of the longest hold."""
    longest = longest_hold(record)
    return (longest["function"], longest["file"]) if longest else ("", "")


# A loop that waited for a CPU, or whose turn that made long, is no one's fault.
MACHINE = ("runqueue", "throttled")


def machine_seconds(record):
    return sum(record["causes"].get(cause, 0) for cause in MACHINE)


def check(holds, records, file):
    """Every hold has a record of its own, which says how long its function held the loop, and there
    is no record beside them that blames anybody. Returns the matches."""
    matches = match(holds, records)
    for one in matches:
        assert one.record, f"no record of {one.hold}"
        assert blamed(one.record) == (one.hold["function"], file), one
        # The turn also has what the loop does around the call.
        assert one.hold_seconds - 0.002 <= one.record["duration_seconds"], one
        held = max(hold["seconds"] for hold in one.record["holds"]
                   if hold["function"] == one.hold["function"])
        slack = max(0.05 * one.hold_seconds, 0.002)
        waited = machine_seconds(one.record)
        assert one.hold_seconds - slack - waited <= held <= one.hold_seconds + slack, one
    taken = {one.record["id"] for one in matches}
    assert len(taken) == len(holds)
    others = [record for record in records
              if record["id"] not in taken and record["cause"] not in MACHINE]
    assert not others, others
    return matches
