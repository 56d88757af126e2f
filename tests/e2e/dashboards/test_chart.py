# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by a real helm. Needs no privileges; the first run needs npm's registry."""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml

import paths
from harness import charts
from harness.charts import CACHE

VALIDATORS = ("kubernetes-models@5.1.0", "@kubernetes-models/prometheus-operator@6.0.0")
RENDERED = pathlib.Path(__file__).resolve().parent / "rendered"

ALL_ON = {
    "serviceMonitor": {"enabled": True},
    "openshift": {"enabled": True},
    "seccompProfile": {"type": "Localhost", "localhostProfile": "operator/ops/try-loopstall.json"},
    "seccompOperator": {"enabled": True},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"enabled": True},
    "prometheusRule": {"enabled": True, "runbookBaseUrl": "https://runbooks.example/"},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Services"}},
    "agent": {"stallLog": "-", "extraArgs": ["--max-loops=64"]},
    "capabilities": {"extra": ["SYS_ADMIN"]},
    "image": {"pullSecrets": [{"name": "registry"}]},
    "seLinuxOptions": {"type": "super_t"},
    "priorityClassName": "system-node-critical",
    "affinity": {"nodeAffinity": {}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
}
LEAST = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]


@pytest.fixture(scope="session")
def helm():
    """Runs helm with the given words."""
    return charts.helm()


@pytest.fixture(scope="session")
def template():
    """Renders the chart with the given values into a list of objects. Equal values render once."""
    rendered = {}

    def render(values=None, *words):
        key = json.dumps([values, words])
        if key not in rendered:
            rendered[key] = charts.rendered(values or {}, *words)
        return copy.deepcopy(rendered[key])  # tests change them

    return render


def kinds(objects):
    return sorted(entry["kind"] for entry in objects)


def only(objects, kind):
    (found,) = [entry for entry in objects if entry["kind"] == kind]
    return found


def pod_of(objects):
    return only(objects, "DaemonSet")["spec"]["template"]["spec"]


def container_of(objects):
    (container,) = pod_of(objects)["containers"]
    return container


def mounts_of(objects):
    """{path in the container: path on the node}; none of them can be written to."""
    volumes = {volume["name"]: volume["hostPath"] for volume in pod_of(objects).get("volumes", [])}
    mounts = container_of(objects).get("volumeMounts", [])
    assert all(mount["readOnly"] is True for mount in mounts)
    assert sorted(volumes) == sorted(mount["name"] for mount in mounts)
    return {mount["mountPath"]: volumes[mount["name"]]["path"] for mount in mounts}


BOTH = pytest.mark.parametrize("values", [{}, ALL_ON], ids=["default", "all_on"])


def test_lint(helm):
    outcome = helm("lint", "--strict", paths.CHART)
    assert outcome.returncode == 0, outcome.stdout


def test_default_has_what_every_cluster_knows(template):
    assert kinds(template()) == ["DaemonSet", "Service", "ServiceAccount"]


def test_all_on(template):
    assert kinds(template(ALL_ON)) == [
        *["ConfigMap"] * len(paths.DASHBOARDS),
        "DaemonSet",
        "NetworkPolicy",
        "PodMonitor",
        "PrometheusRule",
        "SeccompProfile",
        "SecurityContextConstraints",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    ]


@BOTH
def test_objects_carry_the_usual_metadata(template, values):
    for entry in template(values):
        is_of_the_cluster = entry["kind"] == "SecurityContextConstraints"
        assert entry["metadata"].get("namespace") == (None if is_of_the_cluster else "ops")
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", entry["metadata"]["name"])
        assert entry["metadata"]["labels"]["app.kubernetes.io/instance"] == "try"


@BOTH
def test_container_is_not_privileged(template, values):
    context = container_of(template(values))["securityContext"]
    assert context["privileged"] is False
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"]["drop"] == ["ALL"]
    extra = values.get("capabilities", {}).get("extra", [])
    assert context["capabilities"]["add"] == LEAST + extra
    assert context["seccompProfile"] == values.get("seccompProfile", {"type": "RuntimeDefault"})


@BOTH
def test_pod_sees_the_nodes_processes_and_nothing_else_of_it(template, values):
    pod = pod_of(template(values))
    assert pod["hostPID"] is True
    assert not pod.get("hostNetwork") and not pod.get("hostIPC")
    assert "initContainers" not in pod
    assert mounts_of(template(values)) == {
        path: path for path in ("/sys/kernel/tracing", "/var/log/pods", "/var/log/containers")
    }


def test_mounts_can_be_left_out(template):
    off = {"enabled": False}
    assert list(mounts_of(template({"podLogs": off}))) == ["/sys/kernel/tracing"]
    assert list(mounts_of(template({"tracefs": off}))) == ["/var/log/pods", "/var/log/containers"]
    assert mounts_of(template({"podLogs": off, "tracefs": off})) == {}


@BOTH
def test_no_token_of_the_api(template, values):
    objects = template(values)
    assert pod_of(objects)["automountServiceAccountToken"] is False
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod_of(objects)["serviceAccountName"] == only(objects, "ServiceAccount")["metadata"]["name"]
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & set(kinds(objects))


@BOTH
def test_selectors_find_the_pods(template, values):
    objects = template(values)
    labels = only(objects, "DaemonSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [only(objects, "DaemonSet")["spec"]["selector"]["matchLabels"]]
    selectors.append(only(objects, "Service")["spec"]["selector"])
    if values:
        selectors.append(only(objects, "PodMonitor")["spec"]["selector"]["matchLabels"])
        selectors.append(only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    for selector in selectors:
        assert selector and selector.items() <= labels.items()


@BOTH
def test_ports_and_probes_agree(template, values):
    objects = template(values)
    container = container_of(objects)
    (port,) = container["ports"]
    assert f"--listen=0.0.0.0:{port['containerPort']}" in container["args"]
    assert "--admin-listen=127.0.0.1:9878" in container["args"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    assert only(objects, "Service")["spec"]["clusterIP"] == "None"
    assert only(objects, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]


@BOTH
def test_container_has_requests_and_a_memory_limit(template, values):
    resources = container_of(template(values))["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources["limits"]


def test_values_reach_the_command_line(template):
    words = container_of(template(ALL_ON))["args"]
    assert words[0] == "agent"
    assert "--stall-log=-" in words and "--max-loops=64" in words
    assert not any(word.startswith("--stall-log") for word in container_of(template())["args"])


def test_the_agent_knows_the_flags():
    """Each flag in the template is in the agent's own list of options."""
    options = (paths.ROOT / "agent" / "config" / "options.cc")
    if not options.exists():
        pytest.skip("agent/config/options.cc is not there")
    flags = re.findall(r"- (--[a-z-]+)", (paths.CHART / "templates/daemonset.yaml").read_text())
    assert flags and [flag for flag in flags if flag not in options.read_text()] == []


def test_app_armor_is_a_field_since_1_30_and_an_annotation_before(template):
    key = "container.apparmor.security.beta.kubernetes.io/agent"
    for version, is_field in (("1.29.0", False), ("1.30.0", True), ("1.31.2-eks-1", True)):
        objects = template({}, "--kube-version", version)
        annotations = only(objects, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
        field = container_of(objects)["securityContext"].get("appArmorProfile")
        assert (field == {"type": "Unconfined"}) is is_field
        assert (annotations.get(key) == "unconfined") is not is_field


def test_scrape_settings_keep_the_services_labels(template):
    objects = template(ALL_ON)
    (endpoint,) = only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
    dropped = [one["regex"] for one in endpoint["relabelings"] if one["action"] == "labeldrop"]
    assert dropped == ["namespace|pod|container|service|endpoint"]
    assert only(objects, "ServiceMonitor")["spec"]["endpoints"] == [endpoint]


def test_open_shift_allows_what_the_pod_asks_for(template):
    """And nothing that no pod of the chart asks for, to nobody but its service account."""
    objects = template(ALL_ON)
    allowed = only(objects, "SecurityContextConstraints")
    context = container_of(objects)["securityContext"]
    assert allowed["allowedCapabilities"] == context["capabilities"]["add"]
    assert allowed["requiredDropCapabilities"] == context["capabilities"]["drop"]
    assert allowed["volumes"] == ["hostPath"] and allowed["allowHostDirVolumePlugin"] is True
    assert [name for name, value in allowed.items() if value is True] == [
        "allowHostPID", "allowHostDirVolumePlugin", "readOnlyRootFilesystem"]
    account = only(objects, "ServiceAccount")["metadata"]["name"]
    assert allowed["users"] == [f"system:serviceaccount:ops:{account}"] and allowed["groups"] == []
    bare = {"openshift": {"enabled": True}, "tracefs": {"enabled": False}, "podLogs": {"enabled": False}}
    assert only(template(bare), "SecurityContextConstraints")["volumes"] == ["none"]


def test_the_operators_profile_is_the_charts(template):
    profile = only(template(ALL_ON), "SeccompProfile")
    assert profile["spec"] == json.loads((paths.CHART / "files" / "seccomp.json").read_text())
    path = f"operator/{profile['metadata']['namespace']}/{profile['metadata']['name']}.json"
    assert ALL_ON["seccompProfile"]["localhostProfile"] == path


def test_nodes_that_are_none_get_no_agent(template):
    (term,) = pod_of(template())["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {(one["key"], one["operator"], *one["values"]) for one in term["matchExpressions"]} == {
        ("type", "NotIn", "virtual-kubelet"), ("eks.amazonaws.com/compute-type", "NotIn", "fargate")}
    assert pod_of(template())["hostUsers"] is True


@pytest.fixture(scope="session")
def validators():
    """npm's packages that carry the schemas of Kubernetes' and the Prometheus operator's objects."""
    folder = CACHE / "kubernetes-models"
    if not (folder / "node_modules/kubernetes-models").exists():
        folder.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", folder, *VALIDATORS]
        if subprocess.run(words, capture_output=True, text=True).returncode != 0:
            pytest.skip("npm cannot fetch kubernetes-models; is there a network?")
    return folder


def complaints(validators, objects):
    script = pathlib.Path(__file__).with_name("validate_objects.mjs")
    said = subprocess.run(["node", script, validators], input=json.dumps(objects), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


# Of operators whose schemas are in no package.
UNKNOWN = ["SeccompProfile", "SecurityContextConstraints"]


@BOTH
def test_objects_are_what_their_schemas_say(template, validators, values):
    found = complaints(validators, template(values))
    assert found["invalid"] == found["fields"] == [] and found["unknown"] == (UNKNOWN if values else [])


def test_the_schemas_can_refuse(template, validators):
    objects = template(ALL_ON)
    container_of(objects)["securityContext"]["capabilities"]["dropped"] = ["ALL"]
    only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["honorLabels"] = "yes"
    found = complaints(validators, objects)
    assert [kind for kind, _ in found["invalid"]] == ["PodMonitor"]
    assert "DaemonSet/spec/template/spec/containers/0/securityContext/capabilities/dropped" in found["fields"]


@BOTH
def test_rendered_as_before(template, values):
    """UPDATE_GOLDEN=1 writes it anew: look at the difference. Long contents are tested elsewhere."""
    objects = [{**entry, **({"data": "…"} if entry["kind"] == "ConfigMap" else {}),
                **({"spec": "…"} if entry["kind"] in ("PrometheusRule", "SeccompProfile") else {})}
               for entry in template(values)]
    text = "---\n".join(yaml.safe_dump(entry, sort_keys=True, allow_unicode=True) for entry in objects)
    file = RENDERED / ("all_on.yaml" if values else "default.yaml")
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_network_policy_opens_one_port_and_nothing_out(template):
    policy = only(template(ALL_ON), "NetworkPolicy")["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert policy["egress"] == []
    assert policy["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}]}]
    peers = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    narrowed = {**ALL_ON, "networkPolicy": {"enabled": True, "from": peers}}
    assert only(template(narrowed), "NetworkPolicy")["spec"]["ingress"][0]["from"] == peers


def test_files_are_the_repositorys_own():
    """Symbolic links, so that there is one source."""
    for path in (*paths.RULES, *paths.DASHBOARDS):
        link = paths.CHART / "files" / path.name
        assert link.is_symlink() and link.resolve() == path


def test_rules_survive_rendering(template):
    (source,) = paths.RULES
    rendered = only(template({"prometheusRule": {"enabled": True}}), "PrometheusRule")["spec"]
    assert rendered == yaml.safe_load(source.read_text())
    with_base = only(template(ALL_ON), "PrometheusRule")["spec"]
    alerts = [rule for group in with_base["groups"] for rule in group["rules"] if "alert" in rule]
    for alert in alerts:
        expected = f"https://runbooks.example/dashboards/runbooks/{alert['alert']}.md"
        assert alert["annotations"]["runbook_url"] == expected


def test_dashboards_survive_rendering(template):
    configs = [found for found in template(ALL_ON) if found["kind"] == "ConfigMap"]
    assert len({config["metadata"]["name"] for config in configs}) == len(paths.DASHBOARDS)
    rendered = {}
    for config in configs:
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert config["metadata"]["annotations"] == {"grafana_folder": "Services"}
        rendered |= config["data"]
    assert set(rendered) == {path.name for path in paths.DASHBOARDS}
    for path in paths.DASHBOARDS:
        assert json.loads(rendered[path.name]) == json.loads(path.read_text())
        assert len(rendered[path.name]) < 900_000, "a ConfigMap holds 1 MiB"


def test_a_packed_chart_has_the_files_not_the_links(helm, tmp_path):
    outcome = helm("package", paths.CHART, "--destination", tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as tar:
        for path in (*paths.RULES, *paths.DASHBOARDS):
            member = tar.getmember(f"loopstall/files/{path.name}")
            assert member.isfile() and tar.extractfile(member).read() == path.read_bytes()


@pytest.mark.parametrize(
    "values",
    [
        {"agent": {"metricPort": 9877}},
        {"agent": {"metricsPort": 80}},
        {"agent": {"metricsPort": "9877"}},
        {"agent": {"stallThreshold": "100"}},
        {"agent": {"sampleRate": 0}},
        {"agent": {"sampleRate": "often"}},
        {"agent": {"logLevel": "loud"}},
        {"privileged": True},
        {"capabilities": {"extra": ["ALL"]}},
        {"capabilities": {"extra": ["sys_admin"]}},
        {"capabilities": {"add": []}},
        {"seccompProfile": {"type": "None"}},
        {"tracefs": {"hostPath": "/"}},
        {"podLogs": {"enabled": "yes"}},
        {"podLogs": {"hostPath": "/"}},
        {"image": {"repository": ""}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"podMonitor": {"interval": "15"}},
        {"podMonitor": {"enabled": "yes"}},
        {"prometheusRule": {"runbookBaseUrl": "runbooks.example"}},
        {"updateStrategy": {"type": "Recreate"}},
        {"networkPolicy": {"from": "monitoring"}},
        {"seccompProfile": {"type": "Localhost"}},
        {"seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "loopstall.json"}},
        {"serviceMonitor": {"interval": "soon"}},
        {"openshift": True},
    ],
    ids=json.dumps,
)
def test_schema_refuses(helm, tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    outcome = helm("template", "try", paths.CHART, "-f", file)
    assert outcome.returncode != 0 and "schema" in outcome.stderr


def test_the_table_of_values_is_current():
    written = subprocess.run([paths.ROOT / "scripts" / "chart-docs", "--check"], capture_output=True, text=True)
    assert written.returncode == 0, written.stderr
    rows = re.findall(r"^\| `[\w.]+` \|.*\| (.*) \|$", (paths.CHART / "README.md").read_text(), re.MULTILINE)
    assert len(rows) > 40 and all(rows), "each value has a description"


def test_notes_render(helm, tmp_path):
    """helm 3.6 renders NOTES.txt only with a cluster: so a copy of the chart renders it as an object."""
    chart = tmp_path / "chart"
    shutil.copytree(paths.CHART, chart)
    text = (chart / "templates/NOTES.txt").read_text()
    wrapped = '{{- define "notes" -}}' + text + '{{- end -}}\nnotes: |\n{{ include "notes" . | indent 2 }}'
    (chart / "templates/notes.yaml").write_text(wrapped)

    def notes(*words):
        show = ("--show-only", "templates/notes.yaml")
        outcome = helm("template", "try", chart, "--namespace", "ops", *show, *words)
        assert outcome.returncode == 0, outcome.stderr
        return yaml.safe_load(outcome.stdout)["notes"]

    assert "kubectl -n ops rollout status daemonset/try-loopstall" in notes()
    assert "Nothing scrapes the agents yet" in notes()
    on = notes("--set", "podMonitor.enabled=true,prometheusRule.enabled=true")
    assert "topk(10, loopstall:function_occupancy:ratio_rate5m)" in on
    assert "Nothing scrapes" not in on
