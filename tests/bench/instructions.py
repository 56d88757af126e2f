# SPDX-License-Identifier: Apache-2.0
"""What the agent costs in instructions, which no neighbour of the machine disturbs: a distribution's kernel in
an emulated machine whose clock counts instructions (`-icount shift=0`: one is a nanosecond). By each hook: the cheapest
system call and a switch of processes that are none of the agent's concern, and the CPU time that a saturated uvicorn
hello-world takes for a request, user mode, kernel and interrupts.

What it cannot see: caches, branch predictors, and what a real interrupt costs.

    /usr/bin/python3 tests/bench/instructions.py --json build/bench/instructions.json

Takes a quarter of an hour. Asserts nothing about cost; it fails only where something did not run.
"""

import pathlib
import shutil
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "vm")]

import figures  # noqa: E402
import machine  # noqa: E402
from harness.paths import binary  # noqa: E402

HOOKS = ("fentry", "tracepoint", "tp_btf")
LOOPS = ("uvloop", "asyncio")
PACKAGES = ("python3-uvicorn", "python3-uvloop", "python3-httptools", "python3-h11", "python3-click", "python3-asgiref",
            "python3-typing-extensions")
PROGRAMS = ("/usr/bin/wrk", "/usr/bin/taskset")
BYSTANDER = binary().parent / "tests" / "bench" / "bench_bystander"
# Two CPUs in turn on one thread: without it there is no counting. The guest's own clock, or asking for the time is a call.
EMULATION, KERNEL_WORDS = ("-icount", "shift=0,sleep=off"), ("clocksource=tsc", "tsc=reliable")
SECONDS = 3600


def measured(chosen):
    """The lines of the guest (in_guest.py), and the kernel's release."""
    release, kernel_image = machine.kernel(chosen.kernel)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        image = machine.build_image(binary(), folder, PACKAGES, (*PROGRAMS, str(BYSTANDER)), ("tests/bench",))
        lines = machine.run(kernel_image, image, "tests/bench/in_guest.py",
                            (*(",".join(words) for words in (chosen.loops, chosen.hooks, chosen.connections)),
                             str(BYSTANDER), str(chosen.repeats)), folder / "guest.log", SECONDS, EMULATION, KERNEL_WORDS)
    failed = [line["failed"] for line in lines if "failed" in line]
    assert not failed, failed[0]
    return release, lines


def cell(values, without):
    """The median, and how much more it is."""
    own, base = statistics.median(values), statistics.median(without)
    return f"{own:,.0f} | {own - base:+,.0f} | {100 * (own / base - 1):+.2f} %"


def report(release, lines):
    print(f"Linux {release}; instructions, medians, and how much more than without the agent\n")
    print("| | | instructions | more | |\n|---|---|---|---|---|")
    for what in dict.fromkeys(line["what"] for line in lines if "what" in line):
        found = {line["agent"]: line["values"] for line in lines if line.get("what") == what}
        for agent, values in found.items():
            print(f"| {what} | {agent} | {cell(values, found['none'])} |")
    print("\n| program | hook | runs | instructions a run |\n|---|---|---|---|")
    for line in lines:
        for name, (runs, each) in line.get("programs", {}).items():
            print(f"| `{name}` | {line['agent']} | {runs:,.0f} | {each:,.0f} |")


def main():
    flags = figures.parser(__doc__)
    flags.add_argument("--kernel", default="6.18", help="a series of tests/vm/kernels")
    flags.add_argument("--loops", nargs="+", choices=LOOPS, default=LOOPS)
    flags.add_argument("--hooks", nargs="+", choices=HOOKS, default=HOOKS)
    flags.add_argument("--connections", nargs="+", default=("1", "16"))
    flags.add_argument("--repeats", type=int, default=5)
    chosen = flags.parse_args()
    if not shutil.which(machine.QEMU) or not binary().exists() or not BYSTANDER.exists():
        sys.exit(f"instructions.py needs {machine.QEMU}, {binary()} and {BYSTANDER}")
    release, lines = measured(chosen)
    figures.store(chosen.json, {"release": release, "lines": lines})
    report(release, lines)


main()
