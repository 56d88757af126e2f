# SPDX-License-Identifier: Apache-2.0
"""An index that a thread rebuilds under a lock while requests want to read it."""

import asyncio
import threading
import time
from typing import Callable

_REBUILD_SECONDS = 0.15


class SearchIndex:
    """Made on the loop's thread; only rebuild() may be called from another."""

    def __init__(self) -> None:
        self.documents = 1234
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()

    def rebuild(self, on_locked: Callable[[], None]) -> None:
        """Holds the lock for 150 ms. Runs in a thread; calls `on_locked` when it has the lock."""
        with self._lock:
            on_locked()
            self._write_segments()

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

    def _write_segments(self) -> None:
        time.sleep(_REBUILD_SECONDS)  # stands for slow output; always on a thread
