/** Shown by `--help` of a command and in docs/reference/command.md; a test runs every one of them through the parser. */
export const EXAMPLES: Readonly<Record<string, ReadonlyArray<string>>> = {
  up: ["dray up", "dray --config /etc/drayage/drayage.yaml up"],
  replicator: ["dray replicator --target frankfurt"],
  reconciler: ["dray reconciler --once", "dray reconciler --once --target frankfurt --dry-run"],
  copy: [
    "dray copy docker.io/library/alpine:3.22 registry.acme.example/mirror/alpine:3.22",
    "dray copy registry.acme.example/team/web:1.4 127.0.0.1:5000/team/web --referrers",
    "dray copy --plain-http registry.lan:5000 registry.lan:5000/team/web:1.4 registry.acme.example/team/web",
    "dray copy --platform linux/amd64 --rewrite-index docker.io/library/alpine:3.22 oci:./alpine:3.22",
    "dray copy --all-tags registry.acme.example/team/web 127.0.0.1:5000/team/web --dry-run",
    "dray copy --all-tags --referrers registry.acme.example/team/web oci:./web",
    "dray copy oci:./web:1.4 127.0.0.1:5000/team/web:1.4",
  ],
  diff: ["dray diff", "dray diff --route prod --target frankfurt --json"],
  status: ["dray status", "DRAYAGE_TOKEN=... dray status --json"],
  export: ["dray events export --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --output november.jsonl"],
  events: ["dray events --since 2h", "dray events --follow --type ReplicationFailed ReplicationParked"],
  doctor: ["dray doctor", "dray doctor --egress --json"],
  retry: ["dray retry", "dray retry --target frankfurt --why 'quota raised'", "dray retry 17 42"],
  check: ["dray config check", "dray config check --no-secrets"],
  apply: [
    "dray artifactory webhook apply --url https://drayage.acme.example --dry-run",
    "dray artifactory webhook apply --url https://drayage.acme.example --token-env ARTIFACTORY_ADMIN_TOKEN",
    "dray artifactory webhook apply --url https://drayage.acme.example --domain docker artifact --repository-key docker-local",
  ],
  schema: ["dray config schema > drayage.schema.json"],
  demo: ["dray demo", "dray demo --once"],
};
