# SPDX-License-Identifier: Apache-2.0
"""Starts what the agent observes: the slow servers, the example service, the load."""

import http.client
import json
import pathlib
import socket
import time
import urllib.request
from typing import Any, Dict, Iterator, Optional, Tuple

from loopstall_demo.children import Child, Children
from loopstall_demo.errors import DemoError

#: Debian's interpreter, which has the service's packages, whatever comes first on PATH.
PYTHON = "/usr/bin/python3"
#: Slots of /healthz show what the others' requests suffer.
ENDPOINTS = "upload=4,healthz=4,sleep,file-read,fsync,mmap,json,subprocess,gil,lock,many"
RATE = 5.0  # per second: holds the broken service's loop for about four fifths of the time

_POLL_SECONDS = 0.05
_SLOW_SERVERS_SECONDS = 15.0
_SERVICE_SECONDS = 60.0


class Example:
    """The example service of this repository."""

    def __init__(self, repository: pathlib.Path, directory: pathlib.Path, children: Children):
        self._source = repository / "examples" / "ocr_service"
        self._directory = directory
        self._children = children
        self._urls: Dict[str, str] = {}

    def start_slow_servers(self, outlives_demo: bool) -> Child:
        """Starts the OCR server and the log server."""
        command = [PYTHON, str(self._source / "slow_servers.py"), "--ocr-port=0", "--log-port=0"]
        child = self._children.start("slow servers", command, outlives_demo=outlives_demo)
        for _ in _until(_SLOW_SERVERS_SECONDS, "The slow servers did not start"):
            self._children.check()
            words = child.log.read_text(encoding="utf-8").split()
            if words[:1] == ["ready"] and len(words) == 3:
                urls = dict(word.split("=", 1) for word in words[1:])
                self._urls = {"OCR_SERVER_URL": urls["ocr"], "OCR_LOG_URL": urls["log"]}
                return child
        raise AssertionError("unreachable")

    def start_service(self, mode: str, outlives_demo: bool) -> Tuple[Child, str]:
        """Starts the service, broken or mended, and waits until it answers. Returns its URL too."""
        port = free_port()
        command = [PYTHON, "-m", "uvicorn", "app.main:app", "--loop", "uvloop", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
        variables = {
            "OCR_MODE": mode,
            "OCR_DATA_DIR": str(self._directory / "data"),
            **self._urls,
        }
        child = self._children.start(
            f"{mode} service",
            command,
            cwd=self._source,
            variables=variables,
            outlives_demo=outlives_demo,
        )
        url = f"http://127.0.0.1:{port}"
        for _ in _until(_SERVICE_SECONDS, f"The {mode} service did not start"):
            self._children.check()
            if touch_service(url):
                return child, url
        raise AssertionError("unreachable")

    def start_load(self, url: str, seconds: float, outlives_demo: bool) -> Child:
        """Starts the load; with 0 seconds it runs until it is stopped."""
        command = [PYTHON, str(self._source / "load.py"), "--url", url, "--rate", str(RATE)]
        command += ["--duration", str(seconds), "--endpoints", ENDPOINTS]
        return self._children.start("load", command, outlives_demo=outlives_demo)


def load_figures(load: Child) -> Dict[str, Any]:
    """What a load that has ended reports."""
    for line in load.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("{"):
            return json.loads(line)
    raise DemoError(f"The load ended without figures: {load.last_line()}")


def touch_service(url: str) -> Optional[Dict[str, Any]]:
    """The service's answer to /healthz, or None."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url + "/healthz", timeout=5.0) as reply:
            return json.load(reply)
    except (OSError, http.client.HTTPException, ValueError):
        return None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _until(seconds: float, failure: str) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_SECONDS)
    raise DemoError(f"{failure} within {seconds:.0f} s.")
