import type { WorkItem } from "@drayage/domain";
import * as Effect from "effect/Effect";
import type { BusUnavailable, LeaseLost, Outcome } from "../bus.ts";
import { anyItem, currentItem, giveTo } from "./books.ts";
import { type Control, query } from "./control.ts";
import { LEASE_MOST_MS, SIBLINGS_MOST } from "./limits.ts";
import type { Question, Said, Say } from "./message.ts";

const LOST = { _tag: "Lost" } as const;

/**
 * What the books say to a question. Whatever is written is written for the generation that the question names, and for a delivery of this target
 * only: an inbox speaks for one target, so a replicator that fell into wrong hands can harm no other.
 */
export const answer = (
  control: Control,
  { delivery, generation, say }: Question,
): Effect.Effect<Said, BusUnavailable> =>
  Effect.gen(function* () {
    const key = { target: control.names.target, delivery, generation };
    if (say._tag === "Take") {
      const leaseMs = bounded(say.leaseMs);
      const until = yield* query(control, "give an item", (db) => giveTo(db, key, say.worker, leaseMs));
      return until === undefined ? LOST : ({ _tag: "Leased", until } as const);
    }
    const read = say._tag === "Siblings" ? anyItem : currentItem;
    const item = yield* query(control, "read an item", (db) => read(db, key));
    return item === undefined ? LOST : yield* about(control, item, say);
  }).pipe(Effect.catchTag("LeaseLost", () => Effect.succeed(LOST)));

const about = (
  { bus }: Control,
  item: WorkItem,
  say: Exclude<Say, { _tag: "Take" }>,
): Effect.Effect<Said, LeaseLost | BusUnavailable> => {
  const done = { _tag: "Done" } as const;
  switch (say._tag) {
    case "Extend":
      return Effect.map(bus.extend(item, bounded(say.leaseMs)), (until) => ({ _tag: "Leased", until }));
    case "Intend":
      return Effect.as(bus.intend(item, say.digest, say.neededMs), done);
    case "Report":
      return Effect.as(bus.report(item, of(item, say.outcome)), done);
    case "Release":
      return Effect.as(bus.release(item, say.at), done);
    case "Permit":
      return Effect.map(bus.permitDelete(item, say.tags, say.neededMs), (permit) => ({ _tag: "Permit", permit }));
    case "Siblings":
      return Effect.map(bus.siblings(item, say.digest), (siblings) => ({
        _tag: "Siblings",
        siblings: siblings.slice(0, SIBLINGS_MOST),
      }));
  }
};

const bounded = (leaseMs: number): number => Math.min(leaseMs, LEASE_MOST_MS);

/** Whose outcome it is, by our books and not by the message. */
const of = (item: WorkItem, outcome: Outcome): Outcome => {
  const { target, repository, tag, source, route, claimed: cause } = item;
  const names = { target, repository, tag, source, route, cause };
  switch (outcome._tag) {
    case "Succeeded":
      return { ...outcome, event: { ...outcome.event, ...names } };
    case "Skipped":
      return { ...outcome, event: { ...outcome.event, ...names } };
    case "Failed":
      return { ...outcome, event: { ...outcome.event, ...names } };
    case "Parked":
      return { ...outcome, event: { ...outcome.event, ...names } };
    case "Waiting":
      return outcome.event === undefined ? outcome : { ...outcome, event: { ...outcome.event, ...names } };
    case "Confirming":
      return outcome;
  }
};
