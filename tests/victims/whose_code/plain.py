# SPDX-License-Identifier: Apache-2.0
"""A whole service in one file, so that it can also be run with `python -c` and `python -`:
FORM=broken|mended PORT=N KEY=FILE CERTIFICATE=FILE."""

import asyncio
import os
import time

import uvicorn

BROKEN = os.environ["FORM"] == "broken"


def count_stars():
    time.sleep(0.06)


async def app(scope, receive, send):
    if scope["path"] == "/program":
        if BROKEN:
            count_stars()
        else:
            await asyncio.to_thread(count_stars)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def main():
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="error", lifespan="off",
                loop=os.environ.get("LOOP", "asyncio"),
                ssl_keyfile=os.environ.get("KEY"), ssl_certfile=os.environ.get("CERTIFICATE"))


main()
