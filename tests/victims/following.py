# SPDX-License-Identifier: Apache-2.0
"""Loops that come to be in other ways than at the start of a program: in a child, in a thread, after
an exec, under a number that was another's.

    following.py forked      two workers of multiprocessing, beside the parent's own loop

Each loop says {"ready": true, …} when it serves and begins at "go". At its end it says {"done": true,
"holds": [[function, start_ns, end_ns], …]}, with its process and thread. Healthy loops hold nothing.
"""

import asyncio
import concurrent.futures
import json
import multiprocessing
import os
import sys
import threading
import time

HOLDS = 8
HOLD_SECONDS = 0.06


def say(**facts):
    facts |= {"pid": os.getpid(), "tid": threading.get_native_id()}
    os.write(1, (json.dumps(facts) + "\n").encode())  # one write: processes share the stream


def charge_card():
    time.sleep(HOLD_SECONDS)


def refund_card():
    time.sleep(HOLD_SECONDS)


async def serve(function, go, end, **facts):
    """Holds the loop with the function; without one it does the same by waiting."""
    holds = []
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    say(ready=True, **facts)
    while not go.is_set():
        await asyncio.sleep(0.02)
    for _ in range(HOLDS):
        await asyncio.sleep(0.03)
        if not function:
            await asyncio.sleep(HOLD_SECONDS)
            continue
        start_ns = time.monotonic_ns()
        function()
        holds.append((function.__name__, start_ns, time.monotonic_ns()))
    await asyncio.sleep(0.03)
    say(done=True, holds=holds, **facts)
    while not end.is_set():
        await asyncio.sleep(0.02)
    server.close()


class Words:
    """What the test says, as events."""

    def __init__(self, event=threading.Event):
        self.go, self.end, self.then = event(), event(), event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        # Not by sys.stdin, whose lock a forked child would inherit held.
        while text := os.read(0, 4096).decode():
            for word in text.split():
                getattr(self, word).set()


# ---- in other processes ---------------------------------------------------------------------------

def work(function, go, end):
    asyncio.run(serve(function, go, end))


def run_workers(method):
    context = multiprocessing.get_context(method)
    words = Words(context.Event)

    async def parent():
        """Forks while its own loop runs."""
        workers = [context.Process(target=work, args=(function, words.go, words.end), daemon=True)
                   for function in (charge_card, refund_card)]
        for worker in workers:
            worker.start()
        await serve(None, words.go, words.end, healthy=True)
        for worker in workers:
            await asyncio.to_thread(worker.join)

    asyncio.run(parent())


def forked():
    """Two workers of multiprocessing, forked by a running loop that goes on."""
    run_workers("fork")


def spawned():
    """The same workers, started as programs of their own."""
    run_workers("spawn")


def pool():
    """A pool whose worker a coroutine forks: the loop's frames are on its stack, too."""
    import victim  # elsewhere this file runs alone
    words = Words()

    async def serve_with_pool():
        with concurrent.futures.ProcessPoolExecutor(
                1, multiprocessing.get_context("fork"), initializer=victim.die_with_parent) as pool:
            worker = await asyncio.get_running_loop().run_in_executor(pool, os.getpid)
            await serve(None, words.go, words.end, worker=worker)

    asyncio.run(serve_with_pool())


def bare():
    """A child that a coroutine forks by os.fork(): it works beneath the loop's frames."""
    words = Words()

    async def serve_beside_child():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        worker = os.fork()
        if worker == 0:
            import victim
            victim.die_with_parent()
            time.sleep(3600)
        server.close()
        await serve(None, words.go, words.end, worker=worker)

    asyncio.run(serve_beside_child())


def hanging_child():
    """The child that a coroutine forks runs a loop of its own, which hangs."""
    words = Words()

    async def hang():
        await asyncio.sleep(0.1)
        say(ready=True)
        time.sleep(3600)

    async def serve_beside_child():
        if os.fork() == 0:
            import victim
            victim.die_with_parent()
            asyncio.run(hang())
        await serve(None, words.go, words.end)

    asyncio.run(serve_beside_child())


def execed():
    """One loop, then another program under the same process id."""
    words = Words()
    if sys.argv[2:] == ["again"]:
        return asyncio.run(serve(refund_card, words.go, words.end))
    asyncio.run(serve(charge_card, words.go, words.end))
    say(over=True)
    words.then.wait()
    os.execv(sys.executable, [sys.executable, sys.argv[0], "execed", "again"])


# ---- in threads -----------------------------------------------------------------------------------

def run_in_thread(function, words, **facts):
    thread = threading.Thread(target=work_in_thread, args=(function, words, facts))
    thread.start()
    return thread


def work_in_thread(function, words, facts):
    asyncio.run(serve(function, words.go, words.end, **facts))


def threads():
    """Three loops in threads, one of them healthy; the main thread has none and sleeps."""
    words = Words()
    for function in (charge_card, refund_card, None):
        run_in_thread(function, words, healthy=function is None)
    while not words.end.is_set():
        time.sleep(0.2)


def shift(function, lives):
    """A loop that is not closed when its thread ends: its epoll stays open."""
    async def one_hold():
        await asyncio.sleep(0.02)
        start_ns = time.monotonic_ns()
        function()
        lives.append((threading.get_native_id(), function.__name__, start_ns, time.monotonic_ns()))
        await asyncio.sleep(0.02)

    loop = asyncio.new_event_loop()
    loops.append(loop)
    loop.run_until_complete(one_hold())


loops = []


def run_shift(function, tid):
    """In a thread with that id, where the kernel grants it: others may take it first."""
    lives = []
    if tid:
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
            last.write(str(tid - 1))
    thread = threading.Thread(target=shift, args=(function, lives))
    thread.start()
    thread.join()
    while os.path.exists(f"/proc/self/task/{lives[0][0]}"):  # it is still on its way out
        time.sleep(0.001)
    return lives[0]


def shifts():
    """Loops of threads that have one thread id, one after the other, by turns of two functions."""
    words = Words()
    tid = run_shift(charge_card, 0)[0]  # the one that the agent asks about
    say(ready=True)
    words.go.wait()
    lives = [run_shift((refund_card, charge_card)[turn % 2], tid) for turn in range(20)]
    say(done=True, lives=lives)
    words.end.wait()


# ---- under the process id of another ---------------------------------------------------------------

def reborn():
    """Says where its code lies: two programs of one layout have it at the same addresses."""
    words = Words()
    asyncio.run(serve(charge_card, words.go, words.end, code=id(charge_card.__code__)))


if __name__ == "__main__":
    {life.__name__: life for life in (
        forked, spawned, pool, bare, hanging_child, execed, threads, shifts, reborn)}[sys.argv[1]]()
