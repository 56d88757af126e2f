# SPDX-License-Identifier: Apache-2.0
"""The Debian package: lintian has nothing to say of it, and it is installed, started, upgraded and removed in a
Debian that systemd has booted. Its unit gives the agent no more than it needs, and all of that."""

import json
import pathlib
import re
import subprocess

import pytest

from harness import booted, waiting
from harness.agent import free_port, get
from harness.paths import PYTHON, REPOSITORY, VICTIMS, binary

UNIT = REPOSITORY / "packaging" / "loopstall.service"
CONFIGURATION = "/etc/loopstall/loopstall.yaml"


@pytest.fixture(scope="module")
def package(agent_binary, tmp_path_factory):
    """Of the build that the other tests use."""
    build = pathlib.Path(binary()).parent
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(["cmake", "--build", build, "--target", "packed_loopstall_1", "packed_changelog",
                    "packed_changelog_Debian"], check=True, capture_output=True)
    made = subprocess.run(["cpack", "--config", build / "CPackConfig.cmake", "-B", folder], capture_output=True, text=True,
                          check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    file, = folder.glob("loopstall_*.deb")
    return file


def test_lintian_accepts_it(package):
    said = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True,
                          text=True, check=False)
    assert said.returncode == 0 and not said.stdout, said.stdout + said.stderr


def test_it_says_what_it_needs(package):
    fields = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    depends = re.search(r"^Depends: (.*)$", fields, re.MULTILINE)[1]
    for library in ("libbpf1", "libmicrohttpd12", "libspdlog1.10"):
        assert library in depends
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    files = {line.split()[-1].lstrip(".") for line in listed.splitlines() if not line.startswith("d")}
    assert files == {"/usr/bin/loopstall", "/lib/systemd/system/loopstall.service", CONFIGURATION,
                     "/usr/share/doc/loopstall/copyright", "/usr/share/doc/loopstall/changelog.gz",
                     "/usr/share/doc/loopstall/changelog.Debian.gz", "/usr/share/man/man1/loopstall.1.gz",
                     "/usr/share/lintian/overrides/loopstall"}


def test_systemd_understands_the_unit(package):
    """Every directive, and few are left by which a service could do harm."""
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", UNIT],
                          capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Unknown" not in said.stderr and "ailed to parse" not in said.stderr, said.stderr


def test_installed_started_and_removed(privileged, package):
    with booted.booted(package.parent) as machine:
        def state():
            return machine.run("systemctl", "is-active", "loopstall", check=False).stdout.strip()

        def ready():
            return machine.run("curl", "-sf", "http://127.0.0.1:9877/metrics", check=False).stdout

        machine.run("dpkg", "--install", str(package))
        assert state() == "active", machine.run("journalctl", "-u", "loopstall", check=False).stdout
        assert machine.run("systemctl", "is-enabled", "loopstall").stdout.strip() == "enabled"
        waiting.until(ready, 60, "the agent answers")
        pid = machine.run("systemctl", "show", "--value", "--property=MainPID", "loopstall").stdout.strip()
        status = machine.run("cat", f"/proc/{pid}/status").stdout
        assert re.search(r"^Uid:\t(\d+)", status, re.MULTILINE)[1] != "0"
        granted = sum(1 << number for number in (39, 38, 19, 2))  # BPF, PERFMON, SYS_PTRACE, DAC_READ_SEARCH
        kept = sum(1 << number for number in (19, 2))
        for kind, wanted in {"CapEff": kept, "CapBnd": granted, "CapPrm": kept, "CapAmb": 0}.items():
            assert int(re.search(rf"^{kind}:\t(\w+)", status, re.MULTILINE)[1], 16) == wanted, kind
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE) and re.search(r"^Seccomp:\t2$", status, re.MULTILINE)

        machine.run("sh", "-c", f"echo 'log-format: json' >> {CONFIGURATION}")
        machine.run("dpkg", "--install", "--force-confold", str(package))  # an upgrade restarts it
        assert state() == "active"
        waiting.until(ready, 60, "the agent answers again")
        journal = machine.run("journalctl", "-u", "loopstall", "-o", "cat", "-n", "50", check=False).stdout
        lines = [json.loads(line) for line in journal.splitlines() if line.startswith("{")]
        assert any("measures" in line["msg"] for line in lines), journal

        machine.run("dpkg", "--remove", "loopstall")
        assert state() in ("inactive", "unknown")
        assert machine.run("test", "-e", "/usr/bin/loopstall", check=False).returncode == 1
        assert machine.run("test", "-e", CONFIGURATION, check=False).returncode == 0, "until it is purged"
        machine.run("dpkg", "--purge", "loopstall")
        assert machine.run("test", "-e", CONFIGURATION, check=False).returncode == 1
        assert not machine.run("find", "/etc/systemd", "-name", "loopstall*").stdout


def directive(name):
    return re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)[1]


def test_the_units_capabilities_are_enough(privileged, agent_binary):
    """As its user, with them alone and without new ones, it names who holds a loop."""
    names = directive("AmbientCapabilities").lower().replace("cap_", "+").replace(" ", ",")
    assert directive("AmbientCapabilities") == directive("CapabilityBoundingSet")
    port, admin = free_port(), free_port()
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", f"--bounding-set=-all,{names}",
            f"--inh-caps=-all,{names}", f"--ambient-caps=-all,{names}", "--"]
    agent = subprocess.Popen([*drop, binary(), "agent", "--listen", f"127.0.0.1:{port}", "--admin-listen",
                              f"127.0.0.1:{admin}"], stderr=subprocess.PIPE, text=True)
    try:
        waiting.until(lambda: agent.poll() is not None or get(f"http://127.0.0.1:{port}/readyz")[0] == 200, 60, "it is ready")
        assert agent.poll() is None, agent.stderr.read()
        victim = VICTIMS.parent / "e2e" / "dashboards" / "blocking_victim.py"
        subprocess.run([PYTHON, victim, "4", "0.15"], timeout=60, check=True)

        def named():
            services = json.loads(get(f"http://127.0.0.1:{admin}/api/v1/loops")[1])["services"]
            return [one for service in services for one in service["functions"]
                    if one["function"] == "hold" and one["cause"] == "sleep" and one["holds"] >= 3]
        waiting.until(named, 20, "the function has its holds")
    finally:
        agent.terminate()
        agent.wait(20)
