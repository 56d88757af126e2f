# SPDX-License-Identifier: Apache-2.0
"""The example service with its slow servers and its load, each a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys

import paths
from harness.prometheus_server import fetch, free_port, wait_until

# Each of these blocks for another cause; together they keep one loop about half busy.
ENDPOINTS = "upload=4,sleep,file-read,subprocess,lock,gil"
PYTHON = "/usr/bin/python3"


@contextlib.contextmanager
def running(command, name, directory, **options):
    """A process that is stopped at the end; its output is in directory/name.log."""
    with open(directory / f"{name}.log", "w") as log:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, **options
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tail_of(directory, name):
    return (directory / f"{name}.log").read_text()[-2000:]


@contextlib.contextmanager
def under_load(directory, loop="uvloop"):
    """Yields the process of the service."""
    ocr, log, port = free_port(), free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OCR_")},
        "OCR_SERVER_URL": f"http://127.0.0.1:{ocr}/recognise",
        "OCR_LOG_URL": f"http://127.0.0.1:{log}/records",
        "OCR_DATA_DIR": str(directory / "data"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    url = f"http://127.0.0.1:{port}"
    servers = [PYTHON, paths.EXAMPLE / "slow_servers.py", "--ocr-port", ocr, "--log-port", log]
    service = [PYTHON, "-m", "uvicorn", "app.main:app", "--port", port, "--loop", loop]
    load = [PYTHON, paths.EXAMPLE / "load.py", "--url", url, "--duration", 0, "--rate", 3]
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(servers, "slow_servers", directory))
        served = stack.enter_context(
            running(service, "service", directory, cwd=paths.EXAMPLE, env=environment)
        )
        try:
            wait_until(lambda: fetch(f"{url}/healthz"), 60, "the example service serves")
        except AssertionError as error:
            sys.exit(f"{error}\n{tail_of(directory, 'service')}")
        stack.enter_context(running([*load, "--endpoints", ENDPOINTS], "load", directory))
        yield served
