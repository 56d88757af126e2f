# SPDX-License-Identifier: Apache-2.0
"""What of BPF a process holds, and what of it is still in the kernel."""

import json
import pathlib
import subprocess
import sys

KINDS = ("link", "map", "prog")  # a link's fdinfo names its program too, so the link comes first


def bpftool(*words):
    said = subprocess.run(["bpftool", "-j", *words], check=True, capture_output=True, text=True)
    return json.loads(said.stdout or "null")


def held(kind, pid):
    """The process's BPF objects of a kind: name (or type) by id."""
    ids = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        facts = _facts(descriptor)
        holder = next((of for of in KINDS if f"{of}_id" in facts), None)
        if holder == kind:
            ids.add(int(facts[f"{kind}_id"]))
    return {shown["id"]: shown.get("name", shown.get("type"))
            for shown in bpftool(kind, "show") if shown["id"] in ids}


def alive(kind, ids):
    """Those of the ids that still exist."""
    return {shown["id"] for shown in bpftool(kind, "show")} & set(ids)


def entries(pid, name):
    """The entries of the process's map of that name, decoded through its BTF."""
    ids = [number for number, shown in held("map", pid).items() if shown == name]
    assert len(ids) == 1, f"map {name}: {ids}"
    return [entry["formatted"] for entry in bpftool("map", "dump", "id", str(ids[0]))]


def clear(number, index):
    """Sets an element of the array map of that number to zero."""
    shown, = (shown for shown in bpftool("map", "show") if shown["id"] == number)
    bpftool("map", "update", "id", str(number), "key", *map(str, index.to_bytes(4, sys.byteorder)),
            "value", *(["0"] * shown["bytes_value"]))


def _facts(descriptor):
    """Empty where the descriptor was closed meanwhile: a process opens and closes others."""
    try:
        lines = descriptor.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split(":", 1) for line in lines if ":" in line)
