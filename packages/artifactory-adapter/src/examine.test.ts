import type { Finding, RegistryUse } from "@drayage/oci-core";
import { image, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import type { ArtifactoryOptions } from "./adapter.ts";
import { connectTo, repo } from "./connect.test-support.ts";
import { type ArtifactoryPersonality, startArtifactory } from "./testing/index.ts";

const KEYS = {
  "docker-local": { kind: "local" },
  hub: { kind: "remote" },
  docker: { kind: "virtual", members: ["docker-local", "hub"] },
} as const;
const from = (...reads: ReadonlyArray<string>): RegistryUse => ({
  isSource: true,
  isTarget: false,
  reads: reads.map(repo),
  writes: [],
});
const to = (...writes: ReadonlyArray<string>): RegistryUse => ({
  isSource: false,
  isTarget: true,
  reads: [],
  writes: writes.map(repo),
});
const SECRETS = { scheme: "shared-secret", secrets: [Redacted.make("s3cret")] } as const;

const found = (
  use: RegistryUse,
  options: Partial<ArtifactoryOptions> = {},
  personality: ArtifactoryPersonality = {},
): Promise<ReadonlyArray<Finding>> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const artifactory = yield* startArtifactory({ keys: KEYS, ...personality });
        const { registry, authorization } = artifactory;
        yield* pushImage(registry.url, "docker-local/app", "1", image({ seed: "examined" }), { authorization });
        const { powers } = yield* connectTo(artifactory, { secrets: SECRETS, ...options });
        return yield* powers.examine?.(use) ?? Effect.die("it looks at nothing");
      }),
    ),
  );
const VIRTUAL = { docker: { _tag: "Virtual", members: ["docker-local", "hub"] } } as const;

describe("doctor at Artifactory", () => {
  it.each([
    ["a source", from("docker-local/app"), {}],
    ["a target", to("docker-local/app", "docker-local/other"), {}],
    ["a declared view", from("docker/app"), { repositories: VIRTUAL }],
    [
      "a source that is polled",
      from("docker-local/app"),
      { secrets: { ...SECRETS, secrets: [] }, pollEveryMs: 60_000 },
    ],
  ])("finds nothing at %s where all is well", async (_, use, options) => {
    expect(await found(use, options)).toEqual([]);
  });

  it.each<readonly [string, RegistryUse, Partial<ArtifactoryOptions>, Partial<Finding>]>([
    [
      "a key that is not there",
      from("dokcer-local/app"),
      {},
      { severity: "warning", what: "no repository key dokcer-local" },
    ],
    [
      "a view that is not declared",
      from("docker/app"),
      {},
      { key: "repositories", what: "docker is virtual and not declared" },
    ],
    ["a cache that is read by its own name", from("hub-cache/app"), {}, { mend: "Read hub and declare it as remote" }],
    [
      "a wrong declaration",
      from("hub/app"),
      { repositories: { hub: { _tag: "Local" } } },
      { severity: "error", what: "declared as local, and Artifactory says that it is remote" },
    ],
    ["a target that takes no pushes", to("hub/app"), {}, { severity: "error", what: "takes no pushes" }],
    [
      "a source that tells nothing",
      from("docker-local/app"),
      { secrets: { ...SECRETS, secrets: [] } },
      { key: "notifications", mend: "webhook apply" },
    ],
    [
      "an API that is elsewhere",
      from("docker-local/app"),
      { api: new URL("http://127.0.0.1:1/") },
      { severity: "unknown", key: "api" },
    ],
  ])("%s", async (_, use, options, expected) => {
    const findings = await found(use, options);
    expect(findings).toHaveLength(1);
    for (const [field, text] of Object.entries(expected)) expect(findings[0]?.[field as keyof Finding]).toContain(text);
    expect(JSON.stringify(findings)).not.toMatch(/s3cret|artifactory-password/);
  });

  it("says what a search that is not allowed costs", async () => {
    expect(await found(from("docker-local/app"), {}, { search: false })).toMatchObject([
      { severity: "warning", key: "auth", what: expect.stringContaining("one by one") },
    ]);
  });
});
