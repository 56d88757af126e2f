# SPDX-License-Identifier: Apache-2.0
"""Large files: reading them, writing them safely, mapping them."""

import mmap
import os
import pathlib
import tempfile
import zlib

_MEBIBYTE = 1 << 20
_ARCHIVE_BYTES = 32 * _MEBIBYTE
_REPORT_BYTES = 8 * _MEBIBYTE
_MAPPED_BYTES = 8 * _MEBIBYTE
#: Made once, so that a write costs the write alone.
_PATTERN = memoryview(bytes(range(251)) * (_MEBIBYTE // 251 + 2))


class Archive:
    """The directory with the archive, a large file that the service reads."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.path = directory / "archive.bin"

    def create(self) -> None:
        """Writes the archive unless it is there; its content is the same on every machine."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size == _ARCHIVE_BYTES:
            return
        # A name of its own: several services may start on one directory at the same time.
        unfinished, name = tempfile.mkstemp(dir=self.directory, prefix="archive.")
        with open(unfinished, "wb") as file:
            for number in range(_ARCHIVE_BYTES // _MEBIBYTE):
                file.write(_block(number))
            file.flush()
            os.fsync(unfinished)  # only clean pages can be dropped from the page cache
        os.replace(name, self.path)


def read_archive(path: str, cold: bool) -> int:
    """Reads the whole archive and returns its checksum.

    Broken where the loop's thread calls it; mended in a thread, for read() and crc32() release the
    GIL. `cold` drops the file from the page cache first.
    """
    checksum = 0
    buffer = bytearray(_MEBIBYTE)
    with open(path, "rb", buffering=0) as file:
        if cold:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while count := file.readinto(buffer):
            checksum = zlib.crc32(memoryview(buffer)[:count], checksum)
    return checksum


def write_report(directory: str) -> int:
    """Writes 8 MiB, waits until they are on the disk, and returns the number of bytes.

    Broken where the loop's thread calls it; mended in a thread.
    """
    with tempfile.NamedTemporaryFile(dir=directory, prefix="report.", buffering=0) as file:
        for number in range(_REPORT_BYTES // _MEBIBYTE):
            file.write(_block(number))
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def scan_mapped_archive(path: str, cold: bool) -> int:
    """Touches each page of the mapped archive's first 8 MiB and returns a sum over them.

    Broken where the loop's thread calls it. A page fault keeps the GIL, so a thread would hold the
    loop as well: mended in a worker process.
    """
    with open(path, "rb") as file:
        if cold:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(file.fileno(), _MAPPED_BYTES, prot=mmap.PROT_READ) as mapped:
            mapped.madvise(mmap.MADV_RANDOM)  # no read-ahead: a cold page is a major fault
            total = 0
            for offset in range(0, _MAPPED_BYTES, mmap.PAGESIZE):
                total += mapped[offset]
            return total


def _block(number: int) -> memoryview:
    start = number % 251
    return _PATTERN[start : start + _MEBIBYTE]
