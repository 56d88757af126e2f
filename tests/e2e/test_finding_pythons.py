# SPDX-License-Identifier: Apache-2.0
"""A Python is found by what its files are, whatever they are called and wherever they lie; what
cannot be measured is refused with a reason."""

import contextlib
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from harness import matching, pythons, waiting
from harness.agent import Agent
from harness.metrics import Change
from harness.paths import PYTHON, VICTIMS
from harness.victims import Talker

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0")
NAPPING = str(VICTIMS / "lifecycle.py"), "napping", "asyncio"

pytestmark = pytest.mark.usefixtures("privileged")


def assert_naps_are_named(agent, victim):
    """Each from the first on that is; before, the agent may not have known the loop."""
    agent.wait_for_loop(victim.pid, serving=False)

    def blamed():
        names = [matching.blamed(record)[0].rpartition(".")[2]
                 for record in agent.records(victim.pid) if record["cause"] == "sleep"]
        unknown = names.index("nap") if "nap" in names else len(names)
        assert all(name.startswith("~") for name in names[:unknown]), names
        return names[unknown:]

    waiting.until(lambda: len(blamed()) >= 10, 10, "naps are named")
    assert set(blamed()) == {"nap"}


@contextlib.contextmanager
def napping(*program, environment=None):
    with Talker([*map(str, program), *NAPPING], environment=environment) as victim:
        victim.hear("ready", 60)
        yield victim


@pytest.fixture
def renamed(tmp_path):
    """A copy of Debian's static program, of which neither name nor folder tells what it is."""
    return pathlib.Path(shutil.copy(PYTHON, tmp_path / "billing"))


def test_renamed_program(agent, renamed):
    with napping(renamed) as victim:
        assert_naps_are_named(agent, victim)


def test_program_that_was_deleted(agent_binary, renamed):
    with napping(renamed) as victim:
        renamed.unlink()
        with Agent("--pid", str(victim.pid)) as later:
            assert_naps_are_named(later, victim)


def test_program_that_was_replaced(agent_binary, renamed):
    """By an upgrade: another file has its name."""
    with napping(renamed) as victim:
        renamed.unlink()
        shutil.copy("/bin/true", renamed)
        with Agent("--pid", str(victim.pid)) as later:
            assert_naps_are_named(later, victim)


def test_program_on_an_overlay(agent, agent_binary, tmp_path, renamed):
    """In a mount namespace of its own, where no path of the host leads to it."""
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower").mkdir()
    renamed.rename(tmp_path / "lower" / "billing")
    script = ('cd "$0" && mount -t tmpfs none upper && mkdir upper/up upper/work && mount -t overlay'
              ' -o lowerdir=lower,upperdir=upper/up,workdir=upper/work none merged || exit 1;'
              ' cd "$1"; shift; exec "$@"')
    namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                 str(tmp_path), str(VICTIMS)]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no overlay file system can be mounted here")
    with napping(*namespace, tmp_path / "merged" / "billing") as victim:
        assert_naps_are_named(agent, victim)
        with Agent("--pid", str(victim.pid)) as later:
            assert_naps_are_named(later, victim)


def hide_symbol(program, name):
    """Makes a dynamic object symbol one without a type, which the dynamic linker does not mind."""
    table = subprocess.run(["readelf", "--dyn-syms", "--wide", program], check=True,
                           capture_output=True, text=True).stdout
    value, size = re.search(rf"\d+: (\w+) +(\w+) OBJECT .* {name}$", table, re.MULTILINE).groups()
    data = bytearray(program.read_bytes())
    end = struct.pack("<QQ", int(value, 16), int(size, 0))  # of Elf64_Sym, whose st_info lies before
    assert data.count(end) == 1
    data[data.index(end) - 4] &= 0xf0
    program.write_bytes(data)


def test_program_without_the_symbol(agent, renamed):
    """Its section .PyRuntime still tells."""
    hide_symbol(renamed, "_PyRuntime")
    with napping(renamed) as victim:
        assert_naps_are_named(agent, victim)


def test_process_with_a_title(agent, agent_binary):
    """It looks like `gunicorn: worker [shop]` in ps, and to an agent that comes later."""
    with Talker([PYTHON, str(VICTIMS / "disguised.py"), "titled"]) as victim:
        victim.hear("ready")
        command_line = pathlib.Path(f"/proc/{victim.pid}/cmdline").read_bytes()
        assert command_line.startswith(b"gunicorn: worker")
        assert_naps_are_named(agent, victim)
        with Agent("--pid", str(victim.pid)) as later:
            assert_naps_are_named(later, victim)


@pytest.fixture(scope="module")
def another_python():
    """Of another version than Debian's where there is one."""
    for source in ("sid-3.14", "trixie-3.13", "pyenv-3.12", "pyenv-3.10"):
        with contextlib.suppress(pythons.Missing):
            return pythons.get(source)
    return pythons.get("debian")


def test_process_that_becomes_another_python(agent, another_python):
    """exec: the same process id, other structures."""
    words = [*another_python.command, *NAPPING]
    with Talker([PYTHON, str(VICTIMS / "disguised.py"), "again", *words],
                environment=dict(another_python.environment)) as victim:
        victim.hear("first")
        agent.wait_for_loop(victim.pid, serving=False)
        victim.tell("go on")
        victim.hear("ready", 60)
        assert_naps_are_named(agent, victim)


def compiled(source, program, *flags):
    subprocess.run(["cc", "-O1", "-o", program, source, *flags], check=True)
    return program


def test_library_that_is_mapped_late(agent_binary, tmp_path):
    """By a server that waits on an epoll of its own first, and is known as no Python by then."""
    if not LIBRARY.exists():
        pytest.skip(f"no {LIBRARY} (Debian: libpython3.11)")
    program = compiled(VICTIMS / "embeds_late.c", tmp_path / "plugged", "-s")
    with Talker([str(program), str(LIBRARY), *NAPPING]) as victim:
        victim.hear("serves")
        with Agent("--pid", str(victim.pid)) as agent:
            waiting.until(lambda: agent.scrape().sum("loopstall_targets", state="ignored") == 1, 10,
                          "it is known as no Python")
            victim.tell("load")
            victim.hear("ready")
            assert_naps_are_named(agent, victim)


# ---- refused, by a reason ------------------------------------------------------------------------


def refused(agent, reason, *program, environment=None):
    """Runs it until the agent has refused it for this very reason."""
    before = agent.scrape()
    with napping(*program, environment=environment) as victim:
        waiting.until(lambda: agent.scrape().sum("loopstall_targets", state=reason) == 1, 15,
                      f"it is refused: {reason}")
        change = Change(before, agent.scrape())
        assert change.sum("loopstall_stack_errors_total", reason=reason) == 1
        assert agent.loop(victim.pid) is None and not agent.records(victim.pid)
    waiting.until(lambda: agent.scrape().sum("loopstall_targets", state=reason) == 0, 15,
                  "it is forgotten")


def fetched(source):
    try:
        return pythons.get(source)
    except pythons.Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("source", ("trixie-3.13", "sid-3.14"))
def test_free_threaded_builds_are_refused(agent, source, tmp_path):
    """A build that says in its _Py_DebugOffsets that it is one; Debian has none."""
    python = fetched(source)
    enter, path = python.command
    program = pathlib.Path(shutil.copy(os.path.dirname(enter) + path, tmp_path / "service"))
    # Its cookie, PY_VERSION_HEX and free_threaded, each of eight bytes.
    head = re.compile(rb"(xdebugpy..[\x0d\x0e]\x03\0{4})\0(\0{7})", re.DOTALL)
    data, found = head.subn(b"\\1\x01\\2", program.read_bytes())
    assert found == 1
    program.write_bytes(data)
    refused(agent, "free_threaded", enter, program, environment=dict(python.environment))


def test_later_versions_are_refused(agent):
    python = fetched("sid-3.15")
    refused(agent, "unsupported_version", *python.command, environment=dict(python.environment))
