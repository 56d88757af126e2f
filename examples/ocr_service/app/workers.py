# SPDX-License-Identifier: Apache-2.0
"""The worker processes and threads that take work off the event loop."""

import asyncio
import concurrent.futures
import functools
import multiprocessing
import multiprocessing.connection
import os
import threading
import time
from typing import Any, Callable

_WARM_UP_SECONDS = 0.2
_THREADS = 8


def start_threads() -> None:
    """Gives asyncio.to_thread threads that run already: a thread's start waits for the new thread,
    on the event loop, which takes tens of milliseconds where all CPUs are busy."""
    executor = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="to_thread")
    all_started = threading.Barrier(_THREADS)
    for _ in range(_THREADS):
        executor.submit(all_started.wait)
    asyncio.get_running_loop().set_default_executor(executor)


class WorkerPool:
    """Worker processes, started and warm before the first request.

    They are spawned, not forked: a fork copies the page tables of a process that has threads, and
    it does that on the event loop.
    """

    def __init__(self, processes: int):
        self._processes = processes
        self._executor = concurrent.futures.ProcessPoolExecutor(
            max_workers=processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare_worker,
        )

    async def start(self) -> None:
        """Starts all processes and waits until each has imported what it needs."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(self._executor, _warm_up) for _ in range(self._processes))
        )

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a module's function in a worker. Arguments and result are pickled: keep them small."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, functools.partial(function, *arguments)
        )

    async def stop(self) -> None:
        """Ends the processes. Joining them blocks, so a thread does it."""
        await asyncio.to_thread(self._executor.shutdown, True, cancel_futures=True)


def _prepare_worker() -> None:
    # A worker also holds the writing end of its queue, so it sees no end of file when the service
    # is killed: it watches its parent instead.
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(0)


def _warm_up() -> None:
    # The imports cost tens of milliseconds, which belong to the start, not to the first request.
    from app.services import archive, checksums, converter, documents, images  # noqa: F401

    # While this one sleeps it is not idle, so that the executor starts the others too.
    time.sleep(_WARM_UP_SECONDS)
