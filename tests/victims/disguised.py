# SPDX-License-Identifier: Apache-2.0
"""Naps that are hard to recognise as Python's: disguised.py titled | again COMMAND...

  titled  after it has written a title over its arguments, as setproctitle does
  again   and then once more as another program in the same process
"""

import asyncio
import ctypes
import os
import sys

import lifecycle

PR_SET_NAME = 15
TITLE = b"gunicorn: worker [shop]"


def titled():
    with open("/proc/self/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, TITLE[:end - start - 1], len(TITLE[:end - start - 1]))
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"gunicorn", 0, 0, 0)
    lifecycle.napping()


def again():
    async def first_life():
        lifecycle.say(first=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

    asyncio.run(first_life())
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    {"titled": titled, "again": again}[sys.argv[1]]()
