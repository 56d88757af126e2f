# SPDX-License-Identifier: Apache-2.0
"""What one request does, each in the form that holds the loop and in the one that does not."""

import asyncio
import functools
import io
import json
import time
from typing import Any, Dict, List

import asyncpg
import httpx
import psycopg2
import requests
from PIL import Image

_PAUSE_SECONDS = 0.003
_SCAN_SIZE, _THUMBNAIL_SIZE = (720, 960), (240, 320)
_WORDS = "SELECT x, y, word FROM words, pg_sleep(0.002) WHERE page = %s ORDER BY y, x"


def recognise_text(url: str, number: int) -> str:
    """Holds the loop until the OCR server has answered."""
    return requests.post(url, data=b"%d" % number, timeout=30).json()["text"]


async def recognise_text_async(client: httpx.AsyncClient, url: str, number: int) -> str:
    """Awaits the OCR server."""
    return (await client.post(url, content=b"%d" % number)).json()["text"]


def pause() -> None:
    """The OCR server wants its clients to leave it some time: sleeps on the loop's thread."""
    time.sleep(_PAUSE_SECONDS)


async def pause_async() -> None:
    """Lets others run meanwhile."""
    await asyncio.sleep(_PAUSE_SECONDS)


def connect(url: str) -> Any:
    """One connection, as a service has it that meant to be fast."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def read_words(connection: Any, number: int) -> List[List[Any]]:
    """Holds the loop until PostgreSQL has answered."""
    with connection.cursor() as cursor:
        cursor.execute(_WORDS, (number % 100,))
        return [list(row) for row in cursor.fetchall()]


async def read_words_async(pool: asyncpg.Pool, number: int) -> List[List[Any]]:
    """Awaits PostgreSQL."""
    return [list(row) for row in await pool.fetch(_WORDS.replace("%s", "$1"), number % 100)]


@functools.lru_cache(maxsize=None)
def _scan() -> Image.Image:
    return Image.linear_gradient("L").resize(_SCAN_SIZE).convert("RGB")


def make_thumbnail(_number: int) -> int:
    """Resizes an image and encodes it, on whatever thread it is called; returns its size in bytes."""
    encoded = io.BytesIO()
    _scan().resize(_THUMBNAIL_SIZE, Image.LANCZOS).save(encoded, "JPEG", quality=80)
    return len(encoded.getvalue())


async def make_thumbnail_elsewhere(pool: Any, number: int) -> int:
    """Awaits another process that does it."""
    return await asyncio.get_running_loop().run_in_executor(pool, make_thumbnail, number)


def encode_page(document: Dict[str, Any]) -> bytes:
    """With the standard library."""
    return json.dumps(document).encode()


def encode_page_fast(document: Dict[str, Any]) -> bytes:
    """With orjson."""
    import orjson  # Debian 12 has none

    return orjson.dumps(document)
