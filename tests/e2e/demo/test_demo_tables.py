# SPDX-License-Identifier: Apache-2.0
"""The demo's tables and verdict, from answers in the shape of the agent's API."""

import dataclasses
import io
import sys

import pytest

import agent_answers
import example_stack

sys.path.insert(0, str(example_stack.REPOSITORY / "scripts" / "demo.d"))
from loopstall_demo import model, progress, render, verdict  # noqa: E402
from loopstall_demo.agent_api import service_of  # noqa: E402

PID = 4711


def _report(rows, **options):
    return model.loop_report(agent_answers.service(rows, PID, **options))


def _changed(changed, **changes):
    names = ("function", "file", "line", "entry", "cause", "holds", "p50", "p99", "busy", "advice")
    return [
        tuple(changes.get(name, value) for name, value in zip(names, row))
        if row[0] == changed
        else row
        for row in agent_answers.BROKEN
    ]


def test_the_report_adds_up():
    report = _report([("f", "app/f.py", 1, "e", "sleep", 3, 0.2, 0.3, 1.0, "")], idle_seconds=3.0)
    assert report.utilization == pytest.approx(0.25)
    assert report.functions[0].occupancy == pytest.approx(0.25)
    assert report.shares == {"sleep": pytest.approx(0.25)}
    assert report.stalls == {"sleep": 3} and report.stall_count == 3
    assert report.stall_seconds == pytest.approx(1.0)
    assert report.pids == (PID,)


def test_functions_are_sorted_by_their_time():
    busy = [row.busy for row in _report(agent_answers.BROKEN).functions]
    assert busy == sorted(busy, reverse=True) and len(busy) == len(agent_answers.BROKEN)


def test_an_answer_without_figures_is_no_error():
    report = model.loop_report({"labels": {}, "loops": [], "functions": [{"function": "f"}]})
    assert report.utilization == 0 and report.functions[0].p50 is None
    assert render.loop_lines(report, 100)


def test_the_service_is_found_by_its_process():
    services = [agent_answers.service([], 1), agent_answers.service([], PID)]
    document = agent_answers.document(services)
    assert service_of(document, PID) is services[1]
    assert service_of(document, 2) is None


@pytest.mark.parametrize("width", (100, 110, 120))
def test_the_table_fits_and_is_aligned(width):
    lines = render.loop_lines(_report(agent_answers.BROKEN), width)
    assert max(map(len, lines)) <= width
    header = next(line for line in lines if line.startswith("FUNCTION"))
    rows = [line for line in lines[lines.index(header) + 1 :] if line.endswith(" %")]
    assert len(rows) == len(agent_answers.BROKEN)
    assert {len(row) for row in rows} == {len(header)}
    cause = header.index("CAUSE")
    assert all(row[cause - 1] == " " != row[cause] for row in rows)


def test_a_row_shows_all_that_the_agent_says():
    text = "\n".join(render.loop_lines(_report(agent_answers.BROKEN), 120))
    row = next(line for line in text.splitlines() if line.startswith("send_audit_record"))
    assert row.split() == (
        "send_audit_record upload app/services/audit_log.py:10 network 40 60 ms 80 ms 8.0 %".split()
    )
    following = text.splitlines()[text.splitlines().index(row) + 1]
    assert following == "    → requests blocks the loop: use httpx.AsyncClient or aiohttp."
    assert "utilisation 84.0 %" in text and "~framework" in text


def test_a_row_without_holds_has_no_durations():
    rows = [("f", "app/f.py", 1, "e", "cpu", 0, 0.0, 0.0, 1.0, "")]
    row = render.loop_lines(_report(rows), 100)[-1]
    assert row.split() == "f e app/f.py:1 cpu 0 - - 16.7 %".split()


def test_the_time_is_shown_by_cause():
    rows = [
        ("f", "app/f.py", 1, "e", "cpu", 1, 0.05, 0.05, 1.0, ""),
        ("g", "app/f.py", 1, "e", "sleep", 1, 0.05, 0.05, 4.0, ""),
    ]
    lines = render.loop_lines(_report(rows, idle_seconds=5.0), 100)
    assert lines[1] == "Its time: idle 50.0 %, sleep 40.0 %, cpu 10.0 %"


def test_long_names_are_cut_at_their_beginning():
    names = ("Class." * 40 + "method", "app/" * 60 + "f.py", 7, "e" * 300)
    row = (*names, "cpu", 1, 1.0, 1.0, 1.0, "")
    lines = render.loop_lines(_report([row]), 100)
    assert max(map(len, lines)) <= 100
    assert "method " in lines[-1] and "f.py:7 " in lines[-1] and lines[-1].startswith("…")


def test_names_cannot_steer_the_terminal():
    row = ("f\x1b[2J", "app/\r.py", 1, "e\n", "cpu", 1, 1.0, 1.0, 1.0, "do\x07")
    text = "".join(render.loop_lines(_report([row]), 100))
    assert all(character.isprintable() for character in text)


def test_long_advice_is_wrapped():
    row = ("f", "app/f.py", 1, "e", "cpu", 1, 1.0, 1.0, 1.0, "use something else " * 20)
    lines = render.loop_lines(_report([row]), 100)
    advice = lines[lines.index(next(line for line in lines if "→" in line)) :]
    assert len(advice) > 2 and all(len(line) <= 100 for line in advice)


def test_many_functions_are_cut_visibly():
    rows = [(f"f{n}", "app/f.py", 1, "e", "cpu", 1, 1.0, 1.0, 1.0, "") for n in range(29)]
    last = render.loop_lines(_report(rows, idle_seconds=21.0), 100)[-1]
    assert last == "… and 5 more, together 10.0 % of the loop"


def test_an_idle_loop_has_no_table():
    lines = render.loop_lines(_report([]), 100)
    assert lines[-2:] == [
        "Its time: idle 100.0 %",
        "No function held this loop for 0.1 % of the time.",
    ]


@pytest.mark.parametrize(
    "seconds, text",
    (
        (None, "-"), (0.0, "0"), (0.0012, "1.2 ms"), (0.0234, "23 ms"), (0.9994, "999 ms"),
        (0.9999, "1.00 s"), (1.0, "1.00 s"), (12.345, "12.35 s"),
    ),
)
def test_durations(seconds, text):
    assert render.duration(seconds) == text


def test_the_comparison_has_both_runs():
    load = {"requests": 7, "errors": 1, "p50_seconds": 0.1, "p99_seconds": None}
    better = {**load, "endpoints": {"healthz": {"p99_seconds": 0.003}}}
    broken, mended = _report(agent_answers.BROKEN), _report(agent_answers.MENDED)
    lines = render.comparison_lines(broken, load, mended, better)
    cells = {line[:26].strip(): line[26:].split() for line in lines}
    assert cells["stalls"] == [str(broken.stall_count), "0"]
    assert cells["p99 of /healthz"] == ["-", "3.0", "ms"]
    assert len({len(line) for line in lines}) == 1


def test_all_expected_functions_are_found():
    assert verdict.missing(_report(agent_answers.BROKEN)) == []


@pytest.mark.parametrize("expectation", verdict.EXPECTED, ids=lambda e: e.function)
def test_a_function_that_is_not_named_is_missing(expectation):
    rows = [row for row in agent_answers.BROKEN if not expectation.fits(row[0], row[1])]
    assert len(rows) == len(agent_answers.BROKEN) - 1
    assert verdict.missing(_report(rows)) == [expectation]


@pytest.mark.parametrize(
    "changes",
    ({"cause": "sleep"}, {"file": "app/main.py"}, {"holds": 1}, {"function": "~unknown"}),
    ids=lambda changes: next(iter(changes)),
)
def test_a_wrong_cause_file_or_name_does_not_count(changes):
    missing = verdict.missing(_report(_changed("send_audit_record", **changes)))
    assert [expectation.function for expectation in missing] == ["send_audit_record"]
    assert "send_audit_record (app/services/audit_log.py, network)" == str(missing[0])


def test_the_mended_service_is_not_accused():
    assert verdict.accusations(_report(agent_answers.MENDED), []) == []


def test_every_blocking_function_is_accused_in_the_mended_service():
    accused = verdict.accusations(_report(agent_answers.BROKEN), [])
    assert "send_audit_record takes 8.0% of the loop (network)" in accused
    assert "compress_image takes 14.1% of the loop (cpu)" in accused
    assert not any("read_archive" in sentence for sentence in accused)  # 1 % of the loop


def test_an_endpoint_may_compute_in_short_turns():
    rows = [("parse_json", "app/main.py", 1, "parse_json", "cpu", 99, 0.002, 0.01, 4.0, "")]
    assert verdict.accusations(_report(rows), []) == []
    longer = [rows[0][:6] + (0.03, 0.04) + rows[0][8:]]
    assert verdict.accusations(_report(longer), []) != []


def _stall(**changes):
    record = agent_answers.stall_record(
        PID, "send_audit_record", "app/services/audit_log.py", "network", 0.2
    )
    return dataclasses.replace(model.stall(record), **changes)


def test_a_stall_accuses_its_function():
    report = _report(agent_answers.MENDED)
    assert verdict.accusations(report, [_stall()]) == ["send_audit_record made 1 stall"]
    assert verdict.accusations(report, [_stall()] * 2) == ["send_audit_record made 2 stalls"]


def test_a_stall_of_the_machine_accuses_nobody():
    report = _report(agent_answers.MENDED)
    holds = (model.StallHold("send_audit_record", "app/services/audit_log.py", "network", 0.05),)
    assert verdict.accusations(report, [_stall(cause="runqueue")]) == []
    assert verdict.accusations(report, [_stall(holds=holds)]) == []
    assert verdict.accusations(report, [_stall(holds=())]) == []


def test_only_serving_stalls_of_the_process_count():
    record = agent_answers.stall_record(PID, "f", "app/f.py", "cpu", 0.2)
    records = [record, {**record, "phase": "startup"}, {**record, "pid": 1}]
    assert len(model.stalls_of(records, PID)) == 1


def test_plain_progress_says_each_step_once_and_details_seldom():
    stream = io.StringIO()
    shown = progress.Progress(2, stream)
    shown.step("begin")
    for _ in range(5):
        shown.detail("half")
    shown.step("end")
    assert stream.getvalue() == "[1/2] begin\n[2/2] end\n"


def test_live_progress_rewrites_its_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    shown = progress.Progress(1, stream)
    shown.step("load")
    shown.detail("3 s")
    shown.detail("long " * 40)
    shown.clear()
    assert "\n" not in stream.getvalue() and "[1/1] load: 3 s\r" in stream.getvalue()
    assert max(map(len, stream.getvalue().split("\r\x1b[K"))) == 39
    assert stream.getvalue().endswith("\r\x1b[K")
