# SPDX-License-Identifier: Apache-2.0
"""A slow query."""

import contextlib
from typing import Any

_QUERY = "SELECT pg_sleep(0.2), 42 AS pages"


def query_page_count(database_url: str) -> int:
    """Broken: psycopg2 waits for PostgreSQL on the loop's thread."""
    import psycopg2

    with contextlib.closing(psycopg2.connect(database_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(_QUERY)
            return cursor.fetchone()[1]


async def query_page_count_async(pool: Any) -> int:
    """Mended: asyncpg, over connections that were opened at the start."""
    row = await pool.fetchrow(_QUERY)
    return row["pages"]
