import type { Outcome } from "../bus.ts";
import { MANIFESTS_MOST, NEWS_WAIT_MOST_MS } from "../limits.ts";
import { lostFailure, lostWait } from "../lost.ts";
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
      const absentSince = news ? undefined : row.absentSince;
      return { ...asked, attempts, dueAt, absentSince, requestedAt: Math.min(row.requestedAt, at) };
    }
    case "parked":
      return news
        ? { ...asked, state: "pending", attempts: 0, absentSince: undefined, dueAt: now, requestedAt: at }
        : asked;
    case "idle":
      return {
        ...asked,
        state: "pending",
        absentSince: news ? undefined : row.absentSince,
        dueAt: now,
        requestedAt: at,
      };
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

/** Pure twin of `lost.ts`, without its jitter. */
export const expire = (row: Row, now: number): Row => {
  const lost = row.lost + 1;
  const wait = lostWait(lost);
  return {
    ...untouched(row),
    state: "pending",
    lost,
    dueAt: now + wait,
    lastError: wait === 0 ? row.lastError : lostFailure(lost, row.attempts + 1),
  };
};

/** The worker did nothing, but news may have come meanwhile. */
export const untouched = (row: Row): Row =>
  row.sinceClaimNews ? { ...row, attempts: 0, absentSince: undefined } : row;

/** Pure twin of `discardParked`. */
export const discard = (row: Row): Row => ({
  ...row,
  state: "idle",
  claimed: row.requested,
  done: row.requested,
  depth: 0,
  claimedDepth: 0,
  attempts: 0,
  lost: 0,
  absentSince: undefined,
  lastError: undefined,
});

/** Pure twin of `report.ts`. */
export const settle = (given: Row, outcome: Outcome, now: number): Row => {
  const row: Row = { ...given, lost: 0 };
  const unlessNews = (absentSince: Date | undefined) => (row.sinceClaimNews ? undefined : absentSince);
  const soonest = (at: Date, withNews: number): number =>
    row.sinceClaimNews ? Math.min(at.getTime(), withNews) : at.getTime();
  const hasFailed = outcome._tag === "Failed" || outcome._tag === "Parked";
  const attempts = row.sinceClaimNews || !hasFailed ? 0 : outcome.event.error.attempt;
  switch (outcome._tag) {
    case "Succeeded":
      return {
        ...done(row, now),
        gate: undefined,
        absentSince: undefined,
        intended: [],
        held: outcome.held ?? undefined,
        manifests: outcome.manifests.slice(0, MANIFESTS_MOST),
      };
    case "Skipped":
      return {
        ...done(row, now),
        gate: undefined,
        absentSince: outcome.event.reason === "shared-digest" ? unlessNews(row.absentSince) : undefined,
      };
    case "Failed": {
      const dueAt = soonest(outcome.at, now + NEWS_WAIT_MOST_MS);
      return { ...row, state: "pending", dueAt, attempts, absentSince: undefined, lastError: outcome.event.error };
    }
    case "Parked": {
      const failed: Row = {
        ...row,
        gate: undefined,
        dueAt: now,
        attempts,
        absentSince: undefined,
        lastError: outcome.event.error,
      };
      return row.sinceClaimNews
        ? { ...failed, state: "pending", requestedAt: row.sinceClaimAt ?? now }
        : { ...failed, state: "parked" };
    }
    case "Waiting": {
      const { subject } = outcome;
      const manifests = row.manifests.filter((digest) => digest !== row.gate?.subject && digest !== subject);
      return {
        ...row,
        state: "pending",
        dueAt: soonest(outcome.at, now),
        attempts: 0,
        lastError: undefined,
        absentSince: undefined,
        gate: row.gate?.subject === subject ? row.gate : { subject, since: now },
        manifests: [...manifests, subject],
      };
    }
    case "Confirming":
      return {
        ...row,
        gate: undefined,
        state: "pending",
        dueAt: soonest(outcome.at, now),
        lastError: undefined,
        absentSince: unlessNews(outcome.absentSince),
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
