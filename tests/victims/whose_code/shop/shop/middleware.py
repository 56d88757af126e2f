# SPDX-License-Identifier: Apache-2.0
"""Middlewares of both kinds. Each holds the loop for the path that bears its name."""

import asyncio
import os
import time

from starlette.middleware.base import BaseHTTPMiddleware

BROKEN = os.environ["FORM"] == "broken"


class Timing:
    """A pure ASGI middleware."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope.get("path") == "/pure_middleware":
            if BROKEN:
                time.sleep(0.06)
            else:
                await asyncio.sleep(0.06)
        await self.app(scope, receive, send)


class Audit(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        if request.url.path == "/base_middleware":
            if BROKEN:
                time.sleep(0.06)
            else:
                await asyncio.sleep(0.06)
        return await call_next(request)
