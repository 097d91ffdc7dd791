import type { Reads } from "@drayage/admin";
import type { Config } from "@drayage/config";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { CliError, unable } from "../cli-error.ts";
import { adminReads, findAdmin } from "./admin-client.ts";

/** What `dray status` and `dray events` look at. */
export type Looks = Pick<Reads, "targets" | "deliveries" | "events">;

/**
 * What runs, seen from another process: the admin API where it answers, else the database as a guest. Starts nothing and
 * stops nothing, so it cannot disturb `dray up` (DESIGN.md section 9). A token for the API comes from DRAYAGE_TOKEN.
 */
export const looks = Effect.fnUntraced(function* (config: Config) {
  const base = yield* Effect.promise(() => findAdmin(config.http.admin));
  if (base !== undefined) {
    const reads = adminReads(base, process.env["DRAYAGE_TOKEN"]);
    yield* look(() => warnOfAnother(reads, base, config));
    return reads;
  }
  // Only now: half of the start-up time is the database's.
  const [{ makeReads }, { Database, EventLog }, { databaseLayer, noDatabase }] = yield* Effect.promise(() =>
    Promise.all([import("@drayage/admin"), import("@drayage/event-log"), import("./database.ts")]),
  );
  const services = yield* Layer.build(databaseLayer(config, "guest")).pipe(Effect.mapError(noDatabase));
  return yield* Effect.gen(function* () {
    return makeReads(config, yield* Database, yield* EventLog) satisfies Looks as Looks;
  }).pipe(Effect.provide(services));
});

/** Two installations on one machine may be given one port by mistake, and a file may have been changed since `dray up` read it. */
const warnOfAnother = async (reads: Looks, base: string, config: Config): Promise<void> => {
  const { events } = await reads.events({ limit: 1, types: ["ConfigurationApplied"], after: undefined });
  const revision = events[0]?.data["revision"];
  if (revision === undefined || revision === config.revision) return;
  process.stderr.write(
    `dray: warning: what runs at ${base} has another configuration (revision ${revision}, this file is ${config.revision})\n`,
  );
};

/** A read that may fail as a person is told. */
export const look = <A>(f: () => Promise<A>) =>
  Effect.tryPromise({
    try: f,
    catch: (cause) =>
      cause instanceof CliError ? cause : unable(cause instanceof Error ? cause.message : String(cause)),
  });
