# SPDX-License-Identifier: Apache-2.0
"""Computing on the loop's thread, and the mix of computing and waiting."""

import asyncio
import io
import json
import tempfile
import time

import victim


def compress_image(image):
    small = image.resize((image.width * 2 // 3, image.height * 2 // 3), resample=1)
    small.save(io.BytesIO(), "JPEG", quality=90)


def photo():
    from PIL import Image  # here: the other cases run where there is no Pillow
    return Image.effect_noise((2400, 1600), 80).convert("RGB")


_worker_photo = None


def compress_image_in_worker():
    global _worker_photo
    _worker_photo = _worker_photo or photo()
    compress_image(_worker_photo)


async def upload(run, image, workers):
    if not run.broken:
        return await asyncio.get_running_loop().run_in_executor(workers, compress_image_in_worker)
    with run.hold(compress_image):
        compress_image(image)


@victim.case(lambda run: (photo(), victim.worker_process()))
async def pillow(run, prepared):
    async for _ in run.rounds(None):
        await run.turn(upload(run, *prepared))


def order_book(megabytes):
    """Few containers for its size: the cyclic collector must not be what takes the time."""
    order = {"id": 123456, "name": "a customer's name", "lines": list(range(1000)), "paid": True,
             "note": "a line\nof \"text\"\tthat is long. " * 100}
    one = json.dumps(order)
    return ("[" + ",".join([one] * (megabytes * 1_000_000 // len(one))) + "]").encode()


def import_orders_in_worker(path):
    with open(path, "rb") as body:
        return len(json.loads(body.read()))


async def import_orders(run, body, path, workers):
    if not run.broken:
        return await asyncio.get_running_loop().run_in_executor(
            workers, import_orders_in_worker, path)
    with run.hold(import_orders):
        orders = json.loads(body)
        del orders


def stored_order_book(_):
    body = order_book(20)
    stored = tempfile.NamedTemporaryFile()
    stored.write(body)
    stored.flush()
    return body, stored, victim.worker_process()


@victim.case(stored_order_book)
async def json_body(run, prepared):
    body, stored, workers = prepared
    async for _ in run.rounds(None):
        await run.turn(import_orders(run, body, stored.name, workers))


STRETCHES = 12


def score_and_wait():
    """Stretches of a few milliseconds on the CPU, each followed by 4 ms off it."""
    for _ in range(STRETCHES):
        sum(number % 7 for number in range(60_000))
        time.sleep(0.004)


async def score_and_await():
    for _ in range(STRETCHES):
        sum(number % 7 for number in range(60_000))
        await asyncio.sleep(0.004)


async def rank(run):
    if not run.broken:
        return await score_and_await()
    with run.hold(score_and_wait):
        score_and_wait()


@victim.case()
async def mixed(run, _):
    async for _ in run.rounds(None):
        await run.turn(rank(run))


if __name__ == "__main__":
    victim.main()
