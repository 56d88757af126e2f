# SPDX-License-Identifier: Apache-2.0
"""The agent on other kernels, by every hook of the ladder.

LOOPSTALL_VM names the series (of the list `kernels`) that are tried; "all" is every one of them.
Without it there is one, and of the hooks only the first is tried on all victims.
"""

import os
import shutil
import subprocess
from concurrent import futures

import pytest

import machine
from harness.paths import REPOSITORY, binary

HOOKS = ("auto", "kprobe", "tracepoint", "tp_btf")  # auto: the first of the ladder, fentry
OLDER_TYPES = "older_types"  # auto, without what the programs do without on older kernels
WAYS = (*HOOKS, OLDER_TYPES)
SECONDS = 1200  # about three times what one takes
EXTENT = "full" if "LOOPSTALL_VM" in os.environ else "quick"
# Two machines at once, each of which emulates on one CPU, and what each of them tries.
SHARES = (WAYS[:2], WAYS[2:]) if EXTENT == "full" else (("auto", OLDER_TYPES), HOOKS[1:])
TOO_OLD = {"5.10"}
ARTIFACTS = REPOSITORY / "test-artifacts" / "vm"


def chosen():
    listed = subprocess.run([REPOSITORY / "scripts" / "fetch-kernel", "--list"], check=True,
                            capture_output=True, text=True).stdout.split()
    asked = os.environ.get("LOOPSTALL_VM", "6.1").replace(",", " ").split()
    return listed if asked == ["all"] else asked


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    if not shutil.which(machine.QEMU):
        pytest.skip(f"no {machine.QEMU} (scripts/setup installs it)")
    return machine.build_image(binary(), tmp_path_factory.mktemp("vm"))


@pytest.fixture(scope="module", params=chosen())
def series(request):
    return request.param


@pytest.fixture(scope="module")
def seen(series, image):
    """What the guest found, by hook; "doctor" and "refused" beside, where there is that."""
    try:
        release, kernel_image = machine.kernel(series)
    except machine.Unavailable as missing:
        pytest.skip(str(missing))
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def find(hooks):
        return machine.run(kernel_image, image, "tests/vm/guest/smoke.py", (EXTENT, ",".join(hooks)),
                           ARTIFACTS / f"{release}-{hooks[0]}.log", SECONDS)

    with futures.ThreadPoolExecutor(len(SHARES)) as machines:
        lines = [line for share in machines.map(find, SHARES) for line in share]
    print(release)
    return {line.get("hook", next(iter(line))): line for line in lines}


def usable(series):
    if series in TOO_OLD:
        pytest.skip(f"the agent does not run on {series}")


@pytest.mark.parametrize("hook", WAYS)
def test_blame_and_sums(seen, hook, series):
    usable(series)
    result = seen[hook]
    print({key: result.get(key) for key in ("start_seconds", "hooks", "programs", "lost")})
    assert not result["failed"], "\n".join(
        f"{name}: {what}" for name, what in result["failed"].items())
    assert len(result["passed"]) >= 7
    assert result["hooks"]["turn_boundary"] == (hook if hook in HOOKS[1:] else "fentry")
    assert result["switch_has_state"] is (hook != OLDER_TYPES)


@pytest.mark.parametrize("hook", HOOKS)
def test_no_end_of_a_wait_is_missed(seen, hook, series):
    """But by return probes, of which there are few: in a crowd that waits they run out. That is
    counted, and why this hook is only used on demand."""
    usable(series)
    runs, lost = seen[hook]["programs"], seen[hook]["lost"]
    missed = runs["wait_enter"] - runs["wait_exit"]
    if hook == "kprobe" and EXTENT == "full":
        assert missed > 0.1 * runs["wait_enter"]
        assert lost["boundary_seen_late"] > 0
    else:
        assert missed <= 100, "more than can be inside a wait"
        assert lost.get("boundary_seen_late", 0) <= 1


@pytest.mark.parametrize("hook", HOOKS)
def test_bystanders_run_no_program(seen, hook, series):
    """20,000 system calls of a process without a loop, by the kernel's count of runs: only what hooks
    every call runs for them. Some hundred are closes, of a Python that starts."""
    usable(series)
    runs = seen[hook]["bystander_runs"]
    print(runs)
    assert runs >= 40_000 if hook == "tp_btf" else runs <= 1000


def test_doctor_sees_every_hook(seen, series):
    usable(series)
    if EXTENT != "full":
        pytest.skip("only tried with LOOPSTALL_VM")
    checks = seen["doctor"]["doctor"]
    assert checks["hooks"]["finding"] == "turns are measured by fentry"
    for hook in ("fentry", *HOOKS[1:]):
        assert "attaches" in checks[f"hook {hook}"]["finding"], checks


def test_too_old_a_kernel_is_told_in_one_sentence(seen, series):
    if series not in TOO_OLD:
        assert "refused" not in seen
        return
    said = seen["refused"]["refused"]
    assert said["status"] == 3
    assert len(said["said"]) == 1 and "5.15" in said["said"][0], said["said"]
    checks = seen["doctor"]["doctor"]
    assert checks["hooks"]["verdict"] == "prevents" and "5.15" in checks["kernel"]["fix"]
