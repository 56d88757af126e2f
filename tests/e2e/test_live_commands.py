# SPDX-License-Identifier: Apache-2.0
"""`loopstall dump` and `loopstall top`, beside loops that hang, that are held and that are healthy."""

import json
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest

from harness import terminals, waiting
from harness.paths import PYTHON, binary
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged", "agent_binary")


def life(name, loop_kind="asyncio"):
    return Talker([PYTHON, "lifecycle.py", name, loop_kind])


def run(*words):
    return subprocess.run([str(binary()), *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


def dumped(victim):
    """The one loop of a victim, by `dump --json`."""
    done = run("dump", "--json", "-p", str(victim.pid))
    assert done.returncode == 0, done.stderr
    loop, = json.loads(done.stdout)["loops"]
    return loop


@pytest.mark.parametrize("loop_kind, name, function, cause",
                         [("asyncio", "sleeping", "hang_asleep", "sleep"),
                          ("asyncio", "in_c", "hang_with_the_gil", "cpu"),
                          ("uvloop", "sleeping", "hang_asleep", "sleep"),
                          ("uvloop", "spinning", "hang_spinning", "cpu")])
def test_dump_says_where_a_loop_hangs(loop_kind, name, function, cause):
    with life(name, loop_kind) as victim:
        victim.hear("hanging")
        time.sleep(0.5)
        loop = dumped(victim)
        text = run("dump", "-p", str(victim.pid)).stdout
    assert (loop["state"], loop["cause"], loop["function"]) == ("busy", cause, function)
    assert loop["file"] == "lifecycle.py" and loop["line"] > 0
    assert loop["turn_age_at_least"] is True
    assert loop["labels"]["runtime"] == loop_kind
    assert f"held by {function} (lifecycle.py:{loop['line']})" in text
    assert re.search(rf"^  > {function} +lifecycle\.py:{loop['line']}$", text, re.M)
    assert re.search(rf"^busy for at least .* m?s: {cause}, utilisation 100 %", text, re.M)


def test_dump_says_who_holds_the_gil(loop_kind):
    with life("without_gil", loop_kind) as victim:
        victim.hear("hanging")
        time.sleep(0.5)
        loop = dumped(victim)
        text = run("dump", "-p", str(victim.pid)).stdout
    assert loop["function"] == "hang_with_the_gil"
    assert "hang_with_the_gil" in [frame["function"] for frame in loop["gil_holder"]]
    assert "hang_for_the_gil" in [frame["function"] for frame in loop["stack"]]
    where_it_waits, where_it_is_held = text.split("the GIL is held at\n")
    assert "  hang_for_the_gil" in where_it_waits and "  > " not in where_it_waits
    assert "> hang_with_the_gil" in where_it_is_held


def test_dump_of_a_healthy_loop_accuses_nobody(loop_kind):
    with life("idle", loop_kind) as victim:
        victim.hear("ready")
        time.sleep(0.5)
        loop = dumped(victim)
    # It ticks every 50 ms; now and then it is met inside a turn.
    assert loop["turn_age_seconds"] < 0.05 and loop["idle_seconds"] < 0.1
    assert (loop["function"], loop["advice"]) == ("", "")
    assert loop["utilization"] < 0.1


def test_dump_stops_nothing():
    """Neither by a debugger's ways nor by a signal."""
    with life("napping_service") as victim:
        victim.hear("ready")
        seen, over = set(), threading.Event()

        def watch():
            status = pathlib.Path(f"/proc/{victim.pid}/status")
            while not over.is_set():
                facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
                seen.add((facts["State"][0] in "tT", facts["TracerPid"]))
                time.sleep(0.002)

        watcher = threading.Thread(target=watch)
        watcher.start()
        loop = dumped(victim)
        over.set()
        watcher.join()
    assert loop["utilization"] > 0.5
    assert seen == {(False, "0")}


def test_dump_where_there_is_no_loop():
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        done = run("dump", "-p", str(process.pid))
        process.kill()
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr == ("loopstall: no event loop was found; "
                           f"loopstall doctor --pid {process.pid} says why\n")
    gone = run("dump", "-p", str(process.pid))
    assert gone.returncode == 3 and str(process.pid) in gone.stderr


def functions_in(paper):
    """{(function, cause): occupancy in percent} of the table that `top` prints."""
    rows = {}
    for line in paper.splitlines():
        found = re.match(r" *([\d.]+) % +(?:-|[\d.]+ m?s) +[\d.]+  ([a-z]+) +(\S+)", line)
        if found:
            rows[found.group(3), found.group(2)] = float(found.group(1))
    return rows


def test_top_into_a_pipe_is_one_plain_snapshot(loop_kind):
    with life("napping_service", loop_kind) as victim:
        victim.hear("ready")
        done = run("top", "-p", str(victim.pid), "-d", "3s")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert 85 <= functions_in(done.stdout)["nap", "sleep"] <= 100, done.stdout
    assert f"lifecycle.py ({loop_kind}), 1 loop" in done.stdout


def test_top_of_a_healthy_loop_shows_nothing_that_matters():
    with life("idle") as victim:
        victim.hear("ready")
        done = run("top", "-p", str(victim.pid), "-d", "3s")
    assert done.returncode == 0, done.stderr
    assert "lifecycle.py (asyncio), 1 loop" in done.stdout
    assert all(occupancy < 5 for occupancy in functions_in(done.stdout).values()), done.stdout


def test_top_on_a_terminal():
    """Keys, a filter, a stack, another size, and the terminal as it was."""
    with life("napping_service") as victim:
        victim.hear("ready")
        with terminals.Terminal([binary(), "top", "-p", str(victim.pid)], 80, 24) as terminal:
            terminal.wait_for("nap < ", 20)
            assert "sleep" in terminal.text() and "by occupancy" in terminal.text()
            assert terminal.colours() > 1
            terminal.type("s")
            terminal.wait_for("by hold", 3)
            terminal.type("/nonsense")
            terminal.wait_for("filter: nonsense_", 3)
            assert "lifecycle.py:" not in terminal.text()
            terminal.type(terminals.ESCAPE)
            terminal.wait_for("nap < ", 3)
            terminal.type(terminals.DOWN * 2)
            terminal.type("\r")
            terminal.wait_for("of the loops' time by", 3)
            assert "lifecycle.py:" in terminal.text() and "advice: " in terminal.text()
            terminal.type(terminals.ESCAPE)
            terminal.wait_for("FUNCTION < ENTRY", 3)
            terminal.resize(50, 12)
            terminal.wait_for("nap < napping_service", 3)
            terminal.type("p")
            terminal.wait_for("paused", 3)
            terminal.type("q")
            assert terminal.wait() == 0
            assert terminal.is_as_it_was()


def test_top_ends_on_ctrl_c_and_by_a_signal():
    with life("idle") as victim:
        victim.hear("ready")
        words = [binary(), "top", "-p", str(victim.pid), "--no-color"]
        with terminals.Terminal(words, 80, 24) as terminal:
            terminal.wait_for("lifecycle.py (asyncio)", 20)
            assert terminal.colours() == 1
            terminal.type("\x03")
            assert terminal.wait() == 0 and terminal.is_as_it_was()
        with terminals.Terminal(words, 80, 24) as terminal:
            terminal.wait_for("lifecycle.py (asyncio)", 20)
            terminal.process.terminate()
            assert terminal.wait() == 0 and terminal.is_as_it_was()


def test_top_on_a_terminal_that_nothing_is_known_of():
    with terminals.Terminal([binary(), "top", "-p", str(os.getpid())], 80, 24,
                            kind="no-such-terminal") as terminal:
        assert terminal.wait() == 2
        waiting.until(lambda: "set TERM to what it is" in terminal.text(), 3, "it says so")
