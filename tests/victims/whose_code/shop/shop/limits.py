# SPDX-License-Identifier: Apache-2.0
"""Decorators."""

import asyncio
import functools
import os
import time

BROKEN = os.environ["FORM"] == "broken"


def timed(endpoint):
    @functools.wraps(endpoint)
    async def wrapper(*args, **kwargs):
        started = time.monotonic()
        try:
            return await endpoint(*args, **kwargs)
        finally:
            timed.last_seconds = time.monotonic() - started
    return wrapper


def throttled(endpoint):
    @functools.wraps(endpoint)
    async def wrapper(*args, **kwargs):
        if BROKEN:
            time.sleep(0.06)
        else:
            await asyncio.sleep(0.06)
        return await endpoint(*args, **kwargs)
    return wrapper
