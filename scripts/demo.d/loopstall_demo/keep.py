# SPDX-License-Identifier: Apache-2.0
"""What --keep leaves behind: running processes, and a script that ends them."""

import pathlib
import shlex
from typing import List

from loopstall_demo.children import Child


def write_stop_script(directory: pathlib.Path, children: List[Child]) -> pathlib.Path:
    """A script that ends these processes and removes the directory. A process is told by its
    number and its start time, so that a reused number is never signalled."""
    groups = " ".join(f"{child.pid}:{start_ticks(child.pid)}" for child in reversed(children))
    script = directory / "stop"
    script.write_text(
        "#!/bin/sh\n"
        "# Ends what scripts/demo --keep left running.\n"
        "signal_all() {\n"
        "  name=$1\n"
        f"  for entry in {groups}; do\n"
        "    pid=${entry%:*}\n"
        "    stat=$(cat \"/proc/$pid/stat\" 2>/dev/null) || continue\n"
        "    # Field 22 is the start time; the name, field 2, may hold spaces.\n"
        "    set -- ${stat##*)}\n"
        '    [ "${20}" = "${entry#*:}" ] && kill -s "$name" -- "-$pid" 2>/dev/null\n'
        "  done\n"
        "}\n"
        "signal_all TERM\n"
        "sleep 3\n"
        "signal_all KILL\n"
        f"rm -rf {shlex.quote(str(directory))}\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot (proc(5), /proc/PID/stat, field 22)."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[19])
