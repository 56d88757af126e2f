# SPDX-License-Identifier: Apache-2.0
"""The slow servers of the libraries whose real servers Debian does not have, or whose answers must
wait as long as the client asks: HTTP (as Elasticsearch and S3 answer it), MongoDB's and Kafka's
protocols as far as a real client needs them, and a real gRPC server. Threads, not a loop, so that
the agent sees no further loop.

Prints {"http": "http://…", "mongo": "host:port", "slow_mongo": …, "kafka": …, "grpc": …} and serves
until its input ends.
"""

import concurrent.futures
import http.server
import json
import re
import socketserver
import struct
import sys
import threading
import time

import bson
import grpc


def sleep_as_asked(text):
    """Sleeps for the seconds of "delay-0.05" or "delay=0.05"."""
    asked = re.search(r"delay[-=](\d+\.\d+)", text)
    time.sleep(float(asked.group(1)) if asked else 0)


class Http(http.server.BaseHTTPRequestHandler):
    """Elasticsearch's client asks each server first whether it is one; S3's takes any body."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    BODY = json.dumps({"version": {"number": "7.17.6", "build_flavor": "default"},
                       "tagline": "You Know, for Search",
                       "hits": {"total": {"value": 0}, "hits": []}}).encode()

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sleep_as_asked(self.path)
        self.send_response(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.BODY)))
        self.end_headers()
        self.wfile.write(self.BODY)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Protocol(socketserver.BaseRequestHandler):
    """A protocol of length-prefixed messages, each answered by answer(message)."""

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def handle(self):
        try:
            while True:
                answer = self.answer(self.read_message())
                if answer:
                    self.request.sendall(answer)
        except ConnectionError:
            pass


class Mongo(Protocol):
    """mongodb.com/docs/manual/reference/mongodb-wire-protocol: OP_QUERY for the first hello of old
    clients, OP_MSG for the rest."""

    OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
    HELLO_SECONDS = 0

    def read_message(self):
        size, = struct.unpack("<i", self.read(4))
        return self.read(size - 4)

    def answer(self, message):
        request, _, opcode = struct.unpack_from("<iii", message)
        if opcode == self.OP_QUERY:
            name_end = message.index(b"\0", 16)
            reply = bson.encode(self.run(bson.decode(message[name_end + 9:])))
            return self.framed(request, self.OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + reply)
        if opcode == self.OP_MSG:
            reply = bson.encode(self.run(bson.decode(message[17:])))
            return self.framed(request, self.OP_MSG, struct.pack("<ib", 0, 0) + reply)
        raise ConnectionError

    @staticmethod
    def framed(request, opcode, body):
        return struct.pack("<iiii", 16 + len(body), 0, request, opcode) + body

    def run(self, command):
        name = next(iter(command))
        if name.lower() in ("ismaster", "hello"):
            time.sleep(self.HELLO_SECONDS)
            return {"ismaster": True, "maxBsonObjectSize": 1 << 24, "maxWriteBatchSize": 1000,
                    "maxMessageSizeBytes": 48_000_000, "minWireVersion": 0, "maxWireVersion": 8,
                    "ok": 1.0}
        if name == "find":
            time.sleep(command["filter"].get("delay", 0))
            return {"cursor": {"id": 0, "ns": "shop.orders", "firstBatch": []}, "ok": 1.0}
        return {"ok": 1.0}


class SlowMongo(Mongo):
    HELLO_SECONDS = 0.06


class Kafka(Protocol):
    """kafka.apache.org/protocol, in the versions of a 0.10.0 broker: Metadata, Produce and Fetch. A
    fetch finds nothing, so it lasts as long as the consumer lets the broker wait."""

    TOPIC = "orders"
    PRODUCE_SECONDS = 0.06

    def read_message(self):
        size, = struct.unpack(">i", self.read(4))
        return self.read(size)

    @staticmethod
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    def answer(self, message):
        key, version, correlation, client_length = struct.unpack_from(">hhih", message)
        body = message[10 + max(client_length, 0):]
        answers = {(0, 2): self.produce, (1, 2): self.fetch, (3, 1): self.metadata}
        reply = struct.pack(">i", correlation) + answers[key, version](body)
        return struct.pack(">i", len(reply)) + reply

    def metadata(self, _):
        host, port = self.server.server_address
        brokers = struct.pack(">ii", 1, 1) + self.text(host) + struct.pack(">ih", port, -1)
        controller = struct.pack(">i", 1)
        topics = struct.pack(">ih", 1, 0) + self.text(self.TOPIC) + b"\0"
        partitions = struct.pack(">ihiiiiii", 1, 0, 0, 1, 1, 1, 1, 1)
        return brokers + controller + topics + partitions

    def produce(self, _):
        time.sleep(self.PRODUCE_SECONDS)
        return (struct.pack(">i", 1) + self.text(self.TOPIC)
                + struct.pack(">iihqq", 1, 0, 0, 0, -1) + struct.pack(">i", 0))

    def fetch(self, body):
        _, wait_ms = struct.unpack_from(">ii", body)
        time.sleep(wait_ms / 1e3)
        return (struct.pack(">ii", 0, 1) + self.text(self.TOPIC)
                + struct.pack(">iihqi", 1, 0, 0, 0, 0))


def answer_call(request, _):
    sleep_as_asked(request.decode())
    return b"ok"


def grpc_server():
    workers = concurrent.futures.ThreadPoolExecutor(8)
    server = grpc.server(workers)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
        "shop.Orders", {"Count": grpc.unary_unary_rpc_method_handler(answer_call)})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


class ThreadingTcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Http)
    protocols = {"mongo": Mongo, "slow_mongo": SlowMongo, "kafka": Kafka}
    servers = {name: ThreadingTcpServer(("127.0.0.1", 0), handler)
               for name, handler in protocols.items()}
    for server in (http_server, *servers.values()):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    rpc, rpc_address = grpc_server()
    addresses = {name: "{}:{}".format(*server.server_address) for name, server in servers.items()}
    print(json.dumps({"http": "http://{}:{}".format(*http_server.server_address),
                      "grpc": rpc_address, **addresses}), flush=True)
    sys.stdin.read()
    rpc.stop(0)


if __name__ == "__main__":
    main()
