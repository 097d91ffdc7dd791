import type { Outcome } from "../bus.ts";
import { MANIFESTS_MOST, NEWS_WAIT_MOST_MS } from "../limits.ts";
import type { Row } from "./row.ts";

/** What a request says to a row that exists. */
export interface Ask {
  readonly position: number;
  readonly depth: number;
  readonly at: number;
  /** News from the source, against drift that a reconciliation found. */
  readonly news: boolean;
}

/** Pure twin of `asked` in `upsert.ts`; the contract suite runs on both. */
export const ask = (row: Row, { position, depth, at, news }: Ask, now: number): Row => {
  if (position <= row.done) return row;
  const asked: Row = { ...row, requested: Math.max(row.requested, position), depth: Math.max(row.depth, depth) };
  switch (row.state) {
    case "leased":
      return {
        ...asked,
        requestedAt: Math.min(row.requestedAt, at),
        sinceClaimAt: Math.min(row.sinceClaimAt ?? at, at),
        sinceClaimNews: row.sinceClaimNews || news,
      };
    case "pending": {
      const attempts = news ? 0 : row.attempts;
      const soonest = row.lastError === undefined ? now : now + NEWS_WAIT_MOST_MS;
      const dueAt = news ? Math.min(row.dueAt, soonest) : row.dueAt;
      return { ...asked, attempts, dueAt, requestedAt: Math.min(row.requestedAt, at) };
    }
    case "parked":
      return news ? { ...asked, state: "pending", attempts: 0, dueAt: now, requestedAt: at } : asked;
    case "idle":
      return { ...asked, state: "pending", dueAt: now, requestedAt: at };
  }
};

/** Pure twin of `claim.ts` for one row. */
export const take = (row: Row, leaseUntil: number): Row => ({
  ...row,
  state: "leased",
  generation: row.generation + 1,
  claimed: row.requested,
  claimedDepth: Math.max(row.claimedDepth, row.depth),
  depth: 0,
  sinceClaimAt: undefined,
  sinceClaimNews: false,
  leaseUntil,
});

/** A lease that ran out counts as an attempt. */
export const expire = (row: Row, now: number): Row => ({
  ...row,
  state: "pending",
  dueAt: now,
  attempts: row.attempts + 1,
});

/** Pure twin of `report.ts`. */
export const settle = (row: Row, outcome: Outcome, now: number): Row => {
  const soonest = (at: Date, withNews: number): number =>
    row.sinceClaimNews ? Math.min(at.getTime(), withNews) : at.getTime();
  const attempts = row.sinceClaimNews ? 0 : row.attempts + 1;
  switch (outcome._tag) {
    case "Succeeded":
      return {
        ...done(row, now),
        absentSince: undefined,
        intended: [],
        held: outcome.held ?? undefined,
        manifests: outcome.manifests.slice(0, MANIFESTS_MOST),
      };
    case "Skipped":
      return outcome.event.reason === "shared-digest" ? done(row, now) : { ...done(row, now), absentSince: undefined };
    case "Failed": {
      const dueAt = soonest(outcome.at, now + NEWS_WAIT_MOST_MS);
      return { ...row, state: "pending", dueAt, attempts, absentSince: undefined, lastError: outcome.event.error };
    }
    case "Parked": {
      const failed: Row = { ...row, dueAt: now, attempts, absentSince: undefined, lastError: outcome.event.error };
      return row.sinceClaimNews
        ? { ...failed, state: "pending", requestedAt: row.sinceClaimAt ?? now }
        : { ...failed, state: "parked" };
    }
    case "Confirming":
      return {
        ...row,
        state: "pending",
        dueAt: soonest(outcome.at, now),
        lastError: undefined,
        absentSince: outcome.absentSince,
      };
  }
};

const done = (row: Row, now: number): Row => ({
  ...row,
  done: row.claimed,
  claimedDepth: 0,
  attempts: 0,
  lastError: undefined,
  dueAt: now,
  ...(row.requested > row.claimed
    ? { state: "pending" as const, requestedAt: row.sinceClaimAt ?? now }
    : { state: "idle" as const }),
});
