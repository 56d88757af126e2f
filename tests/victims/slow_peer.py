# SPDX-License-Identifier: Apache-2.0
"""The slow servers that victims talk to: an HTTP log server and a server that answers each byte
after half a millisecond. Threads, not a loop, so that the agent sees no further loop.

Prints {"log_server": "http://…", "byte_peer": "127.0.0.1:…"} and serves until its input ends.
"""

import http.server
import json
import socketserver
import sys
import threading
import time
import urllib.parse

import victim

BYTE_DELAY_SECONDS = 0.0005


class LogServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        time.sleep(float(query.get("delay", ["0"])[0]))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class BytePeer(socketserver.BaseRequestHandler):
    def handle(self):
        victim.exact_timers()
        while self.request.recv(1):
            time.sleep(BYTE_DELAY_SECONDS)
            self.request.sendall(b"!")


class ThreadingTcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main():
    log_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LogServer)
    byte_peer = ThreadingTcpServer(("127.0.0.1", 0), BytePeer)
    for server in (log_server, byte_peer):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({
        "log_server": f"http://127.0.0.1:{log_server.server_address[1]}",
        "byte_peer": f"127.0.0.1:{byte_peer.server_address[1]}",
    }), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
