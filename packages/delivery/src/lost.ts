import type { Failure } from "@drayage/domain";
import { type RawBuilder, sql } from "kysely";
import { LOST_FREE, LOST_WAIT_MOST_MS, LOST_WAIT_MS } from "./limits.ts";

const DETAIL = "the worker ended or hung before it could report; leases lost in a row: ";
const FAILURE = {
  side: "drayage",
  operation: "work on the delivery",
  reason: "worker-lost",
  retryable: true,
} as const satisfies Partial<Failure>;

/** What people see of a delivery that was lost so many times in a row. */
export const lostFailure = (lost: number, attempt: number): Failure => ({
  ...FAILURE,
  detail: `${DETAIL}${lost}`,
  attempt,
});

/** Milliseconds until a delivery that was lost so many times in a row is due. Without the jitter. */
export const lostWait = (lost: number): number =>
  lost <= LOST_FREE ? 0 : Math.min(LOST_WAIT_MOST_MS, LOST_WAIT_MS * 2 ** (lost - LOST_FREE - 1));

/** Far over the longest wait; more would only risk infinity. */
const DOUBLINGS_MAX = 30;
const MAY_LOSE = sql`d.lost < ${LOST_FREE}::int`;

/**
 * What becomes of a row `d` whose worker ended or hung without a report: it is pending again. That is no attempt: a worker that dies
 * takes innocent deliveries with it, and what a crash of ours costs must not bring them nearer to being parked. But it is
 * counted, and from the third loss in a row on the delivery waits, each time longer, so that an image which brings its worker
 * down cannot do so at full speed, and the others get their work done in between. Nothing is parked for it.
 *
 * `expire` in `memory/transitions.ts` is its twin.
 */
export const LOST: RawBuilder<unknown> = sql`
  state = 'pending', lost = d.lost + 1, lease_owner = null, lease_until = null,
  attempts = case when d.since_claim_news then 0 else d.attempts end,
  absent_since = case when d.since_claim_news then null else d.absent_since end,
  last_error = case when ${MAY_LOSE} then d.last_error else ${JSON.stringify(FAILURE)}::jsonb
    || jsonb_build_object('detail', ${DETAIL}::text || (d.lost + 1), 'attempt', d.attempts + 1) end,
  waiting = not (${MAY_LOSE}),
  due_at = case when ${MAY_LOSE} then now() else now() + (0.5 + random() / 2) * interval '1 millisecond'
    * least(${LOST_WAIT_MOST_MS}::float8, ${LOST_WAIT_MS}::float8 * 2.0 ^ least(d.lost - ${LOST_FREE}::int, ${DOUBLINGS_MAX}::int)) end`;
