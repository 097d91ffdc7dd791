import type { Incoming, Notification, Receipt } from "@drayage/oci-core";
import { parseRepositoryName } from "@drayage/oci-core/model";
import { image, pushImage, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type * as Scope from "effect/Scope";
import { expect, it } from "vitest";
import { ociAdapter } from "./adapter.ts";
import type { PollOptions } from "./poll.ts";

const name = (text: string) => parseRepositoryName(text) ?? expect.unreachable(text);
const PLENTY = { most: 1_000_000, within: 1000 };

const listenerOf = (registry: StrictRegistry, poll: PollOptions) => {
  const settings = { name: "hub", url: registry.url, auth: [], traits: {} };
  const [listener] =
    ociAdapter.listeners?.(settings, { secrets: { scheme: "shared-secret", secrets: [] }, poll }) ?? [];
  return listener ?? expect.unreachable();
};

/** What was delivered, as lines; receipts may be given for the first deliveries. */
const collecting = (receipts: Array<Receipt> = []) => {
  const lines: Array<string> = [];
  const deliver = (incoming: Incoming) =>
    Effect.sync((): Receipt => {
      const receipt = receipts.shift() ?? "stored";
      if (incoming._tag === "Observed") lines.push(...incoming.notifications.map((one) => `${lineOf(one)} ${receipt}`));
      return receipt;
    });
  const until = (done: (all: ReadonlyArray<string>) => boolean) =>
    Effect.repeat(Effect.sleep("5 millis"), { until: () => done(lines) });
  return { lines, deliver, until };
};
const lineOf = (one: Notification): string =>
  one._tag === "Promoted"
    ? expect.unreachable()
    : one._tag === "Changed"
      ? `Changed ${one.repository} (${one.reason})`
      : `${one._tag} ${one.repository}:${one.tag} ${one.digest ?? ""}`.trimEnd();

const put = (registry: StrictRegistry, reference: string, seed: string) => {
  const [repository = "", tag] = reference.split(":");
  const pushed = image({ seed });
  return Effect.as(pushImage(registry.url, repository, tag, pushed), pushed.digest);
};

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect));

it("what is new, moved or gone is told, and what was there before is looked through once", () =>
  run(
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      yield* put(registry, "a/web:1", "one");
      yield* put(registry, "a/web:2", "two");
      const { lines, deliver, until } = collecting();
      const listener = listenerOf(registry, { every: 10, requests: PLENTY });
      expect([listener.name, listener.exclusive]).toEqual(["poll", true]);
      yield* Effect.forkScoped(listener.run(deliver));
      yield* until((all) => all.length === 1);
      expect(lines).toEqual(["Changed a/web (polling began) stored"]);
      const moved = yield* put(registry, "a/web:1", "three");
      yield* until((all) => all.length === 2);
      const fresh = yield* put(registry, "a/web:3", "four");
      yield* until((all) => all.length === 3);
      yield* Effect.promise(() => fetch(new URL("/v2/a/web/manifests/2", registry.url), { method: "DELETE" }));
      yield* until((all) => all.length === 4);
      yield* put(registry, "b/new:1", "five");
      yield* until((all) => all.length === 5);
      expect(lines.slice(1)).toEqual([
        `Pushed a/web:1 ${moved} stored`,
        `Pushed a/web:3 ${fresh} stored`,
        "Deleted a/web:2 stored",
        "Changed b/new (polling began) stored",
      ]);
    }),
  ));

it("a change is told until it is stored", () =>
  run(
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      yield* put(registry, "a/web:1", "one");
      const { lines, deliver, until } = collecting(["unavailable"]);
      yield* Effect.forkScoped(listenerOf(registry, { every: 10, requests: PLENTY }).run(deliver));
      yield* until((all) => all.length === 2);
      expect(lines).toEqual(["Changed a/web (polling began) unavailable", "Changed a/web (polling began) stored"]);
    }),
  ));

it("a process that polls again knows what it had seen", () =>
  run(
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      yield* put(registry, "a/web:1", "one");
      const { lines, deliver, until } = collecting();
      const listener = listenerOf(registry, { every: 10, requests: PLENTY });
      const first = yield* Effect.forkScoped(Effect.scoped(listener.run(deliver)));
      yield* until((all) => all.length === 1);
      yield* Fiber.interrupt(first);
      const digest = yield* put(registry, "a/web:1", "while nobody looked");
      yield* Effect.forkScoped(listener.run(deliver));
      yield* until((all) => all.length === 2);
      expect(lines[1]).toBe(`Pushed a/web:1 ${digest} stored`);
    }),
  ));

it("a large repository does not keep the others from the budget, which is never exceeded", () =>
  run(
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      for (let n = 0; n < 30; n += 1) yield* put(registry, `a/large:${n}`, "same");
      for (const small of ["b/small", "c/small"]) yield* put(registry, `${small}:1`, "same");
      registry.requests.reset();
      const { lines, deliver, until } = collecting();
      const repositories = ["a/large", "b/small", "c/small"].map(name);
      const requests = { most: 8, within: 600_000 };
      yield* Effect.forkScoped(listenerOf(registry, { every: 10, requests, repositories }).run(deliver));
      yield* until((all) => all.length === 2);
      expect(lines).toEqual(["Changed b/small (polling began) stored", "Changed c/small (polling began) stored"]);
      yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => registry.requests.total() >= 8 });
      yield* Effect.sleep("100 millis");
      expect(registry.requests.total()).toBe(8);
    }),
  ));

it("one repository that is not there stops no other; without a catalogue the error says what to do", () =>
  run(
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ catalog: false });
      yield* put(registry, "a/web:1", "one");
      const { lines, deliver, until } = collecting();
      const repositories = ["a/missing", "a/web"].map(name);
      yield* Effect.forkScoped(listenerOf(registry, { every: 10, requests: PLENTY, repositories }).run(deliver));
      yield* until((all) => all.length === 1);
      expect(lines).toEqual(["Changed a/web (polling began) stored"]);
      const error = yield* Effect.flip(
        Effect.scoped(listenerOf(registry, { every: 10, requests: PLENTY }).run(deliver)),
      );
      expect(error.message).toContain("registries.hub.poll.repositories");
    }),
  ));
