# SPDX-License-Identifier: Apache-2.0
"""scripts/demo from start to end, with a fake in the agent's place: its exit status, its sentences,
and that nothing it started is left, whatever ended it."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest

import example_stack

DEMO = str(example_stack.REPOSITORY / "scripts" / "demo")
FAKE_AGENT = str(pathlib.Path(__file__).with_name("fake_agent.py"))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="scripts/demo needs root")


def _command(*options: str):
    return [DEMO, "--agent", FAKE_AGENT, "--duration", "10", *options]


def _environment(behaviour: str):
    # The demo passes DEMO_TEST_ID on to all that it starts, which tells it from other demos'.
    return {**os.environ, "FAKE_AGENT": behaviour, "DEMO_TEST_ID": str(os.getpid())}


def _run(*options: str, behaviour: str = ""):
    return subprocess.run(
        _command(*options),
        env=_environment(behaviour),
        capture_output=True,
        text=True,
        timeout=120,
    )


def _left_over():
    """Command lines of processes that a demo of this test started."""
    mark = f"DEMO_TEST_ID={os.getpid()}".encode()
    left = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                left.append((entry / "cmdline").read_bytes())
    return [line for line in left if line]


@needs_root
def test_a_good_run_prints_both_tables_and_keep_leaves_all_running():
    run = _run("--keep")
    assert run.returncode == 0, run.stderr
    titles = ("The broken service", "The mended service", "Compared")
    positions = [run.stdout.index(title) for title in titles]
    assert positions == sorted(positions)
    assert "send_audit_record" in run.stdout and "All 12 functions" in run.stdout
    page = re.search(r"loops +(http://\S+)", run.stdout).group(1)
    service = re.search(r"service +(http://\S+)/docs", run.stdout).group(1)
    stop = re.search(r"Stop all of it with: sudo (\S+)", run.stdout).group(1)
    try:
        assert urllib.request.urlopen(page, timeout=5).status == 200
        assert len(example_stack.get(service + "/healthz")["broken"]) == 13
        running = b" ".join(_left_over())
        for name in (b"slow_servers.py", b"uvicorn", b"load.py", b"fake_agent.py"):
            assert name in running
    finally:
        subprocess.run([stop], check=True, timeout=30)
    assert _left_over() == []
    assert not pathlib.Path(stop).parent.exists()


@needs_root
def test_a_function_not_named_and_one_accused_are_errors():
    run = _run(behaviour="omit,accuse")
    assert run.returncode == 1
    assert (
        "demo: the agent did not name these of the broken service:"
        " compress_image (app/services/images.py, cpu)\n" in run.stderr
    )
    assert (
        "demo: the agent accuses functions of the mended service:"
        " send_audit_record made 1 stall\n" in run.stderr
    )
    assert "All 12 functions" not in run.stdout
    assert _left_over() == []


@needs_root
def test_an_agent_that_ends_is_an_error_with_its_last_words():
    run = _run(behaviour="die")
    assert run.returncode == 1
    sentence = "The agent ended by itself with status 1: loopstall: this kernel has no BTF"
    assert sentence in run.stderr and "Traceback" not in run.stderr
    assert _left_over() == []


@needs_root
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_ends_all_that_was_started(number):
    demo = subprocess.Popen(
        _command(), env=_environment(""), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        for line in demo.stderr:
            if "load on the broken service" in line:
                break
        before = set(pathlib.Path("/var/tmp").glob("loopstall-demo.*"))
        running = len(_left_over())
        assert running >= 4
        os.killpg(demo.pid, number)
        rest = demo.stderr.read()
        assert demo.wait(20) == 128 + number
        assert f"received {number.name}" in rest and "Traceback" not in rest
    finally:
        demo.kill()
    assert _left_over() == []
    assert any(not directory.exists() for directory in before)


@needs_root
def test_killing_the_demo_leaves_nothing_running():
    earlier = set(pathlib.Path("/var/tmp").glob("loopstall-demo.*"))
    demo = subprocess.Popen(
        _command(), env=_environment(""), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in demo.stderr:
        if "load on the broken service" in line:
            break
    demo.kill()
    demo.wait()
    deadline = time.monotonic() + 15
    while _left_over() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _left_over() == []
    for directory in set(pathlib.Path("/var/tmp").glob("loopstall-demo.*")) - earlier:
        shutil.rmtree(directory)  # files are all that SIGKILL may leave


@pytest.mark.parametrize(
    "options, sentence",
    (
        (["--frobnicate"], "demo: unknown option '--frobnicate'; see scripts/demo --help\n"),
        (
            ["--duration", "51"],
            "demo: --duration must be a number of seconds from 10 to 50, not '51'\n",
        ),
        (["--duration"], "demo: --duration needs a number of seconds\n"),
    ),
)
def test_a_wrong_command_line_is_one_sentence(options, sentence):
    run = subprocess.run([DEMO, *options], capture_output=True, text=True, timeout=10)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", sentence)


@needs_root
def test_without_root_or_agent_it_says_so():
    run = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", DEMO], capture_output=True, text=True
    )
    assert (run.returncode, run.stderr.count("\n")) == (3, 1) and "must run as root" in run.stderr
    run = subprocess.run([DEMO, "--agent", "/nonexistent"], capture_output=True, text=True)
    assert (run.returncode, run.stderr.count("\n")) == (3, 1) and "/nonexistent" in run.stderr


def test_help_is_no_error():
    run = subprocess.run([DEMO, "--help"], capture_output=True, text=True, timeout=10)
    assert run.returncode == 0 and run.stdout.startswith("usage: sudo scripts/demo")
