# SPDX-License-Identifier: Apache-2.0
"""Services in real containers: found, named as in Kubernetes, not written to."""

import contextlib
import os
import shutil
import uuid

import pytest

from harness import containers, kubelet, waiting
from harness.agent import Agent
from harness.matching import blamed
from harness.paths import PYTHON
from harness.silent_mount import SilentMount
from harness.victims import Talker

pytestmark = pytest.mark.usefixtures("privileged")


@pytest.fixture(scope="module")
def root():
    with containers.root_file_system() as folder:
        yield folder


def test_loop_that_hangs_in_a_container_already_is_shown(root, agent_binary):
    """Its threads are found by their ids in the container's pid namespace; nothing is written."""
    before = containers.listing(root)
    container = containers.Container(root, kubelet.cgroup_path("docker", "", containers.new_id()))
    with containers.ContainedTalker(container, ["lifecycle.py", "sleeping", "asyncio"]) as victim:
        victim.hear("hanging")
        with Agent("--pid", str(victim.pid)) as agent:
            loop = agent.wait_for_loop(victim.pid, serving=False)
            assert loop["state"] == "busy" and loop["turn_age_at_least"] is True
            assert "hang_asleep" in [frame["function"] for frame in loop["stack"]]
            assert loop["labels"]["container"] == container.cgroup[-64:][:12]
            assert loop["labels"]["pod"] == loop["labels"]["namespace"] == ""
    assert containers.listing(root) == before


@pytest.mark.parametrize("form", ["cgroupfs", "systemd", "crio", "kind"])
def test_short_lived_pod_has_its_names(agent, root, form):
    """A pod that lives for about a second; its gauges end with it."""
    uid, container_id = str(uuid.uuid4()), containers.new_id()
    pod = f"shop-{uuid.uuid4().hex[:8]}"
    with kubelet.pod_logs("e2e-prod", pod, uid, "web", container_id, link=form != "crio"):
        container = containers.Container(root, kubelet.cgroup_path(form, uid, container_id))
        with containers.ContainedTalker(container, ["lifecycle.py", "exit_in_stall", "asyncio"]) as victim:
            victim.hear("hanging")
            labels = {"namespace": "e2e-prod", "pod": pod, "container": "web"}
            seen = waiting.until(lambda: agent.scrape().find("loopstall_loops", **labels), 10,
                                 "the pod's loop has its names")
            assert [value for _, value in seen] == [1]
            victim.process.wait(20)
        waiting.until(lambda: not agent.scrape().find("loopstall_loops", **labels), 10,
                      "the pod's gauge has ended")


def test_restarted_container_goes_on_in_its_series(agent, root):
    """Three lives of a container, each with an id of its own: no series twice, no counter that starts
    anew, and the last life's time is there when its gauge has gone."""
    uid, pod = str(uuid.uuid4()), f"shop-{uuid.uuid4().hex[:8]}"
    labels = {"namespace": "e2e-prod", "pod": pod, "container": "web"}
    held = []
    for _ in range(3):
        container_id = containers.new_id()
        with kubelet.pod_logs("e2e-prod", pod, uid, "web", container_id):
            container = containers.Container(root, kubelet.cgroup_path("cgroupfs", uid, container_id))
            with containers.ContainedTalker(container, ["lifecycle.py", "exit_in_stall", "asyncio"]) as victim:
                victim.hear("hanging")
                waiting.until(lambda: agent.scrape().find("loopstall_loops", **labels), 10, "it is found")
                victim.process.wait(20)
        waiting.until(lambda: not agent.scrape().find("loopstall_loops", **labels), 10, "it has ended")
        scrape = agent.scrape()
        keys = [(name, *sorted(of.items())) for name, of, _ in scrape.samples]
        assert len(keys) == len(set(keys))
        held.append(scrape.sum("loopstall_busy_seconds_total", cause="sleep", **labels))
        assert len(scrape.find("loopstall_busy_seconds_total", cause="sleep", **labels)) == 1
    first, second, third = held[0], held[1] - held[0], held[2] - held[1]
    assert first > 0.2
    assert 0.8 * first < second < 1.25 * first and 0.8 * first < third < 1.25 * first, held


def node_uts_can_be_read():
    try:
        return bool(os.readlink("/proc/1/ns/uts"))
    except PermissionError:
        return False


def test_pod_without_logs_is_named_by_its_own_mounts(agent, root, tmp_path):
    """But not where the node's host name may be the pod's for all that the agent can tell."""
    uid, container_id = str(uuid.uuid4()), containers.new_id()
    pod = f"shop-{uuid.uuid4().hex[:8]}"
    source = tmp_path / "pods" / uid / "containers" / "side-car"
    source.mkdir(parents=True)
    files = {"hostname": pod + "\n", "resolv.conf": "search e2e-own.svc.cluster.local\n", "log": ""}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    last_words = source / "5d9c1b7a"
    last_words.touch()
    mounts = [(last_words, "/dev/termination-log"), (tmp_path / "hostname", "/etc/hostname"),
              (tmp_path / "resolv.conf", "/etc/resolv.conf")]
    with etc_left_as_it_was(root):
        container = containers.Container(root, kubelet.cgroup_path("cgroupfs", uid, container_id), mounts,
                                         host_name=pod)
        with containers.ContainedTalker(container, ["lifecycle.py", "idle", "asyncio"]) as victim:
            victim.hear("ready")
            labels = agent.wait_for_loop(victim.pid)["labels"]
    own = ("e2e-own", pod, "side-car") if node_uts_can_be_read() else ("", "", container_id[:12])
    assert (labels["namespace"], labels["pod"], labels["container"]) == own


@contextlib.contextmanager
def etc_left_as_it_was(root):
    """runc makes the files there that it mounts over."""
    before = set((root / "etc").iterdir())
    try:
        yield
    finally:
        for path in set((root / "etc").iterdir()) - before:
            path.unlink()


NAP = ("nap", "lifecycle.py")


def wait_for_naps(agent, pid, seconds=10):
    """It sleeps 30 ms a turn. Where the turn in which it was found began, nobody saw."""
    records = waiting.until(lambda: agent.records(pid)[5:], seconds, f"stalls of process {pid}")
    assert {blamed(record) for record in records} == {NAP}


def hanging(agent):
    return agent.scrape().sum("loopstall_targets", state="files_hang")


@contextlib.contextmanager
def victims_on_a_mount(root):
    """A mount with a service in a container and a program, whose code both is there."""
    code = root / containers.APP.lstrip("/")
    shutil.copy2("/bin/sleep", code / "sleep")
    with contextlib.ExitStack() as alive:
        mount = alive.enter_context(SilentMount(code))
        container = containers.Container(
            root, kubelet.cgroup_path("docker", "", containers.new_id()), [(mount.path, containers.APP)])
        service = alive.enter_context(
            containers.ContainedTalker(container, ["lifecycle.py", "napping", "asyncio"]))
        service.hear("ready")
        alive.enter_context(Talker([str(mount.path / "sleep"), "3600"]))
        yield mount, service
    (code / "sleep").unlink()


def nap():
    return Talker([PYTHON, "lifecycle.py", "napping", "asyncio"])


def test_hung_mount_delays_no_other_loop(root, agent_binary):
    """Nor the agent's end; what hangs is counted, and measured once the mount is back."""
    with victims_on_a_mount(root) as (mount, service), nap() as older:
        older.hear("ready")
        mount.fall_silent()
        with Agent() as agent:
            agent.wait_for_loop(older.pid, seconds=5, serving=False)
            wait_for_naps(agent, older.pid)
            with nap() as younger:
                younger.hear("ready")
                agent.wait_for_loop(younger.pid, seconds=5, serving=False)
                wait_for_naps(agent, younger.pid)
            waiting.until(lambda: hanging(agent) == 2, 10, "both are counted")
            assert agent.loop(service.pid) is None
        with Agent() as agent:
            waiting.until(lambda: hanging(agent) == 2, 10, "both are counted")
            mount.come_back()
            agent.wait_for_loop(service.pid, seconds=10, serving=False)
            wait_for_naps(agent, service.pid)
            waiting.until(lambda: hanging(agent) == 0, 10, "neither hangs any longer")
