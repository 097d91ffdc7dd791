import type { WorkItem } from "@drayage/domain";
import * as Effect from "effect/Effect";
import { ISSUER, queuedItems, takeBackQueued } from "./books.ts";
import { type Control, query } from "./control.ts";
import { QUEUE_LEASE_MS, QUEUED_MOST } from "./limits.ts";
import { ATTRIBUTES } from "./names.ts";
import { encodeWork } from "./wire.ts";

/**
 * Hands out what is due, as far as there is room in the queue. Which items and in what order is decided by the claim, as it is for workers that
 * have the database; a paused target, a rest after a failure and priorities are its business.
 */
export const issue = Effect.fnUntraced(function* (control: Control, most: number = QUEUED_MOST) {
  const { bus, names } = control;
  const { target } = names;
  yield* query(control, "take back what nobody took", (db) => takeBackQueued(db, target, false));
  const queued = yield* query(control, "count what is handed out", (db) => queuedItems(db, target));
  const limit = Math.min(most, QUEUED_MOST - queued);
  if (limit <= 0) return [];
  // In one piece: what is claimed is published or handed back.
  return yield* Effect.uninterruptible(
    Effect.tap(bus.claim({ target, worker: ISSUER, limit, leaseMs: QUEUE_LEASE_MS }), (items) =>
      items.length === 0 ? Effect.void : publish(control, items),
    ),
  );
});

/** After a failure Pub/Sub may have some all the same: they go out anew under another generation, and the old ones are refused. */
const publish = ({ bus, client, names, instance, policyOf }: Control, items: ReadonlyArray<WorkItem>) =>
  client
    .publish(
      names.work.topic,
      items.map((item) => ({
        data: encodeWork({ ...item, policy: policyOf(item) }),
        attributes: {
          [ATTRIBUTES.instance]: instance,
          [ATTRIBUTES.delivery]: item.delivery,
          [ATTRIBUTES.generation]: String(item.generation),
        },
      })),
    )
    .pipe(Effect.tapError(() => Effect.forEach(items, (item) => bus.release(item, new Date(0)), { discard: true })));
