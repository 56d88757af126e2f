# SPDX-License-Identifier: Apache-2.0
"""Loops that come to be by fork, spawn, exec, in threads, and under ids that were another's: each is
found, each hold is its own function's, and nobody else is accused."""

import concurrent.futures
import contextlib
import json
import subprocess
import time
import urllib.request

import pytest

from harness import matching, waiting
from harness.agent import Agent, free_port
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker


def following(life):
    return Talker([PYTHON, "following.py", life])


def holds_of(done):
    return [{"start_ns": start, "end_ns": end, "function": function}
            for function, start, end in done["holds"]]


def wait_for_loops(agent, pid, count):
    def found():
        loops = [loop for service in agent.services() for loop in service["loops"]
                 if loop["pid"] == pid and loop["phase"] == "serving"]
        return len(loops) >= count
    waiting.until(found, 15, f"{count} loops of process {pid} are listed")


def serving(records):
    return [record for record in records if record["phase"] == "serving"]


def converse(agent, victim, loops):
    """Lets that many loops make their holds; what each said when it was done."""
    for _ in range(loops):
        ready = victim.hear("ready")
        agent.wait_for_loop(ready["pid"])
    wait_for_loops(agent, victim.pid, 1)
    victim.tell("go")
    done = [victim.hear("done") for _ in range(loops)]
    time.sleep(1.2)  # what was sent last has been drained
    return done


@pytest.mark.parametrize("method", ["forked", "spawned"])
def test_workers_of_multiprocessing(agent, method):
    with following(method) as victim:
        done = converse(agent, victim, 3)
        victim.tell("end")
        victim.process.wait(10)
    assert len({one["pid"] for one in done}) == 3
    for one in done:
        assert len(one["holds"]) == (0 if one.get("healthy") else 8)
        matching.check(holds_of(one), serving(agent.records(one["pid"])), "following.py")


@pytest.mark.parametrize("life", ["pool", "bare"])
def test_a_worker_that_a_coroutine_forked_has_no_loop(life, privileged, agent_binary):
    """The agent comes later and finds the loop's frames on the stacks of both."""
    with following(life) as victim:
        worker = victim.hear("ready")["worker"]
        with Agent() as agent:
            agent.wait_for_loop(victim.pid)
            time.sleep(1)
            listed = {loop["pid"] for service in agent.api("loops")["services"]
                      for loop in service["loops"]}
            measured = agent.scrape().sum("loopstall_targets", state="no_loop")
    assert victim.pid in listed and worker not in listed
    assert measured >= 1, "the worker was looked at"


def test_a_forked_child_that_hangs_in_a_loop_of_its_own_is_shown(privileged, agent_binary):
    """The twin: the agent comes when it hangs already, with its parent's frames and its own."""
    with following("hanging_child") as victim:
        ready = [victim.hear("ready")["pid"] for _ in range(2)]
        child = max(ready, key=lambda pid: pid != victim.pid)
        with Agent() as agent:
            loop = agent.wait_for_loop(child, serving=False)
    assert loop["state"] == "busy" and loop["turn_age_at_least"] is True
    assert "hanging_child.<locals>.hang" in [frame["function"] for frame in loop["stack"]]


def test_program_after_exec(agent):
    """The program of before and the one of after, in one process, each with its own function."""
    with following("execed") as victim:
        holds = holds_of(converse(agent, victim, 1)[0])
        victim.tell("end")
        victim.hear("over")
        waiting.until(lambda: agent.loop(victim.pid) is None, 5, "the first loop is gone")
        victim.tell("then")
        holds += holds_of(converse(agent, victim, 1)[0])
    assert [hold["function"] for hold in holds] == ["charge_card"] * 8 + ["refund_card"] * 8
    matching.check(holds, serving(agent.records(victim.pid)), "following.py")


def test_several_loops_in_threads(agent):
    """Each hold is of its own loop, and the main thread, which sleeps without a loop, is none."""
    with following("threads") as victim:
        for _ in range(3):
            victim.hear("ready")
        wait_for_loops(agent, victim.pid, 3)
        victim.tell("go")
        done = [victim.hear("done") for _ in range(3)]
        time.sleep(1.2)
        records = serving(agent.records(victim.pid))
    assert sorted(len(one["holds"]) for one in done) == [0, 8, 8]
    for one in done:
        matching.check(holds_of(one), [record for record in records if record["tid"] == one["tid"]],
              "following.py")
    assert {record["tid"] for record in records} <= {one["tid"] for one in done}


def test_threads_of_one_id(agent):
    """Loops that were left open by threads which are gone, and others under the same thread id."""
    with following("shifts") as victim:
        victim.hear("ready")
        time.sleep(1.5)
        victim.tell("go")
        lives = victim.hear("done")["lives"]
        time.sleep(1.2)
        records = agent.records(victim.pid)
    tids = [tid for tid, *_ in lives]
    again = sum(tid == before for before, tid in zip(tids, tids[1:]))
    assert again >= 5, f"the kernel gave the same id only {again} times"
    holds = [{"start_ns": start, "end_ns": end, "function": function}
             for _, function, start, end in lives]
    matching.check(holds, [record for record in records
                  if record["start_monotonic_ns"] > holds[0]["start_ns"] - 20_000_000],
          "following.py")


@contextlib.contextmanager
def reborn(agent, command):
    """A victim, by its own process id; the launcher ends with it."""
    with Talker(command) as victim:
        ready = victim.hear("ready")
        agent.wait_for_loop(ready["pid"])
        victim.tell("go")
        done = victim.hear("done")
        time.sleep(1.2)
        yield ready, done


def test_process_of_the_same_id(agent, tmp_path):
    """Two programs, one after the other, with one process id and their code at the same addresses."""
    text = (VICTIMS / "following.py").read_text(encoding="utf-8")
    programs = []
    for name, function in (("first", "charge_card"), ("other", "settle_debt")):
        programs.append(tmp_path / name / "following.py")
        programs[-1].parent.mkdir()
        programs[-1].write_text(text.replace("charge_card", function), encoding="utf-8")
    commands = [["setarch", "-R", PYTHON, str(program), "reborn"] for program in programs]
    with reborn(agent, commands[0]) as (before, done):
        matching.check(holds_of(done), serving(agent.records(before["pid"])), "following.py")
        seen = len(agent.records(before["pid"]))
    waiting.until(lambda: agent.loop(before["pid"]) is None, 5, "the first program is gone")
    launcher = [PYTHON, "start_as.py", str(before["pid"])]
    with reborn(agent, launcher + commands[1]) as (after, done):
        assert (after["pid"], after["code"]) == (before["pid"], before["code"])
        holds = holds_of(done)
        assert {hold["function"] for hold in holds} == {"settle_debt"}
        matching.check(holds, serving(agent.records(after["pid"])[seen:]), "following.py")


# ---- gunicorn -------------------------------------------------------------------------------------

class Gunicorn:
    """Two preforked workers of uvicorn's class behind one socket."""

    def __init__(self):
        self.port = free_port()
        self._process = subprocess.Popen(
            [PYTHON, "-m", "gunicorn", "--preload", "-w", "2", "-k", "uvicorn.workers.UvicornWorker",
             "-b", f"127.0.0.1:{self.port}", "--log-level", "warning", "preforked:app"],
            cwd=VICTIMS)

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def workers(self):
        """The processes that answer; two once both do."""
        with contextlib.suppress(OSError):
            return {self.ask("/healthz")["pid"] for _ in range(8)}
        return set()

    def ask_both(self, path):
        """Two answers, the second asked for while the first's worker is held: the kernel may give
        one worker nearly all connections that come while both are idle."""
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            first = other.submit(self.ask, path)
            time.sleep(0.02)
            return self.ask(path), first.result()

    def hold_each(self, workers, holds):
        """Requests until each worker made so many holds: {pid: holds}."""
        answers = {pid: [] for pid in workers}
        deadline = time.monotonic() + 30
        while min(map(len, answers.values())) < holds and time.monotonic() < deadline:
            self.ask("/mended")
            for answer in self.ask_both("/settle"):
                answers[answer["pid"]].append(answer | {"function": "settle_invoice"})
        assert min(map(len, answers.values())) >= holds, "one worker answered all"
        return answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for_workers(agent, gunicorn, apart=()):
    def both():
        workers = gunicorn.workers() - set(apart)
        return workers if len(workers) == 2 - len(apart) else None
    workers = waiting.until(both, 30, "gunicorn's workers answer")
    for pid in workers:
        agent.wait_for_loop(pid)
    return workers


def check_workers(agent, answers):
    time.sleep(1.2)
    for pid, holds in answers.items():
        matching.check(holds, serving(agent.records(pid)), "preforked.py")
        assert agent.loop(pid)["labels"]["process"] == "preforked:app"


def test_preforked_workers_of_gunicorn(agent):
    """Both, and the one that gunicorn starts in place of a worker that died."""
    with Gunicorn() as gunicorn:
        workers = wait_for_workers(agent, gunicorn)
        check_workers(agent, gunicorn.hold_each(workers, 5))
        victim, survivor = sorted(workers)
        subprocess.run(["kill", "-KILL", str(victim)], check=True)
        waiting.until(lambda: agent.loop(victim) is None, 5, "the dead worker is gone")
        [newcomer] = wait_for_workers(agent, gunicorn, apart=[survivor])
        answers = gunicorn.hold_each({newcomer, survivor}, 3)
        check_workers(agent, {newcomer: answers[newcomer]})
