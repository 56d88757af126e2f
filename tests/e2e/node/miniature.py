# SPDX-License-Identifier: Apache-2.0
"""A node in miniature: containers of runc as a kubelet and containerd would make them of a pod's specification, with
their cgroups, log folders, mounts and security contexts. There is no pod network: a container has either a network of
its own, with a loopback only, or the node's.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import uuid

from harness import kubelet, waiting
from harness.containers import cgroup_folders, removed, new_id

# What containerd gives every container (its oci package).
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "mode=1777"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
DEFAULT_CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE")]


def specification(root, command, cgroup):
    """Of a container without a security context."""
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": command, "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
                    "noNewPrivileges": False,
                    "capabilities": {kind: DEFAULT_CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": str(root), "readonly": False},
        "mounts": list(MOUNTS),
        "linux": {"cgroupsPath": cgroup, "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
                  "namespaces": [{"type": kind} for kind in ("pid", "mount", "cgroup", "uts", "ipc", "network")]},
    }


def memory_bytes(quantity):
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    return int(quantity[:-2]) * units[quantity[-2:]]


def specification_of(pod, entry_point, root, cgroup, seccomp):
    """Of the one container of a pod's specification, as the chart renders it. `seccomp`: of its Localhost profile."""
    container, = pod["containers"]
    context = container["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"] and context["privileged"] is False
    made = specification(root, [*entry_point, *container["args"]], cgroup)
    added = [f"CAP_{name}" for name in context["capabilities"]["add"]]
    made["process"] |= {
        "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
        "noNewPrivileges": not context["allowPrivilegeEscalation"],
        "capabilities": {kind: added for kind in ("bounding", "effective", "permitted")}}
    made["root"]["readonly"] = context["readOnlyRootFilesystem"]
    nodes = {"pid": pod["hostPID"], "network": True}  # where Prometheus is
    made["linux"]["namespaces"] = [one for one in made["linux"]["namespaces"] if not nodes.get(one["type"])]
    assert context["seccompProfile"]["type"] == "Localhost"
    made["linux"]["seccomp"] = seccomp
    made["linux"]["resources"] = {"memory": {"limit": memory_bytes(container["resources"]["limits"]["memory"])}}
    volumes = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        made["mounts"].append({"destination": mount["mountPath"], "type": "bind", "source": volumes[mount["name"]],
                               "options": ["rbind", "rprivate", "ro" if mount["readOnly"] else "rw"]})
    return made


class Contained:
    """A running container. `pid`: its first process, by the node's number. A context manager."""

    def __init__(self, specification_made, output):
        self._name = f"loopstall-node-{uuid.uuid4().hex[:12]}"
        self._cgroup = specification_made["linux"]["cgroupsPath"]
        self._made_folders = [folder for folder in cgroup_folders(self._cgroup) if not folder.exists()]
        self._bundle = tempfile.TemporaryDirectory(prefix="loopstall-bundle-")
        bundle = pathlib.Path(self._bundle.name)
        (bundle / "config.json").write_text(json.dumps(specification_made))
        with open(output, "ab") as log:
            self._process = subprocess.Popen(
                ["runc", "run", "--bundle", bundle, "--pid-file", bundle / "pid", self._name],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_started(self):
        file = pathlib.Path(self._bundle.name, "pid")
        return self._process.poll() is not None or file.exists() and file.read_text()

    @property
    def pid(self):
        waiting.until(self.is_started, 20, "runc has started the container")
        return int(pathlib.Path(self._bundle.name, "pid").read_text())

    def wait(self, seconds):
        """For its end; the status."""
        return self._process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        """As the kubelet would; also its cgroups, all that were not there before."""
        subprocess.run(["runc", "kill", self._name, "KILL"], capture_output=True, check=False)
        self._process.wait(20)
        subprocess.run(["runc", "delete", "--force", self._name], capture_output=True, check=False)
        for folder in self._made_folders:
            with contextlib.suppress(AssertionError):  # another container of the node is below it
                waiting.until(lambda folder=folder: removed(folder), 1, f"{folder} is empty")
        self._bundle.cleanup()


class Pod:
    """A pod of services: its containers, by name. A context manager."""

    def __init__(self, root, namespace, name, output):
        self.root, self.namespace, self.name, self.uid = root, namespace, name, str(uuid.uuid4())
        self._output = output
        self._alive = contextlib.ExitStack()

    @property
    def labels(self):
        return {"namespace": self.namespace, "pod": self.name}

    def run(self, container, *words):
        """Starts a container, for the first time or again."""
        container_id = new_id()
        self._alive.enter_context(
            kubelet.pod_logs(self.namespace, self.name, self.uid, container, container_id))
        cgroup = kubelet.cgroup_path("cgroupfs", self.uid, container_id)
        return self._alive.enter_context(Contained(specification(self.root, list(words), cgroup), self._output))

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self._alive.close()


def ask_to_hang(container):
    """By the signal that pod_service.py knows."""
    os.kill(container.pid, signal.SIGUSR1)
