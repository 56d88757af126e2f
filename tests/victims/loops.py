# SPDX-License-Identifier: Apache-2.0
"""The same service on each kind of event loop, and loops that live for one job.

    loops.py poll broken      asyncio's epoll, poll or select selector, trio or tornado
    loops.py jobs thread      asyncio.run() for each of many jobs, each in a thread of its own
    loops.py jobs open        loops of one thread, none of which is ever closed
    loops.py jobs older       the same, and the first of them waits until the agent has come

A service says {"ready": true}, waits for a line, makes its holds and says {"done": true, "holds":
[[function, start_ns, end_ns, waited_ns], …]}, of which waited_ns is how long the thread waited for a CPU in it;
jobs say the same of their [function, start_ns, end_ns], and "lives", from a job's first line to its last.
"""

import asyncio
import gc
import json
import os
import select
import selectors
import socket
import sys
import threading
import time

import victim
from told import listen, told

ROUNDS = 8
JOBS = 30
HOLD_SECONDS = 0.12

truth = []


def say(**facts):
    print(json.dumps(facts | {"pid": os.getpid(), "now_ns": time.monotonic_ns()}), flush=True)


def back_off(_):
    time.sleep(HOLD_SECONDS)


def wait_by_poll(device):
    """As requests and libpq wait: in the very call that may be the loop's own wait."""
    poller = select.poll()
    poller.register(device, select.POLLIN)
    poller.poll(HOLD_SECONDS * 1000)


def wait_by_select(device):
    select.select([device], [], [], HOLD_SECONDS)


def wait_by_selector(device):
    """The loop's own selector class, for a client's own wait."""
    with selector_class() as own:
        own.register(device, selectors.EVENT_READ)
        own.select(HOLD_SECONDS)


selector_class = selectors.EpollSelector


async def serve_requests(sleep, broken):
    device, _other_end = socket.socketpair()
    run_queue = victim.RunQueue()
    say(ready=True)
    while not told.is_set():
        await sleep(0.02)
    for _ in range(ROUNDS):
        for function in (back_off, wait_by_poll, wait_by_select, wait_by_selector):
            await sleep(0.03)
            if not broken:
                await sleep(HOLD_SECONDS)
                continue
            start_ns, waited_ns = time.monotonic_ns(), run_queue.waited_ns()
            function(device)
            truth.append((function.__name__, start_ns, time.monotonic_ns(), run_queue.waited_ns() - waited_ns))
    await sleep(0.03)
    say(done=True, holds=truth)
    told.clear()
    while not told.is_set():
        await sleep(0.02)


async def live_on_asyncio(broken):
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0):
        await serve_requests(asyncio.sleep, broken)


def run_asyncio(selector, broken):
    global selector_class
    selector_class = selector
    loop = asyncio.SelectorEventLoop(selector())
    loop.run_until_complete(live_on_asyncio(broken))


def run_uvloop(broken):
    import uvloop
    uvloop.install()
    asyncio.run(live_on_asyncio(broken))


def run_trio(broken):
    import trio

    async def live():
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_tcp, lambda stream: stream.aclose(), 0)
            await serve_requests(trio.sleep, broken)
            nursery.cancel_scope.cancel()

    trio.run(live)


def run_tornado(broken):
    import tornado.ioloop
    import tornado.web

    async def live():
        tornado.web.Application([]).listen(0, "127.0.0.1")
        await serve_requests(asyncio.sleep, broken)

    tornado.ioloop.IOLoop.current().run_sync(live)


RUNS = {
    "epoll": lambda broken: run_asyncio(selectors.EpollSelector, broken),
    "poll": lambda broken: run_asyncio(selectors.PollSelector, broken),
    "select": lambda broken: run_asyncio(selectors.SelectSelector, broken),
    "uvloop": run_uvloop,
    "trio": run_trio,
    "tornado": run_tornado,
}


# ---- loops that live for one job ------------------------------------------------------------------

def charge_card():
    start_ns = time.monotonic_ns()
    time.sleep(0.025)
    truth.append(("charge_card", start_ns, time.monotonic_ns()))


async def job(lives):
    start_ns = time.monotonic_ns()
    await asyncio.sleep(0.015)
    charge_card()
    await asyncio.sleep(0.01)
    lives.append((start_ns, time.monotonic_ns()))


def run_in_this_thread(lives):
    asyncio.run(job(lives))


def run_in_new_thread(lives):
    thread = threading.Thread(target=run_in_this_thread, args=(lives,))
    thread.start()
    thread.join()


def run_and_leave_open(lives):
    """Loops that are never closed, as code does that makes its own and forgets it."""
    leave_open(job(lives))


def leave_open(coroutine):
    loop = asyncio.new_event_loop()
    loops.append(loop)
    loop.run_until_complete(coroutine)


loops = []


async def wait_until_told():
    while not told.is_set():
        await asyncio.sleep(0.01)


def run_jobs(form):
    run = {"same": run_in_this_thread, "thread": run_in_new_thread,
           "open": run_and_leave_open, "older": run_and_leave_open}[form]
    if form == "older":
        say(ready=True)
        leave_open(wait_until_told())
    else:
        run([])
        run([])  # the agent asks about the first, or comes while that runs and asks about this one
        say(ready=True)
        told.wait()
    truth.clear()
    lives = []
    for _ in range(JOBS):
        run(lives)
        time.sleep(0.005)  # no turn
    say(done=True, lives=lives, holds=truth)
    told.clear()
    told.wait()


def main():
    gc.disable()  # a full pass takes milliseconds, and would be in somebody's hold
    listen()
    kind, form = sys.argv[1:]
    if kind == "jobs":
        run_jobs(form)
    else:
        RUNS[kind](form == "broken")


if __name__ == "__main__":
    main()
