# SPDX-License-Identifier: Apache-2.0
"""The agent's two listeners, as a client."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Dict, Optional

from loopstall_demo.errors import DemoError

_TIMEOUT_SECONDS = 5.0
_MAX_BYTES = 64 * 1024 * 1024


class AgentApi:
    """Reads the API of an agent on this machine."""

    def __init__(self, listen: str, admin_listen: str):
        self.metrics_url = f"http://{listen}/metrics"
        self.page_url = f"http://{admin_listen}/"
        self.loops_url = f"http://{admin_listen}/api/v1/loops"
        self.stalls_url = f"http://{admin_listen}/api/v1/stalls"
        self._ready_url = f"http://{listen}/readyz"

    def is_ready(self) -> bool:
        """Whether its hooks are attached and it has scanned once."""
        try:
            _get(self._ready_url)
            return True
        except (OSError, http.client.HTTPException):
            return False

    def loops(self) -> Dict[str, Any]:
        """All that it knows about loops and functions."""
        return _get_json(self.loops_url)

    def stalls(self) -> Dict[str, Any]:
        """The last stalls."""
        return _get_json(self.stalls_url + "?limit=1000")


def service_of(document: Dict[str, Any], pid: int) -> Optional[Dict[str, Any]]:
    """The part of a loops document that holds the loop of process `pid`."""
    for service in document.get("services", []):
        if any(loop.get("pid") == pid for loop in service.get("loops", [])):
            return service
    return None


def _get(url: str) -> bytes:
    # No proxy, whatever the environment says: the agent is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as reply:
        return reply.read(_MAX_BYTES)


def _get_json(url: str) -> Dict[str, Any]:
    try:
        document = json.loads(_get(url))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DemoError(f"The agent did not answer {url}: {error}.") from error
    if not isinstance(document, dict) or document.get("version") != 1:
        raise DemoError(f"The agent's answer to {url} has not the version that the demo reads.")
    return document
