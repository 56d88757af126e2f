# SPDX-License-Identifier: Apache-2.0
"""An asyncio loop that waits on one futex word after the other, each in a turn of its own.

Prints "gil ADDRESS": memory that the test takes for the GIL structure. At a line on standard input
it goes through the words, printing for each "NAME BEGIN END" in nanoseconds of CLOCK_MONOTONIC, then
"end". The words: offsets in that structure, and the barriers of waiters such as musl keeps on their
stacks, of which "stray" is on no list.
"""

import asyncio
import ctypes
import platform
import sys
import time

SECONDS = 0.02
OFFSETS = [28, 32, 72, 76, 80, 160, 164, 168, 204, 208]
COND, SWITCH_COND = 32, 120  # pthread_cond_t of the structure
COND_HEAD = 8  # musl: _c_head
NEXT, BARRIER, NODE_BYTES = 8, 20, 32  # musl: struct waiter

FUTEX_WAIT_PRIVATE = 128
SYS_FUTEX = {"x86_64": 202, "aarch64": 98}[platform.machine()]
LIBC = ctypes.CDLL(None)

gil = ctypes.create_string_buffer(256)
nodes = ctypes.create_string_buffer(NODE_BYTES * 4)


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def wait_on(address):
    timeout = Timespec(0, int(SECONDS * 1e9))
    LIBC.syscall(ctypes.c_long(SYS_FUTEX), ctypes.c_void_p(address),
                 ctypes.c_long(FUTEX_WAIT_PRIVATE), ctypes.c_long(0), ctypes.byref(timeout), None,
                 ctypes.c_long(0))


def node(index):
    return ctypes.addressof(nodes) + index * NODE_BYTES


def put_pointer(address, value):
    ctypes.c_uint64.from_address(address).value = value


def words():
    base = ctypes.addressof(gil)
    put_pointer(base + COND + COND_HEAD, node(0))
    put_pointer(node(0) + NEXT, node(1))
    put_pointer(base + SWITCH_COND + COND_HEAD, node(2))
    named = {str(offset): base + offset for offset in OFFSETS}
    # The list's own pointers must not be what is waited on: a futex is compared with 0.
    for name, index in (("newest", 0), ("older", 1), ("switching", 2), ("stray", 3)):
        named[name] = node(index) + BARRIER
    return named


async def main():
    all_words = words()
    print("gil", ctypes.addressof(gil), flush=True)
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), told.set)
    await asyncio.wait_for(told.wait(), 60)
    loop.remove_reader(sys.stdin.fileno())
    for name, address in all_words.items():
        await asyncio.sleep(0.002)
        begin = time.monotonic_ns()
        wait_on(address)
        print(name, begin, time.monotonic_ns(), flush=True)
    print("end", flush=True)
    await asyncio.sleep(60)


asyncio.run(main())
