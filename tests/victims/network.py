# SPDX-License-Identifier: Apache-2.0
"""Hidden blocking calls that wait for a socket."""

import asyncio
import socket

import psycopg2
import requests

import victim

DELAYS = (0.025, 0.06, 0.15)
SHORT_CALLS = 300


def save_log(url, delay):
    requests.get(f"{url}/log?delay={delay}").raise_for_status()


async def upload(run, delay):
    if not run.broken:
        return await asyncio.to_thread(save_log, run.option("log_server"), delay)
    with run.hold(save_log):
        save_log(run.option("log_server"), delay)


@victim.case()
async def requests_get(run, _):
    async for delay in run.rounds(*DELAYS):
        await run.turn(upload(run, delay))


def count_orders(connection, delay):
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", (delay,))
        cursor.fetchone()


async def report(run, connection, delay):
    if not run.broken:
        return await asyncio.to_thread(count_orders, connection, delay)
    with run.hold(count_orders):
        count_orders(connection, delay)


@victim.case(lambda run: psycopg2.connect(run.option("dsn")))
async def psycopg2_query(run, connection):
    async for delay in run.rounds(0.2, 0.03, 0.07):
        await run.turn(report(run, connection, delay))


def read_replies(peer):
    for _ in range(SHORT_CALLS):
        peer.send(b"?")
        peer.recv(1)


async def read_replies_awaiting(peer):
    loop = asyncio.get_running_loop()
    for _ in range(SHORT_CALLS):
        await loop.sock_sendall(peer, b"?")
        await loop.sock_recv(peer, 1)


async def poll_device(run, peer):
    if not run.broken:
        return await read_replies_awaiting(peer)
    with run.hold(read_replies):
        read_replies(peer)


def connect_to_device(run):
    host, port = run.option("byte_peer").split(":")
    peer = socket.create_connection((host, int(port)))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setblocking(run.broken)
    return peer


@victim.case(connect_to_device)
async def short_recvs(run, peer):
    async for _ in run.rounds(None):
        await run.turn(poll_device(run, peer))


if __name__ == "__main__":
    victim.main()
