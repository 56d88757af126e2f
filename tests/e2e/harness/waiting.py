# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, with a bound and a reason."""

import time


def until(condition, seconds, what, every=0.05):
    """Returns the condition's first true value; fails with `what` when none came in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
