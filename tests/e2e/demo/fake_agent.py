#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the agent's place in a test of scripts/demo: answers as the agent should, measures nothing.

FAKE_AGENT holding omit: it names no compress_image; accuse: it blames send_audit_record in the
mended service; die: it ends after its start.
"""

import argparse
import http.server
import json
import os
import pathlib
import signal
import sys
import threading

import agent_answers


def example_service():
    """Process id and mode of the example service that runs in this mount namespace's /proc."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            if b"app.main:app" not in (entry / "cmdline").read_bytes().split(b"\0"):
                continue
            for variable in (entry / "environ").read_bytes().split(b"\0"):
                if variable.startswith(b"OCR_MODE="):
                    return int(entry.name), variable.partition(b"=")[2].decode()
        except OSError:
            continue
    return None


def answer(path: str):
    """The JSON for a path, or None."""
    if path == "/readyz":
        return {"ready": True}
    if path != "/api/v1/loops":
        return None
    found = example_service()
    if found is None:
        return agent_answers.document([])
    pid, mode = found
    rows = agent_answers.BROKEN if mode == "broken" else agent_answers.MENDED
    if "omit" in os.environ.get("FAKE_AGENT", ""):
        rows = [row for row in rows if row[0] != "compress_image"]
    return agent_answers.document([agent_answers.service(rows, pid)])


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET."""

    def do_GET(self):  # noqa: N802 (the name is http.server's)
        content = answer(self.path)
        self.send_response(404 if content is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


def write_stall_log(path: str) -> None:
    """What the agent blames in the mended service, if it is told to."""
    found = example_service()
    with open(path, "w", encoding="utf-8") as log:
        if found and found[1] == "mended" and "accuse" in os.environ.get("FAKE_AGENT", ""):
            names = ("send_audit_record", "app/services/audit_log.py", "network")
            log.write(json.dumps(agent_answers.stall_record(found[0], *names, 0.2)) + "\n")


def main() -> None:
    """Serves both listeners until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["agent"])
    for name in ("--listen", "--admin-listen", "--stall-log"):
        parser.add_argument(name, required=True)
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    write_stall_log(options.stall_log)
    if "die" in os.environ.get("FAKE_AGENT", ""):
        sys.exit("loopstall: this kernel has no BTF")
    for address in (options.listen, options.admin_listen):
        host, _, port = address.rpartition(":")
        server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait([signal.SIGTERM])


if __name__ == "__main__":
    main()
