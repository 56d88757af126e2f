# SPDX-License-Identifier: Apache-2.0
"""`loopstall record` of a program that knows what held its loop: each format, as its own readers read it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
from typing import NamedTuple

import pytest

from harness import waiting
from harness.paths import PYTHON, VICTIMS, binary

pytestmark = pytest.mark.usefixtures("privileged", "agent_binary")

VICTIM = VICTIMS / "recorded_service.py"
HOSTILE = "</script><b>rest;</b>"
HERE = pathlib.Path(__file__).resolve().parent


class Recorded(NamedTuple):
    path: pathlib.Path
    truth: dict
    done: subprocess.CompletedProcess


def record(folder, name, *flags, form="broken"):
    """Until the program ends, which is after two seconds."""
    # The command is shown, and its words may be longer than a telephone is wide.
    truth = folder / f"{name}.{'truth-of-a-long-name-' * 4}.json"
    words = [binary(), "record", "-r", "499", "-d", "40s", "-o", folder / name, *flags, "--", PYTHON, VICTIM, form, truth]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return Recorded(folder / name, json.loads(truth.read_text()), done)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recorded")


@pytest.fixture(scope="module")
def collapsed(folder, privileged, agent_binary):
    return record(folder, "profile.folded")


@pytest.fixture(scope="module")
def html(folder, privileged, agent_binary):
    return record(folder, "profile.html")


@pytest.fixture(scope="module")
def speedscope(folder, privileged, agent_binary):
    return record(folder, "profile.speedscope.json")


def collapsed_stacks(path):
    for line in path.read_text().splitlines():
        stack, microseconds = line.rsplit(" ", 1)
        process, *frames, cause = stack.split(";")
        yield frames, cause.strip("[]"), int(microseconds) / 1e6, process


def assert_true(stacks, truth, hostile=HOSTILE):
    """(frames, cause, seconds, process): what slept and what computed, to the truth; and nobody else."""
    seconds = {}
    for frames, cause, value, process in stacks:
        assert process == VICTIM.name
        # Of the victim's own functions the innermost: it is all of its own code.
        own = [frame.split(" ")[0] for frame in frames if VICTIM.name in frame]
        seconds[own[-1] if own else None, cause] = seconds.get((own[-1] if own else None, cause), 0) + value
    # Its first hold has no name where it came between the look at the process and the loop's beginning.
    least = truth["rest"] - 1.2 * truth["rest"] / truth["rounds"]
    assert least <= seconds[hostile, "sleep"] <= truth["rest"] * 1.01 + 0.002, seconds
    assert sum(value for (_, cause), value in seconds.items() if cause == "sleep") >= least, seconds
    assert truth["burn"] * 0.9 <= seconds["burn", "cpu"] <= truth["burn"] * 1.1 + 0.02, seconds
    rest = sum(value for (name, cause), value in seconds.items()
               if (name, cause) not in ((hostile, "sleep"), ("burn", "cpu")) and cause not in ("runqueue", "throttled"))
    assert rest <= 0.15 * truth["burn"], seconds
    assert not any(cause == "sleep" and name not in (hostile, None) for name, cause in seconds), seconds


def test_collapsed_stacks_are_true(collapsed):
    assert_true(collapsed_stacks(collapsed.path), collapsed.truth, HOSTILE.replace(";", ","))


def test_it_says_what_it_found(collapsed):
    said = re.search(r"recorded_service\.py was busy for ([\d.]+) s of ([\d.]+) s: ", collapsed.done.stderr)
    recorded = sum(seconds for _, _, seconds, _ in collapsed_stacks(collapsed.path))
    assert abs(float(said[1]) - recorded) <= 0.06, (said[0], recorded)
    assert re.search(r"sleep (7[0-9]{2}|8[0-9]{2}) ms", collapsed.done.stderr), collapsed.done.stderr


def test_speedscope_files_are_true(speedscope):
    content = json.loads(speedscope.path.read_text())
    profile, = content["profiles"]
    frames = content["shared"]["frames"]
    assert sum(profile["weights"]) == profile["endValue"]

    def stacks():
        for sample, weight in zip(profile["samples"], profile["weights"]):
            words = [f"{frame['name']} {frame.get('file', '')}" for frame in (frames[index] for index in sample)]
            yield words[:-1], words[-1].strip("[] "), weight / 1e9, profile["name"]
    assert_true(stacks(), speedscope.truth)


def test_a_pprof_reader_reads_pprof_files(folder, modules):
    recorded = record(folder, "profile.pb.gz")
    read = subprocess.run(["node", HERE / "read_pprof.mjs", recorded.path], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"LOOPSTALL_PAGE_MODULES": str(modules)}, check=False)
    assert read.returncode == 0, read.stderr
    samples = json.loads(read.stdout)
    assert_true([([f"{name} {file}" for name, file, _ in one["stack"]], one["cause"], one["seconds"], one["process"])
                 for one in samples], recorded.truth)
    lines = VICTIM.read_text().splitlines()
    slept = [one for one in samples if one["cause"] == "sleep" and one["function"] != "~unknown"]
    assert slept and all(one["function"] == HOSTILE for one in slept)
    assert all("sleep(" in lines[one["stack"][-1][2] - 1] for one in slept)


def test_in_the_browser(html, speedscope, visit):
    visit("recorded.test.mjs", LOOPSTALL_PROFILE_HTML=str(html.path),
          LOOPSTALL_PROFILE_SPEEDSCOPE=str(speedscope.path))


def test_a_recording_can_be_replayed(folder):
    recorded = record(folder, "profile.lsr")
    replayed = subprocess.run([binary(), "replay", recorded.path], capture_output=True, text=True, timeout=60, check=True)
    slept, = [float(line.rsplit(" ", 1)[1]) for line in replayed.stdout.splitlines()
              if line.startswith("loopstall_busy_seconds_total{") and 'cause="sleep"' in line]
    # Of the first hold a part may have been before the loop was found.
    assert recorded.truth["rest"] - 0.026 <= slept <= recorded.truth["rest"] * 1.01 + 0.002


def test_the_mended_twin_is_not_accused(folder):
    recorded = record(folder, "mended.folded", form="mended")
    stacks = list(collapsed_stacks(recorded.path))
    assert sum(seconds for _, _, seconds, _ in stacks) < 0.35
    assert not any("burn" in frame or "rest" in frame for frames, *_ in stacks for frame in frames)


@pytest.mark.parametrize("follows", [True, False])
def test_workers_are_followed_where_that_is_asked(folder, follows):
    name = f"forking-{follows}.folded"
    if follows:
        recorded = record(folder, name, "--subprocesses", form="forking")
        assert_true(collapsed_stacks(recorded.path), recorded.truth, HOSTILE.replace(";", ","))
        return
    words = [binary(), "record", "-o", folder / name, "--", PYTHON, VICTIM, "forking", folder / "truth"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 3
    assert "no event loop was found" in done.stderr and "--subprocesses" in done.stderr
    assert not (folder / name).exists()


def test_ctrl_c_keeps_what_was_recorded(folder):
    path, truth = folder / "interrupted.folded", folder / "interrupted.truth"
    with subprocess.Popen([binary(), "record", "-o", path, "--", PYTHON, VICTIM, "broken", truth],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as recorder:
        runs = ["pgrep", "-f", f"^{PYTHON} .*broken {truth}"]
        waiting.until(lambda: subprocess.run(runs, stdout=subprocess.DEVNULL, check=False).returncode == 0, 30,
                      "the program runs")
        time.sleep(1)
        recorder.send_signal(signal.SIGINT)
        _, said = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, said
    slept = sum(seconds for _, cause, seconds, _ in collapsed_stacks(path) if cause == "sleep")
    assert 0.05 <= slept <= 1.0


def test_ctrl_c_before_it_measures_ends_it(folder):
    path = folder / "too-early.folded"
    with subprocess.Popen([binary(), "record", "-p", str(os.getpid()), "-o", path], stderr=subprocess.PIPE,
                          text=True) as recorder:
        waiting.until(path.exists, 10, "it has begun")
        time.sleep(0.1)
        recorder.send_signal(signal.SIGINT)
        _, said = recorder.communicate(timeout=20)
    assert recorder.returncode == 3 and "no event loop was found" in said
    assert not path.exists()
