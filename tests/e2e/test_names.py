# SPDX-License-Identifier: Apache-2.0
"""What services are called, by the command lines that real launchers and servers leave behind."""

import contextlib
import json
import os
import signal
import subprocess
import urllib.request

import pytest

from harness import waiting
from harness.agent import free_port
from harness.paths import PYTHON, VICTIMS

APP = "preforked:app"

# As ddtrace-run and opentelemetry-instrument do it: prepare the environment, become the command.
LAUNCHER = f"""#!{PYTHON}
import os, sys
os.environ["DD_SERVICE"] = "shop"
os.execvp(sys.argv[1], sys.argv[1:])
"""

SHOP = f"""import sys, uvicorn
uvicorn.run({APP!r}, port=int(sys.argv[1]))
"""


def uvicorn(port):
    return [PYTHON, "-m", "uvicorn", "--port", port, APP]


def gunicorn(port, *options):
    return [PYTHON, "-m", "gunicorn", "-k", "uvicorn.workers.UvicornWorker",
            "-b", f"127.0.0.1:{port}", *options, APP]


# Each the words of a command, and what the service is called.
COMMANDS = {
    "uvicorn": (lambda port: ["uvicorn", "--no-access-log", "--port", port, APP], APP),
    "uvicorn as a module": (uvicorn, APP),
    "uvicorn's processes": (lambda port: uvicorn(port) + ["--workers", "2"], APP),
    "gunicorn": (lambda port: ["gunicorn", *gunicorn(port)[3:]], APP),
    "gunicorn that was given a name": (lambda port: gunicorn(port, "--name", "shop"), "shop"),
    "hypercorn": (lambda port: ["hypercorn", "-b", f"127.0.0.1:{port}", APP], APP),
    "tini": (lambda port: ["tini", "-g", "--", *uvicorn(port)], APP),
    "ddtrace-run": (lambda port: ["./ddtrace-run", *uvicorn(port)], APP),
    "coverage": (lambda port: ["python3-coverage", "run", "--data-file=/dev/null",
                               *uvicorn(port)[1:]], APP),
    "launchers of a shell": (lambda port: ["sh", "-c", "cd . && exec env LOG=1 nice -n 1 " +
                                           " ".join(uvicorn(port))], APP),
    "child of a shell": (lambda port: ["sh", "-c", " ".join(uvicorn(port)) + " & wait"], APP),
    "module": (lambda port: [PYTHON, "-X", "dev", "-mshop", port], "shop"),
    "script": (lambda port: [PYTHON, "-u", "shop.py", port], "shop.py"),
    "string": (lambda port: [PYTHON, "-c", SHOP, port], "python -c"),
    "standard input": (lambda port: [PYTHON, "-", port], "python"),
}


@contextlib.contextmanager
def running(command, folder):
    with open(folder / "shop.py", encoding="utf-8") as program:
        process = subprocess.Popen(
            command, cwd=folder, stdin=program, stdout=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(VICTIMS), "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def end(pid):
    """tini gives its child a group of its own, which the end of the launcher's does not reach."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def serving_pid(port):
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return json.loads(answer.read())["pid"]
    return None


@pytest.fixture(scope="module")
def names(agent, tmp_path_factory):
    """{command: what the agent calls it}, of all of them at once."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    (folder / "ddtrace-run").write_text(LAUNCHER, encoding="utf-8")
    (folder / "ddtrace-run").chmod(0o755)
    found = {}
    with contextlib.ExitStack() as alive:
        ports = {name: str(free_port()) for name in COMMANDS}
        for name, (command, _) in COMMANDS.items():
            alive.enter_context(running(command(ports[name]), folder))
        for name, port in ports.items():
            pid = waiting.until(lambda: serving_pid(port), 60, f"{name} answers")
            alive.callback(end, pid)
            found[name] = agent.wait_for_loop(pid)["labels"]["process"]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_service_is_named(names, command):
    assert names[command] == COMMANDS[command][1]
