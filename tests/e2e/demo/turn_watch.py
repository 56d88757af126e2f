# SPDX-License-Identifier: Apache-2.0
"""Runs the example service on asyncio and measures its turns, as loopstall defines them, inside.

A turn lasts from the return of the selector's wait to the next entry into it. From it the time is
taken off that the thread waited for a CPU (/proc/thread-self/schedstat), for which no function is
to blame. At the end it writes a JSON list of the turns of 20 ms and more after the start:
{"held_seconds", "wall_seconds", "seen": [functions of app/ seen on the loop's thread]}.

usage: turn_watch.py PORT REPORT, in the service's directory.
"""

import asyncio
import json
import selectors
import sys
import threading
import time
from typing import Any, Dict, List, Optional

import uvicorn

HOLD_SECONDS = 0.02
_SAMPLE_SECONDS = 0.004


class WatchedSelector(selectors.EpollSelector):
    """An EpollSelector that measures the time between its waits."""

    def __init__(self) -> None:
        super().__init__()
        self.held: List[Dict[str, Any]] = []
        self.serving = False
        self.turn_start_ns: Optional[int] = None
        self.seen: List[str] = []
        self.turns = 0
        self._run_delay_ns = 0

    def select(self, timeout: Optional[float] = None) -> Any:
        """The home wait."""
        if self.turn_start_ns is not None:
            self._end_turn()
        try:
            return super().select(timeout)
        finally:
            self.seen = []
            self._run_delay_ns = _run_delay_ns()
            self.turn_start_ns = time.monotonic_ns()

    def _end_turn(self) -> None:
        wall_ns = time.monotonic_ns() - self.turn_start_ns
        self.turn_start_ns = None
        self.turns += 1
        if not self.serving or wall_ns < HOLD_SECONDS * 1e9:
            return
        held_ns = wall_ns - (_run_delay_ns() - self._run_delay_ns)
        if held_ns >= HOLD_SECONDS * 1e9:
            self.held.append(
                {"held_seconds": held_ns / 1e9, "wall_seconds": wall_ns / 1e9, "seen": self.seen}
            )


def _run_delay_ns() -> int:
    with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:
        return int(file.read().split()[1])


def sample(selector: WatchedSelector, loop_thread: int) -> None:
    """Notes what the loop's thread runs in each turn that is becoming long."""
    while True:
        time.sleep(_SAMPLE_SECONDS)
        start_ns = selector.turn_start_ns
        if start_ns is None or time.monotonic_ns() - start_ns < HOLD_SECONDS * 1e9 / 2:
            continue
        frame = sys._current_frames().get(loop_thread)
        while frame is not None:
            if "/app/" in frame.f_code.co_filename:
                if frame.f_code.co_name not in selector.seen:
                    selector.seen.append(frame.f_code.co_name)
            frame = frame.f_back


async def serve(port: int, selector: WatchedSelector) -> None:
    """Serves until SIGTERM."""
    config = uvicorn.Config("app.main:app", host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=sample, args=(selector, threading.get_ident()), daemon=True).start()

    async def mark_started() -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        selector.serving = True

    marking = asyncio.create_task(mark_started())
    await server.serve()
    selector.serving = False
    marking.cancel()


def main() -> None:
    """Runs the service and writes the report."""
    sys.path.insert(0, "")
    selector = WatchedSelector()
    loop = asyncio.SelectorEventLoop(selector)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serve(int(sys.argv[1]), selector))
    with open(sys.argv[2], "w", encoding="utf-8") as report:
        json.dump({"turns": selector.turns, "held": selector.held}, report)


if __name__ == "__main__":
    main()
