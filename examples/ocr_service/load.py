#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bounded load for the example service. Needs Pillow for its image, else nothing but Python.

Requests start at a fixed rate, whatever the service does, until --concurrency of them are under
way; then the next ones wait. A latency counts from the moment at which the request was due, so that
a held loop cannot hide the requests that it delayed. Prints one JSON line and ends.
"""

import argparse
import asyncio
import collections
import dataclasses
import io
import itertools
import json
import random
import signal
import sys
import time
import urllib.parse
from typing import Dict, Iterator, List, Optional, Tuple

_REQUEST_TIMEOUT_SECONDS = 30.0
_BOUNDARY = "loopstall-example"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One finished request; latency in seconds since it was due."""

    endpoint: str
    latency: float
    error: Optional[str]


def make_image() -> bytes:
    """A JPEG of 2000 × 1500 pixels, the same on every machine with the same Pillow."""
    from PIL import Image

    size = (2000, 1500)
    coarse = (size[0] // 10, size[1] // 10)
    noise = random.Random(1).randbytes(coarse[0] * coarse[1] * 3)
    image = Image.frombytes("RGB", coarse, noise).resize(size, Image.Resampling.BICUBIC)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


def make_upload() -> Tuple[str, bytes]:
    """Content type and body of a multipart upload of make_image()."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="page.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + make_image() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={_BOUNDARY}", body


def make_json(megabytes: float) -> Tuple[str, bytes]:
    """Content type and body of a JSON document of about so many megabytes."""
    item = '{"id": %d, "name": "page", "words": [1, 2, 3, 4, 5, 6, 7, 8], "score": 0.25}'
    count = int(megabytes * 1e6 / len(item % 100_000 + ", "))
    items = ", ".join(item % number for number in range(count))
    return "application/json", f'{{"items": [{items}]}}'.encode()


def plan(text: str) -> Iterator[str]:
    """Endless endpoints from "upload=4,sleep": each as often as its weight, evenly mixed."""
    weights: Dict[str, int] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition("=")
        weights[name] = int(weight or 1)
    if not weights or min(weights.values()) < 1 or "" in weights:
        raise ValueError(f"not a list of endpoints: {text!r}")
    steps = sorted(
        ((index + 0.5) / weight, name)
        for name, weight in weights.items()
        for index in range(weight)
    )
    return itertools.cycle([name for _, name in steps])


def request_head(url: urllib.parse.SplitResult, endpoint: str, body: Tuple[str, bytes]) -> bytes:
    """The request line and headers."""
    content_type, content = body
    lines = [
        f"{'POST' if content_type else 'GET'} /{endpoint} HTTP/1.1",
        f"Host: {url.netloc}",
        "Connection: close",
    ]
    if content_type:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(content)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def send_request(
    url: urllib.parse.SplitResult, endpoint: str, body: Tuple[str, bytes]
) -> Optional[str]:
    """Sends one request on a connection of its own. Returns what went wrong, or None."""
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        writer.write(request_head(url, endpoint, body))
        view = memoryview(body[1])
        for offset in range(0, len(view), 256 * 1024):
            writer.write(view[offset : offset + 256 * 1024])
            await writer.drain()
        reply = await reader.read(-1)
    finally:
        writer.close()
    status = reply.split(b" ", 2)[1:2]
    return None if status == [b"200"] else f"status {(status or [b'none'])[0].decode()}"


class Load:
    """One run of the load; used by one event loop."""

    def __init__(self, options: argparse.Namespace):
        self.outcomes: List[Outcome] = []
        self._options = options
        self._url = urllib.parse.urlsplit(options.url)
        self._bodies = {"upload": make_upload, "json": lambda: make_json(options.json_megabytes)}
        self._bodies = {
            name: make() for name, make in self._bodies.items() if name in options.endpoints
        }
        self._slots = asyncio.Semaphore(options.concurrency)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Starts no more requests."""
        self._stop.set()

    async def run(self) -> float:
        """Runs for the duration and until the last request ended. Returns the seconds it took."""
        start = time.monotonic()
        running = set()
        endpoints = plan(self._options.endpoints)
        for number in itertools.count():
            due = start + number / self._options.rate
            if self._options.duration and due >= start + self._options.duration:
                break
            if not await self._wait_until(due):
                break
            await self._slots.acquire()
            task = asyncio.create_task(self._one(next(endpoints), due))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)
        return time.monotonic() - start

    async def _wait_until(self, due: float) -> bool:
        """False when the load was asked to stop."""
        try:
            await asyncio.wait_for(self._stop.wait(), max(0.0, due - time.monotonic()))
        except asyncio.TimeoutError:
            pass
        return not self._stop.is_set()

    async def _one(self, endpoint: str, due: float) -> None:
        path = endpoint.partition("?")[0]
        try:
            error = await asyncio.wait_for(
                send_request(self._url, endpoint, self._bodies.get(path, ("", b""))),
                _REQUEST_TIMEOUT_SECONDS,
            )
        except asyncio.TimeoutError:
            error = "timeout"
        except OSError as failure:
            error = type(failure).__name__
        finally:
            self._slots.release()
        self._record(Outcome(path, time.monotonic() - due, error))

    def _record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self._options.duration == 0:
            del self.outcomes[:-10_000]  # an endless load keeps only its latest outcomes


def quantile(values: List[float], fraction: float) -> Optional[float]:
    """The nearest-rank quantile, or None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def summary(outcomes: List[Outcome], seconds: float) -> Dict[str, object]:
    """What the JSON line says: counts, and latencies in seconds."""
    by_endpoint: Dict[str, List[Outcome]] = collections.defaultdict(list)
    for outcome in outcomes:
        by_endpoint[outcome.endpoint].append(outcome)
    return {
        **_figures(outcomes),
        "seconds": round(seconds, 3),
        "error_kinds": dict(collections.Counter(o.error for o in outcomes if o.error)),
        "endpoints": {name: _figures(some) for name, some in sorted(by_endpoint.items())},
    }


def _figures(outcomes: List[Outcome]) -> Dict[str, object]:
    latencies = [outcome.latency for outcome in outcomes if not outcome.error]
    return {
        "requests": len(outcomes),
        "errors": sum(1 for outcome in outcomes if outcome.error),
        "p50_seconds": _rounded(quantile(latencies, 0.5)),
        "p99_seconds": _rounded(quantile(latencies, 0.99)),
    }


def _rounded(value: Optional[float]) -> Optional[float]:
    return None if value is None else round(value, 4)


async def run(options: argparse.Namespace) -> int:
    """Runs the load and prints its summary. 0 if at least one request succeeded."""
    load = Load(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, load.stop)
    seconds = await load.run()
    figures = summary(load.outcomes, seconds)
    print(json.dumps(figures), flush=True)
    return 0 if figures["requests"] > figures["errors"] else 1


def parse_arguments(arguments: List[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A bounded load for the example service.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rate", type=float, default=3.0, help="requests per second")
    parser.add_argument("--duration", type=float, default=20.0, help="seconds; 0: until a signal")
    parser.add_argument("--concurrency", type=int, default=16, help="requests under way at most")
    parser.add_argument("--json-megabytes", type=float, default=20.0, help="size of /json's body")
    parser.add_argument(
        "--endpoints",
        default="upload",
        metavar="NAME[=WEIGHT],…",
        help="without the slash, for example upload=4,sleep,file-read?cold=0",
    )
    options = parser.parse_args(arguments)
    if options.rate <= 0 or options.duration < 0 or options.concurrency < 1:
        parser.error("--rate and --concurrency must be positive, and --duration not negative")
    try:
        plan(options.endpoints)
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    sys.exit(asyncio.run(run(parse_arguments(sys.argv[1:]))))
