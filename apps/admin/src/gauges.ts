import { metrics } from "@drayage/runtime";
import type { TargetBody } from "./wire.ts";

const STATES = ["backlog", "leased", "failing", "confirming", "unsigned", "parked"] as const;

/** Sets what is known of the targets only by asking: done at each scrape, so that a scrape never shows an old answer. */
export const setGauges = (targets: ReadonlyArray<TargetBody>, now: Date): void => {
  metrics.deliveries.replace(
    targets.flatMap((target) =>
      STATES.map((state) => ({ labels: { target: target.name, state }, value: target[state] })),
    ),
  );
  metrics.backlog.replace(targets.map(({ name, backlog }) => ({ labels: { target: name }, value: backlog })));
  metrics.lagSeconds.replace(targets.map(({ name, lagSeconds }) => ({ labels: { target: name }, value: lagSeconds })));
  // Never is infinitely long ago: a series that is missing would raise no alarm (FAILURES F27).
  metrics.reconciliationAgeSeconds.replace(
    targets.map(({ name, reconciledCompletelyAt: at }) => ({
      labels: { target: name },
      value: at === undefined ? Number.POSITIVE_INFINITY : Math.max(0, (now.getTime() - Date.parse(at)) / 1000),
    })),
  );
};
