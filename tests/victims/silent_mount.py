# SPDX-License-Identifier: Apache-2.0
"""A file system that shows a folder, until it is stopped: then, as on a network mount whose server
is gone, whoever reads there hangs.

    silent_mount.py FOLDER MOUNT_POINT

Stop it with SIGSTOP; SIGCONT brings it back. It ends when it is unmounted.
"""

import errno
import os
import sys

import fusepy as fuse

SIZES = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid",
         "st_ino")


class Shown(fuse.Operations):
    def __init__(self, folder):
        self.folder = folder

    def _real(self, path):
        return os.path.join(self.folder, path.lstrip("/"))

    def getattr(self, path, fh=None):
        try:
            status = os.lstat(self._real(path))
        except FileNotFoundError:
            raise fuse.FuseOSError(errno.ENOENT) from None
        return {name: getattr(status, name) for name in SIZES}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self._real(path))]

    def open(self, path, flags):
        return os.open(self._real(path), flags & ~os.O_DIRECT)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def release(self, path, fh):
        os.close(fh)


fuse.FUSE(Shown(sys.argv[1]), sys.argv[2], foreground=True, ro=True, allow_other=True,
          nothreads=True, attr_timeout=0, entry_timeout=0)
