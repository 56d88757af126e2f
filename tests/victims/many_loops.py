# SPDX-License-Identifier: Apache-2.0
"""A process of many asyncio loops, a thread each.

    many_loops.py LOOPS SECONDS   each has a turn every SECONDS; 0: one after the other

Says {"ready": true, "pid": …} once all of them turn, and ends with its standard input.
"""

import asyncio
import json
import os
import sys
import threading


async def hang_up(_reader, writer):
    writer.close()


async def turn_for_ever(seconds, started):
    await asyncio.start_server(hang_up, "127.0.0.1", 0)  # a loop that serves nobody only starts
    started.release()
    while True:
        await asyncio.sleep(seconds)


def main():
    loops, seconds = int(sys.argv[1]), float(sys.argv[2])
    started = threading.Semaphore(0)
    threading.stack_size(256 * 1024)
    for _ in range(loops):
        threading.Thread(target=lambda: asyncio.run(turn_for_ever(seconds, started)),
                         daemon=True).start()
    for _ in range(loops):
        started.acquire()
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    sys.stdin.read()
    os._exit(0)  # daemon threads inside their loops must not be waited for


main()
