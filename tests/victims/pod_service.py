# SPDX-License-Identifier: Apache-2.0
"""What runs in the pods of a node in miniature.

    pod_service.py web broken|mended     a FastAPI service; each report takes 60 ms, on the loop's thread or awaited
    pod_service.py worker broken|mended  an asyncio program without HTTP: the same of 40 ms
    pod_service.py crashing broken       ends with an error after a second, in which it has held its loop once

After SIGUSR1 the next report of a broken web hangs for 14 s.
"""

import asyncio
import signal
import sys
import time

PORT = 8000  # of the pod's own network
hangs = []


def write_report(seconds):
    time.sleep(14 if hangs and hangs.pop() else seconds)


def pack_order(seconds):
    time.sleep(seconds)


def fail_to_start(seconds):
    time.sleep(seconds)


async def spend(function, seconds, broken):
    if broken:
        function(seconds)
    else:
        await asyncio.sleep(seconds)


async def visit():
    """One customer, for ever."""
    while True:
        await asyncio.sleep(0.1)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(b"GET /report HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()
        except ConnectionError:
            pass


def web(broken):
    import fastapi
    import uvicorn

    app = fastapi.FastAPI()
    visits = set()

    @app.on_event("startup")
    async def begin():
        visits.add(asyncio.ensure_future(visit()))

    @app.get("/report")
    async def report():
        await spend(write_report, 0.06, broken)
        return "done"

    signal.signal(signal.SIGUSR1, lambda *_: hangs.append(True))
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")


def worker(broken):
    async def work():
        while True:
            await asyncio.sleep(0.1)
            await asyncio.ensure_future(spend(pack_order, 0.04, broken))
    asyncio.run(work())


def crashing(broken):
    async def crash():
        await asyncio.sleep(1)
        await asyncio.ensure_future(spend(fail_to_start, 0.2, broken))
        await asyncio.sleep(0.05)
        sys.exit("it cannot reach its database")
    asyncio.run(crash())


if __name__ == "__main__":
    {"web": web, "worker": worker, "crashing": crashing}[sys.argv[1]](sys.argv[2] == "broken")
