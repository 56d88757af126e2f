# SPDX-License-Identifier: Apache-2.0
"""Running a victim: its conversation over standard streams, and its truth log."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

from .paths import PYTHON, VICTIMS


class Talker:
    """A process that prints JSON lines. A context manager: it is killed at the end."""

    def __init__(self, command, cgroup=None, environment=None):
        if cgroup:
            command = ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup, *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=VICTIMS,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})})
        self.pid = self.process.pid
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def hear(self, key, seconds=30):
        """The next line that has the key."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"victim said no {key!r} within {seconds} s") from None
            assert line is not None, f"victim left ({self.process.wait()}) before {key!r}"
            facts = json.loads(line)
            if key in facts:
                return facts

    def tell(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(
                f"victim left ({self.process.wait()}) before it was told {word!r}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


def arguments(case, loop, form, holds, truth, gap=0.01):
    """What victim.py is told to do."""
    return ["--case", case, "--loop", loop, "--form", form, "--holds", str(holds),
            "--gap", str(gap), "--truth", truth]


def read_truth(path):
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log]


class Victim(Talker):
    """One run of a case of tests/victims; see victim.py for the conversation."""

    def __init__(self, script, case, loop, form, holds, options=None, cgroup=None, heartbeat=False,
                 gap=0.01, python=(PYTHON,), environment=None):
        self._truth = tempfile.NamedTemporaryFile(prefix="loopstall-truth-")
        command = [*python, str(VICTIMS / script),
                   *arguments(case, loop, form, holds, self._truth.name, gap)]
        for name, value in (options or {}).items():
            command += ["--option", f"{name}={value}"]
        super().__init__(command + (["--heartbeat"] if heartbeat else []), cgroup, environment)

    def truth(self):
        return read_truth(self._truth.name)

    def __exit__(self, *problem):
        if problem[0] is None and self.process.poll() is None:
            self.tell("end")
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                print(f"victim {self.pid} did not end when told", file=sys.stderr)
        super().__exit__(*problem)
        self._truth.close()
