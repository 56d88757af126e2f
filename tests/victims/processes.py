# SPDX-License-Identifier: Apache-2.0
"""Hidden blocking calls that wait for a child process."""

import asyncio
import subprocess

import victim


def convert_document(seconds):
    subprocess.run(["sleep", str(seconds)], check=True)


async def convert_document_awaiting(seconds):
    child = await asyncio.create_subprocess_exec("sleep", str(seconds))
    await child.wait()


async def render(run, seconds):
    if not run.broken:
        return await convert_document_awaiting(seconds)
    with run.hold(convert_document):
        convert_document(seconds)


@victim.case()
async def subprocess_run(run, _):
    async for seconds in run.rounds(0.2, 0.03, 0.07):
        await run.turn(render(run, seconds))


if __name__ == "__main__":
    victim.main()
