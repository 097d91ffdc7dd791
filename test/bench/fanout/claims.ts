import { type DeliveryBus, deliveryMigrations, makePostgresBus } from "@drayage/delivery";
import { Database, eventLogMigrations, layerDatabase } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type pg from "pg";
import { fillBacklog, workThrough } from "./log-filler.ts";

/** Milliseconds of a claim of so many; of none: of a commit of one row, which is what this machine and its disk ask of any claim. */
export interface Times {
  readonly limit: number;
  /** So many were claimed and delivered since the table was last swept: their dead entries lie at the head of the index that a claim reads. */
  readonly behind: number;
  readonly p50: number;
  readonly p99: number;
}

const TARGET = "far-behind";
const LIMITS = [1, 16];
const TIMES = 200;
const LEASE_MS = 60_000;
/** What autovacuum lets lie by the settings of the table (packages/delivery, `migrations.ts`). */
const BEHIND_SHARE = 0.02;

/** Claims one after the other as a replicator does, while `backlog` deliveries of the target wait: as they were asked, and again when a part was worked through. */
export const claimTimes = async (url: string, client: pg.Client, backlog: number): Promise<ReadonlyArray<Times>> => {
  await fillBacklog(client, TARGET, backlog);
  const database = layerDatabase({
    database: { _tag: "Server", url: Redacted.make(url) },
    instance: "bench",
    migrations: [eventLogMigrations, deliveryMigrations],
  });
  const timed = Effect.gen(function* () {
    const bus = makePostgresBus(yield* Database, {
      perRepository: { most: 1, within: 1 },
      perTarget: { most: 1, within: 1, fraction: 1 },
    });
    const commit = yield* Effect.promise(() => commitTimes(client));
    const fresh = yield* Effect.forEach(LIMITS, (limit) => timeOf(bus, limit, 0));
    const behind = Math.trunc(backlog * BEHIND_SHARE);
    yield* Effect.promise(() => workThrough(client, TARGET, behind));
    return [commit, ...fresh, ...(yield* Effect.forEach(LIMITS, (limit) => timeOf(bus, limit, behind)))];
  });
  return Effect.runPromise(Effect.provide(timed, database));
};

const timeOf = Effect.fnUntraced(function* (bus: DeliveryBus, limit: number, behind: number) {
  const took: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const started = performance.now();
    const items = yield* bus.claim({ target: TARGET, worker: "bench", limit, leaseMs: LEASE_MS });
    took.push(performance.now() - started);
    if (items.length !== limit) return yield* Effect.die(new Error(`${items.length} were claimed, not ${limit}`));
  }
  return { limit, behind, ...quantiles(took) };
});

const commitTimes = async (client: pg.Client): Promise<Times> => {
  const took: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const started = performance.now();
    await client.query("update checkpoint set updated_at = now() where subscriber = 'dispatch-rescans'");
    took.push(performance.now() - started);
  }
  return { limit: 0, behind: 0, ...quantiles(took) };
};

const quantiles = (took: number[]): Pick<Times, "p50" | "p99"> => {
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
};
