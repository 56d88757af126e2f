# SPDX-License-Identifier: Apache-2.0
"""What victims need around them: slow peers, a PostgreSQL, a folder, something that wants their CPU."""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

from . import waiting
from .paths import PYTHON, VICTIMS
from .victims import Talker

MEGABYTE = 1 << 20


@contextlib.contextmanager
def slow_peers():
    """The addresses that slow_peer.py serves."""
    with Talker([PYTHON, str(VICTIMS / "slow_peer.py")]) as peer:
        yield peer.hear("log_server")


@contextlib.contextmanager
def scratch_folder():
    """A folder on a disk: /tmp may be memory."""
    folder = tempfile.mkdtemp(prefix="loopstall-e2e-", dir="/var/tmp")
    try:
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgres():
    """The connection string of a private PostgreSQL that listens on a unix socket only."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        pytest.skip("no PostgreSQL (Debian: postgresql)")
    owner = pwd.getpwnam("postgres")
    with scratch_folder() as folder:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        run_as = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        data = str(folder / "data")
        subprocess.run(
            [*run_as, f"{found[-1]}/initdb", "-D", data, "-A", "trust", "-N", "-E", "UTF8",
             "--locale=C"], check=True, capture_output=True, cwd="/")
        server = subprocess.Popen(
            [*run_as, f"{found[-1]}/postgres", "-D", data, "-k", str(folder), "-F", "-c",
             "listen_addresses=", "-c", "max_connections=10"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        try:
            waiting.until(lambda: subprocess.run(
                [f"{found[-1]}/pg_isready", "-q", "-h", str(folder)], check=False).returncode == 0,
                30, "PostgreSQL accepts connections")
            yield f"host={folder} user=postgres dbname=postgres"
        finally:
            server.terminate()
            server.wait(20)


@contextlib.contextmanager
def hog(cpu):
    """Something else that wants the whole of that CPU."""
    spin = subprocess.Popen([PYTHON, "-c", "while True: pass"],
                            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    try:
        yield
    finally:
        spin.kill()
        spin.wait()


def write_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size // MEGABYTE):
            file.write(os.urandom(MEGABYTE))
        file.flush()
        os.fsync(file.fileno())
    return str(path)
