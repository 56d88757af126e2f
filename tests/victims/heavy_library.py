# SPDX-License-Identifier: Apache-2.0
"""Takes 0.8 s to import: half on the CPU, as a parser of large tables, half asleep, as a client
that waits for its first connection."""

import time


def build_tables(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def connect(seconds):
    time.sleep(seconds)


build_tables(0.4)
connect(0.4)
