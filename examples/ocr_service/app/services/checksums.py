# SPDX-License-Identifier: Apache-2.0
"""Arithmetic inside one C call, which keeps the GIL from its start to its end."""

_NUMBERS = 30_000_000


def add_row_numbers() -> int:
    """Adds thirty million numbers in one C call, a few hundred milliseconds.

    Broken in asyncio.to_thread: the loop cannot get the GIL meanwhile. Mended in a worker process,
    which has a GIL of its own.
    """
    return sum(range(_NUMBERS))
