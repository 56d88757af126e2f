{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- define "loopstall.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "loopstall.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "loopstall.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "loopstall.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "loopstall.selectorLabels" -}}
app.kubernetes.io/name: {{ include "loopstall.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "loopstall.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "loopstall.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "loopstall.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "loopstall.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* How one agent is scraped, by a PodMonitor or a ServiceMonitor. */ -}}
{{- define "loopstall.scrape" -}}
port: metrics
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
# namespace, pod and container are the observed service's. The agent's own must neither replace them
# nor be put on processes that are in no pod; the node tells agents apart, also after a restart.
honorLabels: true
relabelings:
  - action: labeldrop
    regex: namespace|pod|container|service|endpoint
  - action: replace
    sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
  - action: replace
    sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: instance
{{- end -}}

{{- /* What the agent's container may do, beside what its user is. */ -}}
{{- define "loopstall.capabilities" -}}
{{- concat (list "BPF" "PERFMON" "SYS_PTRACE" "DAC_READ_SEARCH") .Values.capabilities.extra | toYaml -}}
{{- end -}}

{{- /* AppArmor became a field in Kubernetes 1.30; before, it was an annotation. */ -}}
{{- define "loopstall.hasAppArmorField" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}true{{- end -}}
{{- end -}}
