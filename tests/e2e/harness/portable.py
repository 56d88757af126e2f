# SPDX-License-Identifier: Apache-2.0
"""Victims that need the standard library alone, so that they run on every Python and in every
container, and what must hold of the records of each.
"""

import contextlib
import dataclasses

from . import matching, waiting

SCRIPT = "every_python.py"
HOLD_NS = 20_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    script: str
    name: str
    causes: dict  # {function that is blamed: cause}
    holds: int = 20  # of each function; half as many when mended
    computes: bool = False

    def __str__(self):
        return self.name

    def holds_in(self, form):
        return self.holds if form == "broken" else self.holds // 2


# In files and folders that are called like them: one, two and four bytes a character.
STRANGE = {"r\u00e9servation", "\u0437\u0430\u0434\u0430\u0447\u0430", "\U00020000\u4efb"}
WAITS = Case(SCRIPT, "waits", {
    "back_off": "sleep", "read_reply": "network", "read_cache": "lock", "charge_card": "sleep",
    **dict.fromkeys(STRANGE, "sleep")})
CASES = [
    WAITS,
    Case(SCRIPT, "computes", {"score_orders": "cpu", "parse_orders": "cpu"}, 9, computes=True),
    Case("threads.py", "gil", {"crunch": "gil"}, 9, computes=True),
]


class Seen:
    """What one victim logged of itself, and the agent of it, once it is done."""

    def __init__(self, agent, victim):
        truth = victim.truth()
        self.holds = [line for line in truth if line["kind"] == "hold"
                      and line["end_ns"] - line["start_ns"] >= HOLD_NS]
        self.labels = agent.loop(victim.pid)["labels"]
        with contextlib.suppress(AssertionError):  # missing records are the tests' to report
            waiting.until(lambda: self._read(agent, victim.pid), 4, "records")

    def _read(self, agent, pid):
        self.records = agent.records(pid)
        return len(self.matched()) == len(self.holds)

    def matches(self):
        return matching.match(self.holds, self.records)

    def matched(self):
        return [match for match in self.matches() if match.record]


def check_blame(case, seen):
    matches = seen.matches()
    wrong = [(match.hold["function"], match.record and matching.blamed(match.record))
             for match in matches if not match.record
             or matching.blamed(match.record) != (match.hold["function"], match.hold["file"])]
    functions = {match.hold["function"] for match in matches}
    assert functions == set(case.causes)
    assert len(matches) >= case.holds * len(functions) * 2 // 3, "too few holds to judge by"
    # A hold of 20 ms that computes is met by two ticks; one of them may meet what its caller does around the call.
    sampled = "cpu" in case.causes.values()
    assert len(wrong) <= max(sampled, len(matches) // 100), wrong


def computed(hold):
    """By the thread's own clock, for most of it."""
    return hold["cpu_ns"] > (hold["end_ns"] - hold["start_ns"]) / 2


def check_causes(case, seen):
    """A wait may have been over before it began, on a machine that stood still meanwhile: no cause of a wait is due then."""
    other = []
    matches = [match for match in seen.matched() if case.computes or not computed(match.hold)]
    for match in matches:
        longest = matching.longest_hold(match.record)
        if not longest or longest["cause"] != case.causes[match.hold["function"]]:
            other.append((match.hold["function"], match.record["causes"]))
    assert matches and len(other) <= len(matches) // 100, other


def check_durations(seen, around_seconds=0.002):
    """Within 5 % of the victim's own clock, or 2 ms less, or what the loop does around the call more,
    and for how long it waits for a CPU there: a turn begins when its loop is woken."""
    matches = seen.matched()
    off = []
    for match in matches:
        more = match.record["duration_seconds"] - match.hold_seconds
        slack = 0.05 * match.hold_seconds
        waited = match.record["causes"].get("runqueue", 0) - match.hold["runqueue_ns"] / 1e9
        if not -max(slack, 0.002) <= more <= max(slack, around_seconds) + max(waited, 0):
            off.append((match.hold, match.record["duration_seconds"]))
    assert matches and len(off) <= len(matches) // 100, off


def check_sums(seen):
    """The causes add up to the turn."""
    assert seen.records and all(
        abs(sum(record["causes"].values()) / record["duration_seconds"] - 1) <= 0.005
        for record in seen.records)


def check_quota(throttled, booked, watched):
    """What a loop that computes without end was told to be throttled, against its cgroup's own book, in so many seconds; a
    look is up to half a second off at both ends."""
    assert booked > 0.3 * watched, f"the quota was not used up: {booked}"
    assert 0.85 * booked - 0.3 <= throttled <= 1.1 * booked + 0.3, (booked, throttled)


def check_silence(case, mended):
    held = [hold for record in mended.records for hold in record["holds"]
            if hold["function"] in case.causes and hold["seconds"] >= HOLD_NS / 1e9]
    assert not held
