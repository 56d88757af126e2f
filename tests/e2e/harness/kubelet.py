# SPDX-License-Identifier: Apache-2.0
"""What the kubelet and container runtimes leave on a node: cgroups' names, and folders of logs."""

import contextlib
import pathlib
import shutil

LOGS = pathlib.Path("/var/log")


def slice_of(uid):
    return f"kubepods-burstable-pod{uid.replace('-', '_')}.slice"


def cgroup_path(form, uid, container_id):
    return {
        "cgroupfs": f"/kubepods/burstable/pod{uid}/{container_id}",
        "systemd": f"/kubepods.slice/kubepods-burstable.slice/{slice_of(uid)}"
                   f"/cri-containerd-{container_id}.scope",
        "crio": f"/kubepods.slice/kubepods-burstable.slice/{slice_of(uid)}"
                f"/crio-{container_id}.scope",
        "kind": f"/docker/{'d' * 64}/kubelet.slice/kubelet-kubepods.slice/{slice_of(uid)}"
                f"/cri-containerd-{container_id}.scope",
        "docker": f"/docker/{container_id}",
    }[form]


@contextlib.contextmanager
def log_folders():
    """Those that every node has which has run a pod; taken away again if they were not here."""
    made = [path for path in (LOGS / "pods", LOGS / "containers") if not path.exists()]
    for path in made:
        path.mkdir()
    try:
        yield
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # another pod's are in it
                path.rmdir()


@contextlib.contextmanager
def pod_logs(namespace, pod, uid, container, container_id, link=True):
    """What the kubelet makes for a container's log."""
    folder = LOGS / "pods" / f"{namespace}_{pod}_{uid}"
    log = folder / container / "0.log"
    name = LOGS / "containers" / f"{pod}_{namespace}_{container}-{container_id}.log"
    with log_folders():
        log.parent.mkdir(parents=True, exist_ok=True)  # it may be there of the container's last life
        log.touch()
        if link:
            name.symlink_to(log)
        try:
            yield
        finally:
            if link:
                name.unlink()
            shutil.rmtree(log.parent, ignore_errors=True)  # of a container with several lives it is gone already
            with contextlib.suppress(OSError):  # another container's is in it
                folder.rmdir()
