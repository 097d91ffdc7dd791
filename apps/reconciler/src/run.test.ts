import { sourceRepositories } from "@drayage/delivery";
import { encodeEvent } from "@drayage/domain";
import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { changed } from "./changed.ts";
import {
  append,
  contextOf,
  deliver,
  digest,
  events,
  eventsOf,
  MIRROR,
  place,
  put,
  repo,
  route,
  select,
  testWithLog,
  to,
  world,
} from "./reconciler.test-support.ts";
import { reconcileAndAppend } from "./run.ts";
import { catchUp, unfinished } from "./unfinished.ts";

testWithLog("a run is in the log: started, the drift, completed, all with one id", function* () {
  const lab = yield* world;
  put(lab.source, "app:v1", "a");
  put(lab.source, "app:on-its-way", "a");
  put(lab.east, "copy/app:gone", "a");
  yield* deliver("east", "app:gone", "a");
  yield* deliver("east", "app:on-its-way");
  const context = yield* contextOf(lab, [route({ select: select("app"), deletes: MIRROR })]);
  // `gone` was reported by a worker, whose outcome is an event too.
  const before = (yield* events).length;
  const report = yield* reconcileAndAppend(context, { kind: "full" });
  const { reconciliation } = report;
  expect((yield* events).slice(before)).toMatchObject([
    { _tag: "ReconciliationStarted", reconciliation, scope: { kind: "full" } },
    { _tag: "DriftFound", reconciliation, kind: "extra", tag: "gone", held: digest("a") },
    { _tag: "DriftFound", reconciliation, kind: "missing", tag: "v1", wanted: digest("a"), route: "all" },
    {
      _tag: "ReconciliationCompleted",
      reconciliation,
      compared: 2,
      drift: { missing: 1, extra: 1 },
      completeness: "complete",
    },
  ]);
});

testWithLog("more drift than one append takes", function* () {
  const lab = yield* world;
  for (let n = 0; n < 1_200; n += 1) put(lab.source, `app:v${n}`, "a");
  const context = yield* contextOf(lab, [route({ select: select("app") })]);
  yield* reconcileAndAppend(context, { kind: "full" });
  expect(yield* eventsOf("DriftFound")).toHaveLength(1_200);
});

testWithLog(
  "targets that are new, routed in another way or not read completely are caught up with, no others",
  function* () {
    const lab = yield* world;
    put(lab.source, "app:v1", "a");
    const app = route({ select: select("app") });
    const first = yield* contextOf(lab, [app]);
    expect(yield* unfinished(first)).toEqual(["east"]);
    // A run of one route, or of one repository, says nothing of the whole target.
    yield* reconcileAndAppend(first, { kind: "full", route: "all" });
    yield* reconcileAndAppend(
      first,
      { kind: "rescan" },
      { _tag: "Some", registry: "source", repositories: [repo("app")] },
    );
    expect(yield* unfinished(first)).toEqual(["east"]);
    expect(yield* catchUp(first)).toBe(true);
    expect(yield* catchUp(first)).toBe(true);
    expect(yield* eventsOf("ReconciliationCompleted")).toHaveLength(3);

    // A target beside it, which is down.
    yield* lab.west.setOnline(false);
    const second = yield* contextOf(lab, [app, route({ name: "more", select: select("app"), to: [to("west")] })]);
    expect(yield* unfinished(second)).toEqual(["west"]);
    expect(yield* catchUp(second)).toBe(false);
    // A nightly run leaves what is well as it was.
    yield* reconcileAndAppend(second, { kind: "full" });
    expect(yield* unfinished(second)).toEqual(["west"]);
    yield* lab.west.setOnline(true);
    expect(yield* catchUp(second)).toBe(true);
    expect((yield* eventsOf("ReconciliationCompleted")).at(-1)).toMatchObject({
      scope: { kind: "full", target: "west" },
    });
    expect(yield* unfinished(second)).toEqual([]);

    // The log never held what this route selects now.
    const third = yield* contextOf(lab, [route({ select: select("app", "other") })]);
    expect(yield* unfinished(third)).toEqual(["east"]);
    expect(yield* unfinished(second)).toEqual([]);
  },
);

testWithLog(
  "of what changed only repositories that moved are compared, again while something could not be read",
  function* () {
    const lab = yield* world;
    for (const name of ["moved", "quiet"]) put(lab.source, `${name}:v1`, "a");
    const context = yield* contextOf(lab, [route({ select: select("*") })]);
    yield* append({ _tag: "ImagePushed", registry: "source", ...place("early:v1") });
    yield* changed(context);
    expect(yield* eventsOf("ReconciliationStarted")).toEqual([]);

    yield* append(
      { _tag: "ImagePushed", registry: "source", ...place("moved:v1") },
      { _tag: "TagDeleted", registry: "source", ...place("moved:v0") },
      { _tag: "ImagePushed", registry: "source", ...place("unselected/x:v1") },
    );
    yield* lab.east.setOnline(false);
    yield* changed(context);
    yield* lab.east.setOnline(true);
    yield* changed(context);
    yield* changed(context);
    expect(
      (yield* eventsOf("ReconciliationCompleted")).map(({ completeness, drift }) => [completeness, drift]),
    ).toEqual([
      ["incomplete", {}],
      ["complete", { missing: 1 }],
    ]);
    expect(lab.source.requests.count({ route: "tags", path: /quiet|early|unselected/ })).toBe(0);
    expect(lab.source.requests.count({ route: "catalog" })).toBe(0);

    yield* append({
      _tag: "ImagePromoted",
      registry: "source",
      from: place("quiet:v1"),
      to: { repository: repo("moved") },
    });
    yield* changed(context);
    expect((yield* eventsOf("ReconciliationCompleted")).at(-1)).toMatchObject({
      compared: 2,
      scope: { kind: "changed" },
    });
  },
);

testWithLog("an event of another version stops nothing", function* () {
  const lab = yield* world;
  const { log, ...context } = yield* contextOf(lab, [route()]);
  yield* log.append([
    { ...encodeEvent({ _tag: "ImagePushed", registry: "source", ...place("app:v1") }), source: "/test" },
  ]);
  yield* changed({ log, ...context });
  yield* log.append([{ type: "io.drayage.image.pushed.v1", source: "/test", data: { repository: "NOT A NAME" } }]);
  yield* changed({ log, ...context });
  expect(yield* eventsOf("ReconciliationStarted")).toEqual([]);
});

testWithLog("repositories of our books are compared, although the catalogue has lost them", function* () {
  const lab = yield* world;
  put(lab.east, "copy/vanished:v1", "a");
  yield* deliver("east", "vanished:v1", "a");
  const { kysely } = yield* Database;
  expect(yield* Effect.promise(() => sourceRepositories(kysely, "source"))).toEqual(["vanished"]);
  const context = yield* contextOf(lab, [route({ deletes: MIRROR })]);
  expect((yield* reconcileAndAppend(context, { kind: "full" })).drift).toEqual({ extra: 1 });
});
