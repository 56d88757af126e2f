# SPDX-License-Identifier: Apache-2.0
"""What the demo says while it works: one line that changes on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from typing import Optional, TextIO

_PLAIN_INTERVAL_SECONDS = 10.0


class Progress:
    """Numbered steps. Used by one thread."""

    def __init__(self, steps: int, stream: TextIO = sys.stderr):
        self._stream = stream
        self._live = stream.isatty()
        self._steps = steps
        self._step = 0
        self._name = ""
        self._last_plain: Optional[float] = None

    def step(self, name: str) -> None:
        """Starts the next step."""
        self.clear()
        self._step += 1
        self._name = name
        self._last_plain = time.monotonic()
        self._write(self._prefix())

    def detail(self, text: str) -> None:
        """Says how far the step is; on a plain stream at most every ten seconds."""
        if self._live:
            self.clear()
        else:
            now = time.monotonic()
            if self._last_plain is not None and now - self._last_plain < _PLAIN_INTERVAL_SECONDS:
                return
            self._last_plain = now
        self._write(f"{self._prefix()}: {text}")

    def clear(self) -> None:
        """Takes the changing line off the terminal, before other output."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _prefix(self) -> str:
        return f"[{self._step}/{self._steps}] {self._name}"

    def _write(self, text: str) -> None:
        if self._live:
            # A line that the terminal wraps could not be taken off again.
            self._stream.write(text[: shutil.get_terminal_size().columns - 1])
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
