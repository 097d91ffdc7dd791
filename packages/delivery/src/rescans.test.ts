import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { sql } from "kysely";
import { expect } from "vitest";
import { testDatabase } from "./postgres.test-support.ts";
import { pendingRescans } from "./read-books.ts";
import { claimRescans, extendRescan, finishRescan, type Rescan, releaseRescan, rescanWithin } from "./rescans.ts";
import { repositoryName } from "./testing/index.ts";

const ask = (name: string, position: number) => ({
  registry: "source",
  repository: repositoryName(name),
  position,
  reason: `because ${position}`,
});
const make = Effect.map(testDatabase, ({ kysely }) => ({
  ask: (...requests: ReadonlyArray<ReturnType<typeof ask>>) => Effect.promise(() => rescanWithin(kysely, requests)),
  claim: (limit = 10) => Effect.promise(() => claimRescans(kysely, { worker: "a", limit, leaseMs: 60_000 })),
  finish: (rescan: Rescan) => Effect.promise(() => finishRescan(kysely, rescan)),
  extend: (rescan: Rescan) => Effect.promise(() => extendRescan(kysely, rescan, 60_000)),
  release: (rescan: Rescan, at: Date) => Effect.promise(() => releaseRescan(kysely, rescan, at)),
  pending: Effect.promise(() => pendingRescans(kysely)),
  lapse: Effect.promise(() => sql`update rescan set lease_until = lease_until - interval '1 hour'`.execute(kysely)),
}));
const one = (rescans: ReadonlyArray<Rescan>): Rescan => {
  const [rescan] = rescans;
  if (rescan === undefined) throw new Error("there was no rescan to claim");
  return rescan;
};

it.live("many requests for one repository are one rescan, also while it runs", () =>
  Effect.gen(function* () {
    const rescans = yield* make;
    yield* rescans.ask(ask("a", 1), ask("b", 2), ask("a", 3));
    const claimed = yield* rescans.claim();
    expect(claimed).toMatchObject([
      { repository: "a", claimed: 3, reason: "because 3" },
      { repository: "b", claimed: 2 },
    ]);
    yield* rescans.ask(ask("a", 4), ask("a", 5));
    expect(yield* rescans.claim()).toEqual([]);
    for (const rescan of claimed) expect(yield* rescans.finish(rescan)).toBe(true);
    expect(yield* rescans.pending).toMatchObject([{ repository: "a", reason: "because 5", leased: false }]);
    expect(yield* rescans.claim()).toMatchObject([{ repository: "a", claimed: 5 }]);
  }),
);

it.live("a rescan whose lease was lost is somebody else's", () =>
  Effect.gen(function* () {
    const rescans = yield* make;
    yield* rescans.ask(ask("a", 1));
    const lost = one(yield* rescans.claim());
    expect(yield* rescans.extend(lost)).toBe(true);
    yield* rescans.lapse;
    expect(yield* rescans.finish(lost)).toBe(false);
    const current = one(yield* rescans.claim());
    expect(yield* rescans.extend(lost)).toBe(false);
    yield* rescans.release(lost, new Date());
    expect(yield* rescans.claim()).toEqual([]);
    expect(yield* rescans.finish(current)).toBe(true);
    expect(yield* rescans.finish(current)).toBe(false);
    expect(yield* rescans.pending).toEqual([]);
  }),
);

it.live("one that is handed back waits until it is due", () =>
  Effect.gen(function* () {
    const rescans = yield* make;
    yield* rescans.ask(ask("a", 1));
    yield* rescans.release(one(yield* rescans.claim()), new Date(Date.now() + 3_600_000));
    expect(yield* rescans.claim()).toEqual([]);
    expect(yield* rescans.pending).toHaveLength(1);
  }),
);
