# SPDX-License-Identifier: Apache-2.0
"""The demo with the real agent: it names all that the example service hides, and ends in time."""

import os
import pathlib
import subprocess
import time

import pytest

import example_stack

AGENT = pathlib.Path(
    os.environ.get("LOOPSTALL_BINARY", example_stack.REPOSITORY / "build/release/loopstall")
)


@pytest.mark.skipif(os.geteuid() != 0, reason="BPF needs root")
@pytest.mark.skipif(not AGENT.exists(), reason=f"there is no agent at {AGENT}")
def test_the_agent_names_all_and_accuses_none():
    demo = str(example_stack.REPOSITORY / "scripts" / "demo")
    start = time.monotonic()
    run = subprocess.run(
        [demo, "--agent", str(AGENT), "--duration", "20"], capture_output=True, text=True, timeout=240
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0
    assert time.monotonic() - start < 180
