# SPDX-License-Identifier: Apache-2.0
"""Threads and processes that poll an epoll once and end: short_lived.py THREADS FORKS LOOPS.

Prints "ready"; for each line on standard input it makes one round of them and prints "done" with
the pids of the processes.
"""

import asyncio
import os
import select
import sys
import threading

THREADS, FORKS, LOOPS = map(int, sys.argv[1:4])


def poll_once():
    with select.epoll() as private:
        private.poll(0.0002)


def run_loop():
    asyncio.run(asyncio.sleep(0.002))


def run_threads(count, target):
    while count:
        batch = [threading.Thread(target=target) for _ in range(min(count, 20))]
        count -= len(batch)
        for thread in batch:
            thread.start()
        for thread in batch:
            thread.join()


def fork_many(count):
    pids = []
    while count:
        batch = []
        for _ in range(min(count, 10)):
            count -= 1
            child = os.fork()
            if not child:
                poll_once()
                os._exit(0)
            batch.append(child)
        for child in batch:
            os.waitpid(child, 0)
        pids += batch
    return pids


print("ready", flush=True)
for _line in sys.stdin:
    run_threads(THREADS, poll_once)
    run_threads(LOOPS, run_loop)
    print("done", *fork_many(FORKS), flush=True)
