# SPDX-License-Identifier: Apache-2.0
"""Services whose code was installed in every way that pip knows, and requests to them."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

from . import waiting
from .agent import free_port, get
from .paths import PYTHON, VICTIMS

OFFLINE = ("--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check",
           "--quiet")
INSTALL = ("install", *OFFLINE, "--no-compile", "--root-user-action", "ignore")

_CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CLIENT.check_hostname = False
_CLIENT.verify_mode = ssl.CERT_NONE


def _run(*command):
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"


class Installed:
    """The sources of tests/victims/whose_code, copied to a folder and installed there by pip.

    venv/    from their directory: acme-billing, retrying; editable: ledger;
             as wheels, by path or file URL: acme-shipping, acme-core, payments
    target/  pip install --target: stock from its directory, parcels as a wheel
    kiosk.pyz  a zipapp with parcels (a wheel) and retrying in it
    """

    def __init__(self, folder):
        self.folder = folder
        self.sources = folder / "sources"
        self.python = folder / "venv" / "bin" / "python"
        self.target = folder / "target"
        shutil.copytree(VICTIMS / "whose_code", self.sources)
        packages, wheels = self.sources / "packages", folder / "wheels"
        _run(PYTHON, "-m", "venv", "--system-site-packages", "--without-pip", folder / "venv")
        _run(PYTHON, "-m", "pip", "wheel", *OFFLINE, "-w", wheels,
             *(packages / name for name in ("acme-shipping", "acme-core", "payments", "parcels")))
        wheel = "{}-1.0-py3-none-any.whl".format
        _run(PYTHON, "-m", "pip", "--python", self.python, *INSTALL,
             packages / "acme-billing", packages / "retrying", "-e", packages / "ledger",
             (wheels / wheel("acme_shipping")).as_uri(), wheels / wheel("acme_core"),
             wheels / wheel("payments"))
        _run(PYTHON, "-m", "pip", *INSTALL, "--target", self.target,
             packages / "stock", wheels / wheel("parcels"))
        _run(PYTHON, "-m", "pip", *INSTALL, "--target", self.sources / "kiosk",
             packages / "retrying", wheels / wheel("parcels"))
        _run(PYTHON, "-m", "zipapp", self.sources / "kiosk", "-o", folder / "kiosk.pyz")

    def certificates(self):
        """form -> (key, certificate): handshakes cost the broken server milliseconds each."""
        files = {}
        for form, kind in (("broken", ("rsa:4096",)),
                           ("mended", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))):
            key, certificate = (self.folder / f"{form}.{name}" for name in ("key", "pem"))
            _run("openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj",
                 "/CN=localhost", "-keyout", key, "-out", certificate)
            files[form] = (key, certificate)
        return files


class Service:
    """One running service, and the requests that it was sent. A context manager."""

    def __init__(self, name, form, command, installed, program=None, scheme="http", **environment):
        self.name, self.form = name, form
        self.port = free_port()
        self.scheme = scheme
        self.requests = {}  # path -> [(before_ns, after_ns)]
        self._program = program
        self._command = [str(word).replace("{port}", str(self.port)) for word in command]
        self._environment = {
            **os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(installed.target),
            "FORM": form, "PORT": str(self.port), **environment}
        self._installed = installed

    def __enter__(self):
        self._log = open(self._installed.folder / f"{self.name}-{self.form}.log", "w+b")
        stdin = open(self._program, "rb") if self._program else subprocess.DEVNULL
        self.process = subprocess.Popen(
            self._command, cwd=self._installed.sources / "shop", env=self._environment,
            stdin=stdin, stdout=self._log, stderr=self._log)
        if self._program:
            stdin.close()
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._log.close()

    def wait_until_it_answers(self):
        if self.scheme == "https":
            waiting.until(self._shakes_hands, 60, f"{self.name} shakes hands")
            return
        waiting.until(lambda: self._alive() and get(f"http://127.0.0.1:{self.port}/ready")[0],
                      60, f"{self.name} answers")

    def _alive(self):
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"{self.name} left\n{self._log.read().decode()[-2000:]}")
        return True

    def _shakes_hands(self):
        with contextlib.suppress(OSError):
            return self._alive() and not self.shake_hands()
        return False

    def shake_hands(self):
        """One TLS handshake, and nothing after it."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            _CLIENT.wrap_socket(connection).close()

    def request(self, path):
        before_ns = time.monotonic_ns()
        status, body = get(f"http://127.0.0.1:{self.port}{path}", timeout=60)
        assert status == 200, f"{self.name} {path}: {status} {body}"
        self.requests.setdefault(path, []).append((before_ns, time.monotonic_ns()))

    def request_handshakes(self, path, count):
        """So many at once: the server finds several of them ready in one turn."""
        before_ns = time.monotonic_ns()
        clients = [threading.Thread(target=self.shake_hands) for _ in range(count)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.requests.setdefault(path, []).append((before_ns, time.monotonic_ns()))

    def found(self, path, records, causes):
        """For each request of that path: the record with most time of these causes, or None."""
        def seconds(record):
            return sum(record["causes"].get(cause, 0) for cause in causes)
        return [max((record for record in records
                     if before <= record["start_monotonic_ns"] <= after and seconds(record)),
                    key=seconds, default=None)
                for before, after in self.requests.get(path, [])]
