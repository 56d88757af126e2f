# SPDX-License-Identifier: Apache-2.0
"""A Debian that systemd has booted, in a container of runc: this machine's files, with a layer above them."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import uuid

import pytest

from . import containers, waiting

INIT = "/lib/systemd/systemd"
NAMESPACES = ("pid", "mount", "cgroup", "uts", "ipc", "network")
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "rslave"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
    {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
]


def own_capabilities():
    """Those of this process, which it can give."""
    status = pathlib.Path("/proc/self/status").read_text()
    mask = int(re.search(r"^CapEff:\t(\w+)", status, re.MULTILINE)[1], 16)
    return [f"CAP_{name}" for number, name in enumerate(CAPABILITIES) if mask >> number & 1]


class Booted:
    """A machine of its own, but for its kernel."""

    def __init__(self, name):
        self.name = name

    def run(self, *words, check=True):
        """As root in it; its output."""
        done = subprocess.run(["runc", "exec", self.name, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def is_up(self):
        """Whether systemd has started what it starts."""
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")


@contextlib.contextmanager
def booted(shared):
    """`shared`: a folder that it sees at the same path."""
    if not shutil.which("runc") or not pathlib.Path(INIT).exists():
        pytest.skip("no runc, or no systemd (Debian: runc, systemd)")
    name = f"loopstall-booted-{uuid.uuid4().hex[:12]}"
    specification = {
        "ociVersion": "1.0.2",
        "hostname": "booted",
        "process": {"user": {"uid": 0, "gid": 0}, "args": [INIT], "cwd": "/",
                    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=runc"],
                    "capabilities": {kind: own_capabilities() for kind in ("bounding", "effective", "permitted")}},
        "mounts": [*MOUNTS, {"destination": str(shared), "type": "bind", "source": str(shared),
                             "options": ["bind", "ro"]}],
        "linux": {"cgroupsPath": f"/{name}", "namespaces": [{"type": kind} for kind in NAMESPACES]},
    }
    with containers.overlaid("/") as root, tempfile.TemporaryDirectory(prefix="loopstall-bundle-") as bundle:
        # What this machine starts at boot is not wanted.
        (root / "etc/systemd/system/default.target").unlink(missing_ok=True)
        (root / "etc/systemd/system/default.target").symlink_to("/lib/systemd/system/basic.target")
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)  # of machines that let packages start nothing
        (root / str(shared).lstrip("/")).mkdir(parents=True, exist_ok=True)
        specification["root"] = {"path": str(root), "readonly": False}
        (pathlib.Path(bundle) / "config.json").write_text(json.dumps(specification))
        started = subprocess.run(["runc", "run", "--detach", "--bundle", bundle, name], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        try:
            assert started.returncode == 0, started.stderr
            machine = Booted(name)
            waiting.until(machine.is_up, 90, "systemd is up", every=0.5)
            yield machine
        finally:
            subprocess.run(["runc", "delete", "--force", name], capture_output=True, check=False)
