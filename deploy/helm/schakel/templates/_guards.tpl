{{/* Refusals: each is one sentence that says what to do. Included once, by guards.yaml. */}}
{{- define "schakel.guards" -}}
{{- $v := .Values -}}
{{- if semverCompare "<1.31.0-0" .Capabilities.KubeVersion.Version }}{{ fail (printf "Kubernetes %s is too old: upgrade the cluster to 1.31 or newer, or install an older version of this chart." .Capabilities.KubeVersion.Version) }}{{ end }}
{{- if not $v.publicUrl }}{{ fail "publicUrl is empty: set it to the address that browsers see, such as https://schakel.example.nl." }}{{ end }}
{{- if not $v.issuer }}{{ fail "issuer is empty: set it to the realm's address, such as https://sso.example.nl/realms/schakel, equal to a token's iss to the letter." }}{{ end }}
{{- if not $v.kafka.bootstrap }}{{ fail "kafka.bootstrap is empty: set it to the brokers' address, such as schakel-kafka-bootstrap:9093." }}{{ end }}
{{- if and $v.kafka.ca.existingSecret (not $v.kafka.tls) }}{{ fail "kafka.ca is for TLS: set kafka.tls to true, or leave kafka.ca.existingSecret empty." }}{{ end }}
{{- if and (hasPrefix "verify" $v.postgres.sslMode) (not (or $v.postgres.ca.existingSecret $v.privateCA.configMap)) }}{{ fail (printf "postgres.ca.existingSecret is empty: name the secret with the databases' authority, because postgres.sslMode is %s." $v.postgres.sslMode) }}{{ end }}
{{- if and $v.postgres.ca.existingSecret (not (hasPrefix "verify" $v.postgres.sslMode)) }}{{ fail "postgres.ca is for checking certificates: set postgres.sslMode to verify-full, or leave postgres.ca.existingSecret empty." }}{{ end }}
{{- if and $v.ingress.enabled $v.httpRoute.enabled }}{{ fail "ingress and httpRoute are both enabled: enable one of them." }}{{ end }}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) }}{{ fail "httpRoute.parentRefs is empty: name the Gateway that carries the route, such as [{name: public, namespace: gateways}]." }}{{ end }}
{{- if and $v.networkPolicy.enabled (or $v.ingress.enabled $v.httpRoute.enabled (ne $v.portal.service.type "ClusterIP") (ne $v.gateway.service.type "ClusterIP")) (not $v.networkPolicy.ingressFrom) }}{{ fail "networkPolicy.ingressFrom is empty: say where requests come from (the ingress controller, or the nodes' network as ipBlock), such as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]." }}{{ end }}
{{- range $service := list "registry" "matching" "events" "gateway" "portal" }}
{{- $own := index $v $service }}
{{- include "schakel.needSecret" (list $ (printf "%s.database.existingSecret" $service) $own.database.existingSecret (printf "schakel-%s-database" $service) (list $own.database.key) "'postgresql://USER:PASSWORD@HOST:5432/DATABASE'") }}
{{- with $own.kafkaUser }}{{ if .name }}{{ include "schakel.needSecret" (list $ (printf "%s.kafkaUser.existingSecret" $service) .existingSecret .name (list .key) "PASSWORD") }}{{ end }}{{ end }}
{{- $scaling := $own.api.autoscaling }}
{{- if $scaling.enabled }}
{{- if ne (int $own.api.replicas) (int $scaling.min) }}{{ fail (printf "%s.api.replicas and %s.api.autoscaling are both set: with autoscaling the number of replicas is the autoscaler's, so set replicas equal to autoscaling.min or switch autoscaling off." $service $service) }}{{ end }}
{{- if gt (int $scaling.min) (int $scaling.max) }}{{ fail (printf "%s.api.autoscaling.min is above max: set max to %d or more." $service (int $scaling.min)) }}{{ end }}
{{- if and $v.rolesTogether (ne $service "portal") }}{{ fail (printf "%s.api.autoscaling needs rolesTogether: false, because consumers are not scaled by CPU." $service) }}{{ end }}
{{- end }}
{{- with $own.worker }}{{ if .lag.enabled }}
{{- if not ($.Capabilities.APIVersions.Has "keda.sh/v1alpha1") }}{{ fail (printf "%s.worker.lag is enabled but the cluster has no keda.sh/v1alpha1: install KEDA first, or switch it off." $service) }}{{ end }}
{{- if $v.rolesTogether }}{{ fail (printf "%s.worker.lag needs rolesTogether: false, because an API is not scaled by lag." $service) }}{{ end }}
{{- if gt (int .lag.max) 12 }}{{ fail (printf "%s.worker.lag.max is %d but a topic has 12 partitions: set it to 12 or less, more would stand idle." $service (int .lag.max)) }}{{ end }}
{{- if gt (int .lag.min) (int .lag.max) }}{{ fail (printf "%s.worker.lag.min is above max: set max to %d or more." $service (int .lag.min)) }}{{ end }}
{{- if ne (int .replicas) (int .lag.min) }}{{ fail (printf "%s.worker.replicas and %s.worker.lag are both set: the number of replicas is then KEDA's, so set replicas equal to lag.min or switch lag off." $service $service) }}{{ end }}
{{- end }}{{ end }}
{{- with $own.worker }}{{ if gt (int .replicas) 12 }}{{ fail (printf "%s.worker.replicas is %d but a topic has 12 partitions: set it to 12 or less, more would stand idle." $service (int .replicas)) }}{{ end }}{{ end }}
{{- end }}
{{- include "schakel.needSecret" (list $ "portal.secrets.existingSecret" $v.portal.secrets.existingSecret "schakel-portal" (list "client-secret" "session-key") "VALUE") }}
{{- range list "portal" "gateway" }}
{{- $service := (index $v .).service }}
{{- if and $service.nodePort (eq $service.type "ClusterIP") }}{{ fail (printf "%s.service.nodePort is %d but its type is ClusterIP: set type to NodePort, or nodePort to 0." . (int $service.nodePort)) }}{{ end }}
{{- end }}
{{- with $v.gateway.verify }}{{ if .existingSecret }}{{ include "schakel.needSecret" (list $ "gateway.verify.existingSecret" .existingSecret "schakel-realm" (list .key) "VALUE") }}{{ end }}{{ end }}
{{- if $v.processingLog.endpoint }}{{ include "schakel.needSecret" (list $ "processingLog.existingSecret" $v.processingLog.existingSecret "schakel-processing-log" (list "key") "FERNET-KEY") }}{{ end }}
{{- if $v.realm.enabled }}{{ include "schakel.needSecret" (list $ "realm.existingSecret" $v.realm.existingSecret "schakel-realm" (list "admin-password" "portal-client-secret" "verify-client-secret" "events-client-secret") "VALUE") }}{{ end }}
{{- if and $v.realm.enabled $v.realm.with }}{{ include "schakel.needSecret" (list $ "realm.withSecret" $v.realm.withSecret "schakel-realm-with" (list "SCHAKEL_ACCOUNTS_CLIENT_SECRET") "VALUE") }}{{ end }}
{{- end }}

{{/* Takes (root, value's name, secret's name, proposed name, keys, example of a value). On a cluster it also looks. */}}
{{- define "schakel.needSecret" -}}
{{- $root := index . 0 -}}{{- $name := index . 2 -}}{{- $keys := index . 4 -}}{{- $example := index . 5 -}}
{{- $line := printf "kubectl -n %s create secret generic %s" $root.Release.Namespace ($name | default (index . 3)) }}
{{- range $keys }}{{ $line = printf "%s --from-literal=%s=%s" $line . $example }}{{ end }}
{{- if not $name }}{{ fail (printf "%s is empty: make the secret and name it there: %s" (index . 1) $line) }}{{ end }}
{{- if lookup "v1" "Namespace" "" $root.Release.Namespace }}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $name }}
{{- if not $found }}{{ fail (printf "secret %s (%s) does not exist: make it: %s" $name (index . 1) $line) }}{{ end }}
{{- range $keys }}{{ if not (hasKey ($found.data | default dict) .) }}{{ fail (printf "secret %s has no key %s: make it anew: %s" $name . $line) }}{{ end }}{{ end }}
{{- end }}
{{- end }}
