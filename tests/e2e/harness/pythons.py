# SPDX-License-Identifier: Apache-2.0
"""Every Python that can be had here: this system's, pyenv's, and those of other Debian suites."""

import dataclasses
import functools
import os
import pathlib
import re
import subprocess

from .paths import PYTHON, REPOSITORY

# Unpacked by scripts/fetch-suite. The debug builds check themselves as they run.
FETCHED = {
    "trixie-3.13": ("trixie", "python3.13"),
    "sid-3.14": ("sid", "python3.14"),
    "bookworm-3.11-debug": ("bookworm", "python3.11-dbg"),
    "sid-3.14-debug": ("sid", "python3.14-dbg"),
    "sid-3.15": ("sid", "python3.15"),
}
REFUSED = ("sid-3.15",)
PYENV_MINORS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@dataclasses.dataclass(frozen=True)
class Python:
    name: str           # "pyenv-3.12.1"
    command: tuple      # what starts it
    environment: tuple = ()  # pairs

    @property
    def minor(self):
        return int(re.search(r"3\.(\d+)", self.name).group(1))

    def __str__(self):
        return self.name


class Missing(Exception):
    """Why a Python cannot be had."""


def version_of(program):
    return subprocess.run([program, "-c", "import platform; print(platform.python_version())"],
                          check=True, capture_output=True, text=True).stdout.strip()


def _pyenv(minor):
    root = pathlib.Path(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")))
    found = sorted(path for path in root.glob(f"versions/{minor}.*/bin/python{minor}")
                   if os.access(path, os.X_OK))
    if not found:
        raise Missing(f"no Python {minor} in {root}/versions")
    return Python(f"pyenv-{version_of(found[-1])}", (str(found[-1]),))


def fetch(suite, *packages):
    """The directory that the packages were unpacked into; Missing where they cannot be fetched."""
    result = subprocess.run([REPOSITORY / "scripts" / "fetch-suite", suite, *packages],
                            check=False, capture_output=True, text=True, timeout=600)
    if result.returncode:
        raise Missing(result.stderr.strip().rpartition("\n")[2])
    return pathlib.Path(result.stdout.strip())


def _fetched(source):
    """In a root of its own, as in a container."""
    suite, package = FETCHED[source]
    root = fetch(suite, package)
    version = re.search(rf"^{package}_([0-9.]+)", (root / ".packages").read_text(),
                        re.MULTILINE).group(1)
    return Python(source.replace(re.search(r"3\.\d+", source).group(), version), (str(root / "enter"), f"/usr/bin/{package}"),
                  (("BIND", f"{REPOSITORY}/tests"),))


SOURCES = ("debian", *(f"pyenv-{minor}" for minor in PYENV_MINORS),
           *(source for source in FETCHED if source not in REFUSED))


@functools.lru_cache(maxsize=None)
def get(source):
    """The Python of one of SOURCES; raises Missing."""
    if source == "debian":
        return Python(f"debian-{version_of(PYTHON)}", (PYTHON,))
    if source in FETCHED:
        return _fetched(source)
    return _pyenv(source.partition("-")[2])
