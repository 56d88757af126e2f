# SPDX-License-Identifier: Apache-2.0
"""The seven stages of examples/ocr_service/story."""

import dataclasses
from typing import Tuple


@dataclasses.dataclass(frozen=True)
class Stage:
    """One of them."""

    number: int
    name: str
    loop: str = "asyncio"
    workers: int = 1
    mended_next: Tuple[str, ...] = ()  #: the functions that the next stage mends

    @property
    def needs_orjson(self) -> bool:
        """Debian 12 has none."""
        return self.number >= 6


STAGES = (
    Stage(1, "all broken", mended_next=("recognise_text", "pause")),
    Stage(2, "httpx", mended_next=("read_words",)),
    Stage(3, "asyncpg", mended_next=("make_thumbnail",)),
    Stage(4, "images in a process pool"),
    Stage(5, "uvloop", loop="uvloop", mended_next=("encode_page",)),
    Stage(6, "orjson", loop="uvloop"),
    Stage(7, "four workers", loop="uvloop", workers=4),
)
