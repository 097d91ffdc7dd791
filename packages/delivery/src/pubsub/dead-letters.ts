import type { WorkItem } from "@drayage/domain";
import * as Effect from "effect/Effect";
import type { Outcome } from "../bus.ts";
import { currentItem } from "./books.ts";
import type { Received } from "./client.ts";
import { type Control, query } from "./control.ts";
import { AGAIN_MS } from "./limits.ts";
import { ATTRIBUTES } from "./names.ts";

const DEAD_MOST = 16;
/** What Pub/Sub adds when it gives a message up. */
const COUNT = "CloudPubSubDeadLetterSourceDeliveryCount";

/**
 * One pull of the dead letters: work items that no replicator could take (a version that does not understand them, one that ends before it can). The
 * delivery is parked for a person, and a retry hands it out anew. True: there was one.
 */
export const bury = Effect.fnUntraced(function* (control: Control) {
  const received = yield* control.client.pull(control.names.dead.subscription, DEAD_MOST);
  yield* Effect.forEach(received, (message) => buryOne(control, message), { discard: true });
  return received.length > 0;
});

const buryOne = (control: Control, { ackId, attributes }: Received): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { client, names, bus } = control;
    const item = yield* itemOf(control, attributes);
    if (item !== undefined) yield* bus.report(item, parked(item, attributes[COUNT]));
    yield* client.acknowledge(names.dead.subscription, [ackId]);
  }).pipe(
    // Handed out anew meanwhile: the dead letter is of the past. It comes once more, and then nothing is found.
    Effect.catchTag("LeaseLost", () => Effect.void),
    Effect.catchTag("BusUnavailable", (error) =>
      Effect.andThen(
        Effect.logWarning(`a dead letter could not be parked and comes again: ${error.message}`),
        Effect.sleep(AGAIN_MS),
      ),
    ),
  );

const itemOf = Effect.fnUntraced(function* (control: Control, attributes: Received["attributes"]) {
  const { target } = control.names;
  const delivery = attributes[ATTRIBUTES.delivery] ?? "";
  const generation = attributes[ATTRIBUTES.generation] ?? "";
  const isOurs = attributes[ATTRIBUTES.instance] === control.instance;
  if (!isOurs || !/^\d{1,18}$/.test(delivery) || !/^\d{1,15}$/.test(generation)) {
    yield* Effect.logError("a dead letter of the bus is no delivery of ours and was passed over", {
      target,
      attributes,
    });
    return undefined;
  }
  const key = { target, delivery, generation: Number(generation) };
  return yield* query(control, "read a dead letter's item", (db) => currentItem(db, key));
});

const parked = (item: WorkItem, times: string | undefined): Outcome => {
  const { target, repository, tag, source, route, claimed: cause, attempt } = item;
  const detail = `no replicator of ${target} could take the work item, ${times ?? "several"} times delivered: see their logs, then dray retry`;
  const error = { side: "drayage", operation: "hand out the work", reason: "dead-letter", detail } as const;
  return {
    _tag: "Parked",
    event: {
      _tag: "ReplicationParked",
      ...{ target, repository, tag, source, route, cause },
      error: { ...error, retryable: false, attempt },
    },
  };
};
