# SPDX-License-Identifier: Apache-2.0
"""A real agent for a test that needs one, and why a test cannot have one."""

import contextlib
import dataclasses
import os
import shutil
import subprocess

import pytest

import example_service
import paths
from harness.prometheus_server import fetch, free_port, wait_until


@dataclasses.dataclass
class LiveAgent:
    listen: str  # addresses
    admin: str
    process: subprocess.Popen


def missing(*programs):
    """What such a test lacks besides the programs of Debian's; None when it lacks nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if not paths.BINARY.exists():
        return f"no agent at {paths.BINARY}; run scripts/build or set LOOPSTALL_BINARY"
    lacking = [program for program in programs if not shutil.which(program)]
    return f"Debian's {lacking[0]} is not installed" if lacking else None


@contextlib.contextmanager
def live_agent(directory, prefix=()):
    """`prefix`: a command that runs it."""
    listen, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [*prefix, paths.BINARY, "agent", "--listen", listen, "--admin-listen", admin]
    with example_service.running(command, "agent", directory) as process:
        wait_until(lambda: _is_ready(listen, process, directory), 60, "the agent is ready")
        yield LiveAgent(listen, admin, process)


def _is_ready(listen, process, directory):
    if process.poll() is not None:
        pytest.fail(f"the agent ended: {example_service.tail_of(directory, 'agent')}")
    return fetch(f"http://{listen}/readyz")
