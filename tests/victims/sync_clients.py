# SPDX-License-Identifier: Apache-2.0
"""The synchronous clients of servers, called on the loop; mended, the asynchronous client does the
same work, or a thread where Debian has no such client.

A case is what a service would write: a function that asks a server through a client, how the client
is made, and its asynchronous twin. The imports are inside, since a service has one client, not all.
"""

import asyncio
import functools

import victim

DELAYS = (0.06, 0.12)


async def endpoint(run, function, call, seconds):
    if not run.broken:
        return await call(seconds)
    with run.hold(function):
        call(seconds)


def client(function, connect, connect_twin=None):
    """Registers the case called as the connecting function is. connect(run) returns what the
    function takes first; connect_twin(run), a coroutine, returns an `async def call(seconds)` and
    what closes it. Twins make a first call before they serve: many import and resolve in it."""
    async def prepare_twin(run, call):
        await victim.full_thread_pool()
        if not connect_twin:
            return functools.partial(asyncio.to_thread, call), None
        call, close = await connect_twin(run)
        await call(0.01)
        return call, close

    def prepare(run):
        call = None
        if run.broken or not connect_twin:
            call = functools.partial(function, connect(run))
        return (call, None) if run.broken else prepare_twin(run, call)

    async def run_case(run, prepared):
        call, close = prepared
        async for seconds in run.rounds(*DELAYS):
            await run.turn(endpoint(run, function, call, seconds))
        if close:
            await close()

    run_case.__name__ = connect.__name__.removeprefix("connect_")
    victim.case(prepare)(run_case)


# HTTP.

def connect_requests(run):
    import requests
    return requests.Session(), run.option("http")


def save_log(prepared, seconds):
    session, url = prepared
    session.get(f"{url}/?delay={seconds}").raise_for_status()


async def connect_aiohttp(run):
    import aiohttp
    session = aiohttp.ClientSession()

    async def call(seconds):
        async with session.get(f"{run.option('http')}/?delay={seconds}") as answer:
            await answer.read()
    return call, session.close


client(save_log, connect_requests, connect_aiohttp)


def connect_urllib3(run):
    import urllib3
    return urllib3.PoolManager(), run.option("http")


def fetch_price(prepared, seconds):
    pool, url = prepared
    pool.request("GET", f"{url}/price?delay={seconds}")


async def connect_httpx(run):
    import httpx
    http = httpx.AsyncClient(verify=False, base_url=run.option("http"))

    async def call(seconds):
        await http.get(f"/price?delay={seconds}")
    return call, http.aclose


client(fetch_price, connect_urllib3, connect_httpx)


def connect_elasticsearch(run):
    import elasticsearch
    return elasticsearch.Elasticsearch(run.option("http"))


def search_products(search, seconds):
    search.search(index=f"products-delay-{seconds}", query={"match_all": {}})


async def connect_async_elasticsearch(run):
    import elasticsearch
    search = elasticsearch.AsyncElasticsearch(run.option("http"))

    async def call(seconds):
        await search.search(index=f"products-delay-{seconds}", query={"match_all": {}})
    return call, search.close


client(search_products, connect_elasticsearch, connect_async_elasticsearch)


def connect_boto3(run):
    import boto3
    return boto3.client("s3", endpoint_url=run.option("http"), region_name="eu-central-1",
                        aws_access_key_id="none", aws_secret_access_key="none")


def load_invoice(s3, seconds):
    s3.get_object(Bucket="invoices", Key=f"delay-{seconds}")["Body"].read()


client(load_invoice, connect_boto3)


# Databases and caches.

def connect_psycopg2(run):
    import psycopg2
    return psycopg2.connect(run.option("dsn"))


def count_orders(connection, seconds):
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", (seconds,))
        cursor.fetchone()


async def connect_asyncpg(run):
    import asyncpg
    words = dict(word.split("=") for word in run.option("dsn").split())
    connection = await asyncpg.connect(host=words["host"], user=words["user"],
                                       database=words["dbname"])

    async def call(seconds):
        await connection.fetchrow("select pg_sleep($1)", seconds)
    return call, connection.close


client(count_orders, connect_psycopg2, connect_asyncpg)


def connect_psycopg(run):
    import psycopg
    return psycopg.connect(run.option("dsn"))


def count_users(connection, seconds):
    connection.execute("select pg_sleep(%s)", (seconds,)).fetchone()


async def connect_async_psycopg(run):
    import psycopg
    connection = await psycopg.AsyncConnection.connect(run.option("dsn"))

    async def call(seconds):
        await (await connection.execute("select pg_sleep(%s)", (seconds,))).fetchone()
    return call, connection.close


client(count_users, connect_psycopg, connect_async_psycopg)


def connect_pymysql(run):
    import pymysql
    return pymysql.connect(unix_socket=run.option("mariadb"), user="root")


def list_invoices(connection, seconds):
    with connection.cursor() as cursor:
        cursor.execute("select sleep(%s)", (seconds,))
        cursor.fetchall()


async def connect_aiomysql(run):
    import aiomysql
    connection = await aiomysql.connect(unix_socket=run.option("mariadb"), user="root")

    async def call(seconds):
        async with connection.cursor() as cursor:
            await cursor.execute("select sleep(%s)", (seconds,))
            await cursor.fetchall()
    return call, connection.ensure_closed


client(list_invoices, connect_pymysql, connect_aiomysql)


def connect_redis(run):
    import redis
    return redis.Redis(unix_socket_path=run.option("redis"))


def next_job(store, seconds):
    store.blpop("jobs", seconds)


async def connect_async_redis(run):
    import redis.asyncio
    store = redis.asyncio.Redis(unix_socket_path=run.option("redis"))

    async def call(seconds):
        await store.blpop("jobs", seconds)
    return call, store.close


client(next_job, connect_redis, connect_async_redis)


def connect_pymongo(run):
    import pymongo
    mongo = pymongo.MongoClient(f"mongodb://{run.option('mongo')}")
    mongo.admin.command("ping")
    return mongo


def find_basket(mongo, seconds):
    list(mongo.shop.orders.find({"delay": seconds}))


async def connect_motor(run):
    import motor.motor_asyncio
    mongo = motor.motor_asyncio.AsyncIOMotorClient(f"mongodb://{run.option('mongo')}")

    async def call(seconds):
        await mongo.shop.orders.find({"delay": seconds}).to_list(None)
    return call, None


client(find_basket, connect_pymongo, connect_motor)


def connect_pymongo_afresh(run):
    import pymongo
    return pymongo.MongoClient, f"mongodb://{run.option('slow_mongo')}"


def open_store(prepared, _):
    """Waits on a condition until the client's own thread has seen the server."""
    connect, address = prepared
    mongo = connect(address)
    mongo.admin.command("ping")
    mongo.close()


client(open_store, connect_pymongo_afresh)


# Brokers and remote calls.

def connect_kafka_consumer(run):
    import kafka
    consumer = kafka.KafkaConsumer(bootstrap_servers=run.option("kafka"), api_version=(0, 10, 0),
                                   fetch_max_wait_ms=500)
    partition = kafka.TopicPartition("orders", 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    consumer.poll(timeout_ms=200)
    return consumer


def poll_orders(consumer, seconds):
    consumer.poll(timeout_ms=int(seconds * 1e3))


client(poll_orders, connect_kafka_consumer)


def connect_kafka_producer(run):
    import kafka
    producer = kafka.KafkaProducer(bootstrap_servers=run.option("kafka"), api_version=(0, 10, 0))
    producer.partitions_for("orders")
    return producer


def publish_order(producer, _):
    """Waits on a condition until the client's own thread has its answer."""
    producer.send("orders", b"one order").get(5)


client(publish_order, connect_kafka_producer)


def connect_grpc(run):
    import grpc
    channel = grpc.insecure_channel(run.option("grpc"))
    count = channel.unary_unary("/shop.Orders/Count")
    count(b"")
    return count


def ask_stock(count, seconds):
    count(f"delay-{seconds}".encode())


async def connect_grpc_aio(run):
    import grpc.aio
    channel = grpc.aio.insecure_channel(run.option("grpc"))
    count = channel.unary_unary("/shop.Orders/Count")
    await count(b"")

    async def call(seconds):
        await count(f"delay-{seconds}".encode())
    return call, channel.close


client(ask_stock, connect_grpc, connect_grpc_aio)


def connect_grpc_future(run):
    return connect_grpc(run).future


def wait_for_stock(start, seconds):
    """Waits on a condition until the channel's own thread has the answer."""
    start(f"delay-{seconds}".encode()).result()


client(wait_for_stock, connect_grpc_future, connect_grpc_aio)


# Files: the plain read is a case of test_blocking.py.

def connect_aiofiles(run):
    return run.option("file")


def read_catalog(path, _):
    with open(path, "rb") as catalog:
        catalog.read()


async def connect_async_file(run):
    import aiofiles

    async def call(_):
        async with aiofiles.open(run.option("file"), "rb") as catalog:
            await catalog.read()
    return call, None


client(read_catalog, connect_aiofiles, connect_async_file)


if __name__ == "__main__":
    victim.main()
