import { appendWithin, Database, type DatabaseError, type Trx } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { type RawBuilder, sql } from "kysely";
import { wakeTarget } from "./channel.ts";
import { toNewEvent } from "./events.ts";
import { toRepository, toTag } from "./rows.ts";

/** Which parked deliveries, and who asks. Without `target` and `deliveries`: all of them. */
export interface ParkedRequest {
  readonly target?: string | undefined;
  /** Ids of deliveries. Those that are not parked are left alone. */
  readonly deliveries?: ReadonlyArray<string> | undefined;
  /** Kept in the log. */
  readonly why: string;
  /** e.g. `user:ci`. */
  readonly actor: string;
}
/** One that was parked. */
export interface WasParked {
  readonly delivery: string;
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
}

/** More than this in one transaction would hold the position lock of the log too long; the rest goes in the next. */
const BATCH_MOST = 500;

/**
 * Parked deliveries become pending, due now, with a new count of attempts, each with a `DeliveryRetried` in the same
 * transaction. Returns what was retried.
 */
export const retryParked = (request: ParkedRequest): Effect.Effect<ReadonlyArray<WasParked>, DatabaseError, Database> =>
  change(request, "DeliveryRetried", RETRIED);

/**
 * Parked deliveries are given up, each with a `DeliveryDiscarded` in the same transaction: what was asked counts as done. What we hold there stays in our
 * books. News from the source ask again; so does a reconciliation, for as long as the two sides differ. Returns what was given up.
 */
export const discardParked = (
  request: ParkedRequest,
): Effect.Effect<ReadonlyArray<WasParked>, DatabaseError, Database> => change(request, "DeliveryDiscarded", DISCARDED);

const RETRIED = sql`state = 'pending', waiting = false, due_at = now(), attempts = 0, lost = 0, requested_at = now(), parked_at = null`;
const DISCARDED = sql`state = 'idle', claimed = requested, done = requested, depth = 0, claimed_depth = 0, attempts = 0, lost = 0,
  last_error = null, absent_since = null, parked_at = null`;

const change = Effect.fnUntraced(function* (
  request: ParkedRequest,
  _tag: "DeliveryRetried" | "DeliveryDiscarded",
  columns: RawBuilder<unknown>,
): Effect.fn.Return<ReadonlyArray<WasParked>, DatabaseError, Database> {
  const database = yield* Database;
  const all: Array<WasParked> = [];
  for (let last = "0"; ; ) {
    const after = last;
    const batch = yield* database.transaction("change parked deliveries", async (trx) => {
      const { rows } = await update(request, after, columns).execute(trx);
      const changed = rows.toSorted((a, b) => Number(a.delivery) - Number(b.delivery));
      await tell(trx, changed, _tag, request);
      return changed;
    });
    all.push(...batch);
    const final = batch.at(-1);
    if (final === undefined) return all;
    last = final.delivery;
  }
});

/** Last in the transaction. */
const tell = async (
  trx: Trx,
  changed: ReadonlyArray<WasParked>,
  _tag: "DeliveryRetried" | "DeliveryDiscarded",
  { why, actor }: ParkedRequest,
): Promise<void> => {
  if (_tag === "DeliveryRetried")
    for (const target of new Set(changed.map((row) => row.target))) await wakeTarget(trx, target);
  const events = changed.map((row) => {
    const names = { target: row.target, repository: toRepository(row.repository), tag: toTag(row.tag) };
    return toNewEvent({ _tag, ...names, why }, actor);
  });
  await appendWithin(trx, events);
};

const update = (
  { target, deliveries }: ParkedRequest,
  after: string,
  columns: RawBuilder<unknown>,
): RawBuilder<WasParked> => sql<WasParked>`
  update delivery set ${columns}
  where id in (
    select id from delivery where state = 'parked' and id > ${after}::bigint
      and (${target ?? null}::text is null or target = ${target ?? null})
      and (${deliveries ?? null}::bigint[] is null or id = any (${deliveries ?? null}::bigint[]))
    order by id limit ${BATCH_MOST} for update)
  returning id::text as delivery, target, repository, tag`;
