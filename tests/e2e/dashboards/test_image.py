# SPDX-License-Identifier: Apache-2.0
"""What can be known of the image without a container engine: the Dockerfile's sources, and the root file system that
its build stage makes, by the same script. tests/e2e/node runs the agent in it.
"""

import fnmatch
import os
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
    """The instructions of each stage, after those before the first one."""
    found = [[]]
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


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


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    if not paths.BINARY.exists():
        pytest.skip(f"no agent at {paths.BINARY}; run scripts/build or set LOOPSTALL_BINARY")
    folder = tmp_path_factory.mktemp("image") / "root"
    subprocess.run([paths.ROOT / "scripts" / "image-root", paths.BINARY, folder], check=True)
    return folder


def test_the_build_stage_makes_the_image_by_the_script():
    assert "scripts/image-root build/release/loopstall /image" in of_kind("RUN")[-1]
    last = stages()[-1]
    assert last[0] == ("FROM", "scratch")
    assert [rest for word, rest in last if word in ("COPY", "RUN")] == ["--from=build /image /"]


def test_the_image_is_the_program_and_what_it_is_linked_to(image):
    programs = [path for path in image.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    strangers = [path for path in programs
                 if path != image / "usr/bin/loopstall" and not re.search(r"\.so(\.|$)", path.name)]
    assert strangers == []
    size = sum(path.stat().st_size for path in image.rglob("*") if path.is_file())
    assert 5e6 < size < 25e6, "docs/kubernetes.md states the size"


def test_the_image_says_what_is_in_it(image):
    """A package record and a copyright file for each library, as scanners look for them."""
    records = {path.name for path in (image / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "libbpf1", "libmicrohttpd12", "libyaml-cpp0.7"} <= records
    for record in records:
        text = (image / "var/lib/dpkg/status.d" / record).read_text()
        assert f"Package: {record}\n" in text and "\nVersion: " in text
        assert (image / "usr/share/doc" / record / "copyright").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_the_program_starts_in_it(image):
    said = subprocess.run(["chroot", image, "/usr/bin/loopstall", "--version"], capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith("loopstall "), said.stderr


def test_image_root_refuses_what_it_cannot_use(image, tmp_path):
    script = paths.ROOT / "scripts" / "image-root"
    for words, sentence in (((paths.BINARY, image), "is not empty"), ((tmp_path / "none", tmp_path / "x"), "no program")):
        said = subprocess.run([script, *words], capture_output=True, text=True)
        assert said.returncode == 3 and sentence in said.stderr and said.stderr.count("\n") == 1
