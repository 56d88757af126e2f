# SPDX-License-Identifier: Apache-2.0
"""Hidden blocking calls that need the standard library alone, so that every Python can make them.

The waits run after each other in one victim; each hold says which function it was.
"""

import asyncio
import functools
import importlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

import victim

DELAYS = (0.025, 0.06, 0.09)


def back_off(seconds):
    time.sleep(seconds)


async def retry(run, seconds):
    if not run.broken:
        return await asyncio.sleep(seconds)
    with run.hold(back_off):
        back_off(seconds)


def read_reply(peer):
    peer.recv(1)


async def ask(run, seconds):
    """Half of a socket pair whose other half is answered by a thread of this process."""
    here, there = socket.socketpair()
    timer = threading.Timer(seconds, there.send, (b"!",))
    timer.start()
    await asyncio.sleep(0)  # the hold gets a turn of its own
    if run.broken:
        with run.hold(read_reply):
            read_reply(here)
    else:
        here.setblocking(False)
        await asyncio.get_running_loop().sock_recv(here, 1)
    await asyncio.sleep(0)
    timer.join()
    here.close()
    there.close()


cache_lock = threading.Lock()


def refresh_cache(seconds, holding):
    with cache_lock:
        holding.set()
        time.sleep(seconds)


def read_cache():
    with cache_lock:
        pass


async def get_item(run, seconds):
    holding = threading.Event()
    refreshing = threading.Thread(target=refresh_cache, args=(seconds, holding))
    refreshing.start()
    holding.wait()
    await asyncio.sleep(0)
    if run.broken:
        with run.hold(read_cache):
            read_cache()
    else:
        await asyncio.get_running_loop().run_in_executor(None, read_cache)
    await asyncio.sleep(0)
    refreshing.join()


def charge_card(seconds):
    time.sleep(seconds)


async def pay(run, seconds):
    if not run.broken:
        return await asyncio.sleep(seconds)
    with run.hold(charge_card):
        charge_card(seconds)


async def place_order(run, seconds):
    values = [
        1,
        await pay(run, seconds),
    ]
    return values


async def checkout(run, seconds):
    await place_order(run, seconds)


async def handle_request(run, seconds):
    """Four coroutines, each awaited by the one before."""
    await checkout(run, seconds)


# Names and paths of each width in which CPython keeps strings: one, two and four bytes a character.
# Identifiers are NFKC-normalised, so the letters are their own normal forms.
STRANGE = {
    "latin1": ("caf\u00e9", "r\u00e9servation"),
    "ucs2": ("\u043c\u043e\u0434\u0443\u043b\u044c", "\u0437\u0430\u0434\u0430\u0447\u0430"),
    "ucs4": ("\U00020000\u5e93", "\U00020000\u4efb"),
}
SOURCE = """\
def {name}(act, *arguments):
    return act(*arguments)
"""


def strange_functions(folder):
    """A function of each name in a module of each path."""
    functions = []
    sys.path.insert(0, folder)
    for kind, (module, name) in STRANGE.items():
        with open(os.path.join(folder, module + ".py"), "w", encoding="utf-8") as source:
            source.write(SOURCE.format(name=name))
        importlib.invalidate_caches()  # the folder's time may be the one before it was written to
        functions.append(getattr(importlib.import_module(module), name))
    return functions


async def call_strange(run, function, seconds):
    if not run.broken:
        return await asyncio.sleep(seconds)
    with run.hold(function):
        function(time.sleep, seconds)


def import_strange(_):
    folder = tempfile.mkdtemp(prefix="loopstall-\u00e9-\u4efb-\U0001f40d-")
    return folder, strange_functions(folder)


@victim.case(import_strange)
async def waits(run, prepared):
    folder, functions = prepared
    for turn in (retry, ask, get_item, handle_request):
        async for seconds in run.rounds(*DELAYS):
            await run.turn(turn(run, seconds))
    for function in functions:
        async for seconds in run.rounds(*DELAYS):
            await run.turn(call_strange(run, function, seconds))
    shutil.rmtree(folder)


# ---- computing -----------------------------------------------------------------------------------


def score_orders(orders):
    """Python code, with a generator and a call on the way."""
    return sum(len(str(number)) for number in range(orders))


def parse_orders(body):
    """One call into C."""
    return len(json.loads(body))


def numbers_as_json(numbers):
    return "[" + ", ".join(["1"] * numbers) + "]"


COMPUTING = ((score_orders, int, 20_000), (parse_orders, numbers_as_json, 100_000))


async def compute(run, function, argument, workers):
    if not run.broken:
        return await asyncio.get_running_loop().run_in_executor(workers, function, argument)
    with run.hold(function):
        function(argument)


def rates_and_workers(run):
    return ([units / victim.shortest_seconds(function, make(units))
             for function, make, units in COMPUTING],
            None if run.broken else victim.worker_process())


@victim.case(rates_and_workers)
async def computes(run, prepared):
    rates, workers = prepared
    for (function, make, _), rate in zip(COMPUTING, rates):
        arguments = [make(int(rate * seconds)) for seconds in DELAYS]
        async for argument in run.rounds(*arguments):
            await run.turn(compute(run, function, argument, workers))


# ---- a loop that hangs, and what Python itself says of its stack ---------------------------------


def report_stack(thread):
    """Of a thread that sleeps: CPython's own frames, innermost first. Qualified
    names exist from 3.11 on."""
    frame = sys._current_frames()[thread]
    frames = []
    while frame is not None:
        code = frame.f_code
        frames.append({"function": getattr(code, "co_qualname", code.co_name),
                       "path": code.co_filename, "line": frame.f_lineno})
        frame = frame.f_back
    return frames


class Étage:
    """A method, a lambda, a generator and a comprehension on the way down."""

    def descend(self, depth):
        if depth:
            return self.descend(depth - 1)
        return max(self.walk(), key=lambda value: self.rest(value))

    def walk(self):
        yield from (number for number in [1])

    @staticmethod
    def rest(value):
        time.sleep(3600)
        return value


async def hang(functions):
    await asyncio.sleep(0)
    descend = functools.partial(Étage().descend, 12)
    for function in functions:
        descend = functools.partial(function, descend)
    descend()


async def await_hang(functions):
    await hang(functions)


@victim.case(import_strange)
async def hangs(run, prepared):
    """Says {"stack": [...]} of its loop's thread and hangs until it is killed."""
    folder, functions = prepared
    shutil.rmtree(folder)
    loop_thread = threading.get_ident()

    def report():
        time.sleep(0.5)
        run.say(stack=report_stack(loop_thread))

    threading.Thread(target=report, daemon=True).start()
    await await_hang(functions)


if __name__ == "__main__":
    victim.main()
