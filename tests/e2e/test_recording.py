# SPDX-License-Identifier: Apache-2.0
"""A recording gives every number again: elsewhere, later, and without privileges."""

import os
import shutil
import stat
import subprocess
import time

import pytest

from harness import waiting
from harness.agent import Agent, get
from harness.paths import PYTHON, VICTIMS, binary
from harness.victims import Talker

NOBODY = 65534


def loop_lines(metrics):
    """What is of loops, and not of the agent's process at the moment of the scrape."""
    return [line for line in metrics.splitlines() if 'process="harm.py"' in line]


class Recorded:
    """What an agent said while it was recorded, and where the recording is."""

    def __init__(self, folder):
        self.file = folder / "measured.ndjson"
        self.binary = folder / "loopstall"
        shutil.copy(binary(), self.binary)
        with Agent("--record", str(self.file)) as agent:
            with Talker([PYTHON, str(VICTIMS / "harm.py"), "epoll", "broken"]) as victim:
                victim.hear("ready")
                agent.wait_for_loop(victim.pid)
                victim.tell("go")
                victim.hear("done")
                waiting.until(lambda: agent.records(victim.pid), 10, "the stalls are logged")
            time.sleep(4)  # its series stand still
            self.metrics = loop_lines(get(f"http://{agent.listen}/metrics")[1])
            agent.stop()
            with open(agent.stall_log, encoding="utf-8") as log:
                self.stalls = log.read()
        self.mode = stat.S_IMODE(os.stat(self.file).st_mode)
        folder.chmod(0o755)
        self.file.chmod(0o644)

    def replay(self, *flags, file=None):
        return subprocess.run([self.binary, "replay", str(file or self.file), *flags], user=NOBODY,
                              group=NOBODY, extra_groups=[], capture_output=True, text=True,
                              cwd="/", check=False)


@pytest.fixture(scope="module")
def recorded(privileged, agent_binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # pytest's own are for root alone
    return Recorded(folder)


def test_its_metrics_are_the_agents_last(recorded):
    replayed = recorded.replay()
    assert replayed.returncode == 0 and replayed.stderr == ""
    assert len(recorded.metrics) > 50
    assert loop_lines(replayed.stdout) == recorded.metrics


def test_its_stall_records_are_those_of_the_log(recorded):
    replayed = recorded.replay("--stalls")
    assert replayed.returncode == 0 and replayed.stderr == ""
    assert recorded.stalls.count("\n") >= 12
    assert replayed.stdout == recorded.stalls


def test_it_is_for_its_owner_alone(recorded):
    assert recorded.mode == 0o600


def test_one_that_was_cut_off_is_replayed_and_said_to_be(recorded, tmp_path):
    tmp_path.chmod(0o755)
    cut = tmp_path / "cut.ndjson"
    cut.write_bytes(recorded.file.read_bytes()[:-200])
    replayed = recorded.replay("--stalls", file=cut)
    assert replayed.returncode == 0
    assert replayed.stdout == recorded.stalls
    assert "was cut off" in replayed.stderr


def test_what_is_no_recording_is_refused(recorded):
    for file, why in (("/etc/passwd", "no recording"), ("/nowhere", "No such file")):
        replayed = recorded.replay(file=file)
        assert replayed.returncode == 2 and replayed.stdout == ""
        assert why in replayed.stderr and replayed.stderr.count("\n") == 1


def test_an_existing_file_is_not_overwritten(recorded):
    started = subprocess.run([recorded.binary, "agent", "--record", str(recorded.file)],
                             capture_output=True, text=True, timeout=30, check=False)
    assert started.returncode == 3
    assert "does not exist" in started.stderr
