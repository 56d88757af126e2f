# SPDX-License-Identifier: Apache-2.0
"""What victims need around them: slow peers, a PostgreSQL, a disk that is slow on purpose."""

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
DISK_BYTES_PER_SECOND = 40 * MEGABYTE


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


def _disk_of(path):
    """major:minor of the whole disk under the path; throttles do not take partitions."""
    device = os.stat(path).st_dev
    node = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not node.exists():
        pytest.skip(f"{path} is not on a block device")
    node = node.resolve()
    return ((node.parent if (node / "partition").exists() else node) / "dev").read_text().strip()


@contextlib.contextmanager
def throttled_disk(path):
    """A cgroup whose processes read and write the path's disk slowly; v1 or v2."""
    disk = _disk_of(path)
    v1, v2 = pathlib.Path("/sys/fs/cgroup/blkio"), pathlib.Path("/sys/fs/cgroup")
    name = f"loopstall-e2e-{os.getpid()}"
    if v1.is_dir():
        group = v1 / name
        group.mkdir()
        for direction in ("read", "write"):
            (group / f"blkio.throttle.{direction}_bps_device").write_text(
                f"{disk} {DISK_BYTES_PER_SECOND}")
    elif "io" in (v2 / "cgroup.controllers").read_text().split():
        (v2 / "cgroup.subtree_control").write_text("+io")
        group = v2 / name
        group.mkdir()
        (group / "io.max").write_text(
            f"{disk} rbps={DISK_BYTES_PER_SECOND} wbps={DISK_BYTES_PER_SECOND}")
    else:
        pytest.skip("no blkio or io cgroup controller")
    try:
        yield str(group)
    finally:
        waiting.until(lambda: not (group / "cgroup.procs").read_text().strip(), 10,
                      "the throttled cgroup is empty")
        group.rmdir()


def write_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size // MEGABYTE):
            file.write(os.urandom(MEGABYTE))
        file.flush()
        os.fsync(file.fileno())
    return str(path)
