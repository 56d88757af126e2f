# SPDX-License-Identifier: Apache-2.0
"""Inside the virtual machine: the agent by each of the hooks, on victims that must be blamed rightly.

usage: smoke.py full|quick HOOK,HOOK,... RESULTS

quick: all victims by the first of the ladder, those that wait and one check by the others; no crowd and no doctor.
A hook "older_types" is the ladder's first on a kernel whose types lack what older ones do not have.

Writes a JSON line a hook, {"hook", "failed": {check: what was seen}, ...}, and {"end": true} last: a
kernel that panics leaves no end. No pytest: its import takes seconds under emulation.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))

import older_types  # noqa: E402
from harness import bpf_objects, matching, portable, waiting  # noqa: E402
from harness.agent import Agent  # noqa: E402
from harness.cgroups import cpu_quota  # noqa: E402
from harness.paths import VICTIMS, binary  # noqa: E402
from harness.victims import Talker, Victim  # noqa: E402

OLDER_TYPES = "older_types"
HOLDS = 4  # of each function: an emulated machine is slow
QUOTA, QUOTA_SECONDS = 0.2, 5
EXACT = 0.001  # of the conservation laws
OF_EVERY_HOOK = {"on_sched_switch", "on_tick", "on_process_exec", "on_process_exit", "seed_threads"}
BYSTANDER_CALLS = 20_000
BYSTANDER = f"import os\nfor _ in range({BYSTANDER_CALLS}): os.getppid()"
CROWD = """
import select, threading, time
def wait():
    with select.epoll() as epoll:
        while True:
            epoll.poll(0.5)
for _ in range(64):
    threading.Thread(target=wait, daemon=True).start()
print("waits", flush=True)
time.sleep(600)
"""
# The loop's own work around a call, which is 2 ms at most where nothing is emulated.
AROUND_SECONDS = 0.015
# An emulated kernel verifies the programs for up to half a minute, for each hook that is tried.
READY_SECONDS = 120


def run(agent, case, form):
    """(what was seen of the victim, its service before and after the work)"""
    with Victim(case.script, case.name, "asyncio", form, HOLDS) as victim:
        victim.hear("ready", 120)
        agent.wait_for_loop(victim.pid, 60)
        time.sleep(1.2)  # a service's first loop is counted from its second reading on
        before = agent.service(victim.pid)
        victim.tell("go")
        victim.hear("done", 180)
        seen = portable.Seen(agent, victim)
        time.sleep(1.2)  # what was sent last has been drained and published
        return seen, before, agent.service(victim.pid)


def check_conservation(before, after):
    """busy + idle = the loop's life, between two looks while it idled."""
    busy = sum(after["busy_seconds"].values()) - sum(before["busy_seconds"].values())
    idle = after["idle_seconds"] - before["idle_seconds"]
    life = (after["counted_until_monotonic_ns"] - before["counted_until_monotonic_ns"]) / 1e9
    assert life > 1 and abs(busy + idle - life) <= EXACT * life, (busy, idle, life)
    functions = sum(function["busy_seconds"] for function in after["functions"])
    all_busy = sum(after["busy_seconds"].values())
    assert abs(functions - all_busy) <= EXACT * all_busy, (functions, all_busy)


def checks_of(case, form, seen, before, after):
    if form == "mended":
        return {"silent": lambda: portable.check_silence(case, seen)}
    checks = {
        "blame": lambda: portable.check_blame(
            dataclasses.replace(case, holds=HOLDS), seen),
        "causes": lambda: portable.check_causes(case, seen),
        "sums": lambda: portable.check_sums(seen),
        "conservation": lambda: check_conservation(before, after),
    }
    if case.name != "gil":  # its truth is another thread's clock, which emulation holds up
        checks["durations"] = lambda: portable.check_durations(seen, AROUND_SECONDS)
    return checks


def check_cases(agent, result, cases, when=""):
    for case in cases:
        for form in ("broken", "mended"):
            for name, check in checks_of(case, form, *run(agent, case, form)).items():
                attempt(result, f"{when}{case.name} {form}: {name}", check)


def check_selector(agent, kind):
    """A loop whose home wait is poll or select, and clients that wait in the very same call."""
    with Talker([sys.executable, str(VICTIMS / "loops.py"), kind, "broken"]) as victim:
        victim.hear("ready", 120)
        agent.wait_for_loop(victim.pid, 60)
        time.sleep(0.5)
        victim.tell("go")
        holds = [{"function": function, "start_ns": start, "end_ns": end}
                 for function, start, end, waited in victim.hear("done", 120)["holds"]
                 if waited < (end - start) / 2]  # else the machine held the loop, and not its function
        time.sleep(1.5)
        matches = matching.match(holds, agent.records(victim.pid))
    assert len(matches) >= 28
    wrong = [match for match in matches if not match.record
             or matching.blamed(match.record) != (match.hold["function"], "loops.py")]
    assert not wrong, wrong[:2]


def check_quota(agent):
    """As test_machine does; the loop is found before the quota is on it."""
    command = [sys.executable, str(VICTIMS / "squeezed.py"), "asyncio"]
    with cpu_quota(QUOTA) as (group, throttled_seconds), Talker(command) as victim:
        victim.hear("ready", 120)
        agent.wait_for_loop(victim.pid, 60)
        time.sleep(1.2)
        pathlib.Path(group, "cgroup.procs").write_text(str(victim.pid), encoding="ascii")
        victim.tell("go")
        victim.hear("started", 60)
        before, booked = agent.service(victim.pid)["busy_seconds"], throttled_seconds()
        time.sleep(QUOTA_SECONDS)
        busy, booked = agent.service(victim.pid)["busy_seconds"], throttled_seconds() - booked
    throttled = busy.get("throttled", 0) - before.get("throttled", 0)
    portable.check_quota(throttled, booked, QUOTA_SECONDS)


CHECKS = {
    "poll loop": functools.partial(check_selector, kind="poll"),
    "select loop": functools.partial(check_selector, kind="select"),
    "quota": check_quota,
}


def boundary_runs(agent):
    """How often the kernel has run the programs of turn boundaries, by its own count."""
    held = bpf_objects.held("prog", agent.process.pid)
    return sum(shown.get("run_cnt", 0) for shown in bpf_objects.bpftool("prog", "show")
               if shown["id"] in held and shown.get("name") not in OF_EVERY_HOOK)


def runs_for_bystander(agent):
    """Of a process that makes BYSTANDER_CALLS system calls which are no loop's."""
    pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").write_text("1", encoding="ascii")
    before = boundary_runs(agent)
    subprocess.run([sys.executable, "-c", BYSTANDER], check=True)
    runs = boundary_runs(agent) - before
    pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").write_text("0", encoding="ascii")
    return runs


@contextlib.contextmanager
def crowd():
    """Threads of a process that is no one's concern, all of them inside epoll_wait."""
    with subprocess.Popen([sys.executable, "-c", CROWD], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def keep_account(agent, result):
    scrape = agent.scrape()
    result["programs"] = {labels["program"]: value
                          for labels, value in scrape.find("loopstall_program_runs_total")}
    result["lost"] = {labels["reason"]: value
                      for labels, value in scrape.find("loopstall_events_lost_total") if value}
    result["hooks"] = {labels["hook"]: labels["mode"]
                       for labels, _ in scrape.find("loopstall_hook_info")}


def attempt(result, name, check):
    try:
        check()
        result["passed"].append(name)
    except Exception:  # pylint: disable=broad-except  # whatever it is, the host must hear of it
        result["failed"][name] = traceback.format_exc()[-3000:]


def check_detached(held):
    """Programs that were in use are freed a grace period later."""
    waiting.until(lambda: not bpf_objects.alive("prog", held), 10, "the programs are gone")


def flags_of(hook):
    return ("--btf", older_types.write("/tmp/older_types.btf")) if hook == OLDER_TYPES else ("--hook", hook)


def switch_has_state(agent):
    """What the agent told its programs of the kernel's sched_switch."""
    read_only, = bpf_objects.entries(agent.process.pid, "loopstal.rodata")
    variables = read_only["value"][".rodata"]
    return next(value for one in variables for name, value in one.items() if name == "sched_switch_has_state")


def smoke(hook, cases, checks, with_crowd):
    result = {"hook": hook, "passed": [], "failed": {}}

    def measure():
        started = time.monotonic()
        with Agent(*flags_of(hook), ready_within=READY_SECONDS) as agent:
            result["start_seconds"] = time.monotonic() - started
            held = bpf_objects.held("prog", agent.process.pid)
            check_cases(agent, result, cases)
            for check in checks:
                attempt(result, check, lambda: CHECKS[check](agent))
            if with_crowd:
                with crowd():
                    check_cases(agent, result, [portable.WAITS], "in a crowd, ")
            result["bystander_runs"] = runs_for_bystander(agent)
            keep_account(agent, result)
            result["switch_has_state"] = switch_has_state(agent)
        attempt(result, "detached", lambda: check_detached(held))

    attempt(result, "runs", measure)
    return result


def extent(hook, is_full):
    """(cases, checks, whether they are tried in a crowd, too)"""
    quota = ["quota"] if hook in ("auto", OLDER_TYPES) else []  # which the scheduler keeps, and no hook
    if is_full or hook == "auto":
        return portable.CASES, ["poll loop", "select loop", *quota], is_full
    return [portable.WAITS], quota or ["poll loop"], False


def examine():
    """What `loopstall doctor` says: {check: {…}}."""
    ended = subprocess.run([str(binary()), "doctor", "--json"], capture_output=True, text=True,
                           check=False)
    return {check["name"]: check for check in json.loads(ended.stdout)["checks"]}


def refusal():
    """What the agent says of a kernel that it cannot run on."""
    started = subprocess.run([str(binary()), "agent"], capture_output=True, text=True, check=False,
                             timeout=60)
    return {"status": started.returncode, "said": started.stderr.strip().splitlines()}


def main():
    is_full, hooks, results = sys.argv[1] == "full", sys.argv[2].split(","), sys.argv[3]
    with open(results, "w", encoding="ascii") as out:
        def tell(what):
            out.write(json.dumps(what) + "\n")
            out.flush()

        refused = False
        if is_full:
            doctor = examine()
            tell({"doctor": doctor})
            refused = doctor["hooks"]["verdict"] != "ok"
        if refused:
            tell({"refused": refusal()})
        else:
            for hook in hooks:
                tell(smoke(hook, *extent(hook, is_full)))
        tell({"end": True})


main()
