import { deliveryMigrations, readDeliveries } from "@drayage/delivery";
import { compileRoutes, type DomainEvent, encodeEvent, type Route } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Logger from "effect/Logger";
import type * as Scope from "effect/Scope";
import { dispatchRoutes } from "./dispatcher.ts";

type Body = Generator<Effect.Effect<unknown, unknown, Database | EventLog | Scope.Scope>, void, never>;

/** Above all the waits of one test; the first one starts the database server too. */
const TEST_MS = 60_000;

/** Quiet: the tests break connections on purpose, and each break is logged. */
const services = Layer.merge(layerTestLog({ migrations: [deliveryMigrations] }), Logger.layer([]));

/** A test with a new database of its own, with all our tables. What it started ends before the database. */
export const test = (name: string, body: () => Body): void =>
  it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(services)), TEST_MS);

const need = <A>(value: A | undefined, text: string): A => {
  if (value === undefined) throw new TypeError(`not a valid name: ${text}`);
  return value;
};
export const place = (name: string) => {
  const [repository = "", tag = "latest"] = name.split(":");
  return { repository: need(parseRepositoryName(repository), name), tag: need(parseTag(tag), name) };
};
export const pushed = (name: string, registry = "source"): DomainEvent => ({
  _tag: "ImagePushed",
  registry,
  ...place(name),
});

/** Everything of `from` goes to the same names at the targets. */
export const route = (name: string, from: string, ...targets: ReadonlyArray<string>): Route => ({
  name,
  from,
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: targets.map((registry) => ({ registry, repository: "{repository}", tag: "{tag}" })),
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
});
export const compiled = (...routes: ReadonlyArray<Route>) => compileRoutes(routes, () => ({ repositoryKey: false }));

/** Appends the events in one call; gives the position of the last. */
export const append = Effect.fnUntraced(function* (...events: ReadonlyArray<DomainEvent>) {
  const log = yield* EventLog;
  const appended = yield* log.append(events.map((event) => ({ ...encodeEvent(event), source: "/test" })));
  return appended.at(-1)?.position ?? 0;
});
/** A dispatcher in the background of the scope. */
export const start = (...routes: ReadonlyArray<Route>) => Effect.forkScoped(dispatchRoutes(compiled(...routes)));

/** The deliveries as `target/repository:tag@position`. */
export const deliveries = Effect.gen(function* () {
  const { kysely } = yield* Database;
  const rows = yield* Effect.promise(() => readDeliveries(kysely, { limit: 1000 }));
  return rows.map((row) => `${row.target}/${row.repository}:${row.tag}@${row.requested}`).toSorted();
});

/** Long for a machine under load; a pass takes milliseconds. */
const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** Looks until `read` gives what `wanted` says; dies with the last value. */
export const eventually = <A, E, R>(read: Effect.Effect<A, E, R>, wanted: (value: A) => boolean) =>
  Effect.gen(function* () {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = yield* read;
      if (wanted(value)) return value;
      if (Date.now() > until) return yield* Effect.die(new Error(`not within time: ${JSON.stringify(value)}`));
      yield* Effect.sleep(LOOK_EVERY_MS);
    }
  });
/** Waits for exactly these deliveries. */
export const expectDeliveries = (...names: ReadonlyArray<string>) =>
  eventually(deliveries, (found) => JSON.stringify(found) === JSON.stringify(names.toSorted()));
