# SPDX-License-Identifier: Apache-2.0
"""An asyncio program with a pool of 6 threads, 2 of which have work.

Work that waits for a thread, also in C alone, is work; so is a job that waits at a queue of its own.
"""

import asyncio
import concurrent.futures
import json
import os
import queue
import time

THREADS = 6


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 0.2) for _ in range(THREADS)))
    loop.run_in_executor(pool, time.sleep, 3600)
    loop.run_in_executor(pool, queue.Queue().get)
    await asyncio.sleep(0.1)
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    await server.serve_forever()


asyncio.run(main())
