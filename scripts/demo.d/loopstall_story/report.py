# SPDX-License-Identifier: Apache-2.0
"""What is printed of the stages: pure functions from the agent's and wrk's words to lines."""

import dataclasses
import re
from typing import Any, Dict, List, Optional, Sequence

from loopstall_demo.model import BLOCKING_CAUSES, MACHINE_CAUSES
from loopstall_story.stages import Stage

#: Of the loops' time: the mission's rule for waiting, and what computing is worth a process pool for, if it is that
#: long at a time: moving shorter pieces costs more than they do.
BLOCKING_SHARE, COMPUTING_SHARE, COMPUTING_SECONDS = 0.05, 0.25, 0.0025
SATURATED, STARVED = 0.7, 0.1
NO_CULPRIT = "saturated, no culprit: faster loop, faster encoding or more workers"
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclasses.dataclass(frozen=True)
class Load:
    """What wrk has seen."""

    per_second: float
    p99_seconds: float
    errors: int


@dataclasses.dataclass(frozen=True)
class Culprit:
    """The function that took most of the loops' time."""

    function: str
    place: str
    cause: str
    share: float  #: of the loops' time
    advice: str


@dataclasses.dataclass(frozen=True)
class Result:
    """One stage."""

    stage: Stage
    load: Load
    utilization: float
    starved: float  #: of the loops' time, in which the machine let them wait for a CPU
    culprit: Optional[Culprit]
    predicted: Optional[float]  #: times the requests per second once the next stage's functions are mended


def load_of(text: str) -> Load:
    """What wrk --latency printed. Raises ValueError."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if not rate or not p99:
        raise ValueError("wrk printed no figures")
    errors = sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Load(float(rate[1]), float(p99[1]) * _UNITS[p99[2]], errors + int(refused[1] if refused else 0))


def growth(before: Dict[str, Any], after: Dict[str, Any]) -> Dict[Any, float]:
    """Seconds by (function, cause) between two answers of the API, and by (None, "busy"), (None, "idle") and
    (None, "starved"), a part of busy."""
    by_cause = {cause: seconds - before["busy_seconds"].get(cause, 0.0) for cause, seconds in after["busy_seconds"].items()}
    grown = {
        (None, "busy"): sum(by_cause.values()),
        (None, "idle"): after["idle_seconds"] - before["idle_seconds"],
        (None, "starved"): sum(by_cause.get(cause, 0.0) for cause in MACHINE_CAUSES),
    }
    earlier = {(one["function"], one["cause"]): one["busy_seconds"] for one in before["functions"]}
    for one in after["functions"]:
        key = (one["function"], one["cause"])
        grown[key] = grown.get(key, 0.0) + one["busy_seconds"] - earlier.get(key, 0.0)
    return grown


def share_of(grown: Dict[Any, float], what: str) -> float:
    """Of the time of all loops together: "busy", which is their utilisation, or "starved"."""
    life = grown[None, "busy"] + grown[None, "idle"]
    return grown[None, what] / life if life > 0 else 0.0


def culprit_of(grown: Dict[Any, float], functions: Sequence[Dict[str, Any]]) -> Optional[Culprit]:
    """None where nobody takes more of the loops' time than a function may."""
    life = grown[None, "busy"] + grown[None, "idle"]
    best = None
    for one in functions:
        share = grown.get((one["function"], one["cause"]), 0.0) / life if life > 0 else 0.0
        blocks = one["cause"] in BLOCKING_CAUSES
        limit = BLOCKING_SHARE if blocks else COMPUTING_SHARE
        if not blocks and (one["p50_seconds"] or 0.0) < COMPUTING_SECONDS:
            continue
        if one["function"].startswith("~") or share < limit or (best and share <= best.share):
            continue
        best = Culprit(one["function"], f"{one['file']}:{one['line']}", one["cause"], share, one["advice"])
    return best


def predicted_of(gain: Dict[str, Any], mended: Sequence[str]) -> Optional[float]:
    """By the utilisation law, from what the agent says of each of the functions: without all of them, so many
    times the load keeps the loops as busy."""
    left = 1.0
    for one in gain.get("functions", []):
        if one["function"] in mended and one["load"] > 0:
            left -= 1.0 - 1.0 / one["load"]
    return 1.0 / left if mended and 0 < left < 1 else None


def duration(seconds: float) -> str:
    """"85 ms", "2.1 s"."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _verdict(result: Result) -> str:
    if result.culprit:
        culprit = result.culprit
        return f"{culprit.function} ({culprit.place}), {culprit.share:.0%} of the loop, {culprit.cause}"
    starved = f"; {result.starved:.0%} of the time no CPU was free" if result.starved >= STARVED else ""
    if result.utilization >= SATURATED:
        return NO_CULPRIT + starved
    return "no culprit" + (starved or ", and the loops have room")


def stage_lines(result: Result) -> List[str]:
    """One stage, as soon as it is measured."""
    load = result.load
    lines = [
        f"{result.stage.number}  {result.stage.name}: {load.per_second:,.0f} requests/s,"
        f" p99 {duration(load.p99_seconds)}, loops {result.utilization:.0%} busy",
        f"   worst: {_verdict(result)}",
    ]
    if result.culprit and result.culprit.advice:
        lines.append(f"   → {result.culprit.advice}")
    return lines


def summary_lines(results: Sequence[Result]) -> List[str]:
    """All stages, each with what was predicted and what the next one then had."""
    lines = [f"{'':2} {'STAGE':26} {'REQ/S':>8} {'P99':>8} {'BUSY':>5}  {'PREDICTED':>9} {'REAL':>6}  WORST"]
    for index, result in enumerate(results):
        following = results[index + 1] if index + 1 < len(results) else None
        real = following.load.per_second / result.load.per_second if following else None
        worst = f"{result.culprit.function}, {result.culprit.cause}" if result.culprit else _verdict(result)
        lines.append(
            f"{result.stage.number:2} {result.stage.name:26} {result.load.per_second:8,.0f}"
            f" {duration(result.load.p99_seconds):>8} {result.utilization:>5.0%}"
            f"  {_times(result.predicted):>9} {_times(real):>6}  {worst}"
        )
    return lines


def _times(factor: Optional[float]) -> str:
    return f"× {factor:.2f}" if factor else ""
