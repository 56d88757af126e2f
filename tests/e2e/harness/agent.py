# SPDX-License-Identifier: Apache-2.0
"""A running agent, and what it exports."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

from . import waiting
from .metrics import Scrape
from .paths import binary


def free_ports(number):
    """Different ones: each is held until all are found."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port():
    return free_ports(1)[0]


def get(url, timeout=5):
    """(status, body) of a GET; (0, reason) where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


class Agent:
    """`loopstall agent` with listeners of its own, ready to measure. A context manager."""

    def __init__(self, *flags, stall_threshold="20ms", ready_within=30):
        self._ready_within = ready_within
        self._folder = tempfile.TemporaryDirectory(prefix="loopstall-e2e-")
        self.stall_log = os.path.join(self._folder.name, "stalls.ndjson")
        self.log = os.path.join(self._folder.name, "agent.log")
        self.listen, self.admin = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.command = [
            str(binary()), "agent", "--listen", self.listen, "--admin-listen", self.admin,
            "--stall-threshold", stall_threshold, "--stall-log", self.stall_log,
            # Else what a victim sees would hang on how busy the others are: see test_budget.
            "--budget", "100%",
            # And on how dear the machine's timer is: see test_environment.
            "--sample-rate", "99", *flags]
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        try:
            waiting.until(self._ready, self._ready_within, "the agent is ready")
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.said()}") from None
        return self

    def __exit__(self, *_):
        self.stop()
        self._folder.cleanup()

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent left with {self.process.returncode}\n{self.said()}")
        return get(f"http://{self.listen}/readyz")[0] == 200

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the agent did not end within 10 s of SIGTERM") from None

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def scrape(self):
        status, body = get(f"http://{self.listen}/metrics")
        assert status == 200, body
        return Scrape(body)

    def api(self, path):
        status, body = get(f"http://{self.admin}/api/v1/{path}")
        assert status == 200, body
        return json.loads(body)

    def records(self, pid=None):
        """The stall log; with a pid, that process's records."""
        try:
            with open(self.stall_log, encoding="utf-8") as log:
                lines = log.read().split("\n")[:-1]  # the last is empty or still being written
        except FileNotFoundError:
            return []
        records = [json.loads(line) for line in lines]
        return [record for record in records if pid in (None, record["pid"])]

    def services(self, **labels):
        return [service for service in self.api("loops")["services"]
                if all(service["labels"][key] == want for key, want in labels.items())]

    def service(self, pid):
        """The service of that process's loops, as /api/v1/loops shows it."""
        for service in self.services():
            if any(loop["pid"] == pid for loop in service["loops"]):
                return service
        raise AssertionError(f"process {pid} is not listed")

    def loop(self, pid):
        """The state of that process's loop as /api/v1/loops shows it, or None."""
        for service in self.api("loops")["services"]:
            for loop in service["loops"]:
                if loop["pid"] == pid:
                    return loop | {"labels": service["labels"]}
        return None

    def wait_for_loop(self, pid, seconds=15, serving=True):
        def found():
            loop = self.loop(pid)
            return loop if loop and (not serving or loop["phase"] == "serving") else None
        return waiting.until(found, seconds, f"the loop of process {pid} is listed")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
