# SPDX-License-Identifier: Apache-2.0
"""Virtual machines that run the agent and its victims on another kernel, under software emulation."""

import json
import os
import shutil
import subprocess

from harness.paths import REPOSITORY

GUEST = "/loopstall"
PYTHON_PACKAGES = ("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib")
PROGRAMS = ("/usr/sbin/bpftool", "/usr/bin/python3")
TREES = ("tests/e2e/harness", "tests/victims", "tests/vm/guest")
APPLETS = ("sh", "cat", "ip", "mkdir", "mount", "poweroff")
QEMU = "qemu-system-x86_64"
# One thread: with a thread a CPU, emulation has been seen to panic kernels that patch their own code.
EMULATION = ("-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", "1024")


class Unavailable(Exception):
    """What is missing, in one sentence."""


def kernel(series):
    """(release, path of its image) of a series of the list `kernels`."""
    fetched = subprocess.run([REPOSITORY / "scripts" / "fetch-kernel", series], check=False,
                             capture_output=True, text=True)
    if fetched.returncode == 77:
        raise Unavailable(fetched.stderr.strip().splitlines()[-1])
    assert fetched.returncode == 0, fetched.stderr
    release, image = fetched.stdout.strip().split(" ", 1)
    return release, image


def _libraries_of(programs):
    """The shared objects that these load, and the loader."""
    shown = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    words = (word for line in shown.splitlines() for word in line.split())
    return {word for word in words if word.startswith("/") and not word.endswith(":")}


def _files_of(packages):
    listed = subprocess.run(["dpkg", "-L", *packages], check=True, capture_output=True,
                            text=True).stdout.splitlines()
    left_out = ("/usr/share/", "/usr/lib/python3.11/test/")
    return {path for path in listed if os.path.isfile(path) and not path.startswith(left_out)}


def _copy(path, root):
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)  # follows links: a copy for each name


def build_image(agent, folder, packages=(), programs=(), trees=()):
    """Makes an initial file system with the agent, Python, the victims and the harness, and what else is
    named: Debian packages that are installed here, programs by their paths, folders of the repository.
    Returns its path."""
    root = folder / "root"
    for name in ("dev", "proc", "sys", "tmp", "bin", "root"):
        (root / name).mkdir(parents=True)
    programs = (*PROGRAMS, *programs)
    files = _files_of((*PYTHON_PACKAGES, *packages)) | set(programs)
    extensions = [path for path in files if path.endswith(".so")]
    for path in files | _libraries_of([str(agent), *programs, *extensions]):
        _copy(path, root)
    subprocess.run(["strip", "-o", root / "usr/bin/loopstall", agent], check=True)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    for tree in (*TREES, *trees):
        shutil.copytree(REPOSITORY / tree, root / GUEST.lstrip("/") / tree)
    (root / "init").symlink_to(f"{GUEST}/tests/vm/guest/init")
    # Under emulation, compiling the library takes longer than all the rest of a start.
    (root / "usr/lib/python3").mkdir(exist_ok=True)  # where packages have theirs
    subprocess.run(["chroot", root, "/usr/bin/python3", "-m", "compileall", "-q",
                    "/usr/lib/python3.11", "/usr/lib/python3", GUEST], check=True, stdout=subprocess.DEVNULL)
    image = folder / "initramfs.gz"
    with open(image, "wb") as out, subprocess.Popen(
            ["sh", "-c", "find . | cpio -o -H newc --quiet | gzip -1"], cwd=root, stdout=out) as pack:
        assert pack.wait() == 0
    shutil.rmtree(root)
    return image


def run(kernel_image, file_system, script, words, log, seconds, emulation=(), kernel_words=()):
    """Boots, lets the guest run the repository's `script` with these words, and returns the JSON lines that it
    left. The console goes to the file `log`. Fails where the machine did not get to its end."""
    results = log.with_suffix(".ndjson")
    results.unlink(missing_ok=True)
    command = [QEMU, *EMULATION, *emulation, "-nographic", "-no-reboot", "-nic", "none", "-monitor", "none",
               "-serial", f"file:{log}", "-serial", f"file:{results}", "-kernel", kernel_image,
               "-initrd", str(file_system), "-append",
               " ".join(["console=ttyS0 quiet panic=-1 mitigations=off", *kernel_words,
                         f"loopstall.script={script}", f"loopstall.words={':'.join(words)}"])]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        pass  # its results say how far it got
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [json.loads(line) for line in results.read_text(encoding="ascii").splitlines() if line]
    assert lines and lines[-1] == {"end": True}, (
        f"the machine did not get to its end within {seconds} s: {lines}\n{said[-3000:]}")
    return lines[:-1]
