# SPDX-License-Identifier: Apache-2.0
"""Many loops at once, and how the agent's books of them are looked at."""

import contextlib
import dataclasses

from . import waiting
from .paths import PYTHON
from .victims import Talker

SCRIPT = "many_loops.py"


@contextlib.contextmanager
def loops(processes, each, turn_seconds):
    """That many processes, with a number of loops each. Their pids."""
    with contextlib.ExitStack() as alive:
        crowd = [alive.enter_context(Talker([PYTHON, SCRIPT, str(each), str(turn_seconds)]))
                 for _ in range(processes)]
        yield [one.hear("ready", 120)["pid"] for one in crowd]


def listed(agent):
    """How many of the crowd's loops the agent shows."""
    return sum(len(service["loops"]) for service in agent.services(process=SCRIPT))


def wait_until_listed(agent, number, seconds):
    try:
        waiting.until(lambda: listed(agent) == number, seconds, f"{number} loops are listed",
                      every=0.5)
    except AssertionError as error:
        health = agent.api("loops")["agent"]
        raise AssertionError(f"{error}, but {listed(agent)}; targets {health['targets']}, "
                             f"lost {health['events_lost']}") from error


@dataclasses.dataclass
class Look:
    life: float  # seconds, of all the loops together
    busy: float
    idle: float


def look(agent):
    """The crowd's service."""
    service, = agent.services(process=SCRIPT)
    return Look(service["counted_until_monotonic_ns"] / 1e9,
                sum(service["busy_seconds"].values()), service["idle_seconds"])
