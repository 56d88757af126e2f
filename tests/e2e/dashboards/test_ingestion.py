# SPDX-License-Identifier: Apache-2.0
"""What Prometheus keeps is what the agent counted: by the text format, by OpenMetrics with times of creation, and
as native histograms; for Debian 12's server and for a current one. Needs root.

One current server cannot do the last two at once (prometheus/prometheus#15137), so there are two of them.
"""

import contextlib
import math
import pathlib
import subprocess
import time

import pytest

import example_service
import paths
from live_agent import live_agent, missing
from harness.prometheus_server import Prometheus, fetch

VICTIM = paths.ROOT / "tests/e2e/dashboards/blocking_victim.py"
PROCESS = "blocking_victim.py"
HOLDS = 8
HOLD_SECONDS = 0.04


LACKING = missing("prometheus")
pytestmark = pytest.mark.skipif(LACKING is not None, reason=str(LACKING))


def current_prometheus():
    """The command that runs Debian sid's, or a skip."""
    fetched = subprocess.run([paths.ROOT / "scripts/fetch-suite", "sid", "prometheus"],
                             capture_output=True, text=True)
    if fetched.returncode != 0:
        pytest.skip(f"no current Prometheus: {fetched.stderr.strip().splitlines()[-1:]}")
    root = pathlib.Path(fetched.stdout.strip())
    return [str(root / "run"), "/usr/bin/prometheus"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """({name: Prometheus}, the agent's address): all of them scrape an agent whose victim has made its holds
    and is gone, so that its numbers no longer change."""
    directory = tmp_path_factory.mktemp("ingestion")
    newer = current_prometheus()
    forms = {
        "debian": {},
        "created": {"command": newer, "features": ["created-timestamp-zero-ingestion"]},
        "native": {"command": newer, "features": ["native-histograms"],
                   "scrape": {"convert_classic_histograms_to_nhcb": True}},
    }
    with live_agent(directory) as agent, contextlib.ExitStack() as opened:
        started = {}
        for name, options in forms.items():
            (directory / name).mkdir()
            started[name] = opened.enter_context(
                Prometheus(directory / name, agent.listen, [], **options))
        victim = subprocess.run([example_service.PYTHON, VICTIM, str(HOLDS), str(HOLD_SECONDS)],
                                timeout=60)
        assert victim.returncode == 0
        time.sleep(5)  # the last events are read, shown and scraped
        yield started, agent.listen


def key_of(name, labels):
    """Bounds are written 1 or 1.0."""
    return (name, *sorted((label, str(float(value)) if label == "le" else value)
                          for label, value in labels.items()))


def own_samples(agent):
    """{(name, labels): value} of the victim, as the agent serves them."""
    parser = pytest.importorskip("prometheus_client.parser")
    time.sleep(0.3)
    families = parser.text_string_to_metric_families(fetch(f"http://{agent}/metrics"))
    return {key_of(sample.name, sample.labels): sample.value
            for family in families for sample in family.samples
            if sample.labels.get("process") == PROCESS}


def kept(server, name):
    """{(name, labels): value} of the newest samples."""
    found = server.get("query", query=f'{{__name__="{name}",process="{PROCESS}"}}')["result"]
    return {key_of(name, {label: value for label, value in series["metric"].items()
                          if label not in ("__name__", "job", "instance")}):
            float(series["value"][1]) for series in found if "value" in series}


@pytest.mark.parametrize("name", ["debian", "created"])
def test_every_number_is_kept_as_it_is(servers, name):
    started, agent = servers
    wanted = own_samples(agent)
    got = {}
    for metric in {key[0] for key in wanted}:
        got |= kept(started[name], metric)
    assert wanted.keys() <= got.keys()
    for key, value in wanted.items():
        assert math.isclose(got[key], value), key
    assert wanted[("loopstall_blocking_seconds_count", ("cause", "sleep"), ("file", PROCESS),
                   ("function", "hold"), ("process", PROCESS), ("runtime", "asyncio"))] == HOLDS


def test_counters_begin_with_a_zero_at_their_creation(servers):
    """So that the first hold of a function is in increase(), too."""
    started, _ = servers
    selector = f'loopstall_blocking_seconds_count{{process="{PROCESS}",function="hold",cause="sleep"}}'
    for name, begins_at_zero in (("created", True), ("debian", False)):
        found = started[name].get("query", query=f"{selector}[10m]")["result"]
        (series,) = found
        assert (float(series["values"][0][1]) == 0) == begins_at_zero, (name, series["values"][:3])
        assert float(series["values"][-1][1]) == HOLDS


def test_native_histograms_have_the_same_buckets(servers):
    started, agent = servers
    selector = f'loopstall_blocking_seconds{{process="{PROCESS}",function="hold",cause="sleep"}}'
    (series,) = started["native"].get("query", query=selector)["result"]
    histogram = series["histogram"][1]
    classic = {key: value for key, value in own_samples(agent).items()
               if key[0] == "loopstall_blocking_seconds_bucket" and ("function", "hold") in key
               and ("cause", "sleep") in key}
    by_bound = sorted((float(dict(key[1:])["le"]), value) for key, value in classic.items())
    cumulative = [0, *(value for _, value in by_bound)]
    filled = {bound: after - before for (bound, _), before, after in
              zip(by_bound, cumulative, cumulative[1:]) if after > before}
    assert {float(upper): float(count) for _, _, upper, count in histogram["buckets"]} == filled
    assert float(histogram["count"]) == HOLDS
    assert float(histogram["sum"]) == pytest.approx(HOLDS * HOLD_SECONDS, rel=0.2)
