import { connectRegistry, makeCopier, type Registry } from "@drayage/oci-core";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { type Fault, image, pushImage, startStrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { connectTo } from "./connect.test-support.ts";
import { startArtifactRegistry } from "./testing/index.ts";

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("not a name");
  return value;
};

const APP = must(parseRepositoryName("images/team/app"));

/** Large enough that a connection can end in the middle of it. */
const LAYER_BYTES = 1024 * 1024;
const pushed = image({ seed: "trouble", layers: [LAYER_BYTES, 4096] });
const UPLOADS = /artifacts-uploads/;
const MANIFESTS = /\/manifests\//;

const trouble: Readonly<Record<string, Fault>> = {
  "a connection that is reset in the middle of a blob that is sent": {
    match: { method: "PUT", path: UPLOADS, times: 2 },
    action: { kind: "resetUpload", afterBytes: 4096 },
  },
  "an answer that is lost after a blob was stored": {
    match: { method: "PUT", path: UPLOADS },
    action: { kind: "reset", when: "after" },
  },
  "an answer that is lost after the manifest was stored": {
    match: { method: "PUT", path: MANIFESTS },
    action: { kind: "reset", when: "after" },
  },
  "429 for half of the first requests": {
    match: { path: /\/v2\//, times: 3, chance: { of: 0.5, seed: 7 } },
    action: { kind: "status", status: 429, code: "TOOMANYREQUESTS", retryAfter: 0 },
  },
  "429 for the manifest, without a time to wait": {
    match: { method: "PUT", path: MANIFESTS },
    action: { kind: "status", status: 429, code: "TOOMANYREQUESTS" },
  },
  "a server that fails for a moment": {
    match: { path: /\/v2\//, times: 3, chance: { of: 0.3, seed: 11 } },
    action: { kind: "status", status: 503 },
  },
};

/** A copy from a plain registry, tried again as deliveries are until it is done. */
const copy = (target: Registry) =>
  Effect.gen(function* () {
    const source = yield* startStrictRegistry({});
    yield* pushImage(source.url, "team/app", "1", pushed);
    const from = yield* connectRegistry({ name: "source", url: source.url, auth: [], traits: {} });
    const copier = yield* makeCopier();
    const once = copier.copy({
      source: { registry: from, repository: must(parseRepositoryName("team/app")), reference: must(parseTag("1")) },
      target: { registry: target, repository: APP, tag: must(parseTag("1")) },
      depth: "tag",
      referrers: "none",
    });
    return yield* Effect.retry(once, { times: DELIVERIES_MAX - 1, while: ({ retryable }) => retryable });
  });
const DELIVERIES_MAX = 3;

describe("a copy into Artifact Registry ends right", () => {
  it.live.each(Object.entries(trouble))("after %s", ([, fault]) =>
    Effect.gen(function* () {
      const server = yield* startArtifactRegistry({ repositories: [] });
      const registry = yield* connectTo(server, { createRepositories: {} });
      const struck = server.faults.add(fault);
      expect(yield* copy(registry)).toMatchObject({ digest: pushed.digest });
      expect(struck.applied()).toBeGreaterThan(0);
      expect(server.manifest(`${server.project}/images/team/app`, "1")?.digest).toBe(pushed.digest);
      expect(server.danglingReferences()).toEqual([]);
      expect(server.requests.count({ method: "PATCH" })).toBe(0);
    }).pipe(Effect.scoped),
  );
});
