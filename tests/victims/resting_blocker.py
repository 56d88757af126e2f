# SPDX-License-Identifier: Apache-2.0
"""A loop that rests, but for two blocks of 50 ms a second.

Says {"ready": true, "pid": …} and ends with its standard input.
"""

import asyncio
import json
import os
import sys
import threading
import time


def rest():
    time.sleep(0.05)


async def block_now_and_then(started):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)  # it serves, so it is judged
    async with server:
        started.set()
        while True:
            await asyncio.sleep(0.45)
            rest()


def main():
    started = threading.Event()
    threading.Thread(target=lambda: asyncio.run(block_now_and_then(started)), daemon=True).start()
    started.wait()
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    sys.stdin.read()
    os._exit(0)  # a daemon thread inside its loop must not be waited for


main()
