# SPDX-License-Identifier: Apache-2.0
"""A loop that knows the truth of itself: every turn's begin and end, and every hold's.

    truth.py holds SEED COROUTINES CPU_SHARE SECONDS   random holds of 0.2 ms to 3 s by several causes
    truth.py rates SECONDS                             short functions at known rates, after a warm-up

It says {"ready": true}, begins when it is told to, and at its end says {"over": true, …}: `turns` of
50 ms and more, with the wait for a CPU before them, as [start_ns, end_ns, woken_ns, [[function,
start_ns, end_ns, waited_ns], …]], where woken_ns and waited_ns are how long it waited for a CPU before
the turn and inside the hold; and `spent`, in seconds by function.
"""

import asyncio
import json
import os
import random
import selectors
import socket
import sys
import threading
import time

import victim
from told import listen, told

LONG_NS = 50_000_000
WARM_UP_SECONDS = 15

run_queue = victim.RunQueue()  # of the thread that holds the loop


class Turns(selectors.EpollSelector):
    """The loop's own selector, with a log of what is between its waits."""

    def __init__(self):
        super().__init__()
        self.turns, self.holds = [], []
        self.start_ns = self.woken_ns = 0

    def select(self, timeout=None):
        end_ns = time.monotonic_ns()
        if self.start_ns and end_ns - self.start_ns + self.woken_ns >= LONG_NS:
            self.turns.append((self.start_ns, end_ns, self.woken_ns, self.holds))
        self.holds = []
        before_ns = run_queue.waited_ns()
        ready = super().select(timeout)
        self.start_ns = time.monotonic_ns()
        self.woken_ns = run_queue.waited_ns() - before_ns
        return ready

    def note(self, function, start_ns, waited_ns):
        self.holds.append((function.__name__, start_ns, time.monotonic_ns(), waited_ns))


# ---- functions that hold the loop -----------------------------------------------------------------

silent, _other_end = socket.socketpair()
empty_pipe, _write_end = os.pipe()
taken = threading.Lock()
taken.acquire()


def hold_by_sleep(seconds):
    time.sleep(seconds)


def hold_by_network(seconds):
    silent.settimeout(seconds)
    try:
        silent.recv(1)
    except TimeoutError:
        pass


def hold_by_pipe(seconds):
    with selectors.PollSelector() as own:
        own.register(empty_pipe, selectors.EVENT_READ)
        own.select(seconds)


def hold_by_lock(seconds):
    taken.acquire(timeout=seconds)


def hold_by_cpu(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


WAITING = (hold_by_sleep, hold_by_network, hold_by_pipe, hold_by_lock)


def random_seconds(source):
    """Many around the threshold of 100 ms, few of seconds."""
    kind = source.random()
    if kind < 0.55:
        return source.uniform(0.09, 0.11)
    if kind < 0.75:
        return source.uniform(0.11, 0.3)
    if kind < 0.98:
        return source.uniform(0.0002, 0.09)
    return source.uniform(0.3, 3)


async def hold_at_random(selector, source, cpu_share, until):
    while time.monotonic() < until:
        await asyncio.sleep(source.expovariate(1 / 0.05))
        hold = hold_by_cpu if source.random() < cpu_share else source.choice(WAITING)
        seconds = random_seconds(source)
        if hold is hold_by_cpu:
            seconds = min(seconds, 0.15)
        waited_ns, start_ns = run_queue.waited_ns(), time.monotonic_ns()
        hold(seconds)
        selector.note(hold, start_ns, run_queue.waited_ns() - waited_ns)


async def holds(selector, seed, coroutines, cpu_share, seconds):
    source = random.Random(int(seed))
    until = time.monotonic() + float(seconds)
    await asyncio.gather(*(hold_at_random(selector, source, float(cpu_share), until)
                           for _ in range(int(coroutines))))
    return {}


# ---- short functions at known rates ---------------------------------------------------------------
# Each has a body of its own: what they called together would be blamed in their place.

def cpu_50us(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def cpu_500us(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def cpu_5ms(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def sleep_50us(seconds):
    time.sleep(seconds)


def sleep_500us(seconds):
    time.sleep(seconds)


def sleep_5ms(seconds):
    time.sleep(seconds)


RATES = {cpu_50us: (50e-6, 600), cpu_500us: (500e-6, 60), cpu_5ms: (5e-3, 10),
         sleep_50us: (50e-6, 400), sleep_500us: (500e-6, 60), sleep_5ms: (5e-3, 10)}


async def call_at_rate(function, spent, until):
    """What it waited for a CPU is not its own."""
    seconds, rate = RATES[function]
    while time.monotonic() < until:
        await asyncio.sleep(random.expovariate(rate))
        waited_ns, start_ns = run_queue.waited_ns(), time.monotonic_ns()
        function(seconds)
        spent_ns = time.monotonic_ns() - start_ns
        spent[function.__name__] += (spent_ns - (run_queue.waited_ns() - waited_ns)) / 1e9


async def call_all(seconds):
    spent = {function.__name__: 0 for function in RATES}
    until = time.monotonic() + seconds
    await asyncio.gather(*(call_at_rate(function, spent, until) for function in RATES))
    return spent


async def rates(_selector, seconds):
    """A function has no series before it has had a hundredth of the loop for a while."""
    victim.exact_timers()
    await call_all(WARM_UP_SECONDS)
    await asyncio.sleep(2)
    told.clear()
    print(json.dumps({"warm": True}), flush=True)
    while not told.is_set():
        await asyncio.sleep(0.05)
    return await call_all(float(seconds))


# ---- the conversation -----------------------------------------------------------------------------

async def serve(selector, what, arguments):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    while not told.is_set():
        await asyncio.sleep(0.05)
    spent = await {"holds": holds, "rates": rates}[what](selector, *arguments)
    await asyncio.sleep(0.1)
    print(json.dumps({"over": True, "turns": selector.turns, "spent": spent}), flush=True)
    told.clear()
    await asyncio.to_thread(told.wait)
    server.close()


def main():
    victim.die_with_parent()
    listen()
    selector = Turns()
    loop = asyncio.SelectorEventLoop(selector)
    loop.run_until_complete(serve(selector, sys.argv[1], sys.argv[2:]))


main()
