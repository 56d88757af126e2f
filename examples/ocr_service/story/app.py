# SPDX-License-Identifier: Apache-2.0
"""One endpoint in the stages of docs/tutorial.md: STORY_STAGE says how much of it is mended.

    1 everything on the loop's thread   2 httpx, asyncio.sleep   3 asyncpg   4 images in a process pool
    5 uvloop (uvicorn --loop)           6 orjson                 7 four workers (uvicorn --workers)
"""

import concurrent.futures
import os
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI, Response

from story import work

HTTPX, ASYNCPG, POOL, ORJSON = 2, 3, 4, 6

stage = int(os.environ["STORY_STAGE"])
ocr_url = os.environ["STORY_OCR_URL"]
database_url = os.environ["STORY_DATABASE_URL"]
pool_size = int(os.environ["STORY_POOL_SIZE"])
app = FastAPI(title="The OCR service of the tutorial")


class Resources:
    """What lives as long as the worker."""

    def __init__(self) -> None:
        self.client = httpx.AsyncClient(timeout=30)
        self.pool = concurrent.futures.ProcessPoolExecutor(pool_size) if stage >= POOL else None
        self.database: Any = None

    async def open(self) -> None:
        """Everything that the first request would have to wait for."""
        if stage >= ASYNCPG:
            self.database = await asyncpg.create_pool(database_url, min_size=8, max_size=8)
        else:
            self.database = work.connect(database_url)
        if self.pool:
            await work.make_thumbnail_elsewhere(self.pool, 0)


resources: Resources


@app.on_event("startup")
async def open_resources() -> None:
    """Runs before the service listens."""
    global resources
    resources = Resources()
    await resources.open()


@app.get("/page/{number}")
async def page(number: int) -> Response:
    """The text of a scanned page, its words from the database, and a thumbnail."""
    if stage >= HTTPX:
        text = await work.recognise_text_async(resources.client, ocr_url, number)
        await work.pause_async()
    else:
        text = work.recognise_text(ocr_url, number)
        work.pause()
    if stage >= ASYNCPG:
        words = await work.read_words_async(resources.database, number)
    else:
        words = work.read_words(resources.database, number)
    if stage >= POOL:
        thumbnail = await work.make_thumbnail_elsewhere(resources.pool, number)
    else:
        thumbnail = work.make_thumbnail(number)
    document = {"page": number, "text": text, "words": words, "thumbnail_bytes": thumbnail}
    encode = work.encode_page_fast if stage >= ORJSON else work.encode_page
    return Response(encode(document), media_type="application/json")
