import { metrics } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import type { Told } from "./dispatch-batch.ts";

/** Says what was passed over. Never silent: each is a name that somebody may be waiting for. */
export const tell = Effect.fnUntraced(function* (subscriber: string, told: Told) {
  for (const { position, type, reason } of told.broken) {
    yield* Effect.logError("an event could not be acted on and was passed over; it stays in the log", {
      subscriber,
      position,
      type,
      reason,
    });
    metrics.dispatchBroken.add(1, { subscriber });
  }
  for (const { route, target, source, why } of told.unmappable) {
    const name = `${source.registry}/${source.repository}:${source.tag}`;
    yield* Effect.logWarning(`route ${route} selects ${name} and cannot name it at ${target}: ${why}`);
    metrics.dispatchUnmappable.add(1, { subscriber });
  }
});
