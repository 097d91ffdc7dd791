import { admin } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Bus, postgresBusLayer, releaseLeasesOfDeadWorkers } from "@drayage/delivery";
import { dispatcher } from "@drayage/dispatcher";
import type { WorkItem } from "@drayage/domain";
import { ingest } from "@drayage/ingest";
import type { CopyProgress } from "@drayage/oci-core";
import { reconciler } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import { replicator } from "@drayage/replicator";
import * as Effect from "effect/Effect";
import { type CliError, failed, unable } from "../cli-error.ts";
import { applyConfiguration } from "./apply-configuration.ts";
import { lookThrough } from "./look-through.ts";
import { targetsOf } from "./names.ts";

export interface EverythingOptions {
  readonly config: Config;
  readonly onProgress?: ((item: WorkItem, progress: CopyProgress) => void) | undefined;
  /** Run once, when both servers listen. */
  readonly onUp?: Effect.Effect<void> | undefined;
}

/**
 * All roles in one process, until interrupted: the composition that `dray up` and `dray demo` share. Over Pub/Sub the replicators are elsewhere. What cannot begin is "unable" (2). A
 * role that fails for good ends them all with 1, because half a Drayage that looks alive is worse than none.
 */
export const everything = Effect.fnUntraced(
  function* ({ config, onProgress, onUp }: EverythingOptions) {
    const registries = yield* openRegistries(config);
    const bus = yield* Bus;
    // What must listen before anybody is told that we are up.
    const servers = yield* begin(config).pipe(Effect.mapError((error) => unable(error.message)));
    yield* Effect.logInfo(`drayage ${config.instance} is up`, { ...servers, revision: config.revision });
    yield* onUp ?? Effect.void;
    const targets = config.bus._tag === "Database" ? targetsOf(config) : [];
    if (config.bus._tag === "PubSub")
      yield* Effect.logInfo(
        "replicators are processes of their own: the bus is Pub/Sub (dray replicator --target NAME)",
      );
    yield* Effect.all(
      [
        forGood("dispatcher", dispatcher({ config })),
        forGood("reconciler", reconciler({ config, registries })),
        ...targets.map((target) =>
          forGood(`replicator of ${target}`, replicator({ config, target, registries, bus, onProgress })),
        ),
      ],
      { concurrency: "unbounded", discard: true },
    );
  },
  (effect, { config }) => Effect.provide(Effect.scoped(effect), postgresBusLayer(config.guard)),
);

const begin = Effect.fnUntraced(function* (config: Config) {
  // Only the owner of an embedded database knows that all other holders of leases are dead.
  if (config.database._tag === "Embedded") {
    const released = yield* releaseLeasesOfDeadWorkers({ workersElsewhere: config.bus._tag === "PubSub" });
    if (released > 0) yield* Effect.logInfo(`${released} pieces of work of a process that died are taken up again`);
  }
  yield* applyConfiguration(config);
  const adminServer = yield* admin({ config });
  const ingestServer = yield* ingest({ config, onNewsLost: yield* lookThrough });
  return { ingest: ingestServer.port, admin: adminServer.port };
});

/** A role runs until it is interrupted: one that fails, or just ends, has given up. */
export const forGood = <A, E extends { readonly message: string }, R>(
  name: string,
  role: Effect.Effect<A, E, R>,
): Effect.Effect<never, CliError, R> =>
  role.pipe(
    Effect.mapError((error) => failed(`the ${name} gave up: ${error.message}`, "its log says what came before")),
    Effect.andThen(Effect.fail(failed(`the ${name} ended by itself`, "its log says what came before"))),
  );
