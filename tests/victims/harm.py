# SPDX-License-Identifier: Apache-2.0
"""Timers and connections that wait for a loop that is held.

    harm.py epoll broken      asyncio's epoll, poll or select selector, or uvloop

A timer beats every 50 ms. By turns, a request comes in that makes hold_all() hold the loop, while
CONNECTIONS of its sockets become ready, and one for hold_none(), while none does; the mended form
holds nothing. It says {"ready": true}, waits for a line and says {"done": true, "lag_ns": [by how
much each timer was late], "all_ns": [how long each hold_all() lasted], "none_ns": […]}.
"""

import asyncio
import json
import os
import selectors
import socket
import sys
import threading
import time

from told import listen, told

ROUNDS = 6
CONNECTIONS = 7
HOLD_SECONDS = 0.13
BEAT_SECONDS = 0.05

lag_ns, all_ns, none_ns = [], [], []


def say(**facts):
    print(json.dumps(facts | {"pid": os.getpid()}), flush=True)


def call_later(seconds, callback, *arguments):
    """The loop's own time is the monotonic clock; uvloop's is that of its last turn, in ms."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds

    def run():
        lag_ns.append(time.monotonic_ns() - int(due * 1e9))
        callback(*arguments)
    loop.call_at(due, run)


def beat():
    if not told.is_set():
        call_later(BEAT_SECONDS, beat)


async def sleep(seconds):
    over = asyncio.get_running_loop().create_future()
    call_later(seconds, over.set_result, None)
    await over


def hold_all():
    time.sleep(HOLD_SECONDS)


def hold_none():
    time.sleep(HOLD_SECONDS)


def answer(request, broken):
    hold, times_ns = (hold_all, all_ns) if request.recv(1) == b"a" else (hold_none, none_ns)
    if broken:
        timed(hold, times_ns)


def timed(hold, times_ns):
    start_ns = time.monotonic_ns()
    hold()
    times_ns.append(time.monotonic_ns() - start_ns)


def ask(request, ends, over):
    for word in (b"a", b"n") * ROUNDS:
        time.sleep(0.12)
        request.send(word)
        time.sleep(HOLD_SECONDS / 3)
        if word == b"a":
            for end in ends:
                end.send(b"x")
        time.sleep(HOLD_SECONDS)
    over()


async def serve(broken):
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    ends = []
    for _ in range(CONNECTIONS):
        ours, theirs = socket.socketpair()
        loop.add_reader(ours, ours.recv, 1)
        ends.append(theirs)
    requests, asks = socket.socketpair()
    loop.add_reader(requests, answer, requests, broken)
    say(ready=True)
    while not told.is_set():
        await sleep(0.02)
    told.clear()
    beat()
    over = loop.create_future()
    threading.Thread(target=ask, args=(
        asks, ends, lambda: loop.call_soon_threadsafe(over.set_result, None)), daemon=True).start()
    await over
    told.set()  # the last beat
    await sleep(2 * BEAT_SECONDS)
    say(done=True, lag_ns=lag_ns, all_ns=all_ns, none_ns=none_ns)
    server.close()
    told.clear()
    while not told.is_set():
        await asyncio.sleep(0.05)


def main():
    kind, form = sys.argv[1:]
    listen()
    if kind == "uvloop":
        import uvloop
        loop = uvloop.new_event_loop()
    else:
        selector = {"epoll": selectors.EpollSelector, "poll": selectors.PollSelector,
                    "select": selectors.SelectSelector}[kind]
        loop = asyncio.SelectorEventLoop(selector())
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serve(form == "broken"))


main()
