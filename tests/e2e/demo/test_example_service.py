# SPDX-License-Identifier: Apache-2.0
"""Each endpoint of the example service answers, and its two forms give the same result."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
from typing import Any, Dict

import pytest

import example_stack

sys.path.insert(0, str(example_stack.EXAMPLE))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import load  # noqa: E402
from harness import resources  # noqa: E402

GETS = ("sleep", "file-read", "fsync", "mmap", "subprocess", "gil", "lock", "many")
#: The lap that each endpoint measures, and its least length in the broken form, in seconds.
BROKEN_LAPS = {
    "sleep": ("retry_with_pause", 0.2),
    "subprocess": ("run_converter", 0.2),
    "lock": ("count_documents", 0.14),
    "many": ("fetch_rows_one_by_one", 0.15),
}


@pytest.fixture(scope="module")
def services():
    """The URLs of a broken and a mended service, run by uvicorn and uvloop."""
    with contextlib.ExitStack() as stack:
        data_dir = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        urls = stack.enter_context(example_stack.slow_servers())
        yield {
            mode: stack.enter_context(_uvicorn(mode, data_dir, urls))
            for mode in ("broken", "mended")
        }


def _uvicorn(mode: str, data_dir: pathlib.Path, urls: Dict[str, str]):
    port = example_stack.free_port()
    command = [example_stack.PYTHON, "-m", "uvicorn", "app.main:app", "--loop", "uvloop"]
    command += ["--port", str(port), "--log-level", "warning"]
    return example_stack.service(command, port, example_stack.environment(mode, data_dir, urls))


def _result(answer: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "measured_ns"}


@pytest.mark.parametrize("endpoint", GETS)
def test_both_forms_give_the_same_result(services, endpoint):
    broken = example_stack.get(f"{services['broken']}/{endpoint}")
    mended = example_stack.get(f"{services['mended']}/{endpoint}")
    assert _result(broken) and _result(broken) == _result(mended)
    if endpoint in BROKEN_LAPS:
        lap, least_seconds = BROKEN_LAPS[endpoint]
        assert broken["measured_ns"][lap] >= least_seconds * 1e9


@pytest.mark.parametrize("endpoint", ("upload", "json"))
def test_both_forms_give_the_same_result_for_a_body(services, endpoint):
    content_type, body = load.make_upload() if endpoint == "upload" else load.make_json(2)
    answers = [
        _result(example_stack.post(f"{url}/{endpoint}", content_type, body))
        for url in services.values()
    ]
    assert answers[0] and answers[0] == answers[1]


@pytest.mark.parametrize("mode", ("broken", "mended"))
@pytest.mark.parametrize("body", (b"", b"{", b"[]", b'{"items": 1}', b'{"items": [1]}'))
def test_a_bad_document_is_the_clients_fault(services, mode, body):
    with pytest.raises(urllib.error.HTTPError) as failure:
        example_stack.post(f"{services[mode]}/json", "application/json", body)
    assert failure.value.code == 400


@pytest.mark.parametrize("mode", ("broken", "mended"))
def test_a_bad_image_is_the_clients_fault(services, mode):
    content_type, body = load.make_upload()
    with pytest.raises(urllib.error.HTTPError) as failure:
        example_stack.post(f"{services[mode]}/upload", content_type, body.replace(b"\xff", b"?"))
    assert failure.value.code == 400


@pytest.mark.parametrize("mode", ("broken", "mended"))
def test_health_says_which_features_hold_the_loop(services, mode):
    broken = example_stack.get(f"{services[mode]}/healthz")["broken"]
    assert broken == ([] if mode == "mended" else sorted(broken)) and len(broken) in (0, 13)


@pytest.mark.parametrize("mode", ("broken", "mended"))
def test_query_needs_a_database(services, mode):
    with pytest.raises(urllib.error.HTTPError) as failure:
        example_stack.get(f"{services[mode]}/query")
    assert failure.value.code == 503


@pytest.mark.skipif(os.geteuid() != 0, reason="starts PostgreSQL as its own user")
def test_both_forms_of_the_query_give_the_same_result(tmp_path):
    with resources.postgres() as dsn:
        socket_folder = dict(word.split("=") for word in dsn.split())["host"]
        database = {
            "OCR_DATABASE_URL": f"postgresql://postgres@/postgres?host={socket_folder}",
        }
        for mode in ("broken", "mended"):
            with _uvicorn(mode, tmp_path, database) as url:
                answer = example_stack.get(f"{url}/query")
                assert _result(answer) == {"pages": 42}
                assert 0.2e9 <= answer["measured_ns"]["query_page_count"] < 5e9


@pytest.mark.parametrize(
    "name, value, sentence",
    (
        ("OCR_MODE", "half", "OCR_MODE must be broken or mended, not 'half'."),
        ("OCR_JSONN", "broken", "The environment variable OCR_JSONN is not known."),
        ("OCR_WORKERS", "0", "OCR_WORKERS must be a number from 1 to 64, not '0'."),
    ),
)
def test_bad_settings_are_refused(name, value, sentence):
    program = "from app.settings import read_settings; read_settings()"
    run = subprocess.run(
        [example_stack.PYTHON, "-B", "-c", program],
        cwd=example_stack.EXAMPLE,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0 and sentence in run.stderr


def test_load_reports_one_line_and_ends(services):
    run = subprocess.run(
        [sys.executable, str(example_stack.EXAMPLE / "load.py"), "--url", services["mended"]]
        + ["--rate", "20", "--duration", "1", "--endpoints", "healthz=3,many"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0 and run.stdout.count("\n") == 1
    figures = json.loads(run.stdout)
    assert figures["requests"] == 20 and figures["errors"] == 0
    assert figures["endpoints"]["healthz"]["requests"] == 15
    assert 0 < figures["p50_seconds"] <= figures["p99_seconds"]


def test_load_that_cannot_connect_says_so():
    run = subprocess.run(
        [sys.executable, str(example_stack.EXAMPLE / "load.py"), "--rate", "20"]
        + ["--duration", "0.2", "--endpoints", "healthz"]
        + ["--url", f"http://127.0.0.1:{example_stack.free_port()}"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 1 and '"ConnectionRefusedError": 4' in run.stdout


def test_load_mixes_evenly_and_knows_quantiles():
    assert load.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert load.quantile([], 0.5) is None
    assert load.quantile([1.0] * 99 + [9.0], 0.99) == 9.0
    steps = load.plan("upload=2,sleep")
    assert [next(steps) for _ in range(6)] == ["upload", "sleep", "upload"] * 2
