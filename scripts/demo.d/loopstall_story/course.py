# SPDX-License-Identifier: Apache-2.0
"""Runs the stages: for each a fresh service and a fresh agent, and a load that wants all it can get."""

import os
import pathlib
import time
import urllib.request
from typing import Any, Dict, List, Optional

from loopstall_demo.agent_api import AgentApi
from loopstall_demo.children import Child, Children
from loopstall_demo.errors import DemoError
from loopstall_demo.example import free_port
from loopstall_demo.progress import Progress
from loopstall_story import report
from loopstall_story.database import Database
from loopstall_story.stages import Stage

_PROCESS = "story.app:app"
_OCR_SECONDS = 0.01
_CONNECTIONS = 32
_WARM_SECONDS = 1.0
_START_SECONDS = 60.0
_SETTLE_SECONDS = 1.0


class Course:
    """What all stages share, from its directory to its last process."""

    def __init__(self, repository: pathlib.Path, directory: pathlib.Path, agent: pathlib.Path, python: List[str],
                 seconds: float, progress: Progress):
        self.children = Children(directory)
        self._source = repository / "examples" / "ocr_service"
        self._agent = agent
        self._python = python
        self._seconds = seconds
        self._progress = progress
        self._database = Database(directory / "database", self.children)
        self._ocr_url = ""

    def start_servers(self) -> None:
        """PostgreSQL and the OCR server."""
        self._progress.step("start PostgreSQL and the OCR server")
        self._database.start(self._until("PostgreSQL did not start"))
        server = self.children.start("OCR server", [
            "/usr/bin/python3", str(self._source / "slow_servers.py"), "--ocr-port=0", "--log-port=0",
            f"--ocr-delay={_OCR_SECONDS}"])
        self._until("The OCR server did not start")(lambda: server.log.read_text().startswith("ready "))
        self._ocr_url = server.log.read_text().split()[1].partition("=")[2]

    def run(self, stage: Stage) -> report.Result:
        """One stage."""
        self._progress.step(f"stage {stage.number}: {stage.name}")
        agent, api = self._start_agent()
        service, url = self._start_service(stage)
        load = self._start_load(url)
        time.sleep(_WARM_SECONDS)
        before = self._service(api)
        figures = self._figures(load)
        after = self._service(api)
        time.sleep(_SETTLE_SECONDS)  # names come a little after their time
        named = self._service(api) or {}
        self.children.stop(service)
        self.children.stop(agent)
        if before is None or after is None:
            raise DemoError("The agent did not find the service's loop.")
        grown = report.growth(before, after)
        return report.Result(stage, figures, report.share_of(grown, "busy"), report.share_of(grown, "starved"),
                             report.culprit_of(grown, named.get("functions", [])),
                             report.predicted_of(named.get("gain", {}), stage.mended_next))

    def _start_agent(self):
        listen, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        agent = self.children.start("agent", [str(self._agent), "agent", "--listen", listen, "--admin-listen", admin,
                                              "--budget", "10%"])
        api = AgentApi(listen, admin)
        self._until("The agent was not ready")(api.is_ready)
        return agent, api

    def _start_service(self, stage: Stage):
        port = free_port()
        command = [*self._python, "-m", "uvicorn", "story.app:app", "--host", "127.0.0.1", "--port", str(port),
                   "--loop", stage.loop, "--workers", str(stage.workers), "--no-access-log", "--log-level", "warning",
                   "--app-dir", str(self._source)]
        variables = {"STORY_STAGE": str(stage.number), "STORY_OCR_URL": self._ocr_url,
                     "STORY_DATABASE_URL": self._database.url, "BIND": f"{self._source} /etc/ssl",  # requests wants certificates
                     "STORY_POOL_SIZE": str(max(1, (os.cpu_count() or 1) // stage.workers))}
        service = self.children.start("service", command, cwd=pathlib.Path("/"), variables=variables)
        url = f"http://127.0.0.1:{port}"
        self._until("The service did not start")(lambda: _answers(url))
        return service, url

    def _start_load(self, url: str) -> Child:
        command = ["wrk", "--latency", "--timeout", "10s", "-t1", f"-c{_CONNECTIONS}", f"-d{self._seconds + _WARM_SECONDS:.0f}s",
                   url + "/page/7"]
        return self.children.start("load", command)

    def _figures(self, load: Child) -> report.Load:
        while self.children.wait(load, 0.25) is None:
            self.children.check()
        try:
            figures = report.load_of(load.log.read_text(encoding="utf-8", errors="replace"))
        except ValueError as error:
            raise DemoError(f"The load failed: {load.last_line()} ({error}).") from error
        if figures.errors:
            raise DemoError(f"The service failed {figures.errors} requests.")
        return figures

    @staticmethod
    def _service(api: AgentApi) -> Optional[Dict[str, Any]]:
        for service in api.loops().get("services", []):
            if service["labels"]["process"] == _PROCESS:
                return service
        return None

    def _until(self, failure: str):
        def wait(condition) -> None:
            deadline = time.monotonic() + _START_SECONDS
            while not condition():
                self.children.check()
                if time.monotonic() > deadline:
                    raise DemoError(f"{failure} within {_START_SECONDS:.0f} s.")
                time.sleep(0.1)
        return wait


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url + "/page/7", timeout=5.0) as reply:
            return reply.status == 200
    except OSError:
        return False
