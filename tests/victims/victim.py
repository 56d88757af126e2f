# SPDX-License-Identifier: Apache-2.0
"""What all victims share: arguments, the conversation with the test, and the truth log.

A victim is a small real asyncio program with a known stall. This file runs on every Python from 3.8
on, so that victims can. It talks over its standard streams:

  victim -> {"ready": true, "pid": 1, "port": 2}  its loop serves a listening socket
  test   -> go                                    the agent has found the loop
  victim -> {"done": true, "holds": 100}          every hold is over, the truth log is written
  test   -> end                                   the last scrape is done; the victim leaves

The truth log is NDJSON. A hold is one uninterrupted time in which a function kept the loop:

  {"kind": "hold", "turn": 7, "function": "save_log", "file": "network.py", "start_ns": …,
   "end_ns": …, "cpu_ns": …, "runqueue_ns": …, "parts": {"save_log": …}}

start_ns and end_ns are of CLOCK_MONOTONIC, cpu_ns is of the thread's CLOCK_THREAD_CPUTIME_ID,
runqueue_ns is of its schedstat: how long it waited for a CPU. Where two functions share one hold,
parts says how long each of them took. Every hold is a turn of its own.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import ctypes
import itertools
import json
import multiprocessing
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29

_cases = {}


def case(prepare=lambda run: None):
    """Registers `async def name(victim, prepared)` as the case `name`. prepare(victim) is called
    before there is a loop, so that no import and no connection is taken for a hold. What needs the
    loop it returns as a coroutine, which is awaited before the victim serves."""
    def register(function):
        _cases[function.__name__] = (prepare, function)
        return function
    return register


def exact_timers():
    """Without the kernel's 50 µs of slack, a sleep of 0.5 ms lasts 0.5 ms."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)


def die_with_parent():
    """For one that hangs: it cannot notice that the test is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def shortest_seconds(function, argument):
    """How long the call takes: the best of several, for a busy machine makes any single one longer."""
    tries = []
    for _ in range(7):
        started = time.monotonic()
        function(argument)
        tries.append(time.monotonic() - started)
    return min(tries)


def worker_process():
    """A started executor of one process; for a case's prepare."""
    workers = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    workers.submit(os.getpid).result()
    return workers


async def full_thread_pool():
    """A service that has served for a while has all the threads of its loop's executor. To start one
    holds the loop until it runs, which takes as long as the machine likes."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(None, time.sleep, 0.02) for _ in range(32)))


class RunQueue:
    """How long the thread that made this has waited for a CPU."""

    def __init__(self):
        try:
            self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat",
                                 os.O_RDONLY)
        except FileNotFoundError:  # a kernel without CONFIG_SCHED_INFO
            self._file = None

    def waited_ns(self):
        return int(os.pread(self._file, 128, 0).split()[1]) if self._file is not None else 0


class Victim:
    """One run of one case. Everything is called on the loop's thread unless it says otherwise."""

    def __init__(self, arguments):
        self.broken = arguments.form == "broken"
        self.loop_kind = arguments.loop
        self.holds_wanted = arguments.holds
        self.gap_seconds = arguments.gap
        self._seconds = arguments.seconds
        self._options = dict(pair.split("=", 1) for pair in arguments.option)
        self._truth_path = arguments.truth
        self._truth = []
        self._last_hold = None
        self._words = None  # a queue, which before 3.10 is of the loop in which it is made
        self._watch_beat = arguments.heartbeat
        self._late_beats = []
        self.work_started_ns = 0
        self._run_queue = RunQueue()

    def option(self, name):
        """What the test supplied with --option NAME=VALUE: addresses, paths."""
        return self._options[name]

    async def rounds(self, *choices):
        """Yields the choices in turn, a short idle time before each, until the wanted number of
        holds or the time is used up."""
        deadline = time.monotonic() + self._seconds
        for choice in itertools.islice(itertools.cycle(choices), self.holds_wanted):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(self.gap_seconds)
            yield choice

    async def turn(self, coroutine):
        """Runs it as a task, as a server runs its endpoint, so that it starts a turn of its own.
        The book-keeping is left to the turn after it, so that turn and hold are of one length."""
        waited_ns = self._run_queue.waited_ns()
        await asyncio.get_running_loop().create_task(coroutine)
        if self._last_hold:
            self._log(*self._last_hold, self._run_queue.waited_ns() - waited_ns)
        self._last_hold = None

    @contextlib.contextmanager
    def hold(self, function, parts=None):
        """Measures the body, the one hold of its turn, as a hold by `function`."""
        start_cpu_ns = time.thread_time_ns()
        start_ns = time.monotonic_ns()
        yield
        end_ns = time.monotonic_ns()
        self._last_hold = (function, parts, start_ns, end_ns, time.thread_time_ns() - start_cpu_ns)

    def held(self, function, start_ns, end_ns):
        """A hold that was measured elsewhere, while another thread computed."""
        self._last_hold = (function, None, start_ns, end_ns, 0)

    def _log(self, function, parts, start_ns, end_ns, cpu_ns, runqueue_ns):
        self._truth.append({
            "kind": "hold",
            "turn": len(self._truth),
            "function": function.__qualname__,
            "file": os.path.basename(function.__code__.co_filename),
            "start_ns": start_ns,
            "end_ns": end_ns,
            "cpu_ns": cpu_ns,
            "runqueue_ns": runqueue_ns,
            "parts": parts or {function.__qualname__: end_ns - start_ns},
        })

    async def serve_until_told(self):
        """Listens, says so, and waits for "go"."""
        self._words = asyncio.Queue()
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read_words)
        self.say(ready=True, pid=os.getpid(), port=server.sockets[0].getsockname()[1])
        await self.hear("go")
        self.work_started_ns = time.monotonic_ns()

    async def finish(self):
        """Writes the truth, says so, and idles (as an idle service does) until told to end."""
        self._truth.append({"kind": "end", "start_ns": self.work_started_ns,
                            "end_ns": time.monotonic_ns()})
        await asyncio.get_running_loop().run_in_executor(None, self._write_truth)
        holds = sum(1 for line in self._truth if line["kind"] == "hold")
        self.say(done=True, holds=holds, late_beats=self._late_beats)
        await self.hear("end")

    async def hear(self, word):
        """Ticks while it waits, so that a loop is never wholly silent."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                heard = await asyncio.wait_for(self._words.get(), 0.05)
                if heard == word:
                    return
                sys.exit(f"victim: expected {word!r} on standard input, got {heard!r}")

    def say(self, **facts):
        print(json.dumps(facts), flush=True)

    async def beat(self):
        """How long turns kept a timer of 2 ms waiting, the wait for a CPU apart: the victim's own
        view of its turns. Told of those that were late by 1 ms, up to a number."""
        while self._watch_beat:
            waited_ns = self._run_queue.waited_ns()
            before_ns = time.monotonic_ns()
            await asyncio.sleep(0.002)
            if self.work_started_ns and before_ns >= self.work_started_ns:
                now_ns = time.monotonic_ns()
                late_ns = now_ns - before_ns - 2_000_000
                late_ns -= self._run_queue.waited_ns() - waited_ns
                if late_ns > 1_000_000 and len(self._late_beats) < 2000:
                    self._late_beats.append((before_ns, now_ns, late_ns))

    def _read_words(self):
        text = os.read(sys.stdin.fileno(), 4096).decode()
        if not text:  # the test is gone
            os._exit(1)
        for word in text.split():
            self._words.put_nowait(word)

    def _write_truth(self):
        if self._truth_path:
            with open(self._truth_path, "w", encoding="utf-8") as log:
                log.writelines(json.dumps(line) + "\n" for line in self._truth)


async def _answer(reader, writer):
    await reader.readline()
    writer.write(b"ok\n")
    writer.close()


async def _live(victim, run_case, prepared):
    if asyncio.iscoroutine(prepared):
        prepared = await prepared
    beat = asyncio.create_task(victim.beat())
    await victim.serve_until_told()
    await run_case(victim, prepared)
    await victim.finish()
    beat.cancel()


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", required=True, choices=sorted(_cases))
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--form", choices=("broken", "mended"), default="broken")
    parser.add_argument("--seconds", type=float, default=60, help="start no hold after this")
    parser.add_argument("--holds", type=int, default=100, help="how many holds to make")
    parser.add_argument("--gap", type=float, default=0.01, help="idle seconds before each hold")
    parser.add_argument("--truth", help="where to write the truth log")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--heartbeat", action="store_true", help="measure how late a timer comes")
    return parser.parse_args()


def use_loop(kind):
    if kind == "uvloop":
        import uvloop
        uvloop.install()


def main():
    """For a victim whose whole life is one asyncio.run()."""
    chosen = arguments()
    use_loop(chosen.loop)
    prepare, run_case = _cases[chosen.case]
    victim = Victim(chosen)
    asyncio.run(_live(victim, run_case, prepare(victim)))
