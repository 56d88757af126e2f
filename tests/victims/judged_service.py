# SPDX-License-Identifier: Apache-2.0
"""A small HTTP service for `loopstall check`, and the load for it.

    judged_service.py broken|mended|forking PORT asyncio|uvloop
    judged_service.py load PORT REQUESTS

Each answer takes 50 ms of another server, and every fifth one writes a report that takes 150 ms: on the
loop's thread (broken; forking: in a child that was forked) or awaited (mended). The load asks four at a time.
"""

import asyncio
import http.client
import os
import socket
import sys
import threading
import time

import victim

SERVER_SECONDS, REPORT_SECONDS = 0.05, 0.15
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

answers = 0


def slow_server():
    """Another server, in a thread: whoever connects hears of it after a while."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def answer(connection):
        with connection:
            time.sleep(SERVER_SECONDS)
            connection.sendall(b"done")

    def accept():
        while True:
            threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()


def ask_the_server(address):
    with socket.create_connection(address) as connection:
        return connection.recv(100)


def write_report():
    time.sleep(REPORT_SECONDS)


async def answer(reader, writer, address, broken):
    global answers
    await reader.readuntil(b"\r\n\r\n")
    answers += 1
    if broken:
        ask_the_server(address)
    else:
        server_reader, server_writer = await asyncio.open_connection(*address)
        await server_reader.read(100)
        server_writer.close()
    if answers % 5 == 0:
        if broken:
            write_report()
        else:
            await asyncio.sleep(REPORT_SECONDS)
    writer.write(RESPONSE)
    await writer.drain()
    writer.close()


async def serve(port, broken):
    address = slow_server()
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, address, broken), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def run(form, port, loop):
    if loop == "uvloop":
        import uvloop
        uvloop.install()
    if form == "forking":
        if child := os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        victim.die_with_parent()
    asyncio.run(serve(port, form != "mended"))


def load(port, requests):
    def ask(number):
        for _ in range(number):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            connection.close()

    askers = [threading.Thread(target=ask, args=(requests // 4,)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()


if __name__ == "__main__":
    if sys.argv[1] == "load":
        load(int(sys.argv[2]), int(sys.argv[3]))
    else:
        run(sys.argv[1], int(sys.argv[2]), sys.argv[3])
