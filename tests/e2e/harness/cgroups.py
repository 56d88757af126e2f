# SPDX-License-Identifier: Apache-2.0
"""Cgroups that limit what is in them: a disk's speed, CPU time, memory. Of version 1 or 2.

Without pytest, whose import takes seconds in an emulated machine; it takes a SkipTest for a skip of its own.
"""

import contextlib
import os
import pathlib
import tempfile
from unittest import SkipTest

from . import waiting

DISK_BYTES_PER_SECOND = 40 << 20


def _disk_of(path):
    """major:minor of the whole disk under the path; throttles do not take partitions."""
    device = os.stat(path).st_dev
    node = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not node.exists():
        raise SkipTest(f"{path} is not on a block device")
    node = node.resolve()
    return ((node.parent if (node / "partition").exists() else node) / "dev").read_text().strip()


@contextlib.contextmanager
def _new_group(controller, v2_controller):
    """(a new cgroup, whether it is of version 1), or a skip. It is removed once it is empty."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup") / controller, pathlib.Path("/sys/fs/cgroup")
    is_v1 = v1.is_dir()
    if not is_v1:
        if v2_controller not in (v2 / "cgroup.controllers").read_text().split():
            raise SkipTest(f"no {controller} cgroup controller")
        (v2 / "cgroup.subtree_control").write_text(f"+{v2_controller}")
    group = pathlib.Path(tempfile.mkdtemp(prefix=f"loopstall-{controller}-", dir=v1 if is_v1 else v2))
    try:
        yield group, is_v1
    finally:
        waiting.until(lambda: not (group / "cgroup.procs").read_text().strip(), 10,
                      f"the cgroup {group.name} is empty")
        group.rmdir()


def _number_in(book, key):
    """Of a file with a word and a number in each line."""
    return int(dict(line.split() for line in book.read_text().splitlines())[key])


@contextlib.contextmanager
def throttled_disk(path):
    """A cgroup whose processes read and write the path's disk slowly; v1 or v2."""
    disk = _disk_of(path)
    with _new_group("blkio", "io") as (group, is_v1):
        if is_v1:
            for direction in ("read", "write"):
                (group / f"blkio.throttle.{direction}_bps_device").write_text(
                    f"{disk} {DISK_BYTES_PER_SECOND}")
        else:
            (group / "io.max").write_text(
                f"{disk} rbps={DISK_BYTES_PER_SECOND} wbps={DISK_BYTES_PER_SECOND}")
        yield str(group)


@contextlib.contextmanager
def cpu_quota(share):
    """A cgroup with that share of a CPU, and how many seconds its book says that it was throttled."""
    period_us = 100_000
    with _new_group("cpu", "cpu") as (group, is_v1):
        if is_v1:
            (group / "cpu.cfs_period_us").write_text(str(period_us))
            (group / "cpu.cfs_quota_us").write_text(str(int(share * period_us)))
        else:
            (group / "cpu.max").write_text(f"{int(share * period_us)} {period_us}")
        key, unit = ("throttled_time", 1e9) if is_v1 else ("throttled_usec", 1e6)
        yield str(group), lambda: _number_in(group / "cpu.stat", key) / unit


@contextlib.contextmanager
def little_memory(megabytes):
    """A cgroup with so much memory, and how many of its processes were killed for want of more."""
    with _new_group("memory", "memory") as (group, is_v1):
        if is_v1:
            (group / "memory.limit_in_bytes").write_text(str(megabytes << 20))
            (group / "memory.swappiness").write_text("0")
        else:
            (group / "memory.max").write_text(str(megabytes << 20))
            (group / "memory.swap.max").write_text("0")
        book = group / ("memory.oom_control" if is_v1 else "memory.events")
        yield str(group), lambda: _number_in(book, "oom_kill")
