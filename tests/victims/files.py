# SPDX-License-Identifier: Apache-2.0
"""Hidden blocking calls that wait for a disk; the cold ones inside a cgroup that throttles it."""

import asyncio
import mmap
import os

import victim

MEGABYTE = 1 << 20
PAGE = 4096


# The kernel's throttle lets pass at once what a tenth of a second allows, 4 MiB of the tests' disk:
# less than any round below.
def drop_cache(path):
    """Takes the file's pages out of the page cache; they must be clean and not mapped."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def load_model(path, size):
    buffer = bytearray(MEGABYTE)
    with open(path, "rb", buffering=0) as model:
        while size > 0:
            size -= model.readinto(buffer) or size


async def predict(run, path, size):
    if not run.broken:
        return await asyncio.to_thread(load_model, path, size)
    with run.hold(load_model):
        load_model(path, size)


@victim.case()
async def cold_read(run, _):
    async for megabytes in run.rounds(5, 6, 8):
        await asyncio.to_thread(drop_cache, run.option("file"))
        await run.turn(predict(run, run.option("file"), megabytes * MEGABYTE))


def warm(run):
    path = run.option("file")
    size = os.path.getsize(path)
    load_model(path, size)
    return path, size


@victim.case(warm)
async def warm_read(run, prepared):
    async for _ in run.rounds(None):
        await run.turn(predict(run, *prepared))


def store_upload(path, payload):
    with open(path, "wb", buffering=0) as upload:
        upload.write(payload)
        os.fsync(upload.fileno())


async def receive(run, path, payload):
    if not run.broken:
        return await asyncio.to_thread(store_upload, path, payload)
    with run.hold(store_upload):
        store_upload(path, payload)


@victim.case(lambda run: os.urandom(8 * MEGABYTE))
async def fsync(run, payload):
    path = run.option("file") + ".upload"
    whole = memoryview(payload)  # a copy of some MiB on the loop would hold it by its page faults
    try:
        async for megabytes in run.rounds(5, 6, 8):
            await run.turn(receive(run, path, whole[:megabytes * MEGABYTE]))
    finally:
        await asyncio.to_thread(os.unlink, path)


def touch_index(index, size):
    for offset in range(0, size, PAGE):
        index[offset]


def read_index(path, size):
    """The same bytes without page faults: read(2) lets go of the GIL while it waits."""
    load_model(path, size)


async def look_up(run, path, size):
    if not run.broken:
        return await asyncio.to_thread(read_index, path, size)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as index:
        with run.hold(touch_index):
            touch_index(index, size)


@victim.case()
async def cold_mmap(run, _):
    async for megabytes in run.rounds(5, 6, 8):
        await asyncio.to_thread(drop_cache, run.option("file"))
        await run.turn(look_up(run, run.option("file"), megabytes * MEGABYTE))


if __name__ == "__main__":
    victim.main()
