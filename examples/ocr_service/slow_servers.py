#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The two slow servers that the example service calls: OCR and audit log. Standard library only.

Prints one line when both listen:  ready ocr=http://127.0.0.1:PORT/recognise log=http://…/records
Ends on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import hashlib
import json
import signal
from typing import Any, Awaitable, Callable, Dict, Optional

_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 32 * 1024 * 1024

Answer = Callable[[bytes], Awaitable[Dict[str, Any]]]


async def read_request_body(reader: asyncio.StreamReader) -> Optional[bytes]:
    """The body of the next request on the connection, or None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if not 0 <= length <= _MAX_BODY_BYTES:
            return None
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None


async def serve_connection(
    answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers each request of one HTTP/1.1 connection."""
    try:
        while (body := await read_request_body(reader)) is not None:
            content = json.dumps(await answer(body)).encode()
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            writer.write(head.encode() + content)
            await writer.drain()
    except ConnectionError:
        pass  # the client left
    finally:
        writer.close()


def ocr_answer(delay_seconds: float) -> Answer:
    """Recognises every image as a text that depends on its bytes alone, after the delay."""

    async def answer(body: bytes) -> Dict[str, Any]:
        await asyncio.sleep(delay_seconds)
        return {"text": f"page {hashlib.sha256(body).hexdigest()[:8]}"}

    return answer


def log_answer(delay_seconds: float) -> Answer:
    """Accepts every record after the delay."""

    async def answer(body: bytes) -> Dict[str, Any]:
        json.loads(body)
        await asyncio.sleep(delay_seconds)
        return {"accepted": 1}

    return answer


async def serve(options: argparse.Namespace) -> None:
    """Listens until a signal asks for the end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ocr = await _listen(ocr_answer(options.ocr_delay), options.host, options.ocr_port)
    log = await _listen(log_answer(options.log_delay), options.host, options.log_port)
    print(
        f"ready ocr=http://{options.host}:{_port_of(ocr)}/recognise"
        f" log=http://{options.host}:{_port_of(log)}/records",
        flush=True,
    )
    await stop.wait()
    ocr.close()
    log.close()


async def _listen(answer: Answer, host: str, port: int) -> asyncio.base_events.Server:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_connection(answer, reader, writer)

    return await asyncio.start_server(connected, host, port, limit=_MAX_HEAD_BYTES)


def _port_of(server: asyncio.base_events.Server) -> int:
    return server.sockets[0].getsockname()[1]


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Slow OCR and audit-log servers.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ocr-port", type=int, default=8101, help="0: a free one")
    parser.add_argument("--log-port", type=int, default=8102, help="0: a free one")
    parser.add_argument("--ocr-delay", type=float, default=0.08, metavar="SECONDS")
    parser.add_argument("--log-delay", type=float, default=0.06, metavar="SECONDS")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(serve(parse_arguments()))
