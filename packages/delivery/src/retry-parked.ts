import { appendWithin, Database, type DatabaseError, type Trx } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { type RawBuilder, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { toNewEvent } from "./events.ts";
import { toRepository, toTag } from "./rows.ts";

/** Which parked deliveries, and who asks. Without `target` and `deliveries`: all of them. */
export interface RetryRequest {
  readonly target?: string | undefined;
  /** Ids of deliveries. Those that are not parked are left alone. */
  readonly deliveries?: ReadonlyArray<string> | undefined;
  /** Kept in the log. */
  readonly why: string;
  /** e.g. `user:ci`. */
  readonly actor: string;
}
export interface Retried {
  readonly delivery: string;
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
}

/** More than this in one transaction would hold the position lock of the log too long; the rest goes in the next. */
const RETRY_BATCH_MOST = 500;

/**
 * Parked deliveries become pending, due now, with a new count of attempts, each with a `DeliveryRetried` in the same
 * transaction. Returns what was retried.
 */
export const retryParked = Effect.fnUntraced(function* (
  request: RetryRequest,
): Effect.fn.Return<ReadonlyArray<Retried>, DatabaseError, Database> {
  const database = yield* Database;
  const all: Array<Retried> = [];
  for (let last = "0"; ; ) {
    const after = last;
    const batch = yield* database.transaction("retry parked deliveries", (trx) => retryBatch(trx, request, after));
    all.push(...batch);
    const final = batch.at(-1);
    if (final === undefined) return all;
    last = final.delivery;
  }
});

const retryBatch = async (trx: Trx, request: RetryRequest, after: string): Promise<ReadonlyArray<Retried>> => {
  const { rows } = await wake(request, after).execute(trx);
  const retried = rows.toSorted((a, b) => Number(a.delivery) - Number(b.delivery));
  for (const target of new Set(retried.map((row) => row.target))) await wakeTarget(trx, target);
  const events = retried.map((row) => {
    const names = { target: row.target, repository: toRepository(row.repository), tag: toTag(row.tag) };
    return toNewEvent({ _tag: "DeliveryRetried", ...names, why: request.why }, request.actor);
  });
  await appendWithin(trx, events); // last in the transaction
  return retried;
};

const wake = ({ target, deliveries }: RetryRequest, after: string): RawBuilder<Retried> => sql<Retried>`
  update delivery set state = 'pending', waiting = false, due_at = now(), attempts = 0, lost = 0, requested_at = now(), parked_at = null
  where id in (
    select id from delivery where state = 'parked' and id > ${after}::bigint
      and (${target ?? null}::text is null or target = ${target ?? null})
      and (${deliveries ?? null}::bigint[] is null or id = any (${deliveries ?? null}::bigint[]))
    order by id limit ${RETRY_BATCH_MOST} for update)
  returning id::text as delivery, target, repository, tag`;
