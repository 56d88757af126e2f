# SPDX-License-Identifier: Apache-2.0
"""What lives as long as the service: HTTP client, worker processes, database pool, files."""

import asyncio
from typing import Any, Optional

from app.services import archive, search_index
from app.settings import Settings
from app.workers import WorkerPool, start_threads


class Resources:
    """Made once, before the service listens; attributes are None where nothing needs them."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.http_client: Optional[Any] = None
        self.workers: Optional[WorkerPool] = None
        self.database_pool: Optional[Any] = None
        self.archive = archive.Archive(settings.data_dir)
        self.index = search_index.SearchIndex()

    async def open(self) -> None:
        """Opens what the chosen forms need, so that no request pays for it."""
        settings = self.settings
        start_threads()
        await asyncio.to_thread(self.archive.create)
        if not settings.holds_loop("recognise") or not settings.holds_loop("log"):
            self.http_client = _new_http_client()
        if settings.needs_workers():
            self.workers = WorkerPool(settings.workers)
            await self.workers.start()
        if settings.database_url and not settings.holds_loop("query"):
            import asyncpg

            self.database_pool = await asyncpg.create_pool(
                settings.database_url, min_size=4, max_size=4
            )

    async def close(self) -> None:
        """Closes all that open() opened."""
        if self.http_client is not None:
            await self.http_client.aclose()
        if self.workers is not None:
            await self.workers.stop()
        if self.database_pool is not None:
            await self.database_pool.close()


def _new_http_client() -> Any:
    import httpx

    # Loading the certificate store takes tens of milliseconds of CPU; these servers are plain HTTP.
    return httpx.AsyncClient(verify=False, timeout=30.0)
