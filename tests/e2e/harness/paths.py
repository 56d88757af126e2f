# SPDX-License-Identifier: Apache-2.0
"""Where things are, in the repository and on the machine."""

import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
VICTIMS = REPOSITORY / "tests" / "victims"
PYTHON = os.environ.get("LOOPSTALL_PYTHON", "/usr/bin/python3")


def binary():
    """The agent under test: $LOOPSTALL_BINARY, else what scripts/build leaves."""
    return pathlib.Path(os.environ.get("LOOPSTALL_BINARY",
                                       REPOSITORY / "build" / "release" / "loopstall"))
