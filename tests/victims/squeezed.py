# SPDX-License-Identifier: Apache-2.0
"""A loop that computes for 25 ms of CPU time, again and again: for machines that do not let it."""

import asyncio
import json
import os
import sys
import time

import victim


def compute(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    started = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), started.set)
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    while not started.is_set():  # an idle service ticks
        await asyncio.sleep(0.02)
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    print(json.dumps({"started": True}), flush=True)
    async with server:
        while True:
            compute(0.025)
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    victim.use_loop(sys.argv[1])
    asyncio.run(main())
