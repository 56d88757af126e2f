# SPDX-License-Identifier: Apache-2.0
"""A loop that keeps books of its own: what its thread's clocks say before and after an activity.

The test tells the name of an activity and hears, when the loop is quiet again, how much each book
grew: {"books": name, "cpu_ns": CLOCK_THREAD_CPUTIME_ID, "waited_ns": of schedstat, "wall_ns": …,
"slept_ns": off the CPU in time.sleep(), "end_ns": of CLOCK_MONOTONIC}. In between it sleeps in its
home wait.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import time

import victim

SECONDS = 1.5


def compute(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


class Sleeper:
    """Sleeps, and knows how long in all; what signal handlers compute meanwhile is no sleep."""

    def __init__(self):
        self.slept_ns = 0
        self.times = 0  # how often it fell asleep: a signal ends a sleep, and another goes on

    def sleep(self, seconds):
        start_ns, start_times = time.monotonic_ns() - time.thread_time_ns(), times_asleep()
        time.sleep(seconds)
        self.slept_ns += time.monotonic_ns() - time.thread_time_ns() - start_ns
        self.times += times_asleep() - start_times


def times_asleep():
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


async def mix(sleeper, between=lambda: None):
    """Turns of computing, sleeping and waiting at home."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        compute(0.004)
        between()
        sleeper.sleep(0.003)
        await asyncio.sleep(0.002)


async def plain(sleeper):
    await mix(sleeper)


async def signals(sleeper):
    """A handler in Python, 1,000 times a second: in the middle of everything."""
    signal.signal(signal.SIGALRM, lambda *_: sum(range(100)))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        await mix(sleeper)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


async def migrations(sleeper):
    """From CPU to CPU, before each 8th sleep: the call itself waits until it is there (`other`)."""
    cpus = sorted(os.sched_getaffinity(0))
    turns = 0

    def move():
        nonlocal turns
        turns += 1
        if turns % 8 == 0:
            os.sched_setaffinity(0, {cpus[turns // 8 % len(cpus)]})
    try:
        await mix(sleeper, move)
    finally:
        os.sched_setaffinity(0, cpus)


async def vforks(sleeper):
    """Waits uninterruptibly until each child execs."""
    await mix(sleeper, lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0))


async def one_long_sleep(sleeper):
    sleeper.sleep(5)


async def one_long_turn(_):
    compute(5)


ACTIVITIES = {activity.__name__: activity for activity in
              (plain, signals, migrations, vforks, one_long_sleep, one_long_turn)}


async def tick_until(words):
    """As an idle service does, so that the agent comes to know this one."""
    while True:
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(words.get(), 0.05)


async def main():
    loop, words = asyncio.get_running_loop(), asyncio.Queue()
    loop.add_reader(sys.stdin.fileno(), lambda: words.put_nowait(os.read(0, 64).decode().strip()))
    run_queue = victim.RunQueue()
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0):
        print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
        word = await tick_until(words)
        while word:
            sleeper = Sleeper()
            before = time.thread_time_ns(), run_queue.waited_ns(), time.monotonic_ns()
            print(json.dumps({"begun": word, "start_ns": before[2]}), flush=True)
            await ACTIVITIES[word](sleeper)
            after = time.thread_time_ns(), run_queue.waited_ns(), time.monotonic_ns()
            cpu_ns, waited_ns, wall_ns = (now - then for now, then in zip(after, before))
            print(json.dumps({"books": word, "cpu_ns": cpu_ns, "waited_ns": waited_ns,
                              "wall_ns": wall_ns, "slept_ns": sleeper.slept_ns, "sleeps": sleeper.times,
                              "end_ns": after[2]}), flush=True)
            word = await words.get()


if __name__ == "__main__":
    victim.use_loop(sys.argv[1])
    asyncio.run(main())
