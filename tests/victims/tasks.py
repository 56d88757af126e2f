# SPDX-License-Identifier: Apache-2.0
"""Tasks with names of every kind that each hold the loop, one after the other.

{"ready": true} when it serves; after "go" it says {"done": true, "holds": [[task, start_ns, end_ns]]}.
The task of a callback is null.
"""

import asyncio
import json
import sys
import time

import told

HOLD_SECONDS = 0.06
NAMES = ("checkout-42", "caf\u00e9", "\u043e\u043f\u043b\u0430\u0442\u0430", "\U0001f40d",
         "x" * 200, "<b>&\n", None, 7)


def say(**facts):
    print(json.dumps(facts), flush=True)


def back_off(holds, name):
    start_ns = time.monotonic_ns()
    time.sleep(HOLD_SECONDS)
    holds.append((name, start_ns, time.monotonic_ns()))


def score(holds, name):
    start_ns = time.monotonic_ns()
    until = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < until:
        pass
    holds.append((name, start_ns, time.monotonic_ns()))


async def deeper(function, holds, name, delay):
    await asyncio.sleep(delay)
    function(holds, name)
    await asyncio.sleep(0.02)


async def pay(function, holds, delay=0.02):
    await deeper(function, holds, asyncio.current_task().get_name(), delay)


async def main():
    told.listen()
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0):
        say(ready=True)
        while not told.told.is_set():
            await asyncio.sleep(0.02)
        holds = []
        for function in (back_off, score):
            for name in NAMES:
                await asyncio.create_task(pay(function, holds), name=name)
            # Two at once: the one that waits has nothing to do with what the other holds.
            await asyncio.gather(*(asyncio.create_task(pay(function, holds, delay), name=name)
                                   for name, delay in (("left", 0.02), ("right", 0.04))))
            asyncio.get_running_loop().call_later(0.02, function, holds, None)
            await asyncio.sleep(0.15)
        say(done=True, holds=holds)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
