# SPDX-License-Identifier: Apache-2.0
"""A service that damages its own interpreter's memory, or bears names made to break what shows them.

It serves, does its hold again and again until told to end, and says how many there were:

  one of NAMES                the function that holds the loop has that name and path
  ring                        its frames form a ring while it sleeps
  garbage                     an outer frame's code object is garbage while it sleeps
  late_name                   what runs its loop has a name that can be read only after 3 s
  honest                      nothing of all this
"""

import asyncio
import ctypes
import json
import os
import sys
import threading
import time

NAMES = {
    "markup": 'x"}<script>alert(1)</script>\n\\',
    "surrogates": "a\ud800b\udfff",
    "megabyte": "m" * (1 << 20),
    "controls": "a\x00b\x1b[2J\rc\x7f",
}
# Of CPython 3.11: PyFrameObject.f_frame; of _PyInterpreterFrame, f_code and previous.
F_FRAME, F_CODE, PREVIOUS = 24, 32, 48
CO_QUALNAME = 128  # of PyCodeObject
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
    return {"ring": ring, "garbage": through_outer, "late_name": honest,
            "honest": honest}[case]


def hide_loops_name():
    """Nothing in CPython reads the name of code that was made long ago."""
    code = asyncio.BaseEventLoop._run_once.__code__
    name = word(id(code) + CO_QUALNAME)
    assert name.value == id(code.co_qualname)
    kept, name.value = name.value, 0x1000

    def show():
        name.value = kept
        print(json.dumps({"shown": True}), flush=True)
    threading.Timer(3, show).start()


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


if sys.argv[1] == "late_name":
    hide_loops_name()
asyncio.run(main(sys.argv[1]))
