# SPDX-License-Identifier: Apache-2.0
"""Starts the example service and its slow servers for a test, and ends them."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, List

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
EXAMPLE = REPOSITORY / "examples" / "ocr_service"
PYTHON = sys.executable
_START_SECONDS = 60.0


@contextlib.contextmanager
def process(command: List[str], **options: Any) -> Iterator[subprocess.Popen]:
    """A process with a group of its own, which ends with the block."""
    child = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen) -> None:
    """SIGTERM to the whole group, SIGKILL after ten seconds."""
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            child.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


@contextlib.contextmanager
def slow_servers() -> Iterator[Dict[str, str]]:
    """The two slow servers; yields the variables that point the service to them."""
    command = [PYTHON, str(EXAMPLE / "slow_servers.py"), "--ocr-port", "0", "--log-port", "0"]
    with process(command, stdout=subprocess.PIPE, text=True) as child:
        words = child.stdout.readline().split()
        assert words[:1] == ["ready"], words
        urls = dict(word.split("=", 1) for word in words[1:])
        yield {"OCR_SERVER_URL": urls["ocr"], "OCR_LOG_URL": urls["log"]}


def environment(mode: str, data_dir: pathlib.Path, urls: Dict[str, str]) -> Dict[str, str]:
    """The service's environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    chosen = {"OCR_MODE": mode, "OCR_DATA_DIR": str(data_dir), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**clean, **chosen, **urls}


@contextlib.contextmanager
def service(command: List[str], port: int, variables: Dict[str, str]) -> Iterator[str]:
    """Runs `command`, waits until the service answers, and yields its URL."""
    with process(command, cwd=EXAMPLE, env=variables) as child:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(url):
            assert child.poll() is None, "the service ended while it started"
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        yield url


def _answers(url: str) -> bool:
    try:
        get(url + "/healthz")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> Dict[str, Any]:
    """GET, as JSON."""
    with urllib.request.urlopen(url, timeout=60) as reply:
        return json.load(reply)


def post(url: str, content_type: str, body: bytes) -> Dict[str, Any]:
    """POST, as JSON."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)
