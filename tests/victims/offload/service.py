# SPDX-License-Identifier: Apache-2.0
"""A service that hands slow work to others in every way that FastAPI and asyncio know, and gets some
of them wrong. Each endpoint is a row of tests/e2e/test_offloading.py.

    python3 -m uvicorn offload.service:app
"""

import asyncio
import concurrent.futures
import multiprocessing
import pathlib
import re
import time
import zlib

import bcrypt
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.templating import Jinja2Templates

SECONDS = 0.06
BEAT_SECONDS = 0.004
ROWS = [{"name": f"article {number}", "price": number % 97} for number in range(30_000)]
EXPORT = b"".join(b"%d;order;%d\n" % (number, number * 7919 % 1000) for number in range(110_000))

app = FastAPI()
templates = Jinja2Templates(str(pathlib.Path(__file__).parent / "templates"))
threads = concurrent.futures.ThreadPoolExecutor(4)


# The work, wherever it is done.

def fetch_rates():
    time.sleep(SECONDS)


def hash_password():
    return bcrypt.hashpw(b"correct horse", bcrypt.gensalt(10))


def compress_export():
    return zlib.compress(EXPORT, 9)


def check_name():
    """The pattern tries every way to split the letters; it keeps the GIL."""
    return re.match(r"(?:[a-z]+)+$", "a" * 22 + "!")


@app.on_event("startup")
async def start():
    """A service has timers; here they also meet whoever keeps the GIL."""
    app.state.beat = asyncio.create_task(beat())
    app.state.processes = concurrent.futures.ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"))
    await asyncio.get_running_loop().run_in_executor(app.state.processes, check_name)
    await fill_pools()


async def fill_pools():
    """To start a thread holds the loop until it runs, which takes as long as the machine likes: here
    all are there before the service serves."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 0.02)
                           for pool in (threads, None) for _ in range(32)))
    await run_in_threadpool(hash_password)


async def beat():
    while True:
        await asyncio.sleep(BEAT_SECONDS)


@app.get("/ready")
async def ready():
    return "ready"


# Handed over as it should be: the loop is free meanwhile.

@app.get("/executor")
async def by_executor():
    await asyncio.get_running_loop().run_in_executor(threads, fetch_rates)


@app.get("/to_thread")
async def by_thread():
    await asyncio.to_thread(fetch_rates)


@app.get("/def_endpoint")
def def_endpoint():
    fetch_rates()


def current_rates():
    fetch_rates()


@app.get("/def_dependency")
async def with_dependency(_=Depends(current_rates)):
    pass


def send_receipt():
    fetch_rates()


@app.get("/background_function")
async def background_function(tasks: BackgroundTasks):
    tasks.add_task(send_receipt)


def stream_rates():
    for _ in range(2):
        fetch_rates()
        yield b"rate\n"


@app.get("/generator")
async def generator():
    return StreamingResponse(stream_rates())


@app.get("/process_pool")
async def by_process():
    await asyncio.get_running_loop().run_in_executor(app.state.processes, check_name)


@app.get("/thread_bcrypt")
def thread_bcrypt():
    hash_password()


@app.get("/thread_zlib")
async def thread_zlib():
    await asyncio.to_thread(compress_export)


# Handed over, it seems.

@app.get("/executor_called")
async def executor_called():
    """The function is called first, and the executor gets what it returned."""
    await asyncio.get_running_loop().run_in_executor(threads, str, fetch_rates())


@app.get("/future_result")
async def future_result():
    threads.submit(fetch_rates).result()


async def send_receipt_badly():
    fetch_receipt()


def fetch_receipt():
    time.sleep(SECONDS)


@app.get("/background_coroutine")
async def background_coroutine(tasks: BackgroundTasks):
    tasks.add_task(send_receipt_badly)


async def stream_rates_badly():
    for _ in range(2):
        time.sleep(SECONDS)
        yield b"rate\n"


@app.get("/async_generator")
async def async_generator():
    return StreamingResponse(stream_rates_badly())


# Computed on the loop.

@app.get("/bcrypt")
async def login():
    hash_password()


@app.get("/zlib")
async def export():
    compress_export()


@app.get("/regex")
async def register():
    check_name()


async def stream_checked():
    for _ in range(2):
        check_name()
        yield b"name\n"


@app.get("/async_generator_regex")
async def async_generator_regex():
    return StreamingResponse(stream_checked())


@app.get("/template")
async def orders_page(request: Request):
    return templates.TemplateResponse("orders.html", {"request": request, "rows": ROWS})


# Handed to a thread that keeps the GIL.

@app.get("/def_regex")
def def_regex():
    check_name()


def stream_checked_in_thread():
    for _ in range(2):
        check_name()
        yield b"name\n"


@app.get("/generator_regex")
async def generator_regex():
    return StreamingResponse(stream_checked_in_thread())
