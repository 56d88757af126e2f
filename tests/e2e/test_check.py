# SPDX-License-Identifier: Apache-2.0
"""`loopstall check`: a broken service and its mended twin, as a gate of a CI service would meet them."""

import json
import os
import signal
import socket
import subprocess
import xml.etree.ElementTree

import pytest

from harness import waiting
from harness.agent import free_port, get
from harness.paths import PYTHON, VICTIMS, binary

pytestmark = pytest.mark.usefixtures("privileged", "agent_binary")


def words(*flags, broken=True, loop="asyncio", requests=40, port=None):
    """`check` of a service of that form under a load of so many requests."""
    port = port or free_port()
    form = "broken" if broken else "mended"
    load = f"{PYTHON} {VICTIMS}/judged_service.py load {port} {requests}"
    return [str(binary()), "check", "-d", "30s", "--load", load, *flags, "--", PYTHON,
            str(VICTIMS / "judged_service.py"), form, str(port), loop]


def check(*flags, cwd=VICTIMS, **service):
    return subprocess.run(words(*flags, **service), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False, cwd=cwd)


def findings(done):
    return {(one["rule"], one["function"]): one for one in json.loads(done.stdout)["findings"]}


@pytest.fixture(scope="module")
def broken_report(privileged, agent_binary, tmp_path_factory):
    """With advice of the team's own for one of the two functions."""
    advice = tmp_path_factory.mktemp("advice") / "advice.yaml"
    advice.write_text("advice: [{function: write_report, causes: [sleep], text: '{function} is of the reports team.'}]")
    done = check("--format", "json", "--advice", str(advice))
    assert done.returncode == 1, done.stderr
    return done


def test_a_broken_service_fails_with_names_and_places(broken_report):
    found = findings(broken_report)
    occupancy = found["loop-occupancy", "ask_the_server"]
    assert 0.3 <= occupancy["value"] <= 0.95
    assert occupancy["cause"] == "network" and occupancy["entry"] == "answer"
    assert "asyncio" in occupancy["advice"]
    assert found["long-hold", "write_report"]["advice"] == "write_report is of the reports team."
    assert found["long-hold", "write_report"]["cause"] == "sleep"
    assert 0.12 <= found["long-hold", "write_report"]["value"] <= 0.3
    with open(VICTIMS / "judged_service.py", encoding="utf-8") as source:
        lines = source.read().splitlines()
    for function, call in (("ask_the_server", "recv"), ("write_report", "sleep")):
        line = next(one["line"] for (_, name), one in found.items() if name == function)
        assert call in lines[line - 1], (function, line)
    assert {function for _, function in found} == {"ask_the_server", "write_report"}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_its_mended_twin_passes(loop):
    done = check(broken=False, loop=loop)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("pass: ")


def test_the_baseline_lets_old_sins_pass(broken_report, tmp_path):
    baseline = tmp_path / "baseline.json"
    baseline.write_text(broken_report.stdout)
    done = check("--baseline", str(baseline))
    assert done.returncode == 0, done.stdout
    assert "known: " in done.stdout and "FAIL" not in done.stdout


def test_an_allowance_lets_one_function_pass_and_no_other(tmp_path):
    allow = tmp_path / "allow.yaml"
    allow.write_text("allow:\n  - {function: ask_the_server, reason: old, expires: 2999-01-01}\n"
                     "  - {function: write_report, reason: older, expires: 2020-01-01}\n")
    done = check("--allow", str(allow))
    assert done.returncode == 1
    assert "old, until 2999-01-01" in done.stdout
    assert "it was allowed until 2020-01-01 (older)" in done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed and all("write_report" in line for line in failed), done.stdout
    assert failed[0].startswith("FAIL: tests/victims/judged_service.py:")
    assert done.stdout.splitlines()[-1].startswith("fail: ")


def test_junit_and_sarif_are_what_programs_read(tmp_path):
    junit, sarif = tmp_path / "junit.xml", tmp_path / "loops.sarif"
    assert check("-f", "junit", "-o", str(junit)).returncode == 1
    suite, = xml.etree.ElementTree.parse(junit).getroot()
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) >= 2
    assert int(suite.get("tests")) == len(suite.findall("testcase"))
    assert check("-f", "sarif", "-o", str(sarif), broken=False).returncode == 0
    run, = json.loads(sarif.read_text())["runs"]
    assert run["results"] == [] and run["tool"]["driver"]["name"] == "loopstall"


def test_the_verdict_does_not_swing():
    """Under half the load that the other tests put on it, and under twice as much."""
    assert check(broken=True, requests=20).returncode == 1
    assert check(broken=False, requests=80).returncode == 0


def test_a_service_that_nobody_asks_is_not_judged():
    done = subprocess.run(
        [str(binary()), "check", "-d", "3s", "--", PYTHON, str(VICTIMS / "judged_service.py"), "mended",
         str(free_port()), "asyncio"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode == 4
    assert "too idle to judge" in done.stderr


def test_what_ends_before_its_time_is_not_judged():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = check(port=taken.getsockname()[1])
    assert done.returncode == 4, done.stdout + done.stderr
    done = subprocess.run([str(binary()), "check", "--", "/bin/false"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert "the service has ended (exit status 1) before it served" in done.stderr
    done = subprocess.run([str(binary()), "check", "--", "/no/such/command"], capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "cannot run /no/such/command" in done.stderr


def test_a_load_that_fails_is_told_of():
    command = words()
    command[command.index("--load") + 1] = "exit 3"
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False, cwd=VICTIMS)
    assert done.returncode == 4
    assert "the load has failed (exit status 3)" in done.stderr


def test_nothing_is_left_running():
    port = free_port()
    command = words(port=port)
    command[command.index("--load") + 1] = "sleep 60"
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=VICTIMS)
    waiting.until(lambda: get(f"http://127.0.0.1:{port}/")[0] == 200, 30, "the service serves")
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 4
    assert get(f"http://127.0.0.1:{port}/")[0] == 0


def test_a_service_that_runs_already_and_its_workers():
    port = free_port()
    service = subprocess.Popen(
        [PYTHON, str(VICTIMS / "judged_service.py"), "forking", str(port), "asyncio"],
        stdin=subprocess.DEVNULL, cwd=VICTIMS, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        waiting.until(lambda: get(f"http://127.0.0.1:{port}/")[0] == 200, 30, "the service serves")
        done = subprocess.run(
            [str(binary()), "check", "-p", str(service.pid), "-d", "30s", "-f", "json", "--load",
             f"{PYTHON} {VICTIMS}/judged_service.py load {port} 40"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)
    finally:
        service.terminate()
        service.wait(10)
    assert done.returncode == 1, done.stderr
    assert ("loop-occupancy", "ask_the_server") in findings(done), "it is the child that serves"
