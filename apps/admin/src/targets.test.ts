import type { Config } from "@drayage/config";
import { markReconciled } from "@drayage/delivery";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { append, configOf, dispatched, pushed, seed, start, test } from "./admin.test-support.ts";
import { readTargetBodies } from "./targets.ts";

/** A full reconciliation of east and west that ended just now; only of `complete` everything could be read. */
const reconciled = Effect.fnUntraced(function* (config: Config, ...complete: ReadonlyArray<string>) {
  const { transaction } = yield* Database;
  const position = yield* append({
    _tag: "ReconciliationCompleted",
    reconciliation: "r",
    scope: { kind: "full" },
    compared: 0,
    drift: {},
    completeness: "complete",
    problems: [],
    durationMs: 1,
  });
  const routing = { routes: config.routes, addressOf: () => undefined };
  yield* transaction("mark", (trx) => markReconciled(trx, routing, { position, finished: ["east", "west"], complete }));
  return position;
});
const targetsOf = (json: unknown) =>
  (json as { targets: ReadonlyArray<{ name: string; state: string; reasons: ReadonlyArray<string> }> }).targets;

test("nothing is level by lack of news", function* () {
  const { ask } = yield* start();
  expect(targetsOf((yield* ask("/api/v1/targets")).json)).toMatchObject([
    { name: "east", state: "unknown", reasons: ["never reconciled in full"], backlog: 0, lagSeconds: 0 },
    { name: "west", state: "unknown" },
  ]);
});

test("level, behind and unknown, each with its reasons", function* () {
  yield* seed({ done: ["app:v1"], stuck: ["app:bad"], waiting: ["app:next"] });
  const { ask, config } = yield* start();
  const first = yield* reconciled(config, "east", "west");
  yield* dispatched(first, "east", "west");
  const [east, west] = targetsOf((yield* ask("/api/v1/targets")).json);
  expect(east).toMatchObject({
    state: "behind",
    reasons: ["1 deliveries pending", "1 deliveries parked"],
    owned: 1,
    backlog: 1,
    parked: 1,
    lastSuccessAt: expect.stringMatching(/Z$/),
  });
  expect(east).toHaveProperty("lagSeconds", expect.any(Number));
  expect(west).toMatchObject({ state: "level", reasons: [] });

  // News that west has not dispatched, and a run that could not read all of west.
  yield* append(pushed("app:v2"), pushed("app:v3"));
  yield* reconciled(config, "east");
  expect(targetsOf((yield* ask("/api/v1/targets")).json)[1]).toMatchObject({
    state: "behind",
    reasons: ["2 events not yet dispatched", "the last reconciliation could not list everything"],
  });
  yield* dispatched(first + 2, "west");
  const later = targetsOf((yield* ask("/api/v1/targets")).json)[1];
  expect(later).toMatchObject({ state: "unknown" });
});

test("a target that nobody dispatches is not level, however new", function* () {
  yield* append(pushed("app:v1"));
  const { ask, config } = yield* start();
  yield* reconciled(config, "east", "west");
  expect(targetsOf((yield* ask("/api/v1/targets")).json)[0]).toMatchObject({
    state: "behind",
    reasons: ["1 events not yet dispatched"],
  });
});

test("a target that is routed in another way was not reconciled as it is now", function* () {
  const { config } = yield* start();
  yield* reconciled(config, "east", "west");
  const moved = yield* start({ targets: ["east"] });
  const [route] = moved.config.routes;
  expect(targetsOf((yield* moved.ask("/api/v1/targets")).json)[0]).toMatchObject({ name: "east", state: "level" });
  const changed = { ...moved.config, routes: route === undefined ? [] : [{ ...route, referrers: "none" as const }] };
  const bodies = yield* readTargetBodies(changed, yield* Database, yield* EventLog, new Date());
  expect(bodies).toMatchObject([{ name: "east", state: "unknown" }]);
});

test("many targets cost no more queries than one", function* () {
  const database = yield* Database;
  const log = yield* EventLog;
  yield* append(pushed("app:v1"));
  const counted = Effect.fnUntraced(function* (targets: ReadonlyArray<string>) {
    let queries = 0;
    const counting = {
      kysely: database.kysely.withPlugin({
        transformQuery: ({ node }) => {
          queries += 1;
          return node;
        },
        transformResult: ({ result }) => Promise.resolve(result),
      }),
      attempt: database.attempt,
    };
    const reads = {
      readBackward: (options: Parameters<typeof log.readBackward>[0]) => {
        queries += 1;
        return log.readBackward(options);
      },
    };
    const bodies = yield* readTargetBodies(configOf({ targets }), counting, reads, new Date());
    expect(bodies).toHaveLength(targets.length);
    return queries;
  });
  const one = yield* counted(["east"]);
  expect(one).toBeLessThanOrEqual(6);
  expect(yield* counted(Array.from({ length: 200 }, (_, n) => `target-${n}`))).toBe(one);
});

test("the metrics are those of now, in the text format of Prometheus, and never is infinitely long ago (F27)", function* () {
  yield* seed({ waiting: ["app:v1"], stuck: ["app:bad"] });
  const { ask, config } = yield* start();
  const scrape = Effect.map(ask("/metrics"), ({ headers, text }) => {
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    return parsed(text);
  });
  const before = yield* scrape;
  expect(before.get('drayage_backlog{target="east"}')).toBe(1);
  expect(before.get('drayage_deliveries{target="east",state="parked"}')).toBe(1);
  expect(before.get('drayage_backlog{target="west"}')).toBe(0);
  expect(before.get('drayage_lag_seconds{target="east"}')).toBeGreaterThan(0);
  expect(before.get('drayage_reconciliation_age_seconds{target="east"}')).toBe(Number.POSITIVE_INFINITY);
  yield* reconciled(config, "east");
  const after = yield* scrape;
  expect(after.get('drayage_reconciliation_age_seconds{target="east"}')).toBeLessThan(60);
  expect(after.get('drayage_reconciliation_age_seconds{target="west"}')).toBe(Number.POSITIVE_INFINITY);
});

/** Text format 0.0.4, taken at its word: every line is a comment or a sample, and a family stands in one piece after its TYPE. */
const parsed = (text: string): ReadonlyMap<string, number> => {
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = "";
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line)?.[1];
    if (type !== undefined) {
      expect(families.has(type)).toBe(false);
      families.add(type);
      family = type;
    }
    if (line.startsWith("# HELP ") || type !== undefined) continue;
    const sample = /^([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    const [, name = "", labels = "", value = ""] = sample ?? [];
    expect(name.startsWith(family), line).toBe(true);
    expect(samples.has(name + labels), line).toBe(false);
    samples.set(name + labels, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
  }
  return samples;
};
