# SPDX-License-Identifier: Apache-2.0
"""Loops that are quiet, that hang, that end, and that are born twice.

These do not all follow victim.py's conversation: a loop that hangs cannot listen to a test. Each
prints {"ready": true, …} when it serves, and what else it says is told at each function.
"""

import asyncio
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time

import victim


def say(**facts):
    print(json.dumps(facts | {"pid": os.getpid(), "now_ns": time.monotonic_ns()}), flush=True)


async def serve():
    return await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)


async def serve_for(seconds):
    """An idle service that ticks, as uvicorn does."""
    async with await serve():
        say(ready=True)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(0.05)


def hang_asleep():
    time.sleep(3600)


def hang_spinning():
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


async def hang(function):
    await serve_for(0.5)
    say(hanging=True)
    function()


def hang_with_the_gil():
    """One call into C that does not let go of the GIL for minutes."""
    sum(range(10 ** 11))


def hang_for_the_gil():
    """Wants the GIL back, which a thread of its own keeps."""
    threading.Thread(target=hang_with_the_gil, daemon=True).start()
    while True:
        time.sleep(0)


def hang_uninterruptibly():
    """The parent of a vfork() waits in state D until its child execs; this one first opens a FIFO
    that nobody writes to."""
    fifo = f"/tmp/loopstall-vfork-{os.getpid()}"
    os.mkfifo(fifo)
    try:
        os.posix_spawn("/bin/true", ["true"], {},
                       file_actions=[(os.POSIX_SPAWN_OPEN, 9, fifo, os.O_RDONLY, 0)])
    finally:
        os.unlink(fifo)


def hang_in_own_code():
    while True:
        pass


def idle():
    """Serves and does nothing."""
    asyncio.run(serve_for(60))


def sleeping():
    """Hangs in time.sleep() soon after it served."""
    asyncio.run(hang(hang_asleep))


async def nap():
    say(ready=True)
    while True:
        time.sleep(0.03)
        await asyncio.sleep(0.001)


def napping():
    """Sleeps 30 ms in each turn, for ever."""
    asyncio.run(nap())


def napping_service():
    """The same in one that serves."""
    async def serve_and_nap():
        async with await serve():
            await nap()
    asyncio.run(serve_and_nap())


def answer_slowly(_, writer):
    time.sleep(0.2)
    writer.close()


def silent():
    """Serves, without any timer, and holds its loop at each connection."""
    async def wait_to_be_asked():
        async with await asyncio.start_server(answer_slowly, "127.0.0.1", 0) as server:
            say(ready=True, port=server.sockets[0].getsockname()[1])
            await server.serve_forever()
    asyncio.run(wait_to_be_asked())


def spinning():
    """Hangs on the CPU soon after it served."""
    asyncio.run(hang(hang_spinning))


async def begin_with(function):
    say(hanging=True)
    function()


def asleep_at_once():
    """Hangs in time.sleep() in its loop's first turn, a moment after its first wait."""
    asyncio.run(begin_with(hang_asleep))


def spinning_at_once():
    """Hangs on the CPU in its loop's first turn."""
    asyncio.run(begin_with(hang_spinning))


def resting_at_once():
    """Awaits from its loop's first turn on."""
    async def rest():
        say(hanging=False)
        await asyncio.sleep(60)
    asyncio.run(rest())


def in_c():
    """Hangs in C with the GIL soon after it served."""
    asyncio.run(hang(hang_with_the_gil))


def without_gil():
    """Hangs for the GIL soon after it served."""
    asyncio.run(hang(hang_for_the_gil))


def in_vfork():
    """Hangs in an uninterruptible wait soon after it served."""
    asyncio.run(hang(hang_uninterruptibly))


def endless():
    """`while True: pass` soon after it served."""
    asyncio.run(hang(hang_in_own_code))


def crash_asleep():
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(1)


def crash():
    """Crashes in the middle of a stall."""
    asyncio.run(hang(crash_asleep))


def abort_asleep():
    time.sleep(1)
    os.abort()


def abort():
    """Aborts in the middle of a stall."""
    asyncio.run(hang(abort_asleep))


def eat_memory():
    time.sleep(0.5)
    eaten = []
    while True:
        eaten.append(bytearray(1 << 20))


def hungry():
    """Takes more memory than it is given, in the middle of a stall."""
    asyncio.run(hang(eat_memory))


def after_run():
    """Works on, without a loop, after asyncio.run() returned."""
    asyncio.run(serve_for(2))
    say(loop_is_over=True)
    time.sleep(6)


def exit_in_stall():
    """Leaves by os._exit() of another thread while the loop's thread sleeps."""
    threading.Timer(3, lambda: os._exit(0)).start()
    asyncio.run(hang(hang_asleep))


def drain_queue(poller, seconds):
    """A blocking wait on an epoll of its own, as kafka-python and psycopg 3 do it."""
    poller.poll(seconds)


async def consume(poller, truth, holds):
    async with await serve():
        say(ready=True)
        until = time.monotonic() + 2
        while time.monotonic() < until:  # time for the agent to find the loop
            await asyncio.sleep(0.02)
        for _ in range(holds):
            await asyncio.sleep(0.02)
            start_ns = time.monotonic_ns()
            drain_queue(poller, 0.3)
            truth.append((start_ns, time.monotonic_ns()))


def second_run():
    """A second asyncio.run() after a private epoll took the number of the first one's."""
    loop_numbers = []

    async def first():
        loop_numbers.extend(epoll_numbers())
        await serve_for(2)

    asyncio.run(first())
    poller = select.epoll()
    here, there = socket.socketpair()
    poller.register(here, select.EPOLLIN)
    truth = []
    say(between=True, first_loop_epolls=loop_numbers, private_epoll=poller.fileno())
    start_ns = time.monotonic_ns()
    asyncio.run(consume(poller, truth, 12))
    say(done=True, start_ns=start_ns, holds=truth)
    there.close()
    time.sleep(3)


def epoll_numbers():
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if "eventpoll" in os.readlink(f"/proc/self/fd/{name}"):
                numbers.append(int(name))
        except OSError:
            pass
    return numbers


def main():
    lives = {life.__name__: life for life in
             (idle, silent, sleeping, napping, napping_service, spinning,
             asleep_at_once, spinning_at_once, resting_at_once, in_c, without_gil, in_vfork,
              endless, crash, abort, hungry, after_run, exit_in_stall, second_run)}
    if len(sys.argv) != 3 or sys.argv[1] not in lives:
        sys.exit(f"usage: lifecycle.py {'|'.join(lives)} asyncio|uvloop")
    victim.die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    victim.use_loop(sys.argv[2])
    lives[sys.argv[1]]()


if __name__ == "__main__":
    main()
