/** Bytes from a nearer registry (`bytesFrom`): which registry gives which blobs, and that the copy is right whatever the nearer one does. */
import { repositoryName } from "@drayage/delivery/testing";
import { compileRoutes, type WorkItem, workPolicyOf } from "@drayage/domain";
import { connectRegistry } from "@drayage/oci-core";
import { multiPlatform, pushImage, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect } from "vitest";
import type { Replicate } from "./replicate.ts";
import { APP, plainRoute, runner, startSide, test, type World, wordsOf } from "./replicator.test-support.ts";

const PASSWORD = "of-the-nearer";
const MIRROR = repositoryName("mirror/team/app-x");
const fixture = multiPlatform({ seed: "multi", layers: [64, 300_000] });
const feeding = {
  ...plainRoute("feeding", "source", "near"),
  to: [{ registry: "near", repository: "mirror/{image}-x", tag: "{tag}" }],
};
const far = {
  ...plainRoute("all", "source", "target"),
  to: [{ registry: "target", repository: "{repository}", tag: "{tag}", bytesFrom: ["near"] }],
};
const routes = compileRoutes([far, feeding], () => ({ repositoryKey: false }));
const policyOf = (item: WorkItem) => workPolicyOf(routes, item);

const blobsRead = (registry: StrictRegistry) => registry.requests.count({ method: "GET", path: /\/blobs\/sha256:/ });
const manifestsRead = (registry: StrictRegistry) => registry.requests.count({ path: /\/manifests\// });

/** The world with a third registry, which the rules call nearer. */
const start = Effect.fnUntraced(function* (world: World) {
  const near = yield* startSide("near");
  const context: Replicate = {
    ...world.context,
    policyOf,
    registryOf: (name) => (name === "near" ? near.client : world.context.registryOf(name)),
  };
  yield* world.push(fixture, "v1");
  world.source.requests.reset();
  const isRight = (): void => {
    expect(world.target.manifest(APP, "v1")?.digest).toBe(fixture.digest);
    expect(world.target.danglingReferences()).toEqual([]);
  };
  const fill = Effect.andThen(
    Effect.orDie(pushImage(near.server.url, MIRROR, "v1", fixture)),
    Effect.sync(() => near.server.requests.reset()),
  );
  return { near: near.server, context, fill, isRight };
});

describe("a target with a nearer registry", () => {
  test("takes every blob there under the name it has there, and manifests from the source", {}, function* (world) {
    const { near, context, fill, isRight } = yield* start(world);
    yield* fill;
    world.ask(["v1"]);
    expect(wordsOf(yield* runner(context).settle)).toEqual(["copied"]);
    isRight();
    expect(blobsRead(world.source)).toBe(0);
    expect(blobsRead(near)).toBeGreaterThan(0);
    expect(manifestsRead(near)).toBe(0);
    expect(near.requests.list().every(({ path }) => path.includes(`/${MIRROR}/`) || path === "/v2/")).toBe(true);
  });

  test("does so in a repair as well", {}, function* (world) {
    const { context, fill, isRight } = yield* start(world);
    yield* fill;
    world.ask(["v1"], { depth: "deep", wakesParked: false });
    expect(wordsOf(yield* runner(context).settle)).toEqual(["copied"]);
    isRight();
    expect(blobsRead(world.source)).toBe(0);
  });

  test("takes from the source what the nearer one lacks", {}, function* (world) {
    const { near, context, isRight } = yield* start(world);
    world.ask(["v1"]);
    expect(wordsOf(yield* runner(context).settle)).toEqual(["copied"]);
    isRight();
    expect([blobsRead(world.source) > 0, blobsRead(near) > 0]).toEqual([true, true]);
  });

  for (const action of [{ kind: "wrongBytes" }, { kind: "reset" }, { kind: "status", status: 500 }] as const) {
    test(`takes all from the source where the nearer one has the fault ${action.kind}`, {}, function* (world) {
      const { near, context, fill, isRight } = yield* start(world);
      yield* fill;
      near.faults.add({ match: { method: "GET", path: /blobs/, times: Number.POSITIVE_INFINITY }, action });
      world.ask(["v1"]);
      expect(wordsOf(yield* runner(context).settle)).toEqual(["copied"]);
      isRight();
      expect(blobsRead(world.source)).toBeGreaterThan(0);
    });
  }

  test("takes all from the source where its replicator does not know the nearer one", {}, function* (world) {
    const { context, isRight } = yield* start(world);
    world.ask(["v1"]);
    const lacking = { ...context, registryOf: world.context.registryOf };
    expect(wordsOf(yield* runner(lacking).settle)).toEqual(["copied"]);
    isRight();
  });

  test("does not get an image that the source has no more and the nearer one still has", {}, function* (world) {
    const { context, fill } = yield* start(world);
    yield* fill;
    world.source.deleteTag(APP, "v1");
    world.ask(["v1"]);
    expect(wordsOf(yield* runner(context).settle)).toEqual(["unchanged"]);
    expect(world.target.tags(APP)).toEqual([]);
  });

  for (const [what, given, gives] of [
    ["are used there alone", PASSWORD, true],
    ["that are wrong cost nothing but its bytes", "wrong", false],
  ] as const) {
    test(`whose credentials ${what}`, {}, function* (world) {
      const { context, isRight } = yield* start(world);
      const server = yield* startStrictRegistry({
        auth: { _tag: "Basic", users: [{ name: "u", password: PASSWORD }] },
      });
      const authorization = `Basic ${Buffer.from(`u:${PASSWORD}`).toString("base64")}`;
      yield* Effect.orDie(pushImage(server.url, MIRROR, "v1", fixture, { authorization }));
      server.requests.reset();
      const auth = [{ _tag: "Basic", username: "u", password: Redacted.make(given) }] as const;
      const client = yield* connectRegistry({ name: "near", url: server.url, auth });
      const signedIn: Replicate = {
        ...context,
        registryOf: (name) => (name === "near" ? client : context.registryOf(name)),
      };
      world.ask(["v1"]);
      expect(wordsOf(yield* runner(signedIn).settle)).toEqual(["copied"]);
      isRight();
      expect(blobsRead(world.source) === 0).toBe(gives);
      expect(server.requests.list().some(({ authorization: scheme }) => scheme !== undefined)).toBe(true);
      for (const elsewhere of [world.source, world.target])
        expect(elsewhere.requests.list().filter(({ authorization: scheme }) => scheme !== undefined)).toEqual([]);
    });
  }
});
