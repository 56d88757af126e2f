# SPDX-License-Identifier: Apache-2.0
"""An index that a thread rebuilds under a lock while requests want to read it."""

import asyncio
import threading
import time
from typing import Callable

_REBUILD_SECONDS = 0.15


class SearchIndex:
    """Used by the loop's thread alone."""

    def __init__(self) -> None:
        self.documents = 1234
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()

    def start_rebuild(self) -> "asyncio.Future[None]":
        """Starts a rebuild in a thread, which has the lock when this returns."""
        locked = threading.Event()
        rebuild = asyncio.get_running_loop().run_in_executor(None, self._rebuild, locked)
        locked.wait()
        return rebuild

    def count_documents(self) -> int:
        """Broken: waits for the thread's lock on the loop's thread."""
        with self._lock:
            return self.documents

    async def rebuild_async(self, on_locked: Callable[[], None]) -> None:
        """Mended: the coroutine holds the lock while a thread does the work."""
        async with self._async_lock:
            on_locked()
            await asyncio.to_thread(self._write_segments)

    async def count_documents_async(self) -> int:
        """Mended: waits for the lock without holding the loop."""
        async with self._async_lock:
            return self.documents

    def _rebuild(self, locked: threading.Event) -> None:
        with self._lock:
            locked.set()
            self._write_segments()

    def _write_segments(self) -> None:
        time.sleep(_REBUILD_SECONDS)  # stands for slow output; always on a thread
