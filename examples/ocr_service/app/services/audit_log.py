# SPDX-License-Identifier: Apache-2.0
"""The internal audit log, an HTTP server that is slow."""

from typing import Any, Dict

import requests


def send_audit_record(url: str, record: Dict[str, Any]) -> int:
    """Broken: waits for the log server on the loop's thread. Returns the server's record number."""
    reply = requests.post(url, json=record)  # no timeout, as in so many services
    reply.raise_for_status()
    return reply.json()["accepted"]


async def send_audit_record_async(client: Any, url: str, record: Dict[str, Any]) -> int:
    """Mended: an httpx.AsyncClient lets the loop serve others meanwhile."""
    reply = await client.post(url, json=record)
    reply.raise_for_status()
    return reply.json()["accepted"]
