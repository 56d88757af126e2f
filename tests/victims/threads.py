# SPDX-License-Identifier: Apache-2.0
"""Holds that another thread of the same process causes."""

import asyncio
import threading
import time

import victim

# The timer that wakes the loop while the other thread holds the GIL. asyncio rounds a timeout up to
# whole milliseconds, so that a whole number of them comes back when it should.
TICK_SECONDS = 0.010


def crunch(numbers):
    """One call into C that never lets go of the GIL."""
    return sum(range(numbers))


def crunch_soon(numbers):
    """Lets the loop go to sleep first, so that the timer's return is the start of the turn."""
    time.sleep(0.003)
    return crunch(numbers)


def numbers_for(seconds):
    return int(2_000_000 * seconds / victim.shortest_seconds(crunch, 2_000_000))


async def tick():
    """Returns when the timer was due and when it came."""
    due_ns = time.monotonic_ns() + int(TICK_SECONDS * 1e9)
    await asyncio.sleep(TICK_SECONDS)
    return due_ns, time.monotonic_ns()


async def statistics(run, numbers, workers):
    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(workers, crunch_soon, numbers)
    held = []
    while not running.done():
        held.append(await tick())
    await running
    if run.broken:
        due_ns, came_ns = max(held, key=lambda pair: pair[1] - pair[0])
        run.held(crunch, due_ns, came_ns)


def one_second_and_workers(run):
    return numbers_for(1.0), None if run.broken else victim.worker_process()


@victim.case(one_second_and_workers)
async def gil(run, prepared):
    one_second, workers = prepared  # no workers: the loop's own, as asyncio.to_thread() uses them
    async for seconds in run.rounds(0.06, 0.09, 0.16):
        await run.turn(statistics(run, int(one_second * seconds), workers))


cache_lock = threading.Lock()


def refresh_cache(seconds, holding):
    with cache_lock:
        holding.set()
        time.sleep(seconds)


def read_cache():
    with cache_lock:
        pass


async def get_item(run):
    if not run.broken:
        return await asyncio.to_thread(read_cache)
    with run.hold(read_cache):
        read_cache()


@victim.case()
async def lock(run, _):
    async for seconds in run.rounds(0.025, 0.06, 0.15):
        holding = threading.Event()
        refreshing = asyncio.create_task(asyncio.to_thread(refresh_cache, seconds, holding))
        while not holding.is_set():
            await asyncio.sleep(0)
        await run.turn(get_item(run))
        await refreshing


if __name__ == "__main__":
    victim.main()
