{{/* Names, labels and images; everything that several templates share. */}}
{{- define "schakel.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "schakel.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/part-of: schakel
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Never changes during the life of a release, because selectors may not. Takes (root, component). */}}
{{- define "schakel.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: schakel
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* A digest wins over the tag. Takes (root, image's name, its values). */}}
{{- define "schakel.image" -}}
{{- $root := index . 0 -}}{{- $digest := (index . 2).image.digest -}}
{{- $path := printf "%s/%s/%s" $root.Values.image.registry $root.Values.image.repository (index . 1) | trimPrefix "/" -}}
{{- if $digest }}{{ $path }}@{{ $digest }}{{ else }}{{ $path }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "schakel.serviceAccount" -}}{{ .Values.serviceAccount.name | default (include "schakel.name" .) }}{{- end }}

{{/* What every pod is: nobody special, unable to write, without a token of the cluster. */}}
{{- define "schakel.pod" -}}
serviceAccountName: {{ include "schakel.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
{{- with .Values.privateCA.configMap }}
  - name: private-ca
    configMap: {name: {{ . }}}
{{- end }}
{{- with .Values.kafka.ca.existingSecret }}
  - name: kafka-ca
    secret: {secretName: {{ . }}}
{{- end }}
{{- with .Values.postgres.ca.existingSecret }}
  - name: postgres-ca
    secret: {secretName: {{ . }}, items: [{key: {{ $.Values.postgres.ca.key }}, path: {{ $.Values.postgres.ca.key }}}]}
{{- end }}
{{- end }}

{{- define "schakel.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- if .Values.privateCA.configMap }}
  - {name: private-ca, mountPath: /etc/schakel/ca, readOnly: true}
{{- end }}
{{- if .Values.kafka.ca.existingSecret }}
  - {name: kafka-ca, mountPath: /etc/schakel/kafka, readOnly: true}
{{- end }}
{{- if .Values.postgres.ca.existingSecret }}
  - {name: postgres-ca, mountPath: /etc/schakel/postgres, readOnly: true}
{{- end }}
{{- end }}

{{/* Environment of what speaks to the outside: authorities and proxy. */}}
{{- define "schakel.outside" -}}
{{- with .Values.privateCA }}{{ if .configMap }}
- {name: SSL_CERT_FILE, value: /etc/schakel/ca/{{ .key }}}
- {name: REQUESTS_CA_BUNDLE, value: /etc/schakel/ca/{{ .key }}}
{{- end }}{{ end }}
{{- with .Values.egressProxy }}{{ if .url }}
- {name: HTTPS_PROXY, value: {{ .url | quote }}}
- {name: HTTP_PROXY, value: {{ .url | quote }}}
- {name: NO_PROXY, value: {{ concat (list "localhost" "127.0.0.1" ".svc" ".cluster.local") (include "schakel.apis" $ | fromYamlArray) .noProxy | join "," | quote }}}
{{- end }}{{ end }}
{{- end }}

{{/* Whom each service hears: purpose of its consumer group, and topic. deploy/helm/tests compares it with the services. */}}
{{- define "schakel.hears" -}}
registry: {referrals: matching-referrals-v1}
matching: {fieldlabs: registry-fieldlabs-v1, companies: registry-companies-v1, hubs: registry-hubs-v1}
events: {companies: registry-companies-v1, fieldlabs: registry-fieldlabs-v1}
{{- end }}

{{- define "schakel.apis" -}}
{{- range list "registry" "matching" "events" "gateway" "portal" }}
- {{ include "schakel.name" $ }}-{{ . }}
{{- end }}
{{- end }}

{{/* Environment of a service. Takes (root, service). */}}
{{- define "schakel.environment" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}{{- $own := index $root.Values $service -}}
{{- $v := $root.Values -}}{{- $name := include "schakel.name" $root -}}
- name: SCHAKEL_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $own.database.existingSecret }}, key: {{ $own.database.key }}}}
{{- with $v.postgres.sslMode }}
- {name: PGSSLMODE, value: {{ . }}}
{{- if hasPrefix "verify" . }}
- {name: PGSSLROOTCERT, value: {{ ternary (printf "/etc/schakel/postgres/%s" $v.postgres.ca.key) (printf "/etc/schakel/ca/%s" $v.privateCA.key) (ne $v.postgres.ca.existingSecret "") }}}
{{- end }}
{{- end }}
- {name: SCHAKEL_HOST, value: 0.0.0.0}
- {name: SCHAKEL_PORT, value: "8080"}
- {name: SCHAKEL_ISSUER, value: {{ $v.issuer | quote }}}
{{- with $v.keycloakUrl }}
- {name: SCHAKEL_JWKS_URL, value: {{ printf "%s%s/protocol/openid-connect/certs" (. | trimSuffix "/") (urlParse $v.issuer).path | quote }}}
{{- end }}
- {name: SCHAKEL_AUDIENCE, value: {{ $v.audience | quote }}}
- {name: SCHAKEL_ALLOWED_CLIENTS, value: {{ join "," $v.allowedClients | quote }}}
- {name: SCHAKEL_DRAIN_SECONDS, value: {{ $v.drainSeconds | quote }}}
- {name: SCHAKEL_LOG_LEVEL, value: {{ $v.logLevel }}}
{{- if $v.readOnly }}
- {name: SCHAKEL_READ_ONLY, value: "true"}
{{- end }}
{{- with $v.trustedProxies }}
- {name: SCHAKEL_TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- with $v.processingLog }}{{ if .endpoint }}
- {name: SCHAKEL_PROCESSING_LOG_ENDPOINT, value: {{ .endpoint | quote }}}
- name: SCHAKEL_PROCESSING_LOG_KEY
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: key}}
{{- end }}{{ end }}
{{- with $v.otlpEndpoint }}
- {name: SCHAKEL_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if eq $service "portal" }}
- {name: SCHAKEL_PUBLIC_URL, value: {{ $v.publicUrl | quote }}}
- {name: SCHAKEL_GATEWAY_URL, value: "http://{{ $name }}-gateway"}
{{- with $v.keycloakUrl }}
- {name: SCHAKEL_KEYCLOAK_URL, value: {{ . | quote }}}
{{- end }}
{{- with $own.securityContact }}
- {name: SCHAKEL_SECURITY_CONTACT, value: {{ . | quote }}}
{{- end }}
- name: SCHAKEL_CLIENT_SECRET
  valueFrom: {secretKeyRef: {name: {{ $own.secrets.existingSecret }}, key: client-secret}}
- name: SCHAKEL_SESSION_KEY
  valueFrom: {secretKeyRef: {name: {{ $own.secrets.existingSecret }}, key: session-key}}
{{- else }}
- {name: SCHAKEL_KAFKA_BOOTSTRAP, value: {{ $v.kafka.bootstrap | quote }}}
{{- with $v.kafka.topicPrefix }}
- {name: SCHAKEL_TOPIC_PREFIX, value: {{ . | quote }}}
{{- end }}
- {name: SCHAKEL_KAFKA_TLS, value: {{ $v.kafka.tls | quote }}}
{{- if $v.kafka.ca.existingSecret }}
- {name: SCHAKEL_KAFKA_CA_FILE, value: /etc/schakel/kafka/{{ $v.kafka.ca.key }}}
{{- end }}
{{- with $own.kafkaUser.name }}
- {name: SCHAKEL_KAFKA_USERNAME, value: {{ . | quote }}}
- {name: SCHAKEL_KAFKA_MECHANISM, value: {{ $v.kafka.mechanism }}}
- name: SCHAKEL_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $own.kafkaUser.existingSecret }}, key: {{ $own.kafkaUser.key }}}}
{{- end }}
{{- end }}
{{- if eq $service "gateway" }}
{{- range list "registry" "matching" "events" }}
- {name: SCHAKEL_{{ upper . }}_URL, value: "http://{{ $name }}-{{ . }}"}
{{- end }}
{{- with $own.verify }}{{ if .existingSecret }}
- name: SCHAKEL_VERIFY_CLIENT_SECRET
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}}
{{- end }}{{ end }}
- {name: SCHAKEL_INTROSPECTION, value: {{ $own.introspection | quote }}}
- {name: SCHAKEL_ALLOWED_ORIGINS, value: {{ $v.publicUrl | quote }}}
{{- end }}
{{- include "schakel.outside" $root }}
{{- end }}

{{/* The deployments as data: component, service, roles, its values. Everything that comes once per deployment walks this list. */}}
{{- define "schakel.workloads" -}}
{{- $v := .Values -}}
{{- range list "registry" "matching" "events" }}
{{- $own := index $v . }}
- {component: {{ . }}, service: {{ . }}, roles: {{ ternary "api,consumers,relay" "api" $v.rolesTogether | quote }}, api: true, kafka: {{ $v.rolesTogether }}, shape: {{ toJson $own.api }}}
{{- if not $v.rolesTogether }}
- {component: {{ . }}-worker, service: {{ . }}, roles: "consumers,relay", api: false, kafka: true, shape: {{ toJson $own.worker }}}
{{- end }}
{{- end }}
- {component: gateway, service: gateway, roles: {{ ternary "api,consumers" "api" $v.rolesTogether | quote }}, api: true, kafka: {{ $v.rolesTogether }}, shape: {{ toJson $v.gateway.api }}}
{{- if not $v.rolesTogether }}
- {component: gateway-projector, service: gateway, roles: consumers, api: false, kafka: true, shape: {{ toJson $v.gateway.projector }}}
{{- end }}
- {component: portal, service: portal, roles: api, api: true, kafka: false, shape: {{ toJson $v.portal.api }}}
{{- end }}
