{{- define "dossier.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What never changes of a component's pods: {root, component} */}}
{{- define "dossier.selector" -}}
app.kubernetes.io/name: dossier
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "dossier.labels" -}}
{{ include "dossier.selector" . }}
app.kubernetes.io/version: {{ default .root.Chart.AppVersion .root.Values.image.tag | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: dossier
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* repository:tag@digest, of what is given of it: {image, default} */}}
{{- define "dossier.image" -}}
{{- .image.repository }}:{{ default .default .image.tag }}{{ with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
The settings of every process, as a YAML map of texts: {root, manager}. Whole numbers are not to be written as 6.8e+10.
A variable counts before a file, so what comes as a file is left out of the variables.
*/}}
{{- define "dossier.settings" -}}
{{- $files := .root.Values.secrets.existingSecret.name | empty | ternary list .root.Values.secrets.existingSecret.settings }}
{{- range $name, $value := .root.Values.settings }}
{{- if not (has $name $files) }}
{{- $text := $value | toString }}
{{- if kindIs "float64" $value }}{{- if eq $value (floor $value) }}{{- $text = $value | int64 | toString }}{{- end }}{{- end }}
DOSSIER_{{ upper $name }}: {{ $text | quote }}
{{- end }}
{{- end }}
DOSSIER_PUBLIC_URL: {{ .root.Values.publicUrl | quote }}
DOSSIER_TRUSTED_PROXIES: "1"
{{- with .manager }}
DOSSIER_SECRETS: {{ . | quote }}
{{- end }}
{{- range $files }}
DOSSIER_{{ upper . }}_FILE: {{ printf "/run/secrets/dossier/%s" . | quote }}
{{- end }}
{{- end }}

{{- define "dossier.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "dossier.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What Dossier's processes mount: {root, scratch} */}}
{{- define "dossier.mounts" -}}
- {name: data, mountPath: /var/lib/dossier}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.caConfigMap }}
- {name: ca, mountPath: /etc/dossier-ca, readOnly: true}
{{- end }}
{{- if .root.Values.secrets.existingSecret.name }}
- {name: secrets, mountPath: /run/secrets/dossier, readOnly: true}
{{- end }}
{{- end }}

{{- define "dossier.volumes" -}}
- {name: data, emptyDir: {sizeLimit: 64Mi}}
- {name: tmp, emptyDir: {sizeLimit: {{ .scratch }}}}
{{- with .root.Values.caConfigMap }}
- {name: ca, configMap: {name: {{ . }}}}
{{- end }}
{{- with .root.Values.secrets.existingSecret }}
{{- if .name }}
- {name: secrets, secret: {secretName: {{ .name }}, defaultMode: 0440}}
{{- end }}
{{- end }}
{{- end }}

{{/* Where pods go: {root, component} */}}
{{- define "dossier.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Replicas of one version apart from each other: {root, component} */}}
{{- define "dossier.spread" -}}
{{- $selector := include "dossier.selector" . }}
{{- range $key, $otherwise := dict "topology.kubernetes.io/zone" .root.Values.spread.zone "kubernetes.io/hostname" .root.Values.spread.node }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ $otherwise }}
  labelSelector:
    matchLabels: {{- $selector | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* The components that are there, each with its values: a YAML map. */}}
{{- define "dossier.components" -}}
{{- $partner := .Values.edge.partner.enabled }}
api: {{ toJson .Values.api }}
worker: {{ toJson .Values.worker }}
edge-portal: {{ toJson .Values.edge.portal }}
{{- if $partner }}
partner: {{ toJson .Values.partner }}
edge-partner: {{ toJson .Values.edge.partner }}
{{- end }}
{{- end }}
