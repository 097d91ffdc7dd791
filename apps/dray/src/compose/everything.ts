import { admin } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Bus, postgresBusLayer, releaseLeasesOfDeadWorkers, sourceRepositories } from "@drayage/delivery";
import { dispatcher } from "@drayage/dispatcher";
import { EVENT_TYPES, encodeEvent, type WorkItem } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import { ingest } from "@drayage/ingest";
import type { CopyProgress } from "@drayage/oci-core";
import { reconciler } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import { replicator } from "@drayage/replicator";
import * as Effect from "effect/Effect";
import { prune } from "./prune.ts";

export interface EverythingOptions {
  readonly config: Config;
  readonly onProgress?: ((item: WorkItem, progress: CopyProgress) => void) | undefined;
}

/** Targets of a configuration: every registry that a route writes to. */
export const targetsOf = (config: Config): ReadonlyArray<string> =>
  [...new Set(config.routes.flatMap((route) => route.to.map((to) => to.registry)))].sort();

/**
 * All roles in one process, until interrupted: the composition that `dray up` and `dray demo` share. A role that fails for good ends
 * them all, because half a Drayage that looks alive is worse than none.
 */
export const everything = Effect.fnUntraced(
  function* ({ config, onProgress }: EverythingOptions) {
    const registries = yield* openRegistries(config);
    const bus = yield* Bus;
    // Only the owner of an embedded database knows that all other holders of leases are dead.
    if (config.database._tag === "Embedded") {
      const released = yield* releaseLeasesOfDeadWorkers;
      if (released > 0) yield* Effect.logInfo(`${released} pieces of work of a process that died are taken up again`);
    }
    yield* applyConfiguration(config);
    // What must listen before anybody is told that we are up.
    const adminServer = yield* admin({ config });
    const ingestServer = yield* ingest({ config, onNewsLost: yield* lookThrough });
    yield* Effect.logInfo(`drayage ${config.instance} is up`, {
      ingest: ingestServer.port,
      admin: adminServer.port,
      revision: config.revision,
    });
    const replicators = targetsOf(config).map((target) => replicator({ config, target, registries, bus, onProgress }));
    yield* Effect.all([dispatcher({ config }), reconciler({ config, registries }), prune(config), ...replicators], {
      concurrency: "unbounded",
      discard: true,
    });
  },
  (effect, { config }) => Effect.provide(Effect.scoped(effect), postgresBusLayer(config.guard)),
);

/** Records which configuration holds from here on, when it is another one than before. */
const applyConfiguration = Effect.fnUntraced(function* (config: Config) {
  const log = yield* EventLog;
  const [last] = yield* log.readBackward({ limit: 1, types: [EVENT_TYPES.ConfigurationApplied] });
  if (last?.data["revision"] === config.revision) return;
  yield* log.append([
    {
      ...encodeEvent({ _tag: "ConfigurationApplied", revision: config.revision }),
      source: "/drayage",
      actor: "configuration",
    },
  ]);
});

/** When news of a registry may be lost, every repository that we know of it is looked through: durable and coalesced, as any rescan. */
const lookThrough = Effect.gen(function* () {
  const log = yield* EventLog;
  const database = yield* Database;
  return (registry: string, why: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      const known = yield* database.attempt("read known repositories", () =>
        sourceRepositories(database.kysely, registry),
      );
      const events = known.map((repository) => ({
        ...encodeEvent({ _tag: "RescanRequested", registry, repository, reason: `news may be lost: ${why}` }),
        source: `/registries/${registry}`,
        actor: "ingest",
      }));
      for (let n = 0; n < events.length; n += EVENTS_AT_ONCE) yield* log.append(events.slice(n, n + EVENTS_AT_ONCE));
    }).pipe(Effect.catch((error) => Effect.logWarning(`could not ask for a reconciliation of ${registry}`, error)));
});
/** Of one append, which is one transaction. */
const EVENTS_AT_ONCE = 500;
