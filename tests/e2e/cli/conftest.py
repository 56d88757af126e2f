# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command line's tests."""

import os
import shutil

import pytest

from harness.paths import binary

NOBODY = "65534"


@pytest.fixture
def unprivileged(tmp_path_factory):
    """(a copy of the program where anybody may run it, the words before it that drop root)"""
    folder = tmp_path_factory.mktemp("unprivileged")
    program = shutil.copy(binary(), folder / "loopstall")
    for part in (folder, *folder.parents[:2]):
        if os.stat(part).st_uid == os.geteuid() and str(part) not in ("/", "/tmp"):
            part.chmod(0o755)
    return program, ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                     "--bounding-set=-all", "--inh-caps=-all"]
