# SPDX-License-Identifier: Apache-2.0
"""A converter that is a program of its own; sleep stands for it."""

import subprocess

_COMMAND = ("sleep", "0.2")


def run_converter() -> int:
    """Waits for the child and returns its exit status.

    Broken where the loop's thread calls it; mended in a worker process. asyncio's own
    create_subprocess_exec is nearly as good: it forks on the loop's thread and waits there until
    the child runs its program, 5 ms on a quiet machine, but 20 ms and more where all CPUs are busy.
    In a thread, subprocess keeps the GIL meanwhile.
    """
    return subprocess.run(_COMMAND, check=False).returncode
