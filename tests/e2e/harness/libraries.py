# SPDX-License-Identifier: Apache-2.0
"""What must be found where a library is called on the loop: the table of test_libraries.py."""

import dataclasses

NETWORK = ("network",)
LOCK = ("lock",)
CPU = ("cpu",)


@dataclasses.dataclass(frozen=True)
class Library:
    """One call of a library, and what the agent must say about it."""

    name: str        # the victim's case
    function: str    # the application's, never the library's
    causes: tuple    # the hold's dominant cause is one of these
    advice: str      # what the advice of the stall record must name
    loop: str        # one kind each
    script: str = "sync_clients.py"
    entry: str = "endpoint"
    holds: int = 16
    mended_rounds: int = 16
    sleeps: bool = True  # leaves the CPU to others, so that all of them can run at once

    def __str__(self):
        return self.name


CLIENTS = [
    Library("requests", "save_log", NETWORK, "httpx.AsyncClient or aiohttp", "asyncio"),
    Library("urllib3", "fetch_price", NETWORK, "httpx.AsyncClient or aiohttp", "uvloop"),
    Library("elasticsearch", "search_products", NETWORK, "AsyncElasticsearch", "asyncio"),
    Library("boto3", "load_invoice", NETWORK, "aioboto3", "uvloop"),
    Library("psycopg2", "count_orders", NETWORK, "asyncpg or psycopg 3", "uvloop"),
    Library("psycopg", "count_users", NETWORK, "AsyncConnection", "asyncio"),
    Library("pymysql", "list_invoices", NETWORK, "aiomysql", "uvloop"),
    Library("redis", "next_job", NETWORK, "redis.asyncio", "asyncio"),
    Library("pymongo", "find_basket", NETWORK, "motor", "uvloop"),
    Library("pymongo_afresh", "open_store", ("lock", "network"), "motor", "asyncio"),
    Library("kafka_consumer", "poll_orders", NETWORK, "aiokafka", "asyncio"),
    Library("kafka_producer", "publish_order", LOCK, "aiokafka", "uvloop"),
    Library("grpc", "ask_stock", ("network", "lock"), "grpc.aio", "asyncio"),
    Library("grpc_future", "wait_for_stock", LOCK, "grpc.aio", "uvloop"),
]

COMPUTING = [
    Library("hash_password", "hash_password", CPU, "bcrypt", "uvloop", "hidden_work.py",
            sleeps=False),
    Library("compress_export", "compress_export", CPU, "compression", "asyncio", "hidden_work.py",
            sleeps=False),
    Library("check_name", "check_name", CPU, "regular expressions", "uvloop", "hidden_work.py",
            sleeps=False),
    Library("render_list", "render_list", CPU, "template", "asyncio", "hidden_work.py",
            sleeps=False),
]

LIBRARIES = [*CLIENTS, *COMPUTING]

# Its plain read is a case of cases.py.
FILES = Library("aiofiles", "read_catalog", ("cpu", "file"), "", "asyncio")
COUNTERPARTS = [*LIBRARIES, FILES]

# As Debian 13 has them, on its Python: asynchronous clients (aiohttp, httpx, asyncpg, aiomysql,
# redis.asyncio, motor, aiofiles), and the synchronous ones that come with them.
NEWER_SUITE = "trixie"
NEWER_PACKAGES = ("python3", "python3-aiohttp", "python3-httpx", "python3-asyncpg",
                  "python3-aiomysql", "python3-redis", "python3-motor", "python3-aiofiles",
                  "python3-uvloop")


def _named(*names):
    return [library for library in COUNTERPARTS if library.name in names]


NEWER_COUNTERPARTS = _named("requests", "urllib3", "psycopg2", "pymysql", "redis", "pymongo",
                            "aiofiles")
NEWER_CLIENTS = _named("pymysql", "redis", "pymongo")
