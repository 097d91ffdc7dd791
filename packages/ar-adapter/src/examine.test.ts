import type { Finding, RegistryUse } from "@drayage/oci-core";
import { parseRepositoryName, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { type ArtifactRegistryOptions, artifactRegistryAdapter } from "./adapter.ts";
import { connectTo } from "./connect.test-support.ts";
import { googleTokens } from "./credentials.ts";
import {
  type ArtifactRegistryServer,
  type ArtifactRegistryServerOptions,
  startArtifactRegistry,
} from "./testing/index.ts";

const name = (text: string): RepositoryName => {
  const parsed = parseRepositoryName(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const APP = name("images/team/app");
const SOURCE: RegistryUse = { isSource: true, isTarget: false, reads: [APP], writes: [] };
const TARGET: RegistryUse = { isSource: false, isTarget: true, reads: [], writes: [APP, name("images/other")] };

interface Look {
  readonly server?: ArtifactRegistryServerOptions;
  readonly options?: Parameters<typeof connectTo>[1];
  readonly prepare?: (server: ArtifactRegistryServer) => void;
}
const found = (use: RegistryUse, { server = {}, options = {}, prepare }: Look = {}): Promise<ReadonlyArray<Finding>> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const running = yield* startArtifactRegistry(server);
        prepare?.(running);
        const push = { _tag: "Push", audience: "drayage", serviceAccount: "push@acme.example.com" } as const;
        const registry = yield* connectTo(running, { notifications: push, ...options });
        return yield* registry.powers.examine?.(use) ?? Effect.die("it looks at nothing");
      }),
    ),
  );

describe("doctor at Artifact Registry", () => {
  it.each([
    ["source", SOURCE],
    ["target", TARGET],
  ])("finds nothing at a %s where all is well", async (_, use) => {
    expect(await found(use)).toEqual([]);
  });

  it("names a repository that is missing, once for all its images, and none that will be made", async () => {
    const server = { repositories: [] };
    expect(await found(SOURCE, { server })).toMatchObject([
      { severity: "error", key: "", what: expect.stringContaining("no repository images in acme-prod, europe-west4") },
    ]);
    expect(await found(TARGET, { server })).toMatchObject([{ severity: "error", key: "createRepositories" }]);
    expect(await found(TARGET, { server, options: { createRepositories: {} } })).toEqual([]);
  });

  it("names an API that may not be used, with the role that it wants", async () => {
    expect(await found(SOURCE, { server: { rest: false } })).toMatchObject([
      { severity: "warning", key: "auth", mend: expect.stringContaining("roles/artifactregistry.reader") },
    ]);
  });

  it("names credentials that are refused, without the token", async () => {
    const findings = await found(SOURCE, { options: { token: "ya29.wrong" } });
    expect(findings).toMatchObject([{ severity: "error", key: "auth", what: expect.stringContaining("refuses") }]);
    expect(JSON.stringify(findings)).not.toContain("ya29.wrong");
  });

  it("names an API that cannot be reached", async () => {
    const findings = await found(SOURCE, { options: { api: new URL("http://127.0.0.1:1") } });
    expect(findings).toMatchObject([{ severity: "error", key: "api" }]);
  });

  it.each([
    [SOURCE, [], ["roles/artifactregistry.reader"]],
    [TARGET, ["artifactregistry.repositories.downloadArtifacts"], ["roles/artifactregistry.writer"]],
  ])("names each right that is missing, with the smallest role that has it", async (use, rights, roles) => {
    const findings = await found(use, { prepare: (server) => server.setUp("images", { rights }) });
    const errors = findings.filter(({ severity }) => severity === "error");
    expect(errors.map(({ mend }) => mend)).toEqual(roles.map((role) => `Grant ${role} on it`));
  });

  it("notes that nothing may be deleted", async () => {
    const rights = ["downloadArtifacts", "uploadArtifacts"].map((right) => `artifactregistry.repositories.${right}`);
    const findings = await found(TARGET, { prepare: (server) => server.setUp("images", { rights }) });
    expect(findings).toMatchObject([
      { severity: "note", what: expect.stringContaining("roles/artifactregistry.repo") },
    ]);
  });

  it.each([
    [SOURCE, { format: "NPM" }, "error", /format NPM/],
    [TARGET, { mode: "REMOTE_REPOSITORY" }, "error", /nothing can be pushed/],
    [TARGET, { mode: "VIRTUAL_REPOSITORY" }, "error", /nothing can be pushed/],
    [TARGET, { immutableTags: true }, "note", /never be moved or deleted/],
    [SOURCE, { cleanupPolicies: { old: { action: "DELETE" } } }, "warning", /looks like any other deletion/],
    [TARGET, { cleanupPolicies: { old: { action: "DELETE" } } }, "warning", /copied again/],
  ])("tells what a repository is set up as: case %#", async (use, changes, severity, what) => {
    const findings = await found(use, { prepare: (server) => server.setUp("images", changes) });
    expect(findings).toMatchObject([{ severity, what: expect.stringMatching(what) }]);
  });

  it("names a location that the host of Container Registry is not in", async () => {
    const server = { gcr: "eu.gcr.io", location: "europe" };
    const options = { host: "eu.gcr.io" };
    expect(await found(SOURCE, { server, options })).toEqual([]);
    expect(await found(SOURCE, { server: { ...server, location: "us" }, options })).toMatchObject([
      { severity: "error", key: "location", mend: "Write `location: europe`" },
    ]);
  });

  it("lets a remote repository be a source", async () => {
    const prepare = (server: ArtifactRegistryServer) => server.setUp("images", { mode: "REMOTE_REPOSITORY" });
    expect(await found(SOURCE, { prepare })).toEqual([]);
  });

  it("notes a source that nothing tells of", async () => {
    expect(await found(SOURCE, { options: { notifications: { _tag: "None" } } })).toMatchObject([
      { severity: "note", key: "notifications" },
    ]);
  });
});

describe("hosts beside the registry", () => {
  const options = (more: Partial<ArtifactRegistryOptions>): ArtifactRegistryOptions => ({
    host: "europe-west4-docker.pkg.dev",
    location: "europe-west4",
    project: "acme-prod",
    api: new URL("https://artifactregistry.googleapis.com"),
    identity: { _tag: "Default" },
    tokens: googleTokens("eu", { _tag: "Default" }),
    notifications: { _tag: "None" },
    ...more,
  });
  const hosts = (more: Partial<ArtifactRegistryOptions>) =>
    artifactRegistryAdapter
      .hosts?.({ name: "eu", url: new URL("https://europe-west4-docker.pkg.dev"), auth: [], traits: {} }, options(more))
      .map(({ host, port, purpose }) => `${purpose} ${host}:${port}`);
  const API = "API artifactregistry.googleapis.com:443";
  const PUSH = { _tag: "Push", audience: "drayage", serviceAccount: "push@acme.example.com" } as const;

  it.each([
    [{}, [API]],
    [{ api: new URL("http://api.internal:8080") }, ["API api.internal:8080"]],
    [
      { notifications: { _tag: "Subscription", subscription: "projects/p/subscriptions/s" } as const },
      [API, "subscription pubsub.googleapis.com:443"],
    ],
    [{ notifications: PUSH }, [API, "keys of tokens www.googleapis.com:443"]],
    [
      { notifications: { ...PUSH, keys: new URL("https://keys.internal/certs") } },
      [API, "keys of tokens keys.internal:443"],
    ],
  ])("follow from the configuration: case %#", (more, expected) => {
    expect(hosts(more)).toEqual(expected);
  });
});
