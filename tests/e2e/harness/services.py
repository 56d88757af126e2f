# SPDX-License-Identifier: Apache-2.0
"""A service under a real server, and the requests that it was sent."""

import contextlib
import os
import subprocess
import tempfile
import time

from . import waiting
from .agent import free_port, get
from .paths import PYTHON, VICTIMS


class Service:
    """`python -m uvicorn APP` in the folder of the victims. A context manager.

    The app answers GET /ready, which tells that nothing holds its loop any more.
    """

    def __init__(self, app, loop):
        self.port = free_port()
        self.requests = {}  # path, without its slash -> [(before_ns, after_ns)] of CLOCK_MONOTONIC
        self._command = [PYTHON, "-m", "uvicorn", app, "--port", str(self.port), "--loop", loop,
                         "--log-level", "error"]

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            self._log = opened.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                self._command, cwd=VICTIMS, stdin=subprocess.DEVNULL, stdout=self._log,
                stderr=self._log, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            opened.callback(self._end)
            self.pid = self._process.pid
            waiting.until(self._answers, 60, "the service answers")
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_):
        self._opened.close()

    def _end(self):
        """At first by SIGTERM, so that its worker processes end with it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self):
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"the service left\n{self._log.read().decode()[-2000:]}")
        return get(f"http://127.0.0.1:{self.port}/ready")[0] == 200

    def request(self, path):
        """Returns when the answer is there and what the endpoint left to do after it is done."""
        before_ns = time.monotonic_ns()
        for asked in (path, "ready"):
            status, body = get(f"http://127.0.0.1:{self.port}/{asked}", timeout=60)
            assert status == 200, f"{asked}: {status} {body}"
        self.requests.setdefault(path, []).append((before_ns, time.monotonic_ns()))

    def records_of(self, path, records):
        """For each request of that path, the stall records that began in its time."""
        return [[record for record in records if before <= record["start_monotonic_ns"] <= after]
                for before, after in self.requests[path]]
