# SPDX-License-Identifier: Apache-2.0
"""What the test says to a victim, a line each."""

import sys
import threading

told = threading.Event()  # a line came


def _listen():
    for _ in sys.stdin:
        told.set()


def listen():
    """Needs no loop: victims that try loops out share it."""
    threading.Thread(target=_listen, daemon=True).start()
