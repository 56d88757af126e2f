# SPDX-License-Identifier: Apache-2.0
"""A service that runs from within a zip, with the packages that were installed into it."""

import asyncio
import os
import time

import fastapi
import parcels.scale
import retrying

BROKEN = os.environ["FORM"] == "broken"

app = fastapi.FastAPI()


@app.get("/ready")
async def ready():
    return {}


def print_ticket():
    time.sleep(0.06)


@app.get("/zipped")
async def sell():
    if BROKEN:
        print_ticket()
    else:
        await asyncio.to_thread(print_ticket)


@app.get("/zipped_well_known")
async def wait_for_coins():
    if BROKEN:
        retrying.wait()
    else:
        await asyncio.to_thread(retrying.wait)


@app.get("/zipped_wheel")
async def weigh_coins():
    if BROKEN:
        parcels.scale.weigh()
    else:
        await asyncio.to_thread(parcels.scale.weigh)
