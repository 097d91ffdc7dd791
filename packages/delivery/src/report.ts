import type { WorkItem } from "@drayage/domain";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import type { Outcome } from "./bus.ts";
import { wakeTarget } from "./channel.ts";
import { clean, storable } from "./events.ts";
import { learnWeight } from "./huge.ts";
import { isCurrent } from "./lease.ts";
import { MANIFESTS_MOST, NEWS_WAIT_MOST_MS } from "./limits.ts";

/**
 * Writes what became of an item, inside the caller's transaction; the caller appends the outcome's event after it. False: the
 * lease is lost, and nothing was written.
 *
 * Whatever the outcome, a request that came since the claim is pending afterwards.
 */
export const reportWithin = async (trx: QueryExecutorProvider, item: WorkItem, outcome: Outcome): Promise<boolean> => {
  const { rows } = await sql<{ state: string; waiting: boolean }>`
    update delivery d set ${changes(outcome)}, lost = 0, lease_owner = null, lease_until = null
    where ${isCurrent(item)} returning d.state, d.waiting`.execute(trx);
  const [row] = rows;
  if (row === undefined) return false;
  await learnWeight(trx, item, outcome);
  if (row.state === "pending" && !row.waiting) await wakeTarget(trx, item.target);
  return true;
};

const changes = (outcome: Outcome): RawBuilder<unknown> => {
  switch (outcome._tag) {
    case "Succeeded":
      return sql`${SETTLED}, gate = null, absent_since = null, last_success_at = now(), intended = '{}',
        held_at = case when d.held_digest is distinct from ${outcome.held} then now() else d.held_at end,
        held_digest = ${outcome.held}, manifests = ${outcome.manifests.slice(0, MANIFESTS_MOST)}::text[]`;
    case "Skipped":
      // Two tags on one digest wait for each other: the first keeps its proof until the second has one too.
      return outcome.event.reason === "shared-digest"
        ? sql`${SETTLED}, gate = null, absent_since = ${unlessNews(sql`d.absent_since`)}`
        : sql`${SETTLED}, gate = null, absent_since = null`;
    case "Failed":
      return sql`state = 'pending', ${dueAt(outcome.at, sql`now() + ${NEWS_WAIT_MOST_MS} * interval '1 millisecond'`)},
        attempts = case when d.since_claim_news then 0 else ${outcome.event.error.attempt}::int end,
        ${STREAK_BROKEN}, last_error = ${JSON.stringify(storable(outcome.event).error)}::jsonb`;
    case "Parked":
      return sql`state = case when d.since_claim_news then 'pending' else 'parked' end, gate = null, waiting = false, due_at = now(),
        requested_at = case when d.since_claim_news then d.since_claim_at else d.requested_at end,
        attempts = case when d.since_claim_news then 0 else ${outcome.event.error.attempt}::int end, parked_at = now(),
        ${STREAK_BROKEN}, last_error = ${JSON.stringify(storable(outcome.event).error)}::jsonb`;
    case "Waiting":
      // Among the manifests, the digest is found by whatever refers to it.
      return sql`state = 'pending', ${dueAt(outcome.at, sql`now()`)}, attempts = 0, absent_since = null, last_error = null,
        gate = jsonb_build_object('subject', ${outcome.subject}::text, 'detail', ${clean(outcome.detail)}::text,
          'since', case when d.gate ->> 'subject' = ${outcome.subject} then d.gate ->> 'since' else ${NOW_ISO} end),
        manifests = array_append(array_remove(array_remove(d.manifests, d.gate ->> 'subject'), ${outcome.subject}::text),
          ${outcome.subject}::text)`;
    case "Confirming":
      return sql`state = 'pending', gate = null, ${dueAt(outcome.at, sql`now()`)}, last_error = null,
        absent_since = ${unlessNews(sql`${outcome.absentSince.toISOString()}::timestamptz`)}`;
  }
};

const NOW_ISO = sql`to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** What was captured at the claim is done. */
const SETTLED = sql`
  done = d.claimed, claimed_depth = 0, attempts = 0, last_error = null, waiting = false, due_at = now(),
  state = case when d.requested > d.claimed then 'pending' else 'idle' end,
  requested_at = case when d.requested > d.claimed then coalesce(d.since_claim_at, now()) else d.requested_at end`;

/** The proof of absence has to hold without a break (DESIGN.md section 6): after an error its time begins anew. */
const STREAK_BROKEN = sql`absent_since = null`;

/** News may be a push: what was seen before it proves nothing about what is there after it. */
const unlessNews = (absentSince: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`case when d.since_claim_news then null else ${absentSince} end`;

/** Due at `at`, or at `withNews` if the source told something new meanwhile and that is earlier. */
const dueAt = (at: Date, withNews: RawBuilder<unknown>): RawBuilder<unknown> => {
  const due = sql`case when d.since_claim_news then least(${at.toISOString()}::timestamptz, ${withNews})
    else ${at.toISOString()}::timestamptz end`;
  return sql`due_at = ${due}, waiting = ${due} > now()`;
};
