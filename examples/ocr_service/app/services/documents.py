# SPDX-License-Identifier: Apache-2.0
"""Large JSON documents."""

import json
import mmap
import os
from typing import Any, AsyncIterator, Dict


_MAX_BODY_BYTES = 100_000_000


def summarise(document: Any) -> Dict[str, Any]:
    """The number of items and the last item's identifier. Raises ValueError for another shape."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items[-1:]):
        raise ValueError("The document has no list of items.")
    return {"items": len(items), "last": items[-1].get("id") if items else None}


class SharedBody:
    """A request's body in shared memory, which a worker process maps: tens of megabytes are
    neither joined nor pickled on the loop."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("request-body")
        self.size = 0

    async def fill(self, chunks: AsyncIterator[bytes]) -> None:
        """Stores the chunks as they arrive, each a memory copy of at most 256 KiB."""
        async for chunk in chunks:
            if self.size + len(chunk) > _MAX_BODY_BYTES:
                raise ValueError(f"The body is larger than {_MAX_BODY_BYTES} bytes.")
            self.size += os.write(self._fd, chunk)

    @property
    def path(self) -> str:
        """Where another process of the same user can open it, until close()."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self) -> None:
        """Frees the memory."""
        os.close(self._fd)


def summarise_shared_body(path: str) -> Dict[str, Any]:
    """Mended: runs in a worker process, so that neither the parsing nor its GIL holds the loop."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as body:
        return summarise(json.loads(body[:]))
