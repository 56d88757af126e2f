# SPDX-License-Identifier: Apache-2.0
"""One call of each library that the table of advice knows and Debian has, by a function of the library's name.

    advised.py broken|mended [NAME...]

Says {"ready": true, "pid": …, "missing": [names without their package]}, waits for a line, makes all calls, each in a turn
of its own on the loop's thread (broken) or in a thread of a pool (mended; what computes is left out: it keeps the GIL),
and says {"done": [[name, seconds], …]}. With names, only those. What waits for a server gets one that is silent for 0.12 s and hangs up.
"""

import asyncio
import io
import json
import logging
import os
import queue
import socket
import sys
import tempfile
import threading
import time

from told import listen, told

SILENT_SECONDS = 0.12
COMPUTE_SECONDS = 0.2
NO_RETRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

folder = tempfile.TemporaryDirectory(prefix="loopstall-advised-")
host, port = "127.0.0.1", 0
waits, computes = {}, {}


def silent_server():
    global port
    listener = socket.create_server((host, 0), backlog=50)
    port = listener.getsockname()[1]

    def hang_up(connection):
        with connection:
            time.sleep(SILENT_SECONDS)

    def accept():
        while True:
            threading.Thread(target=hang_up, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def waiting(prepare):
    """Registers prepare(), which imports and makes ready, and returns what is called."""
    waits[prepare.__name__] = prepare
    return prepare


def computing(prepare):
    """Likewise; what it returns is called again and again for a while."""
    computes[prepare.__name__] = prepare
    return prepare


# ---- clients of servers -------------------------------------------------------------------------


@waiting
def urllib_request():
    import urllib.request
    return lambda: urllib.request.urlopen(f"http://{host}:{port}/", timeout=5)


@waiting
def http_client():
    import http.client

    def ask():
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse()
    return ask


@waiting
def smtplib():
    import smtplib as library
    return lambda: library.SMTP(host, port, timeout=5)


@waiting
def sqlalchemy():
    import psycopg2  # noqa: F401: the driver
    import sqlalchemy as library
    engine = library.create_engine(f"postgresql+psycopg2://me@{host}:{port}/x", connect_args={"sslmode": "disable"})
    return engine.connect


@waiting
def mysqlclient():
    import MySQLdb
    return lambda: MySQLdb.connect(host=host, port=port, connect_timeout=5)


@waiting
def pika():
    import pika as library
    parameters = library.ConnectionParameters(host, port, connection_attempts=1)
    return lambda: library.BlockingConnection(parameters)


@waiting
def kombu():
    import kombu as library
    import kombu.transport.redis  # noqa: F401
    connection = library.Connection(f"redis://{host}:{port}/0", transport_options=NO_RETRIES)
    return lambda: connection.Producer().publish({}, routing_key="x", retry=False)


@waiting
def celery():
    import celery as library
    app = library.Celery(broker=f"redis://{host}:{port}/0")
    app.conf.broker_transport_options = NO_RETRIES
    app.finalize()
    return lambda: app.send_task("work", retry=False)


@waiting
def rq():
    import redis
    import rq as library
    jobs = library.Queue(connection=redis.Redis(host, port, socket_timeout=5))
    return lambda: jobs.enqueue("time.sleep", 1)


@waiting
def pymemcache():
    from pymemcache.client.base import Client
    return lambda: Client((host, port), timeout=5).get("key")


@waiting
def paramiko():
    import paramiko as library
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    client = library.SSHClient()
    client.set_missing_host_key_policy(library.AutoAddPolicy())
    return lambda: client.connect(host, port, "me", "secret", timeout=5, allow_agent=False, look_for_keys=False)


@waiting
def openai():
    from openai import OpenAI
    import httpx
    plain = httpx.Client(verify=False, trust_env=False)  # a root of its own may have no certificates
    client = OpenAI(api_key="none", base_url=f"http://{host}:{port}/v1", max_retries=0, http_client=plain)
    return client.models.list


@waiting
def mysql_connector():
    from mysql import connector
    return lambda: connector.connect(host=host, port=port, user="none", password="none", use_pure=True)


@waiting
def confluent_kafka():
    from confluent_kafka import DeserializingConsumer
    consumer = DeserializingConsumer({"bootstrap.servers": f"{host}:{port}", "group.id": "advised"})
    return lambda: consumer.poll(SILENT_SECONDS)


@waiting
def django():
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # as those do who silence its warning
    import django as library
    from django.conf import settings
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port,
                                              "NAME": "x", "USER": "me", "OPTIONS": {"sslmode": "disable"}}})
    library.setup()
    from django.db import connection
    return lambda: connection.cursor().execute("SELECT 1")


# ---- waits of the standard library --------------------------------------------------------------


@waiting
def multiprocessing():
    import multiprocessing as library
    context = library.get_context("spawn")
    process = context.Process(target=time.sleep, args=(0.3,))
    return lambda: (process.start(), process.join())


@waiting
def futures_result():
    import concurrent.futures
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(int).result()
    return lambda: pool.submit(time.sleep, SILENT_SECONDS).result()


@waiting
def queue_get():
    items = queue.Queue()

    def put_later():
        time.sleep(SILENT_SECONDS)
        items.put(1)

    def get():
        threading.Thread(target=put_later).start()
        items.get()
    return get


@waiting
def threading_event():
    return lambda: threading.Event().wait(SILENT_SECONDS)


@waiting
def logging_handler():
    """Whoever reads the log is slow."""
    reader, writer = os.pipe()
    logger = logging.Logger("advised")
    logger.addHandler(logging.StreamHandler(os.fdopen(writer, "w")))

    def read():
        time.sleep(SILENT_SECONDS)
        while os.read(reader, 1 << 20):
            pass

    def log():
        threading.Thread(target=read, daemon=True).start()
        logger.error("x" * 200_000)
    return log


# ---- computing ----------------------------------------------------------------------------------


def document(size):
    return [{"number": number, "name": f"article {number}", "tags": ["a", "b"]} for number in range(size)]


@computing
def json_dumps():
    things = document(2000)
    return lambda: json.dumps(things)


@computing
def simplejson():
    import simplejson as library
    things = document(2000)
    return lambda: library.dumps(things)


@computing
def passlib():
    from passlib.hash import pbkdf2_sha256
    return lambda: pbkdf2_sha256.using(rounds=20_000).hash("secret")


@computing
def argon2():
    from argon2 import PasswordHasher
    hasher = PasswordHasher()
    return lambda: hasher.hash("secret")


@computing
def jwt():
    import jwt as library
    return lambda: library.decode(library.encode({"sub": "me"}, "secret", "HS256"), "secret", ["HS256"])


@computing
def hashlib():
    import hashlib as library
    data = io.BytesIO(b"x" * 20_000_000)

    def digest():
        data.seek(0)
        library.file_digest(data, "sha256")
    return digest


@computing
def gzip():
    import gzip as library
    data = os.urandom(1000) * 1000
    return lambda: library.compress(data)


@computing
def zipfile():
    import zipfile as library
    data = os.urandom(1000) * 1000

    def pack():
        with library.ZipFile(io.BytesIO(), "w", library.ZIP_DEFLATED) as file:
            file.writestr("x", data)
    return pack


@computing
def tarfile():
    import tarfile as library
    source = os.path.join(folder.name, "source")
    with open(source, "wb") as file:
        file.write(os.urandom(1000) * 3000)

    def pack():
        with library.open(fileobj=io.BytesIO(), mode="w:xz") as file:
            file.add(source)
    return pack


@computing
def bz2():
    import bz2 as library
    data = os.urandom(1000) * 500
    return lambda: library.compress(data)


@computing
def lzma():
    import lzma as library
    data = os.urandom(1000) * 500
    return lambda: library.compress(data)


@computing
def deepcopy():
    import copy
    things = document(500)
    return lambda: copy.deepcopy(things)


@computing
def csv():
    import csv as library
    text = "a,b,c\n" + "1,2,3\n" * 5000
    return lambda: list(library.DictReader(io.StringIO(text)))


@computing
def yaml():
    import yaml as library
    text = library.safe_dump(document(20))
    return lambda: library.safe_load(text)


@computing
def bs4():
    import bs4 as library
    text = "<ul>" + "<li>an <b>item</b></li>" * 500 + "</ul>"
    return lambda: library.BeautifulSoup(text, "html.parser")


@computing
def lxml():
    import lxml.html as library
    text = "<ul>" + "<li>an <b>item</b></li>" * 20_000 + "</ul>"
    return lambda: library.fromstring(text)


@computing
def numpy():
    import numpy as library
    matrix = library.random.rand(150, 150)
    return lambda: library.linalg.svd(matrix)


@computing
def pandas():
    import pandas as library
    frame = library.DataFrame({"group": [number % 500 for number in range(20_000)], "value": range(20_000)})
    return lambda: frame.groupby("group")["value"].describe()


@computing
def sklearn():
    from sklearn.cluster import KMeans
    import numpy as library
    points = library.random.rand(400, 8)
    return lambda: KMeans(n_clusters=8, n_init=3).fit(points)


@computing
def pydantic():
    import pydantic as library

    class Item(library.BaseModel):
        name: str
        parts: dict

    class Items(library.BaseModel):
        items: list[Item]
    things = {"items": [{"name": str(number), "parts": {"a": number}} for number in range(300)]}
    return lambda: Items(**things)


@computing
def jsonable_encoder():
    from fastapi.encoders import jsonable_encoder as encode
    things = document(300)
    return lambda: encode(things)


@computing
def importing():
    """A large module for the first time, while it serves."""
    source = os.path.join(folder.name, "advised_large_module.py")
    with open(source, "w", encoding="utf-8") as file:
        file.writelines(f"def f{number}(a, b=1):\n    return [a, b, {number}]\n" for number in range(30_000))
    sys.path.insert(0, folder.name)
    sys.dont_write_bytecode = True

    def load():
        import advised_large_module  # noqa: F401
        del sys.modules["advised_large_module"]
    return load


# ---- the calls ----------------------------------------------------------------------------------


def named(name, call):
    """A function of that name, which makes the call: it is the one to blame."""
    def caller():
        try:
            call()
        except Exception:  # pylint: disable=broad-except
            pass  # the server hung up
    caller.__code__ = caller.__code__.replace(co_name=name, co_qualname=name)
    return caller


def repeated(call):
    """Until it has computed for long enough."""
    end = time.monotonic() + COMPUTE_SECONDS
    while time.monotonic() < end:
        call()


def prepared(prepares):
    """{name: call}, and the names of those whose package is not here."""
    calls, missing = {}, []
    for name, prepare in prepares.items():
        try:
            calls[name] = prepare()
        except ImportError:
            missing.append(name)
    return calls, missing


def chosen(prepares, names):
    return {name: prepare for name, prepare in prepares.items() if not names or name in names}


async def serve(form, *names):
    own, missing = prepared(chosen(waits, names))
    heavy, missing_too = prepared(chosen(computes, names))
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        print(json.dumps({"ready": True, "pid": os.getpid(), "missing": missing + missing_too}), flush=True)
        while not told.is_set():
            await asyncio.sleep(0.02)
        done = []
        for name, call in [*own.items(), *(heavy.items() if form == "broken" else ())]:
            caller = named(name, call)
            start = time.monotonic()
            if form == "mended":
                await asyncio.to_thread(caller)
            elif name in heavy:
                repeated(caller)
            else:
                caller()
            done.append([name, time.monotonic() - start])
            await asyncio.sleep(0.02)
        print(json.dumps({"done": done}), flush=True)
        while True:
            await asyncio.sleep(0.1)


if __name__ == "__main__":  # multiprocessing's child imports this file too
    listen()
    silent_server()
    asyncio.run(serve(*sys.argv[1:]))
