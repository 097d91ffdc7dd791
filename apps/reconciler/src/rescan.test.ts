import { claimRescans, pendingRescans, rescanWithin } from "@drayage/delivery";
import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { expect } from "vitest";
import {
  contextOf,
  eventsOf,
  eventually,
  put,
  repo,
  route,
  select,
  testWithLog,
  to,
  world,
} from "./reconciler.test-support.ts";
import { rescans } from "./rescan.ts";

const ask = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const { transaction } = yield* Database;
  // Positions are those of the log; any that grow will do.
  const requests = names.map((name) => ({
    registry: "source",
    repository: repo(name),
    position: ++asked,
    reason: "a test",
  }));
  yield* transaction("ask", (trx) => rescanWithin(trx, requests));
});
let asked = 0;
const pending = Effect.flatMap(Database, ({ kysely }) => Effect.promise(() => pendingRescans(kysely)));
const none = (found: ReadonlyArray<unknown>): boolean => found.length === 0;
const app = route({ select: select("app", "b", "c", "d") });

testWithLog("a rescan compares its repository alone, at once, and is done", function* () {
  const lab = yield* world;
  put(lab.source, "app:v1", "a");
  put(lab.source, "b:v1", "a");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  yield* ask("app");
  yield* eventually(pending, none);
  expect((yield* eventsOf("DriftFound")).map(({ repository }) => repository)).toEqual(["copy/app"]);
  expect(yield* eventsOf("ReconciliationStarted")).toMatchObject([
    { scope: { kind: "rescan", repository: "source/app" } },
  ]);
});

testWithLog("many, also those that were asked for before we came; many for one repository are one", function* () {
  const lab = yield* world;
  yield* ask("app", "app", "b", "c", "d", "app");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  yield* eventually(pending, none);
  const scopes = (yield* eventsOf("ReconciliationCompleted")).map(({ scope }) => scope.repository);
  expect(scopes.toSorted()).toEqual(["source/app", "source/b", "source/c", "source/d"]);
});

testWithLog("what no route selects any more is done without asking anybody", function* () {
  const lab = yield* world;
  yield* ask("elsewhere");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  yield* eventually(pending, none);
  expect(lab.source.requests.total()).toBe(0);
});

testWithLog("one that could not be compared completely waits and is done again; others go on meanwhile", function* () {
  const lab = yield* world;
  const { kysely } = yield* Database;
  put(lab.source, "b:v1", "a");
  const forbidden = lab.source.faults.add({
    match: { path: /\/app\/tags/, times: Infinity },
    action: { kind: "status", status: 403 },
  });
  yield* ask("app", "b");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  const left = yield* eventually(pending, (found) => found.length === 1 && found[0]?.leased === false);
  expect(left).toMatchObject([{ repository: "app" }]);
  yield* eventually(eventsOf("DriftFound"), (found) => found.length === 1);
  const { rows } = yield* Effect.promise(() =>
    sql<{ wait: number }>`select extract(epoch from due_at - now())::float8 as wait from rescan
      where requested > done`.execute(kysely),
  );
  expect(rows[0]?.wait).toBeGreaterThan(20);

  forbidden.remove();
  yield* Effect.promise(() => sql`update rescan set due_at = now()`.execute(kysely));
  yield* eventually(pending, none);
});

testWithLog("asked for again while it runs: it runs again", function* () {
  const lab = yield* world;
  lab.source.faults.add({ match: { path: /\/app\/tags/ }, action: { kind: "slow", delayMs: 300 } });
  yield* ask("app");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  yield* eventually(pending, (found) => found[0]?.leased === true);
  yield* ask("app");
  yield* eventually(pending, none);
  expect(yield* eventsOf("ReconciliationCompleted")).toHaveLength(2);
});

testWithLog("who lost the lease finishes nothing", function* () {
  const lab = yield* world;
  const { kysely } = yield* Database;
  lab.source.faults.add({ match: { path: /\/app\/tags/ }, action: { kind: "slow", delayMs: 500 } });
  yield* ask("app");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [app])));
  yield* eventually(pending, (found) => found[0]?.leased === true);
  // Another one takes it, as after a lease that ran out.
  const taken = yield* Effect.promise(async () => {
    await sql`update rescan set lease_until = now() - interval '1 second'`.execute(kysely);
    return claimRescans(kysely, { worker: "other", limit: 1, leaseMs: 60_000 });
  });
  expect(taken).toHaveLength(1);
  yield* eventually(eventsOf("ReconciliationCompleted"), (found) => found.length === 1);
  expect(yield* pending).toMatchObject([{ repository: "app", leased: true }]);
});

testWithLog("a repository that takes long holds up no other", function* () {
  const lab = yield* world;
  lab.source.faults.add({ match: { path: /\/app\/tags/ }, action: { kind: "stall" } });
  yield* ask("app");
  yield* Effect.forkScoped(rescans(yield* contextOf(lab, [route({ ...app, to: [to("east"), to("west")] })])));
  yield* eventually(pending, (found) => found[0]?.leased === true);
  yield* ask("b", "c", "d");
  expect(yield* eventually(pending, (found) => found.length === 1)).toMatchObject([{ repository: "app" }]);
});
