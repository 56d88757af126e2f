# SPDX-License-Identifier: Apache-2.0
"""The demo's course: the broken service, its table, the mended one, its table, the verdict."""

import dataclasses
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from typing import Any, Dict, List

from loopstall_demo import interrupts, keep, model, render, verdict
from loopstall_demo.agent_api import AgentApi, service_of
from loopstall_demo.children import Child, Children
from loopstall_demo.errors import DemoError
from loopstall_demo.example import Example, free_port, load_figures, touch_service
from loopstall_demo.options import parse_options
from loopstall_demo.progress import Progress

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]

_STEPS_OF_RUN = 4
_STEPS = 1 + 2 * _STEPS_OF_RUN
_LIMIT_SECONDS = 170  # the whole demo, so that it always ends by itself within three minutes
_READY_SECONDS = 30.0
_FOUND_SECONDS = 20.0
_SETTLED_SECONDS = 6.0
_POLL_SECONDS = 0.25
_REPORT_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run showed."""

    report: model.LoopReport
    stalls: List[model.Stall]
    load: Dict[str, Any]


class Demo:
    """One demo, from its temporary directory to its verdict."""

    def __init__(self, agent: pathlib.Path, duration: float, directory: pathlib.Path, steps: int):
        self.children = Children(directory)
        self.progress = Progress(steps)
        self._agent = agent
        self._duration = duration
        self._directory = directory
        self._example = Example(REPOSITORY, directory, self.children)

    def start_slow_servers(self, outlives_demo: bool) -> None:
        """The servers that both runs call."""
        self.progress.step("start the slow OCR server and the slow log server")
        self._example.start_slow_servers(outlives_demo)

    def observe(self, mode: str) -> Outcome:
        """Runs the service in one form under load and under the agent, and ends all three."""
        service, url = self._start_service(mode, outlives_demo=False)
        # Both runs share the service's labels, so each has an agent of its own.
        # It observes this process alone: another one with these labels would be counted with it.
        agent, api = self._start_agent(mode, "--pid", str(service.pid), outlives_demo=False)
        self._wait_until_found(api, service, url)
        figures = self._run_load(mode, api, service, url)
        report = self._settled_report(api, service, mode)
        stalls = self._stalls(service, mode)
        self.children.stop(service)
        self.children.stop(agent)
        return Outcome(report, stalls, figures)

    def leave_running(self) -> List[str]:
        """Starts the broken service, the agent and an endless load. Returns what to print."""
        service, url = self._start_service("broken", outlives_demo=True)
        _, api = self._start_agent("broken", outlives_demo=True)
        self._wait_until_found(api, service, url)
        self.progress.step("start a load without end")
        self._example.start_load(url, 0, outlives_demo=True)
        self.progress.clear()
        stop = keep.write_stop_script(self._directory, self.children.release())
        return [
            "Left running: the broken service, its slow servers, a load, and the agent.",
            f"  page      {api.page_url}",
            f"  metrics   {api.metrics_url}",
            f"  loops     {api.loops_url}",
            f"  stalls    {api.stalls_url}",
            f"  service   {url}/docs",
            f"  logs      {self._directory}",
            f"Stop all of it with: sudo {stop}",
        ]

    def _start_service(self, mode: str, outlives_demo: bool):
        self.progress.step(f"start the {mode} service (uvicorn with uvloop)")
        return self._example.start_service(mode, outlives_demo)

    def _start_agent(self, mode: str, *options: str, outlives_demo: bool):
        self.progress.step("start the agent")
        listen, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        command = [str(self._agent), "agent", "--listen", listen, "--admin-listen", admin]
        command += ["--stall-log", str(self._stall_log(mode)), *options]
        agent = self.children.start("agent", command, outlives_demo=outlives_demo)
        api = AgentApi(listen, admin)
        self._poll(_READY_SECONDS, "The agent was not ready", api.is_ready)
        return agent, api

    def _wait_until_found(self, api: AgentApi, service: Child, url: str) -> None:
        def found() -> bool:
            touch_service(url)  # an idle loop makes no turn that could be seen
            return service_of(api.loops(), service.pid) is not None

        self._poll(_FOUND_SECONDS, "The agent did not find the service's loop", found)

    def _run_load(self, mode: str, api: AgentApi, service: Child, url: str) -> Dict[str, Any]:
        self.progress.step(f"load on the {mode} service")
        load = self._example.start_load(url, self._duration, outlives_demo=False)
        start = time.monotonic()
        while (status := self.children.wait(load, _REPORT_SECONDS)) is None:
            self.children.check()
            seen = service_of(api.loops(), service.pid)
            stalls = model.loop_report(seen).stall_count if seen else 0
            seconds = time.monotonic() - start
            if seconds < self._duration:
                far = f"{seconds:.0f} s of {self._duration:.0f} s"
            else:
                far = "waits for the last answers"
            self.progress.detail(f"{far}, {stalls} stalls so far")
        self.children.check()
        figures = load_figures(load)
        if status != 0:
            raise DemoError(f"No request of the load succeeded: {figures.get('error_kinds')}.")
        return figures

    def _settled_report(self, api: AgentApi, service: Child, mode: str) -> model.LoopReport:
        """The agent's report once what it has seen is counted."""
        self.progress.step(f"read the agent's report on the {mode} service")
        deadline = time.monotonic() + _SETTLED_SECONDS
        previous = None
        while True:
            time.sleep(_REPORT_SECONDS)
            found = service_of(api.loops(), service.pid)
            if found is None:
                raise DemoError("The agent lost the service's loop.")
            report = model.loop_report(found)
            counts = [report.stalls, [row.holds for row in report.functions]]
            if counts == previous or time.monotonic() > deadline:
                return report
            previous = counts

    def _stall_log(self, mode: str) -> pathlib.Path:
        return self._directory / f"stalls-{mode}.ndjson"

    def _stalls(self, service: Child, mode: str) -> List[model.Stall]:
        log = self._stall_log(mode)
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        try:
            return model.stalls_of([json.loads(line) for line in lines], service.pid)
        except (ValueError, AttributeError) as error:
            raise DemoError(f"The agent's stall log cannot be read: {error}.") from error

    def _poll(self, seconds: float, failure: str, condition) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.children.check()
            if time.monotonic() > deadline:
                raise DemoError(f"{failure} within {seconds:.0f} s.")
            time.sleep(_POLL_SECONDS)


def main(arguments: List[str]) -> int:
    """0: seen as expected; 1: not; 3: something is missing; 128 + number after a signal."""
    options = parse_options(arguments)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="loopstall-demo.", dir="/var/tmp"))
    demo = Demo(options.agent, options.duration, directory, _STEPS + (3 if options.keep else 0))
    left_running = False
    interrupts.install()
    try:
        signal.alarm(_LIMIT_SECONDS)
        status = _show(demo, options.keep)
        if options.keep:
            print("\n".join(["", *demo.leave_running()]), flush=True)
            left_running = True
        return status
    except DemoError as error:
        demo.progress.clear()
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except interrupts.Interrupted as interruption:
        demo.progress.clear()
        print(f"demo: {_reason(interruption.number)}; it ends what it started", file=sys.stderr)
        return 1 if interruption.number == signal.SIGALRM else 128 + interruption.number
    finally:
        interrupts.ignore()
        demo.progress.clear()
        if not left_running:
            demo.children.stop_all()
            shutil.rmtree(directory, ignore_errors=True)


def _show(demo: Demo, keep_running: bool) -> int:
    demo.start_slow_servers(outlives_demo=keep_running)
    outcomes = {}
    for mode in ("broken", "mended"):
        outcomes[mode] = demo.observe(mode)
        demo.progress.clear()
        print("\n".join(_section(mode, outcomes[mode])), flush=True)
    broken, mended = outcomes["broken"], outcomes["mended"]
    lines = render.comparison_lines(broken.report, broken.load, mended.report, mended.load)
    print("\n".join(["", _title("Compared"), "", *lines]), flush=True)
    return _judge(broken, mended)


def _judge(broken: Outcome, mended: Outcome) -> int:
    missing = verdict.missing(broken.report)
    if missing:
        names = "; ".join(str(expectation) for expectation in missing)
        print(f"demo: the agent did not name these of the broken service: {names}", file=sys.stderr)
    accusations = verdict.accusations(mended.report, mended.stalls)
    if accusations:
        named = "; ".join(accusations)
        print(f"demo: the agent accuses functions of the mended service: {named}", file=sys.stderr)
    if missing or accusations:
        return 1
    print(
        f"\nAll {len(verdict.EXPECTED)} functions that hold the broken service's loop were named,"
        " and none of them in the mended one."
    )
    return 0


def _section(mode: str, outcome: Outcome) -> List[str]:
    titles = {
        "broken": "The broken service: hidden blocking calls on the event loop",
        "mended": "The mended service: the same work, without holding the loop",
    }
    return ["", _title(titles[mode]), "", *render.loop_lines(outcome.report, _width())]


def _title(text: str) -> str:
    return f"{text}\n{'─' * len(text)}"


def _width() -> int:
    return min(120, max(100, shutil.get_terminal_size((120, 24)).columns))


def _reason(number: int) -> str:
    if number == signal.SIGALRM:
        return f"the demo took longer than {_LIMIT_SECONDS} s"
    return f"received {signal.Signals(number).name}"
