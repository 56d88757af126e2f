# SPDX-License-Identifier: Apache-2.0
"""scripts/story: its figures come from what wrk and the agent say; and two of its stages, with real servers."""

import pathlib
import re
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "scripts" / "demo.d"))

from harness.paths import binary  # noqa: E402
from loopstall_story import report  # noqa: E402
from loopstall_story.stages import STAGES  # noqa: E402

WRK = """Running 6s test @ http://127.0.0.1:1/
  1 threads and 32 connections
  Latency Distribution
     50%   12.10ms
     99%    {p99}
  512 requests in 6.00s, 1.2MB read
{more}Requests/sec:     85.30
Transfer/sec:    200.00KB
"""


@pytest.mark.parametrize("p99, seconds", [("840.00us", 0.00084), ("99.50ms", 0.0995), ("1.25s", 1.25)])
def test_wrks_figures(p99, seconds):
    load = report.load_of(WRK.format(p99=p99, more=""))
    assert (load.per_second, load.errors) == (85.3, 0)
    assert load.p99_seconds == pytest.approx(seconds)


def test_wrks_errors_are_counted():
    more = "  Socket errors: connect 1, read 2, write 0, timeout 4\n  Non-2xx or 3xx responses: 8\n"
    assert report.load_of(WRK.format(p99="1.00ms", more=more)).errors == 15
    with pytest.raises(ValueError):
        report.load_of("unable to connect")


def function(name, cause, seconds, **more):
    return {"function": name, "cause": cause, "busy_seconds": seconds, "file": "a.py", "line": 1, "advice": "",
            "p50_seconds": 0.01, **more}


def service(busy, idle, *functions):
    return {"busy_seconds": {"cpu": busy}, "idle_seconds": idle, "functions": list(functions)}


def test_the_culprit_took_most_of_the_time_of_the_load():
    before = service(10, 10, function("old", "network", 9))
    after = service(14, 11, function("old", "network", 9), function("ask", "network", 1),
                    function("compress", "cpu", 2), function("~framework", "cpu", 3))
    grown = report.growth(before, after)
    assert report.share_of(grown, "busy") == pytest.approx(0.8)
    culprit = report.culprit_of(grown, after["functions"])
    assert (culprit.function, culprit.share) == ("compress", pytest.approx(0.4))
    quiet = service(14, 11, function("ask", "network", 0.2), function("encode", "cpu", 1.2),
                    function("talk", "cpu", 2, p50_seconds=0.0015), function("rare", "cpu", 2, p50_seconds=None))
    assert report.culprit_of(report.growth(before, quiet), quiet["functions"]) is None


def test_what_the_machine_took_is_told_apart():
    before, after = service(10, 10), service(12, 11)
    before["busy_seconds"]["runqueue"], after["busy_seconds"]["runqueue"] = 1, 2
    grown = report.growth(before, after)
    assert report.share_of(grown, "busy") == pytest.approx(0.75)
    assert report.share_of(grown, "starved") == pytest.approx(0.25)
    result = report.Result(STAGES[6], report.Load(100, 0.2, 0), 0.5, 0.25, None, None)
    assert "25% of the time no CPU was free" in "\n".join(report.stage_lines(result))


def test_what_is_mended_together_is_predicted_together():
    gain = {"functions": [{"function": "ask", "load": 2.0}, {"function": "pause", "load": 1.25},
                          {"function": "other", "load": 9.0}]}
    assert report.predicted_of(gain, ("ask",)) == pytest.approx(2)
    assert report.predicted_of(gain, ("ask", "pause")) == pytest.approx(1 / 0.3)
    assert report.predicted_of(gain, ()) is None and report.predicted_of({}, ("ask",)) is None


def test_a_saturated_loop_without_a_culprit_has_its_words():
    load = report.Load(100, 0.2, 0)
    lines = "\n".join(report.stage_lines(report.Result(STAGES[3], load, 0.99, 0, None, None)))
    assert "saturated, no culprit: faster loop, faster encoding or more workers" in lines
    assert "the loops have room" in "\n".join(report.stage_lines(report.Result(STAGES[3], load, 0.3, 0, None, None)))


# What holds the loop while all is broken, by which cause, and what is said of it. Which is the worst depends on how fast
# the machine computes: OCR takes the same time everywhere.
BROKEN = {
    "recognise_text": ("network", "calls requests"),
    "make_thumbnail": ("cpu", "processes an image with Pillow"),
    "read_words": ("network", "runs a query with psycopg2"),
}


def test_two_stages(privileged, agent_binary):
    told = subprocess.run([REPOSITORY / "scripts" / "story", "--agent", binary(), "--stages", "1,2", "--duration", "4"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    first, second = re.findall(r"^(?:1  all broken|2  httpx): ([\d,]+) requests/s, p99 .*, loops (\d+)% busy$",
                               told.stdout, re.MULTILINE)
    worst = re.findall(r"^   worst: (\w+) \((story/work\.py):\d+\), (\d+)% of the loop, (\w+)$", told.stdout, re.MULTILINE)
    for name, _, share, cause in worst:
        assert cause == BROKEN[name][0] and int(share) > 20, told.stdout
        assert f"→ {name} {BROKEN[name][1]}" in told.stdout
    assert len(worst) == 2 and worst[1][0] != "recognise_text", told.stdout
    assert int(first[1]) >= 80 and int(second[1]) >= 80, "it wants all it can get"
    predicted, real = re.search(r"^ 1 all broken .*× ([\d.]+) +× ([\d.]+) ", told.stdout, re.MULTILINE).groups()
    assert 1.3 <= float(real) and 0.6 <= float(predicted) / float(real) <= 1.7, told.stdout


@pytest.mark.parametrize("words, sentence", [(["--stages", "8"], "numbers from 1 to 7"), (["--fast"], "unknown option"),
                                             (["--duration", "2"], "from 3 to 60")])
def test_wrong_words_are_refused(words, sentence):
    said = subprocess.run([REPOSITORY / "scripts" / "story", *words], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and sentence in said.stderr
