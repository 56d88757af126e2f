# SPDX-License-Identifier: Apache-2.0
"""An ASGI service whose import takes long. uvicorn imports it inside a turn of the loop."""

import heavy_library
from hello import app

__all__ = ["app", "heavy_library"]
