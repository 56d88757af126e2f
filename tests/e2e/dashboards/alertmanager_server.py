# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager, and the webhook that it tells."""

import contextlib
import http.server
import json
import threading

import yaml

from example_service import running
from harness.prometheus_server import fetch, free_port, wait_until


class Webhook:
    """Keeps every alert that it is told of. A context manager."""

    def __init__(self):
        self.alerts = []
        told = self.alerts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def told_of(self, name, status="firing"):
        return [alert for alert in self.alerts
                if alert["labels"]["alertname"] == name and alert["status"] == status]


@contextlib.contextmanager
def alertmanager(directory, webhook_url):
    """Passes each alert on at once. Its address."""
    address = f"127.0.0.1:{free_port()}"
    at_once = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    (directory / "alertmanager.yaml").write_text(yaml.safe_dump({
        "route": {"receiver": "webhook", "group_by": ["..."], **at_once},
        "receivers": [{"name": "webhook", "webhook_configs": [{"url": webhook_url}]}]}))
    command = ["prometheus-alertmanager", f"--config.file={directory}/alertmanager.yaml",
               f"--storage.path={directory}/alertmanager", f"--web.listen-address={address}",
               "--cluster.listen-address="]
    with running(command, "alertmanager", directory):
        wait_until(lambda: fetch(f"http://{address}/-/ready"), 30, "Alertmanager is ready")
        yield address
