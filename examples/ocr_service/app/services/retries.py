# SPDX-License-Identifier: Apache-2.0
"""Retry with a pause, as it is written everywhere."""

import asyncio
import time
from typing import Callable, TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.1


class NotReady(Exception):
    """The operation may succeed when tried again."""


def retry_with_pause(operation: Callable[[], T], attempts: int = 3) -> T:
    """Broken: time.sleep between attempts stops every other request."""
    for _ in range(attempts - 1):
        try:
            return operation()
        except NotReady:
            time.sleep(_PAUSE_SECONDS)
    return operation()


async def retry_with_pause_async(operation: Callable[[], T], attempts: int = 3) -> T:
    """Mended: asyncio.sleep."""
    for _ in range(attempts - 1):
        try:
            return operation()
        except NotReady:
            await asyncio.sleep(_PAUSE_SECONDS)
    return operation()


def operation_that_fails(times: int) -> Callable[[], int]:
    """An operation that raises NotReady so often and then returns how often it was tried."""
    attempts = 0

    def attempt() -> int:
        nonlocal attempts
        attempts += 1
        if attempts <= times:
            raise NotReady()
        return attempts

    return attempt
