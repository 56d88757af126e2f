# SPDX-License-Identifier: Apache-2.0
"""A healthy asyncio server whose loop hangs for 15 seconds when it is sent SIGUSR1.

Prints `listening`, `hangs` and `goes on` as it does.
"""

import asyncio
import signal
import time

HANG_SECONDS = 15


def sleep_in_a_retry_helper():
    print("hangs", flush=True)
    time.sleep(HANG_SECONDS)
    print("goes on", flush=True)


async def main():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, sleep_in_a_retry_helper)
    print("listening", flush=True)
    async with server:
        while True:
            await asyncio.sleep(0.2)


asyncio.run(main())
