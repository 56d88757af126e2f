# SPDX-License-Identifier: Apache-2.0
"""What the service itself measured, so that an observer's figures can be compared with it."""

import time
from typing import Dict


class Stopwatch:
    """Names the time since the last lap, in nanoseconds of CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self.laps: Dict[str, int] = {}
        self._last_ns = time.monotonic_ns()

    def skip(self) -> None:
        """Starts a lap here: what went before is not measured."""
        self._last_ns = time.monotonic_ns()

    def lap(self, name: str) -> None:
        """Ends a lap and books it under `name`."""
        now_ns = time.monotonic_ns()
        self.laps[name] = self.laps.get(name, 0) + now_ns - self._last_ns
        self._last_ns = now_ns
