# SPDX-License-Identifier: Apache-2.0
"""A converter that is a program of its own; sleep stands for it."""

import asyncio
import subprocess

_COMMAND = ("sleep", "0.2")


def run_converter() -> int:
    """Broken: waits for the child on the loop's thread. Returns its exit status."""
    return subprocess.run(_COMMAND, check=False).returncode


async def run_converter_async() -> int:
    """Mended: the loop is told when the child ends."""
    process = await asyncio.create_subprocess_exec(*_COMMAND)
    return await process.wait()
