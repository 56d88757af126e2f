# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, and what one would see there."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading

import pyte

from . import waiting

ESCAPE = "\x1b"
DOWN = "\x1bOB"  # as xterm says it in application mode


class Terminal:
    """A context manager: what still runs at its end is killed."""

    def __init__(self, command, columns, lines, kind="xterm-256color"):
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._raw = b""
        self._ours, theirs = pty.openpty()
        self._set_size(theirs, columns, lines)
        self._modes = termios.tcgetattr(theirs)
        self._theirs = theirs
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env={**environment, "TERM": kind, "LC_ALL": "C"})
        threading.Thread(target=self._read, daemon=True).start()

    def _set_size(self, descriptor, columns, lines):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self):
        while True:
            try:
                said = os.read(self._ours, 65536)
            except OSError:
                return
            with self._lock:
                self._raw += said
                self._stream.feed(said)

    def text(self):
        with self._lock:
            return "\n".join(self._screen.display)

    def colours(self):
        """How many are on the screen."""
        with self._lock:
            return len({cell.fg for row in self._screen.buffer.values() for cell in row.values()})

    def wait_for(self, part, seconds):
        try:
            waiting.until(lambda: part in self.text(), seconds, f"{part!r} is shown")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def type(self, keys):
        os.write(self._ours, keys.encode())

    def resize(self, columns, lines):
        with self._lock:
            self._screen.resize(lines, columns)
        self._set_size(self._theirs, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def wait(self, seconds=10):
        """The exit status."""
        return self.process.wait(seconds)

    def is_as_it_was(self):
        """Its modes, and the page that the shell was on."""
        with self._lock:
            left_page = self._raw.rfind(b"\x1b[?1049l") > self._raw.rfind(b"\x1b[?1049h") >= 0
        return left_page and termios.tcgetattr(self._theirs) == self._modes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        os.close(self._ours)
