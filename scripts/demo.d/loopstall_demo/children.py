# SPDX-License-Identifier: Apache-2.0
"""The processes that the demo starts, each a process group of its own; none survives it."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import time
from typing import Dict, List, Optional

from loopstall_demo import interrupts
from loopstall_demo.errors import DemoError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_TERM_SECONDS = 6.0


class Child:
    """A process and its log file."""

    def __init__(self, name: str, process: subprocess.Popen, log: pathlib.Path):
        self.name = name
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Also the number of its process group."""
        return self.process.pid

    def last_line(self) -> str:
        """The last line that is not empty in its log, printable and of bounded length."""
        with open(self.log, "rb") as file:
            file.seek(max(0, self.log.stat().st_size - 4096))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "it said nothing")
        return "".join(character if character.isprintable() else "?" for character in last)[:300]


class Children:
    """All processes of the demo, in the order of their start."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._children: List[Child] = []
        self._libc = ctypes.CDLL(None, use_errno=True)

    def start(
        self,
        name: str,
        command: List[str],
        *,
        cwd: Optional[pathlib.Path] = None,
        variables: Optional[Dict[str, str]] = None,
        outlives_demo: bool = False,
    ) -> Child:
        """Starts a process whose output goes to NAME.log in the demo's directory."""
        log = self._directory / f"{name.replace(' ', '-')}.log"
        # A signal between the fork and the list would leave a process that nobody ends.
        with open(log, "wb") as output, interrupts.deferred():
            try:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env={**_clean_environment(), **(variables or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=None if outlives_demo else self._die_with_demo,
                )
            except OSError as error:
                raise DemoError(f"The {name} could not be started: {error}.") from error
            child = Child(name, process, log)
            self._children.append(child)
        return child

    def check(self) -> None:
        """Raises DemoError if a process ended that should still run."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                raise DemoError(
                    f"The {child.name} ended by itself with status {status}: {child.last_line()}"
                )

    def wait(self, child: Child, timeout_seconds: float = 0.0) -> Optional[int]:
        """The exit status of a child that is meant to end, once it has; forgets it then."""
        try:
            status = child.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        self._end_group(child)
        self._children.remove(child)
        return status

    def stop(self, child: Child) -> None:
        """Ends the child and its group: SIGTERM, then SIGKILL."""
        self._signal(child, signal.SIGTERM)
        try:
            child.process.wait(_TERM_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self._end_group(child)
        if child in self._children:
            self._children.remove(child)

    def stop_all(self) -> None:
        """Ends all, the last started first; all get the time of one."""
        for child in reversed(self._children):
            self._signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _TERM_SECONDS
        for child in reversed(self._children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
        while self._children:
            self._end_group(self._children.pop())

    def release(self) -> List[Child]:
        """Gives up the responsibility for those that still run."""
        released, self._children = self._children, []
        return released

    def _end_group(self, child: Child) -> None:
        self._signal(child, signal.SIGKILL)
        child.process.wait()

    def _signal(self, child: Child, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)

    def _die_with_demo(self) -> None:
        # Even where the demo is killed with SIGKILL, nothing of it stays behind.
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _clean_environment() -> Dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OCR_", "PYTHON", "LOOPSTALL_"))
    }
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
