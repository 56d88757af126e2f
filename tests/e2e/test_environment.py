# SPDX-License-Identifier: Apache-2.0
"""What `loopstall agent` says, and how it leaves, where it cannot work."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness import bpf_objects, resources
from harness.agent import Agent, free_port, get
from harness.metrics import Change
from harness.paths import binary

USAGE, ENVIRONMENT = 2, 3
# include/uapi/linux/capability.h: DAC_READ_SEARCH 2, SYS_PTRACE 19, BPF 39, CHECKPOINT_RESTORE 40.
READING, BPF = 1 << 2 | 1 << 19 | 1 << 40, 1 << 39

pytestmark = pytest.mark.usefixtures("agent_binary")


def run(*arguments, prefix=(), program=None):
    return subprocess.run([*prefix, str(program or binary()), *arguments], check=False,
                          capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def listeners():
    return ["--listen", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}"]


def assert_one_sentence(said, status, *words):
    """It left with the status and one line on standard error that has the words."""
    lines = [line for line in said.stderr.splitlines() if line.strip()]
    assert said.returncode == status, said
    assert len(lines) == 1, said.stderr
    for word in words:
        assert re.search(word, lines[0], re.IGNORECASE), f"{word!r} is not in {lines[0]!r}"
    assert said.stdout == ""


def test_without_root(privileged, tmp_path):
    program = tmp_path / "loopstall"
    shutil.copy(binary(), program)  # the build folder may be root's own
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    said = run("agent", *listeners(), program=program,
               prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    assert_one_sentence(said, ENVIRONMENT, "root|capabilit|privilege")


@pytest.mark.parametrize("path", ["/nonexistent/vmlinux", "/etc/passwd", "/bin/true", "/"])
def test_missing_btf(privileged, path):
    """Not there, a text, an ELF file without any, a folder."""
    said = run("agent", *listeners(), "--btf", path)
    assert_one_sentence(said, ENVIRONMENT, f"from {path}; use", "BTF")


@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_busy_port(privileged, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = listeners()
        flags[flags.index(flag) + 1] = f"127.0.0.1:{port}"
        assert_one_sentence(run("agent", *flags), ENVIRONMENT, str(port), "listen|in use|bind")


def test_unknown_flag():
    assert_one_sentence(run("agent", "--no-such-flag"), USAGE, "--no-such-flag")


@pytest.mark.parametrize("flags", [
    ("--stall-threshold", "soon"), ("--sample-rate", "-1"), ("--listen", "nowhere"),
    ("--pid", "first"), ("--hook", "uprobe")], ids=lambda flags: flags[0])
def test_malformed_value(flags):
    assert_one_sentence(run("agent", *flags), USAGE, flags[0].lstrip("-"))


def test_unknown_command():
    assert_one_sentence(run("agnet"), USAGE, "agnet")


@pytest.mark.parametrize("arguments", [("version",), ("--version",)], ids=" ".join)
def test_version(arguments):
    said = run(*arguments)
    assert said.returncode == 0 and re.search(r"\d+\.\d+\.\d+", said.stdout)


def test_help():
    said = run("--help")
    assert said.returncode == 0 and "agent" in said.stdout


def test_public_listener_serves_nothing_else(agent):
    for path in ("metrics", "healthz", "readyz"):
        assert get(f"http://{agent.listen}/{path}")[0] == 200
    for path in ("", "api/v1/loops", "api/v1/stalls", "debug/pprof/stalls"):
        assert get(f"http://{agent.listen}/{path}")[0] == 404
    assert get(f"http://{agent.admin}/api/v1/stalls/no-such-id")[0] == 404


def test_metrics_are_clean(agent):
    """promtool, where it is installed, finds nothing to say."""
    if not shutil.which("promtool"):
        pytest.skip("no promtool (Debian: prometheus)")
    checked = subprocess.run(["promtool", "check", "metrics"], check=False, capture_output=True,
                             text=True, input=get(f"http://{agent.listen}/metrics")[1])
    assert checked.returncode == 0 and not checked.stderr, checked.stderr + checked.stdout


def capabilities_of(pid):
    """{field of status: the values of all threads}."""
    texts = [task.joinpath("status").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    assert len(texts) > 3
    return {field: {int(re.search(rf"^{field}:\t(\S+)$", text, re.M)[1], 16) for text in texts}
            for field in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")}


def test_capabilities_are_given_up_once_all_is_attached(agent):
    """By every thread, those that serve HTTP too; what is left reads processes and their files."""
    left = capabilities_of(agent.process.pid)
    assert left == {"CapEff": {READING}, "CapPrm": {READING}, "CapBnd": {0}, "NoNewPrivs": {1}}
    assert "it keeps CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE" in pathlib.Path(agent.log).read_text(encoding="utf-8")


def test_capabilities_are_kept_where_that_is_asked(privileged, agent_binary):
    with Agent("--drop-capabilities", "no") as keeping:
        left = capabilities_of(keeping.process.pid)
    assert all(held & BPF for held in left["CapEff"]) and left["NoNewPrivs"] == {0}


def test_the_clock_ticks_as_often_as_the_machines_timer_permits(privileged, agent_binary):
    """And that often it does: one CPU computes, and the other may."""
    seconds = 3
    with Agent("--sample-rate", "auto") as agent, resources.hog(os.cpu_count() - 1):
        before = agent.scrape()
        time.sleep(seconds)
        change = Change(before, agent.scrape())
        said = agent.said()
    rate, price = before.sum("loopstall_sample_rate_hertz"), before.sum("loopstall_tick_seconds")
    assert rate % 10 == 9 and 19 <= rate <= 99
    assert 500e-9 <= price and (rate == 19 or rate * price <= 0.005)
    assert rate == 99 or (rate + 10) * price > 0.005, "it could afford more"
    assert ("a tick of the sampling clock takes" in said) == (rate < 99)
    ticks = change.sum("loopstall_program_runs_total", program="tick")
    assert 0.8 * seconds * rate < ticks < 1.2 * os.cpu_count() * seconds * rate


def test_ends_on_sigterm_with_success(privileged):
    with Agent() as agent:
        programs = bpf_objects.held("prog", agent.process.pid)
        assert programs, "the agent holds no BPF program"
        agent.stop()
        assert agent.process.returncode == 0
