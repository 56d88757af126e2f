# SPDX-License-Identifier: Apache-2.0
"""Signals as exceptions, but never in the middle of a step that must be whole."""

import contextlib
import signal
from typing import Iterator, Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Interrupted(Exception):
    """A signal asked the demo to end."""

    def __init__(self, number: int):
        super().__init__(f"ended by signal {number}")
        self.number = number


class _Handler:
    """The process's one handler; runs on the main thread, as Python's handlers do."""

    def __init__(self) -> None:
        self._deferring = False
        self._pending: Optional[int] = None

    def __call__(self, number: int, _frame: object) -> None:
        if self._deferring:
            self._pending = number
        else:
            raise Interrupted(number)

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """See deferred()."""
        outermost, self._deferring = not self._deferring, True
        try:
            yield
        finally:
            self._deferring = not outermost
        if outermost and self._pending is not None:
            number, self._pending = self._pending, None
            raise Interrupted(number)


_handler = _Handler()


def deferred() -> "contextlib.AbstractContextManager[None]":
    """Inside the block no Interrupted is raised; at its end it is, if a signal came."""
    return _handler.deferring()


def install() -> None:
    """From now on each of SIGNALS raises Interrupted on the main thread."""
    for number in SIGNALS:
        signal.signal(number, _handler)


def ignore() -> None:
    """From now on no signal cuts the clean-up short, which is bounded."""
    signal.alarm(0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
