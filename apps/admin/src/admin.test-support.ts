import { createHash } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { Config } from "@drayage/config";
import { deliveryMigrations, makePostgresBus, requestWithin } from "@drayage/delivery";
import { parked, SAMPLE_GUARD, sampleRequest, succeeded } from "@drayage/delivery/testing";
import { type DomainEvent, encodeEvent, type Route } from "@drayage/domain";
import { advanceWithin, Database, EventLog } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Logger from "effect/Logger";
import type * as Scope from "effect/Scope";
import { admin } from "./index.ts";

/** Above all the waits of one test; the first one starts the database server too. */
const TEST_MS = 60_000;
const services = Layer.merge(layerTestLog({ migrations: [deliveryMigrations] }), Logger.layer([]));

type Body = () => Generator<Effect.Effect<unknown, unknown, Database | EventLog | Scope.Scope>, void, never>;
/** With a new database of its own, with all our tables. */
export const test = (name: string, body: Body): void =>
  it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(services)), TEST_MS);

export const TOKEN = "a-token-of-a-viewer";
export const OPERATOR_TOKEN = "a-token-of-an-operator";
export const tokens: Config["admin"]["tokens"] = [
  { name: "other", role: "admin", hash: `sha256:${"0".repeat(64)}` },
  { name: "ci", role: "viewer", hash: `sha256:${createHash("sha256").update(TOKEN).digest("hex")}` },
  { name: "ops", role: "operator", hash: `sha256:${createHash("sha256").update(OPERATOR_TOKEN).digest("hex")}` },
];

const routeTo = (...targets: ReadonlyArray<string>): Route => ({
  name: "all",
  from: "source",
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: targets.map((registry) => ({ registry, repository: "{repository}", tag: "{tag}" })),
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
});
export const configOf = (options: {
  readonly targets?: ReadonlyArray<string>;
  readonly tokens?: Config["admin"]["tokens"];
}): Config => ({
  instance: "test",
  revision: "0",
  database: { _tag: "Embedded" },
  dataDir: "/nowhere",
  bus: { _tag: "Database" },
  http: { ingest: { host: "127.0.0.1", port: 0 }, admin: { host: "127.0.0.1", port: 0 } },
  registries: {},
  routes: [routeTo(...(options.targets ?? ["east", "west"]))],
  guard: SAMPLE_GUARD,
  reconcile: { changed: undefined, full: undefined },
  retention: { raw: 1, events: undefined },
  admin: { tokens: options.tokens ?? [] },
});

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}
export type Ask = (
  path: string,
  options?: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
) => Effect.Effect<Answer>;

/** A server, and how to ask it. Not `fetch`, which lets nobody choose a Host. */
export const start = Effect.fnUntraced(function* (options: Parameters<typeof configOf>[0] = {}) {
  const config = configOf(options);
  const server = yield* admin({ config });
  const ask: Ask = (path, { method = "GET", headers = {}, body = "" } = {}) =>
    Effect.promise(
      () =>
        new Promise<Answer>((resolve, reject) => {
          const sent = httpRequest(`${server.url}${path}`, { method, headers, agent: false }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (piece: string) => {
              text += piece;
            });
            response.on("end", () => {
              const json: unknown =
                /json/.test(response.headers["content-type"] ?? "") && text !== "" ? JSON.parse(text) : undefined;
              resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
            });
          });
          sent.on("error", reject).end(body);
        }),
    );
  return { config, server, ask };
});

export const append = Effect.fnUntraced(function* (...given: ReadonlyArray<DomainEvent>) {
  const log = yield* EventLog;
  const appended = yield* log.append(given.map((event) => ({ ...encodeEvent(event), source: "/test" })));
  return appended.at(-1)?.position ?? 0;
});
/** News of `repository:tag` of registry `source`. */
export const pushed = (name: string): DomainEvent => {
  const { source } = sampleRequest(name, 1);
  return { _tag: "ImagePushed", ...source };
};

/** Deliveries to east: `done` were copied, `stuck` are parked, `waiting` are pending. Requested in 2026, so the lag is long. */
export const seed = Effect.fnUntraced(function* (names: {
  readonly done?: ReadonlyArray<string>;
  readonly stuck?: ReadonlyArray<string>;
  readonly waiting?: ReadonlyArray<string>;
}) {
  const database = yield* Database;
  const bus = makePostgresBus(database, SAMPLE_GUARD);
  const request = (list: ReadonlyArray<string>) =>
    database.transaction("seed", (trx) =>
      requestWithin(
        trx,
        list.map((name, n) => sampleRequest(name, n + 1)),
      ),
    );
  const claim = bus.claim({ target: "east", worker: "test", limit: 100, leaseMs: 60_000 });
  yield* request(names.done ?? []);
  for (const item of yield* claim) yield* bus.report(item, succeeded(item));
  yield* request(names.stuck ?? []);
  for (const item of yield* claim) yield* bus.report(item, parked(item));
  yield* request(names.waiting ?? []);
});

/** The dispatcher has acted on the log up to `to`. */
export const dispatched = Effect.fnUntraced(function* (to: number, ...targets: ReadonlyArray<string>) {
  const { transaction } = yield* Database;
  yield* transaction("dispatched", async (trx) => {
    for (const subscriber of ["dispatch-rescans", ...targets.map((target) => `dispatch/${target}`)])
      await advanceWithin(trx, { subscriber, to });
  });
});
