import type { Outcome } from "@drayage/delivery";
import type { CopyResult } from "@drayage/oci-core";
import { metrics } from "@drayage/runtime";

/** The words by which the guard names its limits (`domain/guard.ts`), as labels. */
const GUARD_LIMITS = ["perRepository.most", "perTarget.most", "perTarget.fraction"] as const;

/** Feeds the metrics of a replicator from an outcome that the bus has taken. A proof that has to hold once more is no outcome yet. */
export const countOutcome = (outcome: Outcome, seconds: number): void => {
  if (outcome._tag === "Confirming" || outcome._tag === "Waiting") return;
  const { target } = outcome.event;
  metrics.replicationSeconds.observe(seconds, { target });
  switch (outcome._tag) {
    case "Succeeded":
      metrics.replications.add(1, { target, outcome: outcome.event.action });
      countWays(target, outcome.event);
      return;
    case "Skipped":
      metrics.replications.add(1, { target, outcome: "skipped" });
      return;
    case "Failed":
      metrics.replications.add(1, { target, outcome: "failed" });
      metrics.retries.add(1, { target, reason: outcome.event.error.reason });
      return;
    case "Parked": {
      const { reason, detail } = outcome.event.error;
      metrics.replications.add(1, { target, outcome: "parked" });
      metrics.parked.add(1, { target, reason });
      if (reason === "guard-refused") metrics.guardRefusals.add(1, { target, limit: limitOf(detail) });
    }
  }
};

const WAYS = ["copied", "mounted", "present"] as const;

/** What did not move makes no series. */
const countWays = (target: string, { bytes, blobs }: Pick<CopyResult, "bytes" | "blobs">): void => {
  for (const way of WAYS) {
    if (blobs[way] === 0) continue;
    metrics.copyBytes.add(bytes[way], { target, way });
    metrics.copyBlobs.add(blobs[way], { target, way });
  }
};

const limitOf = (why: string): string => GUARD_LIMITS.find((limit) => why.startsWith(`guard.${limit}:`)) ?? "other";
