# SPDX-License-Identifier: Apache-2.0
"""A mount whose server can be made to fall silent."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile

from . import waiting
from .paths import PYTHON, VICTIMS


class SilentMount:
    """Shows a folder at `path`. A context manager: it is brought back and unmounted at the end."""

    def __init__(self, folder):
        self._folder = folder

    def __enter__(self):
        self._place = tempfile.TemporaryDirectory(prefix="loopstall-mount-")
        self.path = pathlib.Path(self._place.name)
        self._server = subprocess.Popen(
            [PYTHON, str(VICTIMS / "silent_mount.py"), str(self._folder), str(self.path)])
        waiting.until(self._is_mounted, 20, "the folder is mounted")
        return self

    def _is_mounted(self):
        assert self._server.poll() is None, "the mount's server left"
        return os.path.ismount(self.path)

    def fall_silent(self):
        self._server.send_signal(signal.SIGSTOP)

    def come_back(self):
        self._server.send_signal(signal.SIGCONT)

    def __exit__(self, *_):
        self.come_back()
        subprocess.run(["umount", "--lazy", self.path], check=False)
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        with contextlib.suppress(OSError):
            self._place.cleanup()
