# SPDX-License-Identifier: Apache-2.0
"""Starts many processes one after the other; some of them run an event loop for a moment.

    process_starts.py

Says {"ready": true, "pid": …}, then for each line "STARTS LOOPS": {"done": true, "slept": seconds, "lived":
seconds}, what the forked loops did together by their own clocks. Most starts are of a program that ends at once; of the
loops every tenth is a program of its own, the others are forked.
"""

import asyncio
import json
import os
import sys
import time

NOTHING = "/bin/true"
JOB = """
import asyncio
async def job():
    await asyncio.sleep(0.02)
asyncio.run(job())
"""


def spawn(*command):
    os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)


async def job():
    begin = time.monotonic()
    await asyncio.sleep(0.02)
    return time.monotonic() - begin


def fork_job():
    """Returns the seconds that the child's loop slept and lived."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        begin = time.monotonic()
        slept = asyncio.run(job())
        os.write(writing, f"{slept} {time.monotonic() - begin}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    slept, lived = map(float, os.read(reading, 100).split())
    os.close(reading)
    return slept, lived


def start(starts, loops):
    """Evenly mixed."""
    slept = lived = 0
    for number in range(starts):
        loop = number * loops // starts
        if loop == (number + 1) * loops // starts:
            spawn(NOTHING)
        elif loop % 10 == 0:
            spawn(sys.executable, "-S", "-c", JOB)
        else:
            own_sleep, own_life = fork_job()
            slept += own_sleep
            lived += own_life
    return {"slept": slept, "lived": lived}


def main():
    asyncio.run(job())  # its own first loop: what the forked ones wait in is known from it
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"done": True} | start(*map(int, line.split()))), flush=True)


main()
