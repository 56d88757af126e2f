# SPDX-License-Identifier: Apache-2.0
"""A program for `loopstall record`, with a known account of what held its loop.

    recorded_service.py broken|mended|forking TRUTH

Thirty times, `rest` sleeps for 25 ms and `burn` computes for 25 ms: on the loop's thread (broken; forking: in a
child that was forked), or awaited and in a process of a pool (mended). Then what each took is written to the file
TRUTH, as JSON. `rest` has a name that means something to a page and to flamegraph.pl.
"""

import asyncio
import concurrent.futures
import json
import os
import sys
import time

import victim

ROUNDS, HOLD_SECONDS = 30, 0.025
HOSTILE_NAME = "</script><b>rest;</b>"

truth = {"rest": 0.0, "burn": 0.0, "rounds": 0}


def rest():
    start = time.monotonic()
    time.sleep(HOLD_SECONDS)
    truth["rest"] += time.monotonic() - start


def burn():
    start = time.thread_time()
    while time.thread_time() - start < HOLD_SECONDS:
        sum(range(1000))
    return time.thread_time() - start


async def handle(pool):
    if pool:
        await asyncio.sleep(HOLD_SECONDS)
        await asyncio.get_running_loop().run_in_executor(pool, burn)
    else:
        rest()
        truth["burn"] += burn()
    truth["rounds"] += 1


async def serve(pool):
    for _ in range(ROUNDS):
        await handle(pool)
        await asyncio.sleep(0.005)


def run(form, path):
    if form == "forking":
        if child := os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        victim.die_with_parent()
    rest.__code__ = rest.__code__.replace(co_name=HOSTILE_NAME, **(
        {"co_qualname": HOSTILE_NAME} if sys.version_info >= (3, 11) else {}))
    if form == "mended":
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            asyncio.run(serve(pool))
    else:
        asyncio.run(serve(None))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(truth, file)


if __name__ == "__main__":
    run(*sys.argv[1:])
