# SPDX-License-Identifier: Apache-2.0
"""An asyncio loop that does one kind of thing for ever: scenarios.py NAME."""

import asyncio
import os
import selectors
import signal
import subprocess
import sys
import threading
import time


def compute(count=20_000):
    return sum(range(count))


async def plain():
    while True:
        compute()
        await asyncio.sleep(0.001)


async def listen():
    """From here on the loop serves: most of its turns are plain (plain_turns.bpf.h)."""
    await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)


async def saturated():
    """Turn after turn, without ever sleeping."""
    await listen()
    while True:
        await asyncio.sleep(0)


async def serving():
    """Plain turns, between them some that sleep, for longer or not, that compute longer, and waits that sleep."""
    await listen()
    while True:
        for _ in range(50):
            compute(200)
            await asyncio.sleep(0)
        time.sleep(0.00005)
        await asyncio.sleep(0)
        time.sleep(0.002)
        await asyncio.sleep(0)
        compute(200_000)
        await asyncio.sleep(0.002)


async def waiting():
    await asyncio.sleep(3600)


async def sleeping():
    """One endless turn of one sleep."""
    time.sleep(3600)


async def spinning():
    while True:
        compute()


async def short_sleeps():
    while True:
        for _ in range(50):
            time.sleep(0.00001)
        await asyncio.sleep(0)


async def interrupted():
    """Signals with handlers, in turns and in the home wait; sleeps and polls are resumed."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
    ours, theirs = os.pipe()
    poll = selectors.PollSelector()
    poll.register(ours, selectors.EVENT_READ)
    while True:
        time.sleep(0.003)
        poll.select(0.002)
        compute()
        await asyncio.sleep(0.004)


async def forking():
    while True:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        await asyncio.sleep(0.001)
        subprocess.run(["/bin/true"], check=True)
        await asyncio.sleep(0)


async def contended():
    """Two threads that compute, and a lock that one of them often holds."""
    lock = threading.Lock()

    def worker():
        while True:
            with lock:
                compute(3_000)
                time.sleep(0.0003)
            compute(3_000)

    for _ in range(2):
        threading.Thread(target=worker, daemon=True).start()
    while True:
        with lock:
            compute(1_000)
        await asyncio.sleep(0)


async def nested():
    """Private epolls inside turns, one of them on a dup of a number that is used again."""
    ours, theirs = os.pipe()
    while True:
        with selectors.EpollSelector() as private:
            private.register(ours, selectors.EVENT_READ)
            private.select(0.002)
        await asyncio.sleep(0.001)


def main():
    scenario = globals()[sys.argv[1]]
    print("started", flush=True)
    asyncio.run(scenario())


if __name__ == "__main__":
    main()
