/** Two registries that feed each other (FAILURES F24): every change at either side is an event, as their webhooks would tell it. */
import { makeMemoryDeliveries } from "@drayage/delivery";
import { repositoryName, tagName } from "@drayage/delivery/testing";
import { compileRoutes, type DomainEvent, fanOut, type OutcomeEvent, workPolicyOf } from "@drayage/domain";
import { makeCopier } from "@drayage/oci-core";
import { pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import type { Replicate } from "./replicate.ts";
import { APP, plainRoute, runner, type Side, small, startSide, WIDE_GUARD } from "./replicator.test-support.ts";

const start = Effect.fnUntraced(function* (confirmAfter = 0) {
  const deletes = { mode: "mirror", confirmAfter, protect: [] } as const;
  const routes = [plainRoute("there", "a", "b"), plainRoute("back", "b", "a")].map((route) => ({ ...route, deletes }));
  const compiled = compileRoutes(routes, () => undefined);
  const deliveries = yield* makeMemoryDeliveries({ guard: WIDE_GUARD });
  const [a, b] = [yield* startSide("a"), yield* startSide("b")];
  const sides: ReadonlyMap<string, Side> = new Map([
    ["a", a],
    ["b", b],
  ]);
  const copier = yield* makeCopier();
  const context = (target: Side): Replicate => ({
    bus: deliveries.bus,
    copier,
    target: target.client,
    registryOf: (name) => sides.get(name)?.client,
    policyOf: (item) => workPolicyOf(compiled, item),
  });
  let position = 0;
  const webhook = (registry: string, side: Side): void => {
    side.server.onChange(({ action, what, repository, tag }) => {
      if (tag === undefined || (action !== "push" && action !== "delete") || (action === "delete" && what !== "tag"))
        return;
      const event: DomainEvent = {
        _tag: action === "push" ? "ImagePushed" : "TagDeleted",
        registry,
        repository: repositoryName(repository),
        tag: tagName(tag),
      };
      position += 1;
      deliveries.request(fanOut(event, position, new Date(), compiled).deliveries);
    });
  };
  webhook("a", a);
  webhook("b", b);
  const workers = [runner(context(a)), runner(context(b))];
  const settle = Effect.gen(function* () {
    for (let worked = true; worked; ) {
      const ended = yield* Effect.forEach(workers, (worker) => worker.settle);
      worked = ended.flat().length > 0;
    }
  });
  const actions = (): ReadonlyArray<string> => deliveries.events().map(actionOf);
  /** A reconciliation finds that `a` lacks the tag, by the route from `b`. */
  const missingAtA = (tag: string): void => {
    position += 1;
    const names = { repository: APP, tag: tagName(tag) };
    const drift = { kind: "missing", target: "a", ...names, source: { registry: "b", ...names } } as const;
    const event = { _tag: "DriftFound", ...drift, route: "back", reconciliation: "r" } as const;
    deliveries.request(fanOut(event, position, new Date(), compiled).deliveries);
  };
  return { a: a.server, b: b.server, settle, actions, missingAtA };
});

/** Long enough for a pass of the workers, short enough to be waited for. */
const CONFIRM_MS = 1_500;

const actionOf = (event: OutcomeEvent): string =>
  `${event.target} ${event._tag === "ReplicationSucceeded" ? event.action : event._tag}`;

describe("a and b feed each other", () => {
  it.live(
    "one push is one copy, one overwrite one more, one deletion one deletion",
    () =>
      Effect.gen(function* () {
        const { a, b, settle, actions } = yield* start();
        yield* pushImage(a.url, APP, "witness", small("witness"));
        yield* settle;
        const before = actions().length;
        yield* pushImage(a.url, APP, "v1", small("one"));
        yield* settle;
        yield* pushImage(b.url, APP, "v1", small("two"));
        yield* settle;
        expect([a, b].map((side) => side.manifest(APP, "v1")?.digest)).toEqual([
          small("two").digest,
          small("two").digest,
        ]);
        expect(
          actions()
            .slice(before)
            .filter((action) => action.endsWith("copied")),
        ).toEqual(["b copied", "a copied"]);
        const count = a.requests.count({ method: "PUT" }) + b.requests.count({ method: "PUT" });
        yield* settle;
        expect(a.requests.count({ method: "PUT" }) + b.requests.count({ method: "PUT" })).toBe(count);

        a.requests.reset();
        yield* Effect.promise(() => fetch(new URL(`/v2/${APP}/manifests/v1`, a.url), { method: "DELETE" }));
        yield* settle;
        expect([a, b].map((side) => side.tags(APP))).toEqual([["witness"], ["witness"]]);
        expect(actions().filter((action) => action.endsWith("deleted"))).toEqual(["b deleted"]);
        expect([a.requests.count({ method: "DELETE" }), b.requests.count({ method: "DELETE" })]).toEqual([1, 1]);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "given a deletion at a that waits for its second proof, when b is asked to bring the tag to a, then it does not come back",
    () =>
      Effect.gen(function* () {
        const { a, b, settle, actions, missingAtA } = yield* start(CONFIRM_MS);
        yield* pushImage(a.url, APP, "witness", small("witness"));
        yield* pushImage(a.url, APP, "v1", small("one"));
        yield* settle;
        expect(b.tags(APP)).toEqual(["v1", "witness"]);
        const before = actions().length;
        yield* Effect.promise(() => fetch(new URL(`/v2/${APP}/manifests/v1`, a.url), { method: "DELETE" }));
        missingAtA("v1");
        yield* settle;
        expect([a.tags(APP), b.tags(APP)]).toEqual([["witness"], ["v1", "witness"]]);
        expect(actions().slice(before)).toEqual(["a ReplicationSkipped"]);
        yield* Effect.sleep(2 * CONFIRM_MS);
        yield* settle;
        expect([a.tags(APP), b.tags(APP)]).toEqual([["witness"], ["witness"]]);
        // A new push at b is news of b.
        yield* pushImage(b.url, APP, "v1", small("two"));
        yield* settle;
        expect(a.manifest(APP, "v1")?.digest).toBe(small("two").digest);
      }).pipe(Effect.scoped),
    60_000,
  );
});
