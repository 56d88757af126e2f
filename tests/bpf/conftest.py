# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the bpf tier's tests that need the whole agent; its harness is the e2e tier's."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness.agent import Agent  # noqa: E402
from harness.paths import binary  # noqa: E402


@pytest.fixture(scope="session")
def privileged():
    if os.geteuid() != 0:
        pytest.skip("needs root: it loads BPF programs")
    if not binary().exists():
        pytest.fail(f"no agent at {binary()}: run scripts/build or set LOOPSTALL_BINARY")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("bpf")


@pytest.fixture(scope="session", params=["tracepoint", "tp_btf"])
def hooked_agent(request, privileged):
    """An agent on each step of the hook ladder; it records every turn of 15 ms."""
    with Agent("--hook", request.param, stall_threshold="15ms") as running:
        modes = {hook["hook"]: hook["mode"] for hook in running.api("loops")["agent"]["hooks"]}
        assert modes["turn_boundary"] == request.param
        yield running
