# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus on a free port with its data in a private directory."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url, timeout=10, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return response.read().decode()


def wait_until(condition, seconds, what):
    """The first truthy value of condition(); OSError counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.2)


class Prometheus:
    """Scrapes one target every second and evaluates the rules as often. A context manager.

    command: the program; features: what it enables beside exemplars; scrape: more of its scrape settings.
    """

    def __init__(self, directory, target, rules, honor_labels=True, alertmanager=None,
                 command=("prometheus",), features=(), scrape=None):
        self._command = command
        self._features = ["exemplar-storage", *features]
        self._directory = directory
        self.port = free_port()
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {
                    "job_name": "loopstall",
                    "honor_labels": honor_labels,
                    "static_configs": [{"targets": [target]}],
                    **(scrape or {}),
                }
            ],
        }
        if alertmanager:
            receivers = [{"static_configs": [{"targets": [alertmanager]}]}]
            configuration["alerting"] = {"alertmanagers": receivers}
        (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))

    def __enter__(self):
        self._log = open(self._directory / "prometheus.log", "w+")
        self._process = subprocess.Popen(
            [
                *self._command,
                f"--config.file={self._directory}/prometheus.yaml",
                f"--storage.tsdb.path={self._directory}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
                f"--enable-feature={','.join(self._features)}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: fetch(f"{self.base}/-/ready"), 30, "Prometheus is ready")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, **arguments):
        """The `data` of an API answer. Raises AssertionError with Prometheus's own words."""
        url = f"{self.base}/api/v1/{path}?{urllib.parse.urlencode(arguments, doseq=True)}"
        try:
            answer = json.loads(fetch(url))
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read().decode())
        assert answer["status"] == "success", answer.get("error")
        assert not answer.get("warnings"), answer["warnings"]
        return answer["data"]

    def alerts(self, name, **labels):
        """Those of that name that are pending or firing, and bear the labels."""
        groups = self.get("rules", type="alert")["groups"]
        return [alert for group in groups for rule in group["rules"] if rule["name"] == name
                for alert in rule["alerts"]
                if all(alert["labels"].get(key) == want for key, want in labels.items())]

    def values(self, query):
        """Each series' labels and numbers of a queries.Query, as its panel would ask for it."""
        if query.instant:
            found = self.get("query", query=query.expression)["result"]
            return [(series["metric"], [float(series["value"][1])]) for series in found]
        now = time.time()
        found = self.get("query_range", query=query.expression, start=now - 60, end=now, step=5)
        return [
            (series["metric"], [float(value) for _, value in series["values"]])
            for series in found["result"]
        ]
