# SPDX-License-Identifier: Apache-2.0
"""A service that its load saturates: uvicorn on one CPU, wrk on another, and what the service takes of its CPU."""

import contextlib
import os
import pathlib
import subprocess

from harness import waiting
from harness.agent import free_port, get
from harness.paths import PYTHON

SERVER_CPU, LOAD_CPU = 0, 1
CONNECTIONS = 16


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *command] if os.cpu_count() > 1 else command


@contextlib.contextmanager
def uvicorn(app, loop, folder, environment, ready_seconds=30):
    """On a CPU of its own: (process, URL)."""
    port = free_port()
    process = subprocess.Popen(
        pinned(SERVER_CPU, [
            PYTHON, "-m", "uvicorn", app, "--loop", loop, "--port", str(port), "--no-access-log",
            "--log-level", "critical"]),
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/healthz"
        waiting.until(lambda: get(url)[0] == 200, ready_seconds, "the service answers")
        yield process, url
    finally:
        process.terminate()
        process.wait(10)


def cpu_seconds(pid):
    """All its threads', by the scheduler's book."""
    return sum(int((task / "schedstat").read_text().split()[0]) / 1e9
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def wrk_command(url, seconds, connections=CONNECTIONS, script=()):
    """On a CPU that is not the service's; it prints latencies, too."""
    return pinned(LOAD_CPU, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *script, url])


@contextlib.contextmanager
def under_load(url, minutes, connections=CONNECTIONS, script=()):
    """The load runs meanwhile; it fails where that ended before."""
    load = subprocess.Popen(wrk_command(url, int(minutes * 60 + 60), connections, script), stdout=subprocess.DEVNULL)
    try:
        yield
        assert load.poll() is None, "the load has ended"
    finally:
        load.terminate()
        load.wait()
