# SPDX-License-Identifier: Apache-2.0
"""The servers that clients of libraries are measured against, each in a scratch folder of its own:
Debian's where there is one, else library_peers.py."""

import contextlib
import os
import pwd
import shutil
import subprocess

import pytest

from . import waiting
from .paths import PYTHON, VICTIMS
from .resources import scratch_folder
from .victims import Talker


@contextlib.contextmanager
def library_peers():
    """The addresses that library_peers.py serves."""
    with Talker([PYTHON, str(VICTIMS / "library_peers.py")]) as peers:
        yield peers.hear("http")


def _wanted(program, package):
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if not path:
        pytest.skip(f"no {program} (Debian: {package})")
    return path


@contextlib.contextmanager
def _running(command, answers, what):
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd="/")
    try:
        waiting.until(answers, 60, what)
        yield
    finally:
        server.terminate()
        server.wait(30)


@contextlib.contextmanager
def mariadb():
    """The unix socket of a private MariaDB, which lets root in without a password."""
    program = _wanted("mariadbd", "mariadb-server")
    install = _wanted("mariadb-install-db", "mariadb-server")
    admin = _wanted("mariadb-admin", "mariadb-client")
    owner = pwd.getpwnam("mysql")
    with scratch_folder() as folder:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        data, address = folder / "data", str(folder / "socket")
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--user=mysql", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True, cwd="/")
        with _running(
                [program, "--no-defaults", f"--datadir={data}", "--user=mysql",
                 f"--socket={address}", "--skip-networking", f"--pid-file={folder}/pid",
                 "--innodb-flush-log-at-trx-commit=0"],
                lambda: subprocess.run([admin, "--no-defaults", f"--socket={address}", "-uroot",
                                        "ping"], capture_output=True, check=False).returncode == 0,
                "MariaDB answers"):
            yield address


@contextlib.contextmanager
def redis():
    """The unix socket of a private Redis that keeps nothing."""
    program = _wanted("redis-server", "redis-server")
    with scratch_folder() as folder:
        address = folder / "socket"
        with _running([program, "--port", "0", "--unixsocket", str(address), "--save", "",
                       "--dir", str(folder)], address.exists, "Redis answers"):
            yield str(address)
