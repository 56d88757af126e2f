# SPDX-License-Identifier: Apache-2.0
"""A worker whose functions have ever new names, as generated code has.

    many_names.py FIRST COUNT EVERY

Says {"ready": true, "pid": …}, waits for a line, calls COUNT functions, f<FIRST> and on, each of which blocks
its loop for a moment and every EVERY-th for 15 ms, says {"done": true} and goes on idly.
"""

import asyncio
import json
import os
import sys
import time
import types

from told import listen, told

MOMENT, LONG = 20e-6, 0.015
FUNCTIONS_A_TURN = 50

functions = []


def template(seconds):
    time.sleep(seconds)


def named(name):
    """A function that stays, as a module's do."""
    code = template.__code__.replace(co_name=name, co_qualname=name)
    functions.append(types.FunctionType(code, globals(), name))
    return functions[-1]


async def serve(first, count, every):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
        while not told.is_set():
            await asyncio.sleep(0.02)
        for number in range(first, first + count):
            named(f"f{number}")(MOMENT if number % every else LONG)
            if number % FUNCTIONS_A_TURN == 0:
                await asyncio.sleep(0.001)
        print(json.dumps({"done": True}), flush=True)
        while True:
            await asyncio.sleep(0.1)


def main():
    listen()
    asyncio.run(serve(*map(int, sys.argv[1:4])))


main()
