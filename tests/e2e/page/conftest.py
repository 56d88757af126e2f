# SPDX-License-Identifier: Apache-2.0
"""The page's tests are written for Playwright, in JavaScript: what they need, and how they are run."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
WEB = HERE.parents[2] / "web"
NO_REGISTRY = ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED", "ENETUNREACH")


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """A copy of web/ with what its lock file names."""
    if not shutil.which("npm"):
        pytest.skip("no npm (Debian: npm)")
    kept = os.environ.get("LOOPSTALL_PAGE_MODULES")
    folder = pathlib.Path(kept) if kept else tmp_path_factory.mktemp("web")
    shutil.copytree(WEB, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True,
                               text=True, timeout=300, check=False)
    if any(reason in installed.stderr for reason in NO_REGISTRY):
        pytest.skip("npm's registry cannot be reached")
    assert installed.returncode == 0, installed.stderr
    return folder


@pytest.fixture
def visit(modules):
    """Runs a script of tests; the keywords are its environment."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium (Debian: chromium)")

    def run(script, **environment):
        needed = {"LOOPSTALL_PAGE_MODULES": str(modules), "LOOPSTALL_CHROMIUM": chromium}
        done = subprocess.run(["node", "--test", "--test-reporter=spec", HERE / script], capture_output=True,
                              text=True, timeout=240, env=os.environ | needed | environment, check=False)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, f"{script} failed"
    return run
