import type { Config } from "@drayage/config";
import { deliveryMigrations, makePostgresBus, requestWithin } from "@drayage/delivery";
import { SAMPLE_GUARD, succeeded } from "@drayage/delivery/testing";
import { compileRoutes, type DomainEvent, decodeEvent, encodeEvent, type Route, type SourceTag } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { connectRegistry, type Registry } from "@drayage/oci-core";
import { type Digest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { type ImageFixture, image, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import { openRegistries } from "@drayage/registries";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Logger from "effect/Logger";
import type * as Scope from "effect/Scope";
import type { Books } from "./compare-repository.ts";
import type { Difference } from "./look.ts";
import type { Booked } from "./names.ts";
import { type Report, reconcile } from "./reconcile.ts";
import type { Reconciler } from "./run.ts";

const need = <A>(value: A | undefined, text: string): A => {
  if (value === undefined) throw new TypeError(`not a valid name: ${text}`);
  return value;
};
export const repo = (text: string) => need(parseRepositoryName(text), text);
export const tagName = (text: string) => need(parseTag(text), text);
/** `repository:tag` */
export const place = (text: string) => {
  const [repository = "", tag = "latest"] = text.split(":");
  return { repository: repo(repository), tag: tagName(tag) };
};

const images = new Map<string, ImageFixture>();
const imageOf = (seed: string): ImageFixture => {
  const made = images.get(seed) ?? image({ seed, layers: [16] });
  images.set(seed, made);
  return made;
};
/** Of the image that `put` puts for a seed. */
export const digest = (seed: string): Digest => imageOf(seed).digest;

/** By hand, without HTTP. */
export const put = (registry: StrictRegistry, name: string, seed: string): void => {
  const { repository, tag } = place(name);
  registry.putManifest(repository, tag, imageOf(seed));
};

/** Everything of `source` goes to `copy/<name>` at east. */
export const route = (more: Partial<Route> = {}): Route => ({
  name: "all",
  from: "source",
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: [to("east")],
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
  ...more,
});
export const to = (registry: string, repository = "copy/{repository}", tag = "{tag}") => ({
  registry,
  repository,
  tag,
});
export const select = (...repositories: ReadonlyArray<string>): Route["select"] => ({
  repositories,
  tags: { _tag: "Globs", globs: ["*"] },
});
export const MIRROR: Route["deletes"] = { mode: "mirror", confirmAfter: 0, protect: [] };
export const compiled = (...routes: ReadonlyArray<Route>) => compileRoutes(routes, () => ({ repositoryKey: false }));

/** The source of `copy/app:v1` is `app:v1`, unless said otherwise. */
export const booked = (
  target: string,
  name: string,
  more: Partial<Booked> & { readonly from?: string } = {},
): Booked => {
  const { from = name.replace(/^copy\//, ""), ...fields } = more;
  const source: SourceTag = { registry: "source", ...place(from) };
  return { target, ...place(name), source, route: "all", owned: [], pending: false, parked: false, ...fields };
};

export interface World {
  readonly source: StrictRegistry;
  readonly east: StrictRegistry;
  readonly west: StrictRegistry;
  readonly registries: ReadonlyMap<string, Registry>;
}
export const world = Effect.gen(function* () {
  const made = yield* Effect.all({
    source: startStrictRegistry(),
    east: startStrictRegistry(),
    west: startStrictRegistry(),
  });
  const registries = new Map<string, Registry>();
  for (const [name, { url }] of Object.entries(made))
    registries.set(name, yield* connectRegistry({ name, url, auth: [], traits: { tagPageSize: 100 } }));
  return { ...made, registries } satisfies World as World;
});

export interface Compared {
  readonly report: Report;
  /** `target/repository:tag kind`, sorted. */
  readonly found: ReadonlyArray<string>;
  readonly differences: ReadonlyArray<Difference>;
}
/** One reconciliation of everything with books in memory. A function of books is asked each time. */
export const compareAll = Effect.fnUntraced(function* (
  { registries }: Pick<World, "registries">,
  routes: ReadonlyArray<Route>,
  books: ReadonlyArray<Booked> | (() => ReadonlyArray<Booked>) = [],
  scope: Report["scope"] = { kind: "full" },
) {
  const differences: Array<Difference> = [];
  const current = typeof books === "function" ? books : () => books;
  const read: Books<never> = (source) =>
    Effect.sync(() =>
      current().filter((one) => one.source.registry === source.registry && one.source.repository === source.repository),
    );
  const report = yield* reconcile(
    {
      books: read,
      delivered: ({ registry, repository }) =>
        Effect.sync(() => current().filter((one) => one.target === registry && one.repository === repository)),
      known: (registry) =>
        Effect.sync(() => [
          ...new Set(
            current()
              .filter((one) => one.source.registry === registry)
              .map((one) => one.source.repository),
          ),
        ]),
      routes: compiled(...routes),
      registryOf: (name) => registries.get(name),
      onDifferences: (_, found) => Effect.sync(() => void differences.push(...found)),
    },
    scope,
  );
  const found = differences.map((one) => `${one.target}/${one.repository}:${one.tag} ${one.kind}`).sort();
  return { report, found, differences } satisfies Compared as Compared;
});

/** Above all the waits of one test; the first one starts the database server too. */
const TEST_MS = 60_000;
const quiet = Logger.layer([]);
const services = Layer.merge(layerTestLog({ migrations: [deliveryMigrations] }), quiet);

type Body<R> = () => Generator<Effect.Effect<unknown, unknown, R>, void, never>;
/** With registries alone. */
export const test = (name: string, body: Body<Scope.Scope>): void =>
  it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(quiet)), TEST_MS);
/** With a new database of its own, with all our tables. */
export const testWithLog = (name: string, body: Body<Database | EventLog | Scope.Scope>): void =>
  it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(services)), TEST_MS);

/** What a reconciler needs, over the registries of a world. */
export const contextOf = Effect.fnUntraced(function* (
  { source, east, west }: World,
  routes: ReadonlyArray<Route>,
  reconcileAt: Partial<Config["reconcile"]> = {},
) {
  const registry = (name: string, { url }: StrictRegistry): Config["registries"][string] => ({
    name,
    type: "oci",
    url,
    auth: [],
    notifications: { scheme: "shared-secret", secrets: [] },
    traits: {},
    network: {},
  });
  const config: Config = {
    instance: "test",
    revision: "0",
    database: { _tag: "Embedded" },
    dataDir: "/nowhere",
    bus: { _tag: "Database" },
    http: { ingest: { host: "127.0.0.1", port: 0 }, admin: { host: "127.0.0.1", port: 0 } },
    registries: { source: registry("source", source), east: registry("east", east), west: registry("west", west) },
    routes,
    guard: SAMPLE_GUARD,
    reconcile: { changed: undefined, full: undefined, ...reconcileAt },
    retention: { raw: 1, events: undefined },
    admin: { tokens: [] },
  };
  const registries = yield* openRegistries(config);
  return { config, registries, database: yield* Database, log: yield* EventLog } satisfies Reconciler as Reconciler;
});

/** All events of the log. */
export const events = Effect.gen(function* () {
  const log = yield* EventLog;
  return (yield* log.read({ after: 0, limit: 10_000 })).map((event) => decodeEvent(event));
});
export const eventsOf = <T extends DomainEvent["_tag"]>(tag: T) =>
  Effect.map(events, (all) =>
    all.filter((event): event is Extract<DomainEvent, { readonly _tag: T }> => event._tag === tag),
  );
export const append = Effect.fnUntraced(function* (...given: ReadonlyArray<DomainEvent>) {
  const log = yield* EventLog;
  yield* log.append(given.map((event) => ({ ...encodeEvent(event), source: "/test" })));
});

/** Our books say that `copy/<name>` at a target was asked for; with a seed, that we put that image there. */
export const deliver = Effect.fnUntraced(function* (target: string, name: string, seed?: string) {
  const database = yield* Database;
  const names = place(name);
  const request = {
    target,
    repository: repo(`copy/${names.repository}`),
    tag: names.tag,
    source: { registry: "source", ...names },
    route: "all",
    position: 1,
    depth: "tag",
    priority: 20,
    requestedAt: new Date(),
    wakesParked: true,
  } as const;
  yield* database.transaction("request", (trx) => requestWithin(trx, [request]));
  if (seed === undefined) return;
  const bus = makePostgresBus(database, SAMPLE_GUARD);
  const [item] = yield* bus.claim({ target, worker: "test", limit: 1, leaseMs: 60_000 });
  if (item !== undefined) yield* bus.report(item, succeeded(item, digest(seed)));
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
