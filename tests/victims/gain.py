# SPDX-License-Identifier: Apache-2.0
"""A service at a fixed rate of requests, which come whether it keeps up or not.

    gain.py broken             look_up() waits and render() computes, both in the loop
    gain.py without_look_up    mended: the one waits asynchronously
    gain.py without_render     mended: the other computes in another process
"""

import asyncio
import concurrent.futures
import json
import os
import socket
import sys
import time

import victim

PERIOD_SECONDS = 0.05
LOOK_UP_SECONDS = 0.008
RENDER_SECONDS = 0.0125  # longer than the sampling period: each is met
FORMS = ("broken", "without_look_up", "without_render")


def send_requests(to, place):
    """The forms take places within the period, so that none computes at the others' expense."""
    due = (time.monotonic() // PERIOD_SECONDS + place / len(FORMS)) * PERIOD_SECONDS
    victim.die_with_parent()
    while True:
        due += PERIOD_SECONDS
        time.sleep(max(0, due - time.monotonic()))
        to.send(b"x")


def look_up():
    time.sleep(LOOK_UP_SECONDS)


def render():
    until = time.thread_time() + RENDER_SECONDS
    while time.thread_time() < until:
        pass


async def answer(form, pool):
    if form == "without_look_up":
        await asyncio.sleep(LOOK_UP_SECONDS)
    else:
        look_up()
    if form == "without_render":
        await asyncio.get_running_loop().run_in_executor(pool, render)
    else:
        render()


async def serve(form, requests):
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    pool = concurrent.futures.ProcessPoolExecutor(
        1, initializer=victim.die_with_parent) if form == "without_render" else None
    if pool:
        await loop.run_in_executor(pool, render)
    answers = set()

    def begin():
        requests.recv(1)
        task = loop.create_task(answer(form, pool))
        answers.add(task)
        task.add_done_callback(answers.discard)
    loop.add_reader(requests, begin)
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    await server.serve_forever()


def main():
    requests, asks = socket.socketpair()
    if os.fork() == 0:
        requests.close()
        send_requests(asks, FORMS.index(sys.argv[1]))
    asks.close()
    asyncio.run(serve(sys.argv[1], requests))


main()
