import type { Config } from "@drayage/config";
import { askAgain, loseConnections } from "@drayage/delivery/testing";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { expect } from "vitest";
import {
  append,
  contextOf,
  eventsOf,
  eventually,
  place,
  put,
  route,
  select,
  testWithLog,
  to,
  type World,
  world,
} from "./reconciler.test-support.ts";
import { reconciler } from "./reconciler.ts";
import { unfinished } from "./unfinished.ts";

const app = route({ select: select("app") });
const start = Effect.fnUntraced(function* (lab: World, crons: Partial<Config["reconcile"]> = {}, routes = [app]) {
  const context = yield* contextOf(lab, routes, crons);
  const fiber = yield* Effect.forkScoped(reconciler(context));
  return { context, fiber };
});
const completed = eventsOf("ReconciliationCompleted");

testWithLog("what was never compared is compared at once, and once", function* () {
  const lab = yield* world;
  put(lab.source, "app:v1", "a");
  const { fiber } = yield* start(lab);
  yield* eventually(completed, (found) => found.length === 1);
  expect(yield* eventsOf("DriftFound")).toMatchObject([{ kind: "missing", tag: "v1" }]);
  yield* Fiber.interrupt(fiber);
  // A restart knows. Its first rescan or cron would come behind it.
  const { context } = yield* start(lab, { full: "* * * * * *" });
  yield* eventually(completed, (found) => found.length > 1);
  expect(yield* unfinished(context)).toEqual([]);
});

testWithLog("a registry that was down at the start is tried again until it is back", function* () {
  const lab = yield* world;
  put(lab.source, "app:v1", "a");
  yield* lab.east.setOnline(false);
  const { context } = yield* start(lab);
  yield* eventually(completed, (found) => found.length === 1);
  expect(yield* completed).toMatchObject([{ completeness: "incomplete" }]);
  yield* lab.east.setOnline(true);
  yield* eventually(unfinished(context), (found) => found.length === 0);
  expect((yield* completed).at(-1)).toMatchObject({ completeness: "complete", drift: { missing: 1 } });
});

testWithLog("the crons run, and what changed is compared alone", function* () {
  const lab = yield* world;
  yield* start(lab, { changed: "* * * * * *" });
  yield* eventually(completed, (found) => found.length === 1);
  put(lab.source, "app:v1", "a");
  yield* eventually(
    Effect.tap(eventsOf("DriftFound"), () => append({ _tag: "ImagePushed", registry: "source", ...place("app:v1") })),
    (found) => found.length > 0,
  );
  // The comparison of everything, which a start owes, may end at any time beside it.
  expect(yield* completed).toContainEqual(
    expect.objectContaining({ scope: expect.objectContaining({ kind: "changed", repository: "source/app" }) }),
  );
});

testWithLog("of several on one database one leads, and another takes over", function* () {
  const lab = yield* world;
  const first = yield* start(lab, { full: "* * * * * *" });
  yield* eventually(completed, (found) => found.length >= 2);
  const second = yield* start(lab, {}, [route({ ...app, to: [to("west")] })]);
  yield* eventually(completed, (found) => found.length >= 4);
  // West is new to the second, which does not lead.
  expect(yield* unfinished(second.context)).toEqual(["west"]);
  yield* Fiber.interrupt(first.fiber);
  yield* eventually(unfinished(second.context), (found) => found.length === 0);
});

testWithLog("lost connections are survived", function* () {
  const lab = yield* world;
  const { context, fiber } = yield* start(lab, { full: "* * * * * *" });
  yield* eventually(completed, (found) => found.length >= 1);
  yield* loseConnections;
  const before = (yield* askAgain(completed)).length;
  yield* eventually(askAgain(completed), (found) => found.length > before + 1);
  expect(fiber.pollUnsafe()).toBeUndefined();
  expect(yield* unfinished(context)).toEqual([]);
});
