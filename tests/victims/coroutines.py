# SPDX-License-Identifier: Apache-2.0
"""One turn of 180 ms: by one coroutine that computes, or by 200 that compute 0.9 ms each."""

import asyncio
import time

import victim

SECONDS = 0.18
MANY = 200


def price_line(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass  # computes


async def price_lines(seconds):
    price_line(seconds)  # the one long


async def price_order(seconds):
    await price_lines(seconds)


async def checkout(run):
    if not run.broken:
        for _ in range(MANY):
            await price_order(SECONDS / MANY)
            await asyncio.sleep(0)
        return
    with run.hold(price_line):
        await price_order(SECONDS)


@victim.case()
async def one_long(run, _):
    async for _ in run.rounds(None):
        await run.turn(checkout(run))


async def price_one(spans):
    started_ns = time.monotonic_ns()
    price_line(SECONDS / MANY)
    spans.append((started_ns, time.monotonic_ns()))


async def price_many(run, turns):
    """All are ready at once, so that one turn runs them all; mended, a few a turn."""
    spans = []
    a_turn = MANY // turns
    for _ in range(turns):
        await asyncio.gather(*(price_one(spans) for _ in range(a_turn)))
    if run.broken:
        run.held(price_line, spans[0][0], spans[-1][1])


@victim.case()
async def many_small(run, _):
    async for _ in run.rounds(None):
        await run.turn(price_many(run, 1 if run.broken else MANY // 4))


if __name__ == "__main__":
    victim.main()
