# SPDX-License-Identifier: Apache-2.0
"""Real containers of runc: a root file system with a Python of its own, and victims in it."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

import pytest

from . import waiting
from .paths import PYTHON, VICTIMS
from .victims import Talker, arguments, read_truth

PREFIX = "/opt/own/python"  # of the container's Python; the host has nothing there
APP = "/srv/app"
LEFT_OUT = shutil.ignore_patterns("test", "ensurepip", "idlelib", "tkinter", "lib2to3", "turtledemo",
                                  "config-*", "sitecustomize.py")
NAMESPACES = ("pid", "mount", "cgroup", "uts", "ipc", "network")


def new_id():
    return uuid.uuid4().hex + uuid.uuid4().hex


def _copy(root, file, to=None):
    target = root / (to or str(file)).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(os.path.realpath(file), target)


@contextlib.contextmanager
def root_file_system():
    """A file system with a relocated copy of the host's Python, the libraries that it needs, and
    the victims; nothing else."""
    if not shutil.which("runc"):
        pytest.skip("no runc (Debian: runc)")
    program, library = subprocess.run(
        [PYTHON, "-c", "import os, sys; print(os.path.realpath(sys.executable), os.path.dirname(os.__file__))"],
        check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory(prefix="loopstall-rootfs-", dir="/var/tmp") as folder:
        root = pathlib.Path(folder)
        _copy(root, program, f"{PREFIX}/bin/{pathlib.Path(program).name}")
        shutil.copytree(library, root / f"{PREFIX}/lib/{pathlib.Path(library).name}".lstrip("/"),
                        ignore=LEFT_OUT, symlinks=False)
        for extension in [program, *pathlib.Path(library, "lib-dynload").glob("*.so")]:
            listed = subprocess.run(["ldd", extension], capture_output=True, text=True, check=False)
            for word in listed.stdout.split():
                if word.startswith("/") and os.path.exists(word):
                    _copy(root, word)
        shutil.copytree(VICTIMS, root / APP.lstrip("/"))
        for name in ("proc", "dev", "tmp", "etc"):
            (root / name.lstrip("/")).mkdir(exist_ok=True)
        yield root


def listing(root):
    """Everything about every file of the tree that a writer would change."""
    seen = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        seen[str(path.relative_to(root))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_nlink,
            status.st_ino, status.st_mtime_ns, status.st_ctime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
    return seen


def python_in(root):
    return f"{PREFIX}/bin/" + next((root / f"{PREFIX}/bin".lstrip("/")).iterdir()).name


def _specification(root, command, cgroup, mounts, host_name):
    return {
        "ociVersion": "1.0.2",
        "hostname": host_name,
        "process": {"user": {"uid": 0, "gid": 0}, "args": command, "cwd": APP,
                    "env": ["PATH=/bin", "PYTHONDONTWRITEBYTECODE=1"]},
        "root": {"path": str(root), "readonly": False},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            *({"destination": own, "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
              for own in ("/dev/shm", "/tmp")),
            *({"destination": to, "type": "bind", "source": str(source),
               "options": ["bind", "rprivate"]} for source, to in mounts)],
        "linux": {"cgroupsPath": cgroup, "namespaces": [{"type": kind} for kind in NAMESPACES]},
    }


def cgroup_folders(cgroup):
    """Where runc makes the cgroup and the ones above it, in each hierarchy; the innermost first."""
    top = pathlib.Path("/sys/fs/cgroup")
    hierarchies = [top] if (top / "cgroup.controllers").exists() else sorted(top.iterdir())
    path = pathlib.PurePath(cgroup.lstrip("/"))
    for hierarchy in hierarchies:
        for part in (path, *path.parents[:-1]):
            yield hierarchy / part


def removed(folder):
    with contextlib.suppress(FileNotFoundError):
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
                return False
            raise
    return True


class Container:
    """What a Talker needs to run its command in a container. `cgroup`: as the kubelet or a runtime
    would name it."""

    def __init__(self, root, cgroup, mounts=(), host_name="loopstall-e2e"):
        self.root, self.cgroup, self.mounts, self.host_name = root, cgroup, mounts, host_name
        self.name = f"loopstall-e2e-{uuid.uuid4().hex[:12]}"
        self._made_folders = [folder for folder in cgroup_folders(cgroup) if not folder.exists()]
        self._bundle = tempfile.TemporaryDirectory(prefix="loopstall-bundle-")

    def command(self, command):
        bundle = pathlib.Path(self._bundle.name)
        (bundle / "config.json").write_text(json.dumps(
            _specification(self.root, command, self.cgroup, self.mounts, self.host_name)))
        return ["runc", "run", "--bundle", str(bundle), "--pid-file", str(bundle / "pid"), self.name]

    def pid(self):
        file = pathlib.Path(self._bundle.name, "pid")
        return int(waiting.until(lambda: file.exists() and file.read_text(), 20,
                                 "runc has started the container"))

    def remove(self):
        """Also its cgroups, all that were not there before; one that is in use is an error."""
        subprocess.run(["runc", "delete", "--force", self.name], capture_output=True, check=False)
        for folder in self._made_folders:  # runc leaves those above the container's own
            waiting.until(lambda folder=folder: removed(folder), 10, f"{folder} is empty")
        self._bundle.cleanup()


@contextlib.contextmanager
def overlaid(lower):
    """That file system with a layer to write to above it, as runtimes make it."""
    with tempfile.TemporaryDirectory(prefix="loopstall-overlay-", dir="/var/tmp") as folder:
        upper, work, root = (pathlib.Path(folder, name) for name in ("upper", "work", "root"))
        for path in (upper, work, root):
            path.mkdir()
        layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
        try:
            yield root
        finally:
            subprocess.run(["umount", root], check=True)


class ContainedTalker(Talker):
    """A Talker whose process is the first one of a container; `pid` is the host's. `python`: the
    container's own, where that is not python_in() its root."""

    def __init__(self, container, words, python=None):
        self._container = container
        super().__init__(container.command([python or python_in(container.root), *words]))
        self.pid = container.pid()

    def __exit__(self, *problem):
        super().__exit__(*problem)
        self._container.remove()


class ContainedVictim(ContainedTalker):
    """A Victim in a container; its truth log is on a mount."""

    def __init__(self, root, cgroup, python, script, *what):
        self._folder = tempfile.TemporaryDirectory(prefix="loopstall-truth-")
        mounts = [(self._folder.name, "/truth"), (VICTIMS, APP)]
        super().__init__(Container(root, cgroup, mounts),
                         [script, *arguments(*what, truth="/truth/log")], python)

    def truth(self):
        return read_truth(pathlib.Path(self._folder.name, "log"))

    def __exit__(self, *problem):
        super().__exit__(*problem)
        self._folder.cleanup()
