# SPDX-License-Identifier: Apache-2.0
"""The page in a real Chromium over made-up snapshots; and that web/dist is made of web/src.

Screenshots go to the folder that LOOPSTALL_PAGE_SHOTS names, for a person to look at.
"""

import os
import subprocess

import pytest


def check_bundle(modules):
    return subprocess.run(["npm", "run", "--silent", "check"], cwd=modules, capture_output=True, text=True,
                          check=False)


def test_the_bundle_is_made_of_its_source(modules):
    checked = check_bundle(modules)
    assert checked.returncode == 0, checked.stderr
    source = modules / "src" / "main.js"
    source.write_text(source.read_text().replace("const REFRESH_MS = 2000", "const REFRESH_MS = 2001"))
    changed = check_bundle(modules)
    assert changed.returncode == 1 and "is not what web/src makes" in changed.stderr


def test_over_snapshots(visit):
    if not os.environ.get("LOOPSTALL_PAGE_FIXTURE"):
        pytest.skip("LOOPSTALL_PAGE_FIXTURE does not name the fixture program; run through ctest")
    visit("snapshots.test.mjs")
