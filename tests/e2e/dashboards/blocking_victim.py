# SPDX-License-Identifier: Apache-2.0
"""A server whose loop sleeps a number of times for a time, and ends.

    blocking_victim.py HOLDS SECONDS
"""

import asyncio
import sys
import time


def hold(seconds):
    time.sleep(seconds)


async def main(holds, seconds):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        await asyncio.sleep(2)  # the agent knows it
        for _ in range(holds):
            hold(seconds)
            await asyncio.sleep(0.3)
        await asyncio.sleep(1)


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
