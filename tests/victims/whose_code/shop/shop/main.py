# SPDX-License-Identifier: Apache-2.0
"""One endpoint for each rule of docs/attribution.md. FORM=broken: each holds the loop for 60 ms in
the place that its name says; FORM=mended: the same work in a thread."""

import asyncio
import dataclasses
import functools
import importlib
import os
import sys
import time

import acme.billing.api
import acme.shipping.api
import acme_core.rules
import decorator
import fastapi
import ledger.book
import parcels.scale
import payments.retry
import retrying
import stock.count
from shop import http, limits, middleware

BROKEN = os.environ["FORM"] == "broken"

app = fastapi.FastAPI()
app.add_middleware(middleware.Timing)  # pure ASGI: on the stack of every endpoint
app.add_middleware(middleware.Audit)
app.get("/library_endpoint")(acme.shipping.api.track)


@app.get("/ready")
async def ready():
    return {}


def save_log():
    time.sleep(0.06)


@app.get("/helper")
async def upload():
    if BROKEN:
        save_log()
    else:
        await asyncio.to_thread(save_log)


@app.get("/thread")
def sync_endpoint():
    save_log()


@app.get("/directory")
async def invoice():
    if BROKEN:
        acme.billing.api.settle()
    else:
        await asyncio.to_thread(acme.billing.api.settle)


@app.get("/wheel")
async def ship():
    if BROKEN:
        acme.shipping.api.print_label()
    else:
        await asyncio.to_thread(acme.shipping.api.print_label)


@app.get("/target_directory")
async def take_stock():
    if BROKEN:
        stock.count.count()
    else:
        await asyncio.to_thread(stock.count.count)


@app.get("/target_wheel")
async def weigh_parcel():
    if BROKEN:
        parcels.scale.weigh()
    else:
        await asyncio.to_thread(parcels.scale.weigh)


@app.get("/editable")
async def close_day():
    if BROKEN:
        ledger.book.post()
    else:
        await asyncio.to_thread(ledger.book.post)


@app.get("/configured")
async def quote():
    if BROKEN:
        acme_core.rules.evaluate()
    else:
        await asyncio.to_thread(acme_core.rules.evaluate)


@app.get("/well_known")
async def wait_for_stock():
    if BROKEN:
        retrying.wait()
    else:
        await asyncio.to_thread(retrying.wait)


@dataclasses.dataclass
class Order:
    number: int = dataclasses.field(default_factory=functools.partial(time.sleep, 0.06))


@app.get("/dataclass")
async def new_order():
    if BROKEN:
        Order()
    else:
        await asyncio.to_thread(Order)


@app.get("/decorated")
@limits.timed
async def pay():
    if BROKEN:
        save_log()
    else:
        await asyncio.to_thread(save_log)


@app.get("/decorator_itself")
@limits.throttled
async def search():
    return {}


@decorator.decorator
async def logged(function, *args, **kwargs):
    return await function(*args, **kwargs)


@app.get("/generated_decorator")
@logged
async def refund():
    if BROKEN:
        save_log()
    else:
        await asyncio.to_thread(save_log)


@app.get("/transparent")
async def fetch_rates():
    if BROKEN:
        http.http_get()
    else:
        await asyncio.to_thread(http.http_get)


def query_user():
    time.sleep(0.06)


async def current_user():
    if BROKEN:
        query_user()
    else:
        await asyncio.to_thread(query_user)


@app.get("/dependency")
async def profile(user=fastapi.Depends(current_user)):
    return {}


@app.get("/pure_middleware")
async def behind_timing():
    return {}


@app.get("/base_middleware")
async def behind_audit():
    return {}


def charge():
    time.sleep(0.06)


@app.get("/callback")
async def charge_card():
    if BROKEN:
        payments.retry.call(charge)
    else:
        await asyncio.to_thread(payments.retry.call, charge)


@app.get("/library_waits")
async def charge_later():
    if BROKEN:
        payments.retry.back_off()
    else:
        await asyncio.to_thread(payments.retry.back_off)


def import_anew(name):
    sys.modules.pop(name, None)
    importlib.import_module(name)


@app.get("/import_own")
async def load_plugin():
    if BROKEN:
        import_anew("shop.plugin")
    else:
        await asyncio.to_thread(import_anew, "shop.plugin")


@app.get("/import_library")
async def load_driver():
    if BROKEN:
        import_anew("parcels.slow_import")
    else:
        await asyncio.to_thread(import_anew, "parcels.slow_import")


CATALOGUE = [{"name": f"article {number}", "price": number, "tags": ["a", "b"]}
             for number in range(12000 if BROKEN else 3)]


@app.get("/serialised_by_framework")
async def catalogue():
    return CATALOGUE
