import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Config, compiledRoutes } from "@drayage/config";
import type { DeliveryBus } from "@drayage/delivery";
import { type WorkItem, workPolicyOf } from "@drayage/domain";
import { type CopyProgress, makeCopier } from "@drayage/oci-core";
import type { Registries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import { makeVerifiers } from "./gate.ts";
import { work } from "./work.ts";

/** Deliveries of one target at once. Their blobs share the limits of the registries, so more would only queue there. */
const CONCURRENCY = 8;

export interface ReplicatorOptions {
  readonly config: Config;
  /** Registry name of the target. */
  readonly target: string;
  readonly registries: Registries;
  readonly bus: DeliveryBus;
  readonly onProgress?: ((item: WorkItem, progress: CopyProgress) => void) | undefined;
}

/** The replicator of one target, until it is interrupted. Knows the bus and not the log. */
export const replicator = Effect.fnUntraced(function* ({
  config,
  target,
  registries,
  bus,
  onProgress,
}: ReplicatorOptions) {
  const registry = yield* registries.get(target);
  const opened = new Map(
    yield* Effect.forEach(Object.keys(config.registries), (name) =>
      Effect.map(registries.get(name), (open) => [name, open] as const),
    ),
  );
  const routes = compiledRoutes(config);
  const copier = yield* makeCopier();
  return yield* work(
    {
      bus,
      copier,
      target: registry,
      registryOf: (name) => opened.get(name),
      policyOf: (item) => workPolicyOf(routes, item),
      verifierOf: makeVerifiers(join(config.dataDir, "tuf")),
      onProgress,
    },
    { target, worker: workerName(target), concurrency: CONCURRENCY },
  );
});

/** Tells an operator where a lease is held, and is never the same twice. */
const workerName = (target: string): string =>
  `${hostname()}/${process.pid}/${target}/${randomBytes(4).toString("hex")}`;
