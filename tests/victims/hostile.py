# SPDX-License-Identifier: Apache-2.0
"""A service that damages its own interpreter's memory, or bears names made to break what shows them.

It serves, does its hold again and again until told to end, and says how many there were:

  one of NAMES                the function that holds the loop has that name and path
  ring                        its frames form a ring while it sleeps
  garbage                     an outer frame's code object is garbage while it sleeps
  honest                      nothing of all this
"""

import asyncio
import ctypes
import json
import os
import sys
import time

NAMES = {
    "markup": 'x"}<script>alert(1)</script>\n\\',
    "surrogates": "a\ud800b\udfff",
    "megabyte": "m" * (1 << 20),
    "controls": "a\x00b\x1b[2J\rc\x7f",
}
# Of CPython 3.11: PyFrameObject.f_frame; of _PyInterpreterFrame, f_code and previous.
F_FRAME, F_CODE, PREVIOUS = 24, 32, 48
HOLD_SECONDS = 0.03


def word(address):
    return ctypes.c_uint64.from_address(address)


def sleep_in_damage(frame, damage):
    """Sleeps in a system call while `damage(interpreter frame)` is done, and repairs it after."""
    libc = ctypes.PyDLL(None)  # keeps the GIL: no other thread may meet the damage
    pause = libc.usleep
    microseconds = ctypes.c_uint(int(HOLD_SECONDS * 1e6))
    where, value = damage(word(id(frame) + F_FRAME).value)
    kept, target = word(where).value, word(where)
    target.value = value
    pause(microseconds)
    target.value = kept


def ring():
    sleep_in_damage(sys._getframe(), lambda frame: (frame + PREVIOUS, frame))


GARBAGE = ctypes.create_string_buffer(b"\xa5" * 4096)


def garbage():
    # An outer frame's: the running one's code is in use.
    outer = sys._getframe(1)
    sleep_in_damage(outer, lambda frame: (frame + F_CODE, ctypes.addressof(GARBAGE)))


def through_outer():
    garbage()


def honest():
    time.sleep(HOLD_SECONDS)


def named(name):
    def hold():
        time.sleep(HOLD_SECONDS)
    hold.__code__ = hold.__code__.replace(co_name=name, co_qualname=name, co_filename="/" + name)
    return hold


def hold_of(case):
    if case in NAMES:
        return named(NAMES[case])
    return {"ring": ring, "garbage": through_outer, "honest": honest}[case]


async def hold_now(hold):
    hold()


async def main(case):
    hold = hold_of(case)
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0):
        print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
        holds = 0
        until = time.monotonic() + 60
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            await asyncio.get_running_loop().create_task(hold_now(hold))
            holds += 1
            if holds % 20 == 0:
                print(json.dumps({"holds": holds}), flush=True)


asyncio.run(main(sys.argv[1]))
