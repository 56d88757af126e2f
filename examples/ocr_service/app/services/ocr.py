# SPDX-License-Identifier: Apache-2.0
"""Text recognition by the OCR server."""

from typing import Any, Dict

import requests


def recognise_text(url: str, image: bytes) -> Dict[str, Any]:
    """Broken: waits for the OCR server on the loop's thread."""
    reply = requests.post(url, data=image, timeout=30)
    reply.raise_for_status()
    return reply.json()


async def recognise_text_async(client: Any, url: str, image: bytes) -> Dict[str, Any]:
    """Mended: an httpx.AsyncClient lets the loop serve others meanwhile."""
    reply = await client.post(url, content=image)
    reply.raise_for_status()
    return reply.json()
