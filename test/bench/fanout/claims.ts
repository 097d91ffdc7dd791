import { deliveryMigrations, makePostgresBus } from "@drayage/delivery";
import { Database, eventLogMigrations, layerDatabase } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type pg from "pg";
import { fillBacklog } from "./log-filler.ts";

/** Milliseconds of a claim of so many. */
export interface Times {
  readonly limit: number;
  readonly p50: number;
  readonly p99: number;
}

const TARGET = "far-behind";
const LIMITS = [1, 16];
const TIMES = 200;
const LEASE_MS = 60_000;

/** Claims one after the other as a replicator does, while `backlog` deliveries of the target wait. */
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
    const all: Times[] = [];
    for (const limit of LIMITS) {
      const took: number[] = [];
      for (let n = 0; n < TIMES; n++) {
        const started = performance.now();
        const items = yield* bus.claim({ target: TARGET, worker: "bench", limit, leaseMs: LEASE_MS });
        took.push(performance.now() - started);
        if (items.length !== limit) return yield* Effect.die(new Error(`${items.length} were claimed, not ${limit}`));
      }
      took.sort((a, b) => a - b);
      const at = (share: number): number => took[Math.floor(TIMES * share)] ?? Number.NaN;
      all.push({ limit, p50: at(0.5), p99: at(0.99) });
    }
    return all;
  });
  return Effect.runPromise(Effect.provide(timed, database));
};
