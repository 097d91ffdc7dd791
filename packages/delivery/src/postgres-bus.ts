import type { Guard, WorkItem } from "@drayage/domain";
import { appendWithin, Database, type DatabaseError, type DatabaseShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import * as Stream from "effect/Stream";
import { BusUnavailable, type DeliveryBus, LeaseLost } from "./bus.ts";
import { Bus } from "./bus-service.ts";
import { DELIVERY_CHANNEL } from "./channel.ts";
import { claim } from "./claim.ts";
import { storable, toNewEvent } from "./events.ts";
import { extendLease, intendDigest, releaseLease } from "./lease.ts";
import { makePatience } from "./patience.ts";
import { permitWithin } from "./permit.ts";
import { reportWithin } from "./report.ts";
import { readSiblings } from "./siblings.ts";

/**
 * The bus over one PostgreSQL database, the same that holds the log. All times are the database's, so that clocks of workers need not agree.
 *
 * @example
 * const layer = postgresBusLayer(config.guard) // needs Database
 */
export const postgresBusLayer = (guard: Guard): Layer.Layer<Bus, never, Database> =>
  Layer.effect(
    Bus,
    Effect.map(Database, (database) => Bus.of(makePostgresBus(database, guard))),
  );

export const makePostgresBus = (database: DatabaseShape, guard: Guard): DeliveryBus => {
  const { kysely } = database;
  /** The last repository that had its turn, for each target: only a hint, so that each process may have its own. */
  const turns = new Map<string, string>();
  const patience = makePatience();

  return {
    claim: (options) =>
      database
        .attempt("claim deliveries", () =>
          claim(kysely, {
            ...options,
            after: turns.get(options.target) ?? "",
            patient: patience.places(options.target, options.limit),
          }),
        )
        .pipe(
          Effect.tap(({ after, items }) =>
            Effect.sync(() => {
              turns.set(options.target, after);
              patience.took(options.target, items.length);
            }),
          ),
          Effect.map(({ items }) => items),
          unavailable("claim"),
        ),
    extend: (item, leaseMs) =>
      database
        .attempt("extend lease", () => extendLease(kysely, item, leaseMs))
        .pipe(
          unavailable("extend"),
          Effect.filterOrFail((until) => until !== undefined, lost(item)),
        ),
    intend: (item, digest, neededMs) =>
      database
        .attempt("intend digest", () => intendDigest(kysely, item, digest, neededMs))
        .pipe(
          unavailable("intend"),
          Effect.filterOrFail((current) => current, lost(item)),
          Effect.asVoid,
        ),
    report: (item, outcome) =>
      database
        .transaction("report outcome", async (trx) => {
          if (!(await reportWithin(trx, item, outcome))) return false;
          // Last in the transaction: the log's position lock is taken here and held until the commit (invariant 2).
          if (outcome._tag !== "Confirming" && outcome.event !== undefined)
            await appendWithin(trx, [toNewEvent(storable(outcome.event), "replicator")]);
          return true;
        })
        .pipe(
          unavailable("report"),
          Effect.filterOrFail((current) => current, lost(item)),
          Effect.asVoid,
        ),
    release: (item, at) =>
      database.attempt("release lease", () => releaseLease(kysely, item, at)).pipe(unavailable("release")),
    permitDelete: (item, tags, neededMs) =>
      database
        .transaction("permit deletion", (trx) => permitWithin(trx, guard, item, tags, neededMs))
        .pipe(
          unavailable("permitDelete"),
          Effect.filterOrFail((permit) => permit !== undefined, lost(item)),
        ),
    siblings: (item, digest) =>
      database.attempt("read siblings", () => readSiblings(kysely, item, digest)).pipe(unavailable("siblings")),
    wakes: (target) => wakes(database, target),
  };
};

const lost = (item: WorkItem) => (): LeaseLost =>
  new LeaseLost({ delivery: item.delivery, generation: item.generation });

const unavailableBecause =
  (operation: string) =>
  (cause: DatabaseError): Effect.Effect<never, BusUnavailable> =>
    Effect.fail(new BusUnavailable({ operation, cause }));
const unavailable =
  (operation: string) =>
  <A>(self: Effect.Effect<A, DatabaseError>): Effect.Effect<A, BusUnavailable> =>
    Effect.catch(self, unavailableBecause(operation));

/** One element stands for any number of wakes: a slow worker needs to know only that there was one. */
const wakes = (database: DatabaseShape, target: string): Stream.Stream<void> =>
  Stream.callback<void>(
    (queue) => {
      const wake = (): void => void Queue.offerUnsafe(queue, undefined);
      return database.listen(DELIVERY_CHANNEL, {
        onPayload: (payload) => (payload === target ? wake() : undefined),
        onConnect: wake, // what was sent while nobody listened is lost
      });
    },
    { bufferSize: 1, strategy: "sliding" },
  );
