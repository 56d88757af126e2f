# SPDX-License-Identifier: Apache-2.0
"""A node in miniature: the image, under runc with what the chart's security context says, measures the services of
three pods; a real Prometheus scrapes it as the chart says. Needs root.
"""

import json
import pathlib
import re
import subprocess

import pytest

from harness import charts, containers, kubelet, waiting
from harness.agent import free_ports, get
from harness.paths import PYTHON, REPOSITORY, VICTIMS, binary
from harness.prometheus_server import Prometheus, fetch
from miniature import Contained, Pod, ask_to_hang, specification, specification_of

pytestmark = pytest.mark.usefixtures("privileged", "agent_binary")

RULES = sorted((REPOSITORY / "dashboards" / "rules").glob("*.rules.yaml"))
SERVICE = VICTIMS / "pod_service.py"
# include/uapi/linux/capability.h: DAC_READ_SEARCH 2, SYS_PTRACE 19, PERFMON 38, BPF 39.
GRANTED, KEPT = 0xC000080004, 0x80004


def profile():
    return json.loads((charts.CHART / "files" / "seccomp.json").read_text())


@pytest.fixture(scope="module")
def host():
    """The file system of the services' containers: this machine's, with a layer above it."""
    if subprocess.run([PYTHON, "-c", "import fastapi, uvicorn"], capture_output=True, check=False).returncode:
        pytest.skip("no FastAPI (Debian: python3-fastapi, uvicorn)")
    with containers.overlaid("/") as root:
        yield root


@pytest.fixture(scope="module")
def chart():
    """(The port of the agent's metrics, the chart's objects by kind)."""
    metrics, admin = free_ports(2)
    objects = charts.rendered({
        "agent": {"metricsPort": metrics, "adminPort": admin},
        "podMonitor": {"enabled": True},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "loopstall.json"}})
    return metrics, {entry["kind"]: entry for entry in objects}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image") / "root"
    subprocess.run([REPOSITORY / "scripts" / "image-root", binary(), folder], check=True)
    return folder


class Node:
    def __init__(self, metrics, agent, prometheus, log):
        self.address, self.agent, self.prometheus, self.log = f"127.0.0.1:{metrics}", agent, prometheus, log

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        found = self.prometheus.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def wait_for(self, expression, seconds, what):
        return waiting.until(lambda: self.query(expression), seconds, what)


@pytest.fixture(scope="module")
def node(chart, image, tmp_path_factory):
    metrics, objects = chart
    folder = tmp_path_factory.mktemp("node")
    pod = objects["DaemonSet"]["spec"]["template"]["spec"]
    endpoint, = objects["PodMonitor"]["spec"]["podMetricsEndpoints"]
    made = specification_of(pod, ["/usr/bin/loopstall"], image, "/kubepods/burstable/podagent/agent", profile())
    before = containers.listing(image)
    with kubelet.log_folders(), Contained(made, folder / "agent.log") as agent:
        waiting.until(lambda: get(f"http://127.0.0.1:{metrics}/metrics")[0] == 200, 30,
                      f"the agent serves; see {folder}/agent.log")
        with Prometheus(folder, f"127.0.0.1:{metrics}", RULES, honor_labels=endpoint["honorLabels"]) as prometheus:
            yield Node(metrics, agent, prometheus, folder / "agent.log")
    assert containers.listing(image) == before, "its root file system is read-only"


def matcher(**labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def test_services_are_named_by_their_pods(node, host, tmp_path):
    """Whatever holds a loop has its namespace, pod and container; the mended pod holds none. An alert fires while the
    broken one hangs; once it has died, its gauges end."""
    with Pod(host, "shop", "web-5c7d", tmp_path / "broken.log") as broken, \
            Pod(host, "store", "web-9f2b", tmp_path / "mended.log") as mended:
        web = broken.run("web", PYTHON, str(SERVICE), "web", "broken")
        broken.run("worker", PYTHON, str(SERVICE), "worker", "broken")
        mended.run("web", PYTHON, str(SERVICE), "web", "mended")
        for container, function in (("web", "write_report"), ("worker", "pack_order")):
            found = matcher(**broken.labels, container=container, function=function, cause="sleep")
            node.wait_for(f"loopstall_function_busy_seconds_total{found} > 1", 40, f"{function} of the broken pod")
        held = node.query(f"sum by (container, function) (loopstall_function_busy_seconds_total"
                          f'{matcher(**broken.labels, cause="sleep")}) > 0.1')
        assert {(of["container"], of["function"]) for of, _ in held} == {
            ("web", "write_report"), ("worker", "pack_order")}
        node.wait_for(f"loopstall_turn_seconds_count{matcher(**mended.labels, container='web')} > 100", 30,
                      "turns of the mended pod")
        blocked = node.query(f'sum(loopstall_busy_seconds_total{matcher(**mended.labels, cause="sleep")})')
        assert sum(value for _, value in blocked) < 0.05

        firing = f'ALERTS{{alertname="LoopStalled",alertstate="firing",pod="{broken.name}"}}'
        assert node.query(firing) == []
        ask_to_hang(web)
        (alert, _), = node.wait_for(firing, 20, "the alert fires while the loop hangs")
        assert (alert["namespace"], alert["pod"], alert["container"]) == ("shop", broken.name, "web")
        assert alert["audience"] == "application"
    gone = f"loopstall_loops{matcher(**broken.labels)}"
    waiting.until(lambda: node.query(gone) == [], 20, "the gauges of the pod that died have ended")
    assert node.query(f"loopstall_turn_in_progress_seconds{matcher(**broken.labels)}") == []


def test_a_crash_loop_is_one_series(node, host, tmp_path):
    """Each life is a container with an id of its own; no sample comes twice, and no counter begins anew."""
    with Pod(host, "shop", "billing-77aa", tmp_path / "crashing.log") as pod:
        for life in range(1, 5):
            crashed = pod.run("billing", PYTHON, str(SERVICE), "crashing", "broken")
            assert crashed.wait(30) == 1
            labels = matcher(**pod.labels, container="billing", cause="sleep")
            at_least = f"loopstall_busy_seconds_total{labels} > {0.19 * life}"
            (_, seconds), = node.wait_for(at_least, 20, f"{life} lives are counted in one series")
            assert seconds < 0.25 * life
            labels = matcher(**pod.labels, container="billing", cause="sleep", function="fail_to_start")
            (_, named), = node.query(f"loopstall_function_busy_seconds_total{labels}")
            # What came before the function had a series of its own is ~other's.
            assert 0 < named <= seconds if life == 1 else 0.19 < named - before < 0.25
            before = named
    problems = re.findall(r"^prometheus_target_scrapes_(?:sample_duplicate_timestamp|sample_out_of_order)_total (\S+)$",
                          fetch(f"http://127.0.0.1:{node.prometheus.port}/metrics"), re.M)
    assert problems == ["0", "0"]


def status_of(pid, field):
    return re.search(rf"^{field}:\t(\S+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]


def test_the_agent_has_given_up_what_it_no_longer_needs(node):
    tasks = [int(task.name) for task in pathlib.Path(f"/proc/{node.agent.pid}/task").iterdir()]
    assert len(tasks) > 3
    for task in tasks:
        assert int(status_of(task, "CapEff"), 16) == int(status_of(task, "CapPrm"), 16) == KEPT
        assert int(status_of(task, "CapBnd"), 16) == GRANTED
        assert (status_of(task, "NoNewPrivs"), status_of(task, "Seccomp")) == ("1", "2")


def test_the_agent_stays_within_its_resources(node, chart):
    """Its limit is a cgroup's: had it needed more, it would have been killed."""
    (_, resident), = node.query("loopstall_agent_resident_memory_bytes or process_resident_memory_bytes")
    assert 5e6 < resident < 100e6
    assert "level=error" not in node.log.read_text()


FORBIDDEN = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"ptrace": 101, "process_vm_writev": 311, "mount": 165, "setns": 308, "unshare": 272, "chroot": 161,
           "init_module": 175, "keyctl": 250, "pivot_root": 155, "kexec_load": 246}
for name, number in NUMBERS.items():
    failed = libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1
    print(name, errno.errorcode[ctypes.get_errno()] if failed else "done")
print("getpid", os.getpid() > 0)
"""


def test_the_profile_forbids_what_could_change_a_process_or_the_node(host, tmp_path):
    """As root with every capability, so that nothing else does."""
    output = tmp_path / "output"
    made = specification(host, [PYTHON, "-c", FORBIDDEN], f"/loopstall-e2e-{tmp_path.name}")
    mask = int(status_of("self", "CapEff"), 16)
    every = [f"CAP_{name}" for name in ("SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT", "SYS_MODULE", "SYS_BOOT")
             if mask >> {"SYS_MODULE": 16, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_BOOT": 22}[name] & 1]
    made["process"]["capabilities"] = {kind: every for kind in ("bounding", "effective", "permitted")}
    made["process"]["noNewPrivileges"] = True  # as in the chart; else runc itself would need more system calls

    def said(seccomp):
        made["linux"].pop("seccomp", None)
        if seccomp:
            made["linux"]["seccomp"] = seccomp
        output.write_text("")
        with Contained(made, output) as contained:
            assert contained.wait(30) == 0, output.read_text()
        return dict(line.split() for line in output.read_text().splitlines())

    denied = said(profile())
    assert denied.pop("getpid") == "True" and set(denied.values()) == {"EPERM"}, denied
    allowed = [name for name, outcome in said(None).items() if outcome != "EPERM"]
    assert {"ptrace", "mount", "setns", "unshare"} <= set(allowed), "it is the profile that forbids"
