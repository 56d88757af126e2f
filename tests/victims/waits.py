# SPDX-License-Identifier: Apache-2.0
"""Hidden blocking calls that wait for time to pass."""

import asyncio
import time

import victim

SHORT_CALLS = 300
PAIRS = 60


def back_off(seconds):
    time.sleep(seconds)


def call_with_retries(seconds):
    back_off(seconds)


async def checkout(run, seconds):
    if not run.broken:
        return await asyncio.sleep(seconds)
    with run.hold(back_off):
        call_with_retries(seconds)


@victim.case()
async def retry_sleep(run, _):
    async for seconds in run.rounds(0.025, 0.06, 0.15):
        await run.turn(checkout(run, seconds))


def poll_status():
    for _ in range(SHORT_CALLS):
        time.sleep(0.0005)


async def poll_status_awaiting():
    for _ in range(SHORT_CALLS):
        await asyncio.sleep(0.0005)


async def wait_for_job(run):
    if not run.broken:
        return await poll_status_awaiting()
    with run.hold(poll_status):
        poll_status()


@victim.case()
async def short_sleeps(run, _):
    victim.exact_timers()
    async for _ in run.rounds(None):
        await run.turn(wait_for_job(run))


def write_audit():
    time.sleep(0.0006)


def write_metric():
    time.sleep(0.0005)


async def track(run):
    """Two functions in turn, in one hold; the longer one's name stands for it."""
    if not run.broken:
        for _ in range(PAIRS):
            await asyncio.sleep(0.0006)
            await asyncio.sleep(0.0005)
        return
    audit_ns = metric_ns = 0
    parts = {}
    with run.hold(write_audit, parts):
        before_ns = time.monotonic_ns()
        for _ in range(PAIRS):
            write_audit()
            between_ns = time.monotonic_ns()
            write_metric()
            after_ns = time.monotonic_ns()
            audit_ns += between_ns - before_ns
            metric_ns += after_ns - between_ns
            before_ns = after_ns
        parts.update(write_audit=audit_ns, write_metric=metric_ns)


@victim.case()
async def two_functions(run, _):
    victim.exact_timers()
    async for _ in run.rounds(None):
        await run.turn(track(run))


if __name__ == "__main__":
    victim.main()
