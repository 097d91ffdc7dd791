import * as Effect from "effect/Effect";
import * as Metric from "effect/Metric";
import type { Told } from "./dispatch-batch.ts";

const broken = Metric.counter("drayage_dispatch_broken_total", {
  description: "Events of the log that could not be understood and were passed over, by subscriber.",
  incremental: true,
});
const unmappable = Metric.counter("drayage_dispatch_unmappable_total", {
  description: "Names that a route selects and cannot give a valid name at its target, by subscriber.",
  incremental: true,
});

/** Says what was passed over. Never silent: each is a name that somebody may be waiting for. */
export const tell = Effect.fnUntraced(function* (subscriber: string, told: Told) {
  for (const { position, type, reason } of told.broken) {
    yield* Effect.logError("an event could not be understood and was passed over; it stays in the log", {
      subscriber,
      position,
      type,
      reason,
    });
    yield* Metric.update(Metric.withAttributes(broken, { subscriber }), 1);
  }
  for (const { route, target, source, why } of told.unmappable) {
    const name = `${source.registry}/${source.repository}:${source.tag}`;
    yield* Effect.logWarning(`route ${route} selects ${name} and cannot name it at ${target}: ${why}`);
    yield* Metric.update(Metric.withAttributes(unmappable, { subscriber }), 1);
  }
});
