# SPDX-License-Identifier: Apache-2.0
"""An ASGI service for gunicorn's workers: /settle holds the loop, /mended does not. Both answer with
the worker's process and the hold's times."""

import asyncio
import json
import os
import time

HOLD_SECONDS = 0.06


def settle_invoice():
    time.sleep(HOLD_SECONDS)


async def answer(path):
    start_ns = time.monotonic_ns()
    if path == "/settle":
        settle_invoice()
    elif path == "/mended":
        await asyncio.sleep(HOLD_SECONDS)
    return {"pid": os.getpid(), "start_ns": start_ns, "end_ns": time.monotonic_ns()}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = json.dumps(await answer(scope["path"])).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
