# SPDX-License-Identifier: Apache-2.0
"""The mended service never holds its loop for 20 ms, the broken one does; measured from inside."""

import json
import pathlib
import subprocess
import sys

import example_stack

#: The wait for the GIL does not show: under asyncio it lies inside the selector's call, which
#: an observer inside the process cannot tell from idle.
ENDPOINTS = "upload=4,healthz=2,sleep,mmap,json,subprocess,lock,many,file-read,fsync,gil"
#: Functions that hold the loop for 20 ms and more on any machine.
HOLDING = {
    "recognise_text",
    "compress_image",
    "send_audit_record",
    "retry_with_pause",
    "parse_json",
    "run_converter",
    "count_documents",
    "fetch_rows_one_by_one",
}


def _held_turns(mode: str, directory: pathlib.Path):
    port = example_stack.free_port()
    report = directory / "turns.json"
    watch = pathlib.Path(__file__).with_name("turn_watch.py")
    command = [example_stack.PYTHON, "-B", str(watch), str(port), str(report)]
    with example_stack.slow_servers() as urls:
        variables = example_stack.environment(mode, directory, urls)
        with example_stack.service(command, port, variables) as url:
            load = [sys.executable, str(example_stack.EXAMPLE / "load.py"), "--url", url]
            load += ["--rate", "4", "--duration", "8", "--endpoints", ENDPOINTS]
            figures = json.loads(subprocess.check_output(load, text=True, timeout=120))
    assert figures["errors"] == 0 and figures["requests"] == 32
    return json.loads(report.read_text())


def test_the_broken_service_holds_its_loop(tmp_path):
    held = _held_turns("broken", tmp_path)["held"]
    assert HOLDING <= {name for turn in held for name in turn["seen"]}
    assert max(turn["held_seconds"] for turn in held) < 10


def test_the_mended_service_does_not(tmp_path):
    report = _held_turns("mended", tmp_path)
    assert report["held"] == []
    assert report["turns"] >= 32 * 3
