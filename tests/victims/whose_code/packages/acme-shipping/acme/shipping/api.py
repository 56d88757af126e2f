# SPDX-License-Identifier: Apache-2.0
"""Installed as a wheel: a library, though it shares its namespace with the user's own."""

import asyncio
import os
import time


def print_label():
    time.sleep(0.06)


async def track():
    """An endpoint that is nothing but library code."""
    if os.environ["FORM"] == "broken":
        print_label()
    else:
        await asyncio.to_thread(print_label)
