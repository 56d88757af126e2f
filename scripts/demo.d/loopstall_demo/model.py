# SPDX-License-Identifier: Apache-2.0
"""What the demo takes from the agent's answer: pure functions from JSON to rows."""

import dataclasses
from typing import Any, Dict, List, Optional, Tuple

#: Causes for which a function is to blame that waits on the loop's thread (docs: design, "cause").
BLOCKING_CAUSES = frozenset(
    {"sleep", "network", "file", "pipe", "lock", "gil", "process", "pagefault"}
)
#: Causes that are the machine's, not a function's.
MACHINE_CAUSES = frozenset({"runqueue", "throttled", "stopped"})


@dataclasses.dataclass(frozen=True)
class FunctionRow:
    """One function of one loop, for one cause. Seconds; None where no hold was measured."""

    function: str
    file: str
    line: int
    entry: str
    cause: str
    holds: int
    p50: Optional[float]
    p99: Optional[float]
    busy: float
    occupancy: float
    advice: str


@dataclasses.dataclass(frozen=True)
class LoopReport:
    """One service's loop: since the agent started."""

    process: str
    runtime: str
    pids: Tuple[int, ...]
    utilization: float
    shares: Dict[str, float]  #: of the loop's life, by cause; the rest was idle
    stalls: Dict[str, int]
    stall_seconds: float
    functions: Tuple[FunctionRow, ...]

    @property
    def stall_count(self) -> int:
        """Stalls of all causes."""
        return sum(self.stalls.values())


@dataclasses.dataclass(frozen=True)
class StallHold:
    """One hold inside a stall's record."""

    function: str
    file: str
    cause: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Stall:
    """A stall's record: its dominant cause, duration in seconds and holds, the longest first."""

    phase: str
    pid: int
    cause: str
    duration: float
    holds: Tuple[StallHold, ...]


def loop_report(service: Dict[str, Any]) -> LoopReport:
    """The report of one element of "services"."""
    labels = service.get("labels", {})
    busy = sum(service.get("busy_seconds", {}).values())
    life = busy + service.get("idle_seconds", 0.0)
    return LoopReport(
        process=labels.get("process", "?"),
        runtime=labels.get("runtime", "?"),
        pids=tuple(sorted({loop["pid"] for loop in service.get("loops", [])})),
        utilization=busy / life if life > 0 else 0.0,
        shares={
            cause: seconds / life
            for cause, seconds in service.get("busy_seconds", {}).items()
            if life > 0
        },
        stalls={cause: int(count) for cause, count in service.get("stalls", {}).items() if count},
        stall_seconds=sum(service.get("stall_seconds", {}).values()),
        functions=tuple(
            sorted(
                (_function_row(function, life) for function in service.get("functions", [])),
                key=lambda row: -row.busy,
            )
        ),
    )


def _function_row(function: Dict[str, Any], life: float) -> FunctionRow:
    busy = function.get("busy_seconds") or 0.0
    holds = function.get("holds") or 0
    return FunctionRow(
        function=function.get("function", "?"),
        file=function.get("file") or "",
        line=function.get("line") or 0,
        entry=function.get("entry") or "",
        cause=function.get("cause", "?"),
        holds=holds,
        p50=function.get("p50_seconds") if holds else None,
        p99=function.get("p99_seconds") if holds else None,
        busy=busy,
        occupancy=busy / life if life > 0 else 0.0,
        advice=function.get("advice") or "",
    )


def stall(record: Dict[str, Any]) -> Stall:
    """A stall from its record (one line of the stall log, or one element of /api/v1/stalls)."""
    holds = [
        StallHold(
            function=hold.get("function", "?"),
            file=hold.get("file") or "",
            cause=hold.get("cause", "?"),
            seconds=hold.get("seconds") or 0.0,
        )
        for hold in record.get("holds", [])
    ]
    return Stall(
        phase=record.get("phase", "serving"),
        pid=record.get("pid", 0),
        cause=record.get("cause", "?"),
        duration=record.get("duration_seconds") or 0.0,
        holds=tuple(sorted(holds, key=lambda hold: -hold.seconds)),
    )


def stalls_of(records: List[Dict[str, Any]], pid: int) -> List[Stall]:
    """The serving stalls of one process."""
    read = (stall(record) for record in records)
    return [one for one in read if one.pid == pid and one.phase == "serving"]
