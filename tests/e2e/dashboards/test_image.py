# SPDX-License-Identifier: Apache-2.0
"""What can be known of the Dockerfile without a container engine: its sources, its package list.

The image itself is not built here.
"""

import fnmatch
import re
import shlex
import subprocess

import pytest
import yaml

import paths

DOCKERFILE = paths.ROOT / "Dockerfile"


def instructions():
    """(word, rest) of each instruction, continuation lines joined, comments gone."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def of_kind(word):
    return [rest for kind, rest in instructions() if kind == word]


def stages():
    """The instructions of each stage."""
    found = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def runtime_packages():
    command = next(rest for word, rest in stages()[-1] if word == "RUN")
    installed = re.search(r"apt-get install ([^&]*)", command).group(1)
    return {word for word in installed.split() if not word.startswith("-")}


def copied_sources():
    for rest in of_kind("COPY"):
        words = shlex.split(rest)
        if not words[0].startswith("--from"):
            yield from words[:-1]


def ignored(source):
    """Whether .dockerignore leaves it out; the last pattern that matches decides."""
    verdict = False
    for line in (paths.ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            negated = pattern.startswith("!")
            if fnmatch.fnmatch(source, pattern.lstrip("!")):
                verdict = not negated
    return verdict


def test_every_source_exists_and_is_in_the_build_context():
    sources = list(copied_sources())
    assert "agent" in sources and "bpf" in sources
    for source in sources:
        assert (paths.ROOT / source).exists(), source
        assert not ignored(source), f".dockerignore leaves out {source}"


def test_context_has_no_build_tree_and_no_history():
    for path in ("build", ".git", "test-artifacts", "tests", "docs"):
        assert ignored(path), path


def test_cmake_reads_nothing_that_is_not_copied():
    """Every folder that the top-level CMakeLists.txt adds or includes from, without the tests."""
    text = (paths.ROOT / "CMakeLists.txt").read_text().split("if(LOOPSTALL_BUILD_TESTS)")[0]
    folders = re.findall(r"^add_subdirectory\((\w+)\)", text, re.MULTILINE)
    folders += re.findall(r"\$\{CMAKE_CURRENT_SOURCE_DIR\}/(\w+)", text)
    assert folders and set(folders) <= set(copied_sources())


def test_setup_has_the_option():
    setup = paths.ROOT / "scripts" / "setup"
    assert setup.stat().st_mode & 0o111
    assert "scripts/setup --build-only" in DOCKERFILE.read_text()
    assert "--build-only)" in setup.read_text()


def test_entry_point_and_port():
    assert of_kind("ENTRYPOINT") == ['["/usr/bin/loopstall"]']
    assert of_kind("CMD") == ['["agent"]']
    values = yaml.safe_load((paths.CHART / "values.yaml").read_text())
    assert of_kind("EXPOSE") == [str(values["agent"]["metricsPort"])]


def test_labels():
    labels = dict(pair.split("=", 1) for pair in shlex.split(of_kind("LABEL")[0]))
    prefix = "org.opencontainers.image."
    wanted = ("title", "description", "version", "revision", "licenses", "base.name")
    assert all(labels.get(prefix + name) for name in wanted)
    project = re.search(r"project\(loopstall VERSION (\S+)", (paths.ROOT / "CMakeLists.txt").read_text())
    assert labels[prefix + "version"] == project.group(1)
    assert of_kind("FROM")[-1] in labels[prefix + "base.name"]
    chart = yaml.safe_load((paths.CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project.group(1), "the chart's default tag"


def needed_libraries():
    """The sonames that the binary itself asks for."""
    dynamic = subprocess.run(
        ["objdump", "-p", paths.BINARY], capture_output=True, text=True, check=True
    ).stdout
    return re.findall(r"NEEDED\s+(\S+)", dynamic)


def package_of(path):
    """The Debian package of a library; on a merged /usr, dpkg may know it by either name."""
    for candidate in (path, path.removeprefix("/usr"), f"/usr{path}"):
        owner = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True)
        if owner.returncode == 0:
            return owner.stdout.split(":")[0]
    raise AssertionError(f"no package owns {path}")


@pytest.mark.skipif(
    not paths.BINARY.exists() or paths.BINARY.read_bytes()[:4] != b"\x7fELF",
    reason=f"no agent at {paths.BINARY}; run scripts/build or set LOOPSTALL_BINARY",
)
def test_runtime_packages_are_those_that_the_binary_needs():
    listed = subprocess.run(["ldd", paths.BINARY], capture_output=True, text=True, check=True)
    location = dict(re.findall(r"(\S+) => (\S+)", listed.stdout))
    assert "not found" not in listed.stdout
    if "libasan" in listed.stdout:
        pytest.skip("a build with sanitizers goes into no image")
    always_there = {"libc6", "libgcc-s1"}  # of every Debian image
    needed = {package_of(location[name]) for name in needed_libraries() if name in location}
    assert runtime_packages() == needed - always_there
