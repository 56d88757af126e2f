# SPDX-License-Identifier: Apache-2.0
"""`loopstall doctor`: what the machine lacks, with its fix, and each process's verdict."""

import json
import os
import re
import subprocess

import pytest

from harness.paths import PYTHON, binary
from harness.victims import Talker

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it loads BPF programs")


def doctor(*words, before=(), program=None):
    return subprocess.run([*before, str(program or binary()), "doctor", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


def verdicts(result):
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def process(result, pid):
    return next(one for one in json.loads(result.stdout)["processes"] if one["pid"] == pid)


@needs_root
def test_a_machine_that_can_measure():
    result = doctor("--json")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    checks = verdicts(result)
    assert {"kernel", "btf", "lockdown", "capabilities", "perf_event_paranoid", "sampling clock", "tracefs", "cgroup",
            "namespaces", "hook fentry", "hook tracepoint", "hook tp_btf", "hook kprobe",
            "hooks"} == set(checks)
    fentry = checks.pop("hook fentry")  # not every kernel permits it; tests/vm has those that do
    assert (fentry["verdict"], bool(fentry["fix"])) in (("ok", False), ("limits", True)), fentry
    assert all(check["verdict"] == "ok" and not check["fix"] for check in checks.values())
    assert os.uname().release in checks["kernel"]["finding"]


@needs_root
def test_each_process_has_its_verdict():
    with Talker([PYTHON, "lifecycle.py", "idle", "asyncio"]) as loop, \
            Talker([PYTHON, "-c", "print('{\"ready\": 1}', flush=True); input()"]) as plain, \
            Talker(["/bin/sleep", "60"]) as other:
        loop.hear("ready")
        plain.hear("ready")
        pids = [word for victim in (loop, plain, other) for word in ("-p", str(victim.pid))]
        result = doctor("--json", *pids)
        assert json.loads(result.stdout)["other_processes"] == 1
        seen = process(result, loop.pid)
        assert (seen["state"], seen["process"]) == ("measured", "lifecycle.py")
        assert seen["loops"] == [{"tid": loop.pid, "runtime": "asyncio"}]
        assert process(result, plain.pid)["state"] == "no_loop"
        assert len(json.loads(result.stdout)["processes"]) == 2
        text = doctor(*pids).stdout
        assert re.search(rf"^pid {loop.pid} cpython3\.\d+ lifecycle\.py: asyncio loop on tid "
                         rf"{loop.pid}, measured$", text, re.MULTILINE)
        everyone = doctor("--json")
        assert process(everyone, loop.pid) == seen


@needs_root
def test_without_privileges_it_says_what_to_grant(unprivileged):
    program, drop = unprivileged
    result = doctor("--json", before=drop, program=program)
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("loopstall: ")
    found = verdicts(result)["capabilities"]
    assert found["verdict"] == "prevents" and "setcap" in found["fix"]
    for name in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"):
        assert name in found["finding"]
    assert "hooks" not in verdicts(result), "why none attaches is said"


@needs_root
def test_in_a_pid_namespace_of_its_own():
    result = doctor("--json", before=["unshare", "--pid", "--fork", "--mount-proc"])
    found = verdicts(result)["namespaces"]
    assert found["verdict"] == "prevents" and "hostPID" in found["fix"]
    assert result.returncode == 3


def test_a_btf_file_that_is_not_there():
    result = doctor("--json", "--btf", "/does/not/exist", "-p", str(os.getpid()))
    found = verdicts(result)["btf"]
    assert found["verdict"] == "prevents" and "/does/not/exist" in found["finding"]
    assert result.returncode == 3


def test_a_pid_that_is_nobodys():
    result = doctor("--json", "-p", "4194303")
    assert result.returncode == 3 and result.stdout == ""
    assert "no process has pid 4194303" in result.stderr
