# SPDX-License-Identifier: Apache-2.0
"""What `loopstall` says and how it exits: 2 for a wrong command line, 3 for the machine's fault."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.agent import free_port
from harness.paths import binary

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it loads BPF programs")


def run(*words, environment=None, program=None, before=()):
    return subprocess.run(
        [*before, str(program or binary()), *words], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=30, check=False, env={**os.environ, **(environment or {})})


def own_ports():
    """Flags that keep a test's agent away from another one on this machine."""
    return ["--listen", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}"]


def assert_one_sentence(result, status):
    """Nothing but one sentence of ours; log lines (ts=…) may stand before it."""
    assert result.returncode == status, result.stderr
    said = [line for line in result.stderr.splitlines() if not line.startswith("ts=")]
    assert len(said) == 1, result.stderr
    assert said[0].startswith("loopstall: ")
    return said[0].removeprefix("loopstall: ")


def test_help_names_the_commands():
    result = run("--help")
    assert result.returncode == 0
    assert re.search(r"^\s+agent\s", result.stdout, re.MULTILINE)
    assert re.search(r"^\s+version\s", result.stdout, re.MULTILINE)
    assert result.stderr == ""


def test_help_of_the_agent_names_every_option_with_its_variable():
    shown = run("agent", "--help").stdout
    for flag in ("listen", "admin-listen", "stall-threshold", "min-block", "sample-rate",
                 "stall-log", "btf", "hook", "max-loops", "pid", "transparent",
                 "application-package", "functions-per-container", "max-function-series",
                 "log-level", "log-format", "advice"):
        assert f"--{flag}" in shown
        assert f"LOOPSTALL_{flag.upper().replace('-', '_')}]" in re.sub(r"\s+", " ", shown)


@pytest.mark.parametrize("word", ["version", "--version"])
def test_version(word):
    result = run(word)
    assert result.returncode == 0
    assert re.fullmatch(r"loopstall \d+\.\d+\.\d+( \(.+\))?\n", result.stdout)


def test_unknown_option_gets_the_nearest():
    sentence = assert_one_sentence(run("agent", "--stall-treshold", "1s"), 2)
    assert "--stall-treshold" in sentence
    assert "did you mean --stall-threshold?" in sentence


def test_unknown_command_gets_the_nearest():
    assert "did you mean agent?" in assert_one_sentence(run("agnet"), 2)


def test_no_command():
    assert_one_sentence(run(), 2)


@pytest.mark.parametrize("words, part", [
    (["--stall-threshold", "100"], "needs a duration with a unit"),
    (["--stall-threshold", "2h"], "from 1ms to 1h"),
    (["--sample-rate", "1001"], "from 1 to 1000"),
    (["--listen", "nowhere"], "needs an address and a port"),
    (["--hook", "uprobe"], "auto, fentry, kprobe, tracepoint, tp_btf"),
    (["--pid"], "--pid needs a value"),
])
def test_wrong_values(words, part):
    sentence = assert_one_sentence(run("agent", *words), 2)
    assert sentence.startswith(words[0])
    assert part in sentence


def test_wrong_variable_is_named():
    result = run("agent", environment={"LOOPSTALL_MIN_BLOCK": "soon"})
    assert assert_one_sentence(result, 2).startswith("LOOPSTALL_MIN_BLOCK needs a duration")


def test_a_configuration_file(tmp_path):
    file = tmp_path / "loopstall.yaml"
    file.write_text("stall-threshold: 250ms\n")
    shown = run("agent", "--config", str(file), "--print-config")
    assert shown.returncode == 0 and shown.stderr == ""
    assert f'stall-threshold: "250ms"  # {file}\n' in shown.stdout
    file.write_text("stall-treshold: 250ms\n")
    sentence = assert_one_sentence(run("agent", "--config", str(file)), 2)
    assert sentence == (f'{file}: line 1: there is no option "stall-treshold"; '
                        "did you mean stall-threshold?")


@needs_root
@pytest.mark.parametrize("words", [["agent"], ["dump"], ["top"], ["check", "--", "/bin/true"]],
                         ids=lambda words: words[0])
def test_without_root(unprivileged, words):
    program, drop = unprivileged
    ports = own_ports() if words == ["agent"] else []
    sentence = assert_one_sentence(run(*words, *ports, program=program, before=drop), 3)
    assert re.search(r"root|CAP_|privileg", sentence)


@needs_root
def test_missing_btf():
    sentence = assert_one_sentence(run("agent", *own_ports(), "--btf", "/nonexistent/btf"), 3)
    assert "/nonexistent/btf" in sentence


@needs_root
@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_busy_port(flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        result = run("agent", *own_ports(), flag, f"127.0.0.1:{port}")
    sentence = assert_one_sentence(result, 3)
    assert str(port) in sentence
    assert flag in sentence


@needs_root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number):
    agent = subprocess.Popen([str(binary()), "agent", *own_ports()], stdin=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    try:
        started = next(line for line in agent.stderr if "/metrics" in line)
        assert started.startswith("ts=")
        assert re.search(r"http://127\.0\.0\.1:[1-9]\d*/metrics", started)
        begin = time.monotonic()
        agent.send_signal(number)
        assert agent.wait(10) == 0
        assert time.monotonic() - begin < 5
    finally:
        agent.kill()
        agent.wait()
        agent.stderr.close()
