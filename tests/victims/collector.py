# SPDX-License-Identifier: Apache-2.0
"""A large heap, and a function whose allocations set off Python's cyclic collector.

The truth is the collector's own: gc.callbacks are called at each collection's start and end. The
parts of a hold are in CPU time: `gc`, what these say, and the function with the rest.
"""

import gc
import time

import victim

HEAP_OBJECTS = 700_000


class Collections:
    """The CPU time of all collections since the last reset()."""

    def __init__(self):
        self.ns = 0
        self._started_ns = 0
        gc.callbacks.append(self._on_collection)

    def reset(self):
        self.ns = 0

    def _on_collection(self, phase, _):
        if phase == "start":
            self._started_ns = time.thread_time_ns()
        else:
            self.ns += time.thread_time_ns() - self._started_ns


def make_orders():
    """Allocates enough to set off collections of every generation, and computes a little."""
    orders = []
    for number in range(20_000):
        orders.append([number, [number % 7, number % 11]])
    return sum(order[1][0] for order in orders)


async def receive(run, collections):
    parts = {}
    with run.hold(make_orders, parts):
        collections.reset()
        started_ns = time.thread_time_ns()
        make_orders()
        parts["gc"] = collections.ns
        parts["make_orders"] = time.thread_time_ns() - started_ns - collections.ns


def age_heap():
    """A full collection waits until a quarter of the last one's survivors is new. So that each
    round has its own, the last one is made to find nothing (the heap stands aside)."""
    gc.freeze()
    gc.collect()
    gc.unfreeze()


def large_heap(run):
    gc.disable()
    heap = [[number] for number in range(HEAP_OBJECTS)]
    gc.set_threshold(400, 4, 4)
    gc.enable()
    if not run.broken:
        gc.freeze()
        gc.disable()
    return heap, Collections()


@victim.case(large_heap)
async def collector(run, prepared):
    _, collections = prepared
    async for _ in run.rounds(None):
        if run.broken:
            age_heap()
        await run.turn(receive(run, collections))


if __name__ == "__main__":
    victim.main()
