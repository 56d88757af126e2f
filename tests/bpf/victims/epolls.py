# SPDX-License-Identifier: Apache-2.0
"""Loops and private epolls whose kernel objects come and go: epolls.py SCENARIO [DETAIL].

Prints "started", then at each line on standard input what the scenario says.
"""

import asyncio
import os
import select
import sys
import time


def hear():
    sys.stdin.readline()


def short_loops():
    """Loops that end at once, then private epolls, which get the same numbers and addresses."""
    while True:
        asyncio.run(asyncio.sleep(0.0002))
        for _ in range(3):
            with select.epoll() as private:
                private.poll(0.0002)


def rejected_then_home():
    """Private epolls first; then a loop, whose object may have the address of one of them."""
    for _ in range(200):
        with select.epoll() as private:
            private.poll(0.0005)
    asyncio.run(stay())


def alternating():
    """A loop that from its first turn on waits on a private epoll in every turn."""
    async def run():
        ours, _theirs = os.pipe()
        with select.epoll() as private:
            private.register(ours, select.EPOLLIN)
            while True:
                private.poll(0.001)
                await asyncio.sleep(0.0005)
    asyncio.run(run())


def duplicated():
    """The loop's epoll has two numbers; the long waits are on one, those that only look on both."""
    loop = asyncio.new_event_loop()
    own = loop._selector._selector
    other = select.epoll.fromfd(os.dup(own.fileno()))
    waits_on, looks_at = (own, other) if sys.argv[2] == "own" else (other, own)

    class Numbers:
        turn = 0

        def poll(self, timeout=None, *arguments):
            self.turn += 1
            one = waits_on if timeout or self.turn % 2 else looks_at
            return one.poll(timeout, *arguments)

        def __getattr__(self, name):
            return getattr(own, name)

    async def run():
        while True:
            await asyncio.sleep(0)
            await asyncio.sleep(0.005)

    loop._selector._selector = Numbers()
    loop.run_until_complete(run())


def rerun():
    """One loop after the other; in the second, code blocks outside any home wait."""
    async def until_told():
        told = asyncio.get_running_loop().run_in_executor(None, hear)
        while not told.done():
            await asyncio.sleep(0.005)
    asyncio.run(until_told())
    time.sleep(0.5)  # no turn: the loop is closed
    asyncio.run(stay())


def one_epoll_per_call():
    """As psycopg 3 waits: a new epoll for each call, never a loop."""
    while True:
        with select.epoll() as private:
            private.poll(0.0003)


async def stay():
    while True:
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    print("started", flush=True)
    globals()[sys.argv[1]]()
