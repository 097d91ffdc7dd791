import { sourceRepositories } from "@drayage/delivery";
import { encodeEvent } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";

/** Of one append, which is one transaction. */
const EVENTS_AT_ONCE = 500;

/** When news of a registry may be lost, every repository that we know of it is looked through: durable and coalesced, as any rescan. */
export const lookThrough = Effect.gen(function* () {
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
