# SPDX-License-Identifier: Apache-2.0
"""A program with a loop that is over at once, like a management command."""

import asyncio
import time


async def command():
    await asyncio.sleep(0.005)
    time.sleep(0.005)
    await asyncio.sleep(0)


asyncio.run(command())
