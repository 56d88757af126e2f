# SPDX-License-Identifier: Apache-2.0
"""The scheduler's book of a process's main thread."""


def ran_and_waited_ns(pid):
    """On a CPU, and for one, since the thread's start."""
    with open(f"/proc/{pid}/task/{pid}/schedstat", encoding="ascii") as book:
        ran, waited, _ = book.read().split()
    return int(ran), int(waited)
