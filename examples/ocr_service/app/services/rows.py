# SPDX-License-Identifier: Apache-2.0
"""Many short calls: no single one is worth a complaint, all together hold the loop."""

import asyncio
import time

ROWS = 300
_ROW_SECONDS = 0.0005


def fetch_rows_one_by_one() -> int:
    """Broken: 300 calls that block for 0.5 ms each, in one turn of the loop."""
    fetched = 0
    for _ in range(ROWS):
        time.sleep(_ROW_SECONDS)  # stands for a driver that polls its device
        fetched += 1
    return fetched


async def fetch_rows_together() -> int:
    """Mended: the waits overlap, and none is on the loop's thread."""
    return len(await asyncio.gather(*(asyncio.sleep(_ROW_SECONDS) for _ in range(ROWS))))
