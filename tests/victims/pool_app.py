# SPDX-License-Identifier: Apache-2.0
"""A FastAPI application whose `def` endpoint keeps a thread of anyio's pool until it is released."""

import threading

from fastapi import FastAPI

app = FastAPI()
released = threading.Event()


@app.get("/ready")
async def ready():
    return "ready"


@app.get("/report")
def report():
    released.wait()
    return "done"


@app.get("/release")
async def release():
    released.set()
    return "released"
