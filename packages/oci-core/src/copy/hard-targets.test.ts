import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { describe, expect } from "vitest";
import { ensuringRepository } from "../registry/ensuring-repository.ts";
import type { Registry } from "../registry/registry.ts";
import { image, multiPlatform, pushImage, type StrictAuth } from "../testing/index.ts";
import { makeCopier } from "./make-copier.ts";
import { app, expectEqual, MIB, one, startBoth } from "./strict-sides.test-support.ts";

/** What registries do to a copy in operation; each case has one right end. */

const USER = { name: "u", password: "the-password" } as const;
/** A token that lives a second, where real ones live a minute: the copy takes several times as long in both. */
const SHORT: StrictAuth = { _tag: "Token", users: [USER], ttlSeconds: 1 };

describe("a token that lives shorter than its copy", () => {
  it.live("is got anew as often as it takes, at both sides, and the image arrives whole", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({
        source: { auth: SHORT },
        target: { auth: SHORT },
      });
      const fixture = image({ seed: "long", layers: [MIB, MIB, MIB] });
      const token = source.server.masterToken();
      yield* pushImage(source.server.url, "team/app", "1", fixture, { authorization: `Bearer ${token}` });
      // Each layer takes more than a token's life.
      source.server.faults.add({
        match: { method: "GET", path: /\/blobs\//, times: Number.POSITIVE_INFINITY },
        action: { kind: "slow", bytesPerSecond: 700_000 },
      });
      expect((yield* copier.copy(request())).action).toBe("copied");
      expectEqual(target.server, fixture);
      expect(target.server.tokensIssued()).toBeGreaterThan(1);
    }).pipe(Effect.scoped),
  );
  it.live.each([1, 4, 8])("that is revoked at request %i costs that request alone", (nth) =>
    Effect.gen(function* () {
      const auth: StrictAuth = { _tag: "Token", users: [USER] };
      const { source, target, copier, request } = yield* startBoth({ target: { auth } });
      const fixture = multiPlatform({ seed: "revoked", layers: [70_000, 70_000] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      target.server.faults.add({ match: { path: /^\/v2\//, nth }, action: { kind: "expireTokens" } });
      expect((yield* copier.copy(request())).action).toBe("copied");
      expectEqual(target.server, fixture);
      expect(target.server.faults.applied()).toBe(1);
    }).pipe(Effect.scoped),
  );
});

describe("a storm of 429", () => {
  it.live("without a time is waited out", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = multiPlatform({ seed: "storm", layers: [70_000, 3000] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      for (const { server } of [source, target]) {
        server.faults.add({
          match: { times: Number.POSITIVE_INFINITY, chance: { of: 0.2, seed: 7 } },
          action: { kind: "status", status: 429 },
        });
      }
      // What the copy itself does not wait out goes back to its delivery, which comes again as here.
      yield* Effect.retry(copier.copy(request()), { times: 20, while: (error) => error.reason === "rate-limited" });
      expectEqual(target.server, fixture);
      expect(source.server.faults.applied() + target.server.faults.applied()).toBeGreaterThan(0);
      // An upload stays open only where the storm took our giving it up as well, which nobody repeats: registries collect those.
      const cancelsLost = target.server.requests.count({ method: "DELETE", path: /\/uploads\//, status: 429 });
      expect(target.server.openUploads()).toBeLessThanOrEqual(cancelsLost);
    }).pipe(Effect.scoped),
  );
  it.live("with a time is left alone for that time", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = image({ seed: "wait" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const fault = target.server.faults.add({ match: {}, action: { kind: "status", status: 429, retryAfter: 4 } });
      const copying = yield* Effect.forkScoped(copier.copy(request()));
      yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => fault.applied() === 1 });
      // What was under way when the 429 came is answered by now.
      yield* Effect.sleep("500 millis");
      const before = target.server.requests.total();
      yield* Effect.sleep("1500 millis");
      expect(target.server.requests.total()).toBe(before);
      expect((yield* Fiber.join(copying)).action).toBe("copied");
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );
});

describe("a reset in the middle of a blob", () => {
  it.live.each(["read", "write"] as const)("of its %s is made good within the copy", (side) =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth();
      const fixture = image({ seed: `reset ${side}`, layers: [3 * MIB] });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const fault =
        side === "read"
          ? source.server.faults.add({
              match: { method: "GET", path: /\/blobs\// },
              action: { kind: "resetMidBody", afterBytes: MIB },
            })
          : target.server.faults.add({
              match: { method: "PUT", path: /\/uploads\// },
              action: { kind: "resetUpload", afterBytes: MIB },
            });
      expect((yield* copier.copy(request())).action).toBe("copied");
      expectEqual(target.server, fixture);
      expect(target.server.danglingReferences()).toEqual([]);
      expect(fault.seen()).toBeGreaterThan(0);
    }).pipe(Effect.scoped),
  );
});

describe("a repository that does not exist yet", () => {
  /** A registry whose vendor's API makes repositories: here it switches the refusal off. */
  const withPower = (registry: Registry, create: () => void, made: Array<string>): Registry => ({
    ...registry,
    powers: {
      ...registry.powers,
      createRepository: (repository) =>
        Effect.sync(() => {
          made.push(repository);
          create();
          return made.length === 1;
        }),
    },
  });
  it.live("is made by the power of its registry, and the copy goes on", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({ target: { createRepositories: false } });
      const fixture = multiPlatform({ seed: "fresh" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      const made: Array<string> = [];
      const create = () => target.server.configure({ createRepositories: true });
      const registry = ensuringRepository(withPower(target.client, create, made));
      const asked = { ...request(), target: { ...request().target, registry } };
      expect((yield* copier.copy(asked)).action).toBe("copied");
      expect(new Set(made)).toEqual(new Set([app]));
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );
  it.live("and cannot be made ends with what to do, and is not tried for ever", () =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({ target: { createRepositories: false } });
      yield* pushImage(source.server.url, "team/app", "1", image({ seed: "fresh" }));
      const error = yield* Effect.flip(copier.copy(request()));
      expect(error).toMatchObject({ side: "target", reason: "repository-unknown" });
      expect(target.server.requests.total()).toBeLessThan(20);
    }).pipe(Effect.scoped),
  );
});

describe("an immutable tag", () => {
  it.live.each([
    ["Quay", 409, "TAG_IMMUTABLE"],
    ["Harbor", 412, "PRECONDITION"],
    ["ECR", 400, "TAG_INVALID"],
  ] as const)("of %s that holds the digest is a success, another a conflict that nobody repeats", ([, status, code]) =>
    Effect.gen(function* () {
      const { source, target, copier, request } = yield* startBoth({
        target: { immutable: { tags: /^1$/, status, code, sameDigest: "refused" } },
      });
      const fixture = image({ seed: "fixed" });
      yield* pushImage(source.server.url, "team/app", "1", fixture);
      yield* copier.copy(request());
      expect((yield* copier.copy(request({ known: { held: null } }))).digest).toBe(fixture.digest);
      yield* pushImage(source.server.url, "team/app", "1", image({ seed: "changed" }));
      const error = yield* Effect.flip(copier.copy(request()));
      expect(error).toMatchObject({ side: "target", reason: "conflict", retryable: false });
      expect(target.server.manifest("team/app", "1")?.digest).toBe(fixture.digest);
    }).pipe(Effect.scoped),
  );
});

describe("a registry whose reads lag behind its writes", () => {
  const lagging = Effect.fnUntraced(function* (readsLagMs: number) {
    const sides = yield* startBoth({ target: { readsLagMs } });
    const fixture = multiPlatform({ seed: "late" });
    yield* pushImage(sides.source.server.url, "team/app", "1", fixture);
    return { ...sides, fixture };
  });
  it.live("by less than our patience is waited for", () =>
    Effect.gen(function* () {
      const { target, request, fixture } = yield* lagging(300);
      const patient = yield* makeCopier();
      expect((yield* patient.copy(request())).digest).toBe(fixture.digest);
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );
  it.live("by more is not believed, and the next try finds that all is there", () =>
    Effect.gen(function* () {
      const { target, copier, request, fixture } = yield* lagging(3_000);
      const error = yield* Effect.flip(copier.copy(request()));
      expect(error).toMatchObject({ side: "target", operation: "confirm tag", retryable: true });
      yield* Effect.repeat(Effect.sleep("50 millis"), {
        until: () => Effect.map(target.client.resolve(app, one), (resolved) => resolved !== undefined),
      });
      expect((yield* copier.copy(request())).action).toBe("unchanged");
      expectEqual(target.server, fixture);
    }).pipe(Effect.scoped),
  );
});
