# SPDX-License-Identifier: Apache-2.0
"""The rules about which file may stand where and include what.

`python3 structure_rules.py ROOT` prints one line per offence. The tables below are the one
place where the include rule of docs/architecture.md is written down for machines.
"""

import os
import pathlib
import re
import sys

# agent/<folder> may include headers of these folders, and its own.
MAY_INCLUDE = {
    "base": [],
    "config": ["base"],
    "host": ["base"],
    "loops": ["host", "base"],
    "stacks": ["host", "base"],
    "stalls": ["loops", "stacks", "base"],
    "probes": ["stalls", "loops", "stacks", "base", "wire"],
    "session": ["probes", "stalls", "loops", "stacks", "host", "config", "base"],
    "exposition": ["stalls", "config", "base", "loops", "stacks"],
    "doctor": ["session", "probes", "loops", "stacks", "host", "base"],
    "terminal": ["exposition", "stalls", "loops", "stacks", "base"],
    "check": ["exposition", "stalls", "config", "base", "loops"],
    "profile": ["exposition", "stalls", "loops", "stacks", "base"],
    "cli": ["session", "profile", "exposition", "doctor", "terminal", "check", "config", "base"],
    "main.cc": ["cli"],
}

# `exposition` sees loops and stacks only through these, which the snapshot is made of.
ONLY_HEADERS = {
    ("exposition", "loops"): {"loops/labels.h"},
    ("check", "exposition"): {"exposition/json_values.h", "exposition/build_info.h"},
    ("check", "loops"): {"loops/labels.h"},
    ("profile", "exposition"): {"exposition/json_values.h"},
    ("profile", "loops"): {"loops/labels.h"},
    ("profile", "stacks"): {"stacks/frame.h"},
    ("exposition", "stacks"): {"stacks/frame.h"},
}

# A library is known to one folder, so that it can be replaced there.
LIBRARY_HOMES = [
    (re.compile(r"^(bpf/(libbpf|bpf|btf)\.h|.*\.skel\.h|linux/bpf.*\.h)$"), {"probes"}),
    (re.compile(r"^microhttpd\.h$"), {"exposition"}),
    (re.compile(r"^(n?curses|term)\.h$"), {"terminal"}),
    (re.compile(r"^CLI/.*$"), {"config", "cli"}),
    (re.compile(r"^yaml-cpp/.*$"), {"config"}),
    (re.compile(r"^protozero/.*$"), {"profile"}),
    (re.compile(r"^spdlog/.*$"), {"base"}),
    (re.compile(r"^(libelf|gelf|elfutils/.*)\.h$"), {"host"}),
]

# BPF programs meet user space in bpf/wire alone; wire itself knows nothing of either side.
BPF_MAY_INCLUDE_SYSTEM = re.compile(r"^(bpf/bpf_[a-z_]+\.h|vmlinux\.h|linux/types\.h)$")
WIRE_MAY_INCLUDE_SYSTEM = re.compile(r"^(linux/types|stdint|stddef|stdbool|assert)\.h$")

SOURCE_SUFFIXES = {".cc", ".h", ".c", ".py", ".sh", ".js", ".mjs", ".css", ".html", ".cmake"}
SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__", "node_modules", "test-artifacts",
                   ".pytest_cache", "vendor"}
USER_SPACE_LICENCE = "Apache-2.0"
BPF_LICENCE = "(GPL-2.0-only OR BSD-2-Clause)"
KERNEL_LICENCE = "GPL-2.0-only"

# A committed file that names a place of one developer's machine works there only.
MACHINE_PATHS = re.compile(
    r"(?<![\w.}-])/(?:work|root/(?:\.pyenv|repo|src))/|\bfacts/[a-z]+\.md|\bshared/(?:design|style)\.md")

CPP_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.bpf)?\.(cc|c|h)$")
PYTHON_NAME = re.compile(r"^[a-z_][a-z0-9_]*\.py$")
SCRIPT_NAME = re.compile(r"^[a-z][a-z0-9-]*(\.(sh|py))?$")
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def files_of(root):
    """Every regular file of the project below `root`, as sorted paths relative to it."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
        # In a linked worktree .git is a file that names a place of this machine.
        paths = (pathlib.Path(folder, name) for name in names if name != ".git")
        found += [path.relative_to(root) for path in paths if path.is_file()]
    return sorted(found)


def text_of(root, path):
    return (pathlib.Path(root) / path).read_bytes().decode("utf-8", errors="replace")


def folder_of(path):
    """agent/loops/labels.h -> loops; agent/main.cc -> main.cc."""
    return path.parts[1]


def check_agent_includes(path, text):
    folder = folder_of(path)
    if folder not in MAY_INCLUDE:
        yield f"{path}: agent/{folder} has no row in MAY_INCLUDE"
        return
    for kind, name in INCLUDE.findall(text):
        for pattern, homes in LIBRARY_HOMES:
            if pattern.match(name) and folder not in homes:
                yield f"{path}: <{name}> is included only in {', '.join(sorted(homes))}"
        if kind == "<":
            continue
        target = name.split("/")[0]
        if name.endswith(".skel.h"):
            continue
        if "/" not in name or name.startswith("."):
            yield f'{path}: write "folder/file.h", not "{name}"'
        elif target != folder and target not in MAY_INCLUDE[folder]:
            yield f"{path}: {folder} may not include {name}"
        elif name not in ONLY_HEADERS.get((folder, target), {name}):
            yield f"{path}: {folder} may not include {name}"


def check_bpf_includes(root, path, text):
    in_wire = path.parts[1] == "wire"
    for kind, name in INCLUDE.findall(text):
        if kind == "<" or name == "vmlinux.h":
            allowed = WIRE_MAY_INCLUDE_SYSTEM if in_wire else BPF_MAY_INCLUDE_SYSTEM
            if not allowed.match(name):
                yield f"{path}: may not include <{name}>"
            continue
        bpf = pathlib.Path(root) / "bpf"
        beside = pathlib.Path(root) / path.parent / name
        if ".." in name or not ((bpf / name).is_file() or beside.is_file()):
            yield f'{path}: "{name}" is not a header of bpf/'
        elif in_wire and not ((bpf / "wire") in (bpf / name).parents or beside.is_file()):
            yield f'{path}: wire/ may not include "{name}"'


def is_source(path, text):
    return path.suffix in SOURCE_SUFFIXES or path.name == "CMakeLists.txt" or (
        not path.suffix and text.startswith("#!"))


def expected_licence(path):
    if path.parts[0] == "bpf" and path.suffix in {".c", ".h"}:
        return KERNEL_LICENCE if path.parts[1] == "vmlinux" else BPF_LICENCE
    return BPF_LICENCE if path.name.endswith(".bpf.c") else USER_SPACE_LICENCE


def check_licence(path, text):
    if not is_source(path, text):
        return
    for line in text.splitlines()[:3]:  # after a shebang or a doctype
        if "SPDX-License-Identifier:" in line:
            found = line.split("SPDX-License-Identifier:")[1].strip(" \t*/->")
            if found != expected_licence(path):
                yield f"{path}: licence {found}, but {expected_licence(path)} is expected there"
            return
    yield f"{path}: its first line is not SPDX-License-Identifier: {expected_licence(path)}"


def check_name(path):
    top = path.parts[0]
    if path.suffix in {".cc", ".h", ".c"} and not CPP_NAME.match(path.name):
        yield f"{path}: C and C++ files are named in snake_case"
    if path.suffix == ".py" and top != "scripts" and not PYTHON_NAME.match(path.name):
        yield f"{path}: Python files are named in snake_case"
    if top == "scripts" and len(path.parts) == 2 and not SCRIPT_NAME.match(path.name):
        yield f"{path}: scripts are named in kebab-case"


def check_machine_paths(path, text):
    for number, line in enumerate(text.splitlines(), start=1):
        if MACHINE_PATHS.search(line):
            yield f"{path}:{number}: names a place outside the project: {line.strip()[:80]}"


def check_links(root, path, text):
    """Relative links of documents lead somewhere."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for target, _ in MARKDOWN_LINK.findall(prose):
        if not (pathlib.Path(root) / path.parent / target).exists():
            yield f"{path}: its link to {target} leads nowhere"


def offences(root):
    """Every breach of the rules below `root`, one sentence each."""
    found = []
    for path in files_of(root):
        text = text_of(root, path)
        found += check_name(path)
        found += check_licence(path, text)
        if "\0" not in text and not (path.parts[0] == "tests" and path.parent.name == "structure"):
            found += check_machine_paths(path, text)
        if path.suffix == ".md":
            found += check_links(root, path, text)
        if path.parts[0] == "agent" and path.suffix in {".cc", ".h"}:
            found += check_agent_includes(path, text)
        if path.parts[0] == "bpf" and path.suffix in {".c", ".h"} and path.parts[1] != "vmlinux":
            found += check_bpf_includes(root, path, text)
    return found


if __name__ == "__main__":
    lines = offences(sys.argv[1])
    print("\n".join(lines))
    sys.exit(1 if lines else 0)
