import {
  connectRegistry,
  type Deliver,
  type Notification,
  type NotificationListener,
  type Registry,
  RegistryError,
  type RegistrySettings,
} from "@drayage/oci-core";
import type { RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { makeRequestBudget, type RequestBudget, type RequestLimit } from "./request-budget.ts";
import { begun, moved, vanished, type Watched, watch } from "./watched.ts";

/** How a registry that tells nothing is asked. Milliseconds. */
export interface PollOptions {
  /** From the end of one round to the next. */
  readonly every: number;
  /** For everything that polling sends: listings, tags, tokens, repeated requests. What copies need is not counted. */
  readonly requests: RequestLimit;
  /** Default: those of the catalogue, at each round. */
  readonly repositories?: ReadonlyArray<RepositoryName> | undefined;
}

/** A registry that says 429 without a time is left alone for so long at least. */
const THROTTLED_MS = 60_000;
/** What was not stored is offered again after this. */
const UNSTORED_MS = 5_000;

/**
 * Looks for changes by outbound requests alone: the tags of each repository, and of each tag its digest by HEAD, which is its entity tag and no
 * pull. Repositories take turns, request by request, so that a large one does not keep the others waiting for the budget. What was seen is in
 * memory: after a start each repository is looked through once.
 */
export const pollListener = (settings: RegistrySettings, options: PollOptions): NotificationListener => {
  const known = new Map<RepositoryName, Watched>();
  const budget = makeRequestBudget(options.requests);
  return {
    name: "poll",
    exclusive: true,
    run: (deliver) =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock;
        const registry = yield* connectRegistry({
          ...settings,
          observe: (seen) => {
            budget.spend(clock.currentTimeMillisUnsafe());
            settings.observe?.(seen);
          },
        });
        const poller: Poller = { registry, budget, deliver };
        for (;;) {
          const names = options.repositories ?? (yield* catalogue(poller));
          forgetOthers(known, names);
          yield* round(
            poller,
            names.map((name) => watchedOf(known, name)),
          );
          yield* Effect.sleep(options.every);
        }
      }),
  };
};

interface Poller {
  readonly registry: Registry;
  readonly budget: RequestBudget;
  readonly deliver: Deliver;
}

const watchedOf = (known: Map<RepositoryName, Watched>, name: RepositoryName): Watched => {
  const watched = known.get(name) ?? watch(name);
  known.set(name, watched);
  return watched;
};

/** A repository that comes back is begun anew. */
const forgetOthers = (known: Map<RepositoryName, Watched>, names: ReadonlyArray<RepositoryName>): void => {
  const wanted = new Set(names);
  for (const name of known.keys()) if (!wanted.has(name)) known.delete(name);
};

const catalogue = (poller: Poller): Effect.Effect<ReadonlyArray<RepositoryName>, RegistryError> =>
  Effect.andThen(
    turn(poller),
    Effect.mapError(collected(poller.registry.repositories()), (error) => {
      const { registry, operation, reference, reason, status, code, retryAfterMs } = error;
      const detail = `${error.detail}; name what to poll in registries.${registry}.poll.repositories`;
      return new RegistryError({ registry, operation, reference, reason, status, code, retryAfterMs, detail });
    }),
  );

const collected = <A>(
  pages: Stream.Stream<ReadonlyArray<A>, RegistryError>,
): Effect.Effect<ReadonlyArray<A>, RegistryError> => Effect.map(Stream.runCollect(pages), (all) => all.flat());

/** One request of each repository in turn, until none has anything left to ask. */
const round = (poller: Poller, all: ReadonlyArray<Watched>): Effect.Effect<void> =>
  Effect.gen(function* () {
    let left = all;
    while (left.length > 0) {
      const next: Array<Watched> = [];
      for (const watched of left) {
        yield* turn(poller);
        if (yield* step(poller, watched)) next.push(watched);
        else watched.toAsk = undefined;
      }
      left = next;
    }
  });

const turn = ({ budget }: Poller): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      const wait = budget.waitMs(yield* Clock.currentTimeMillis);
      if (wait === 0) return;
      yield* Effect.sleep(wait);
    }
  });

/** Asks one thing. `false`: this repository is done for this round, or cannot be asked. */
const step = (poller: Poller, watched: Watched): Effect.Effect<boolean> =>
  (watched.toAsk === undefined ? list(poller, watched, watched.repository) : look(poller, watched, watched.toAsk)).pipe(
    Effect.catch((error) => afterwards(poller, watched, error)),
  );

const list = (poller: Poller, watched: Watched, repository: RepositoryName): Effect.Effect<boolean, RegistryError> =>
  Effect.gen(function* () {
    const listed = new Set(yield* collected(poller.registry.tags(repository)));
    yield* told(poller, vanished(watched, listed));
    for (const tag of watched.tags.keys()) if (!listed.has(tag)) watched.tags.delete(tag);
    watched.toAsk = [...listed];
    return yield* ended(poller, watched);
  });

const look = (poller: Poller, watched: Watched, toAsk: Array<Tag>): Effect.Effect<boolean, RegistryError> =>
  Effect.gen(function* () {
    const [tag] = toAsk;
    if (tag === undefined) return yield* ended(poller, watched);
    const resolved = yield* poller.registry.resolve(watched.repository, tag);
    toAsk.shift();
    // A tag that went since the listing is told by the next one.
    if (resolved !== undefined) {
      yield* told(poller, moved(watched, tag, resolved.digest));
      watched.tags.set(tag, resolved.digest);
    }
    return yield* ended(poller, watched);
  });

/** Whether there is more to ask. */
const ended = (poller: Poller, watched: Watched): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    if (watched.toAsk?.length !== 0) return true;
    if (!watched.seenWhole) yield* told(poller, [begun(watched.repository)]);
    watched.seenWhole = true;
    return false;
  });

/** Until it is durable: what is noted here as seen is never told again. */
const told = ({ deliver }: Poller, notifications: ReadonlyArray<Notification>): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (notifications.length === 0) return;
    while ((yield* deliver({ _tag: "Observed", notifications })) === "unavailable") yield* Effect.sleep(UNSTORED_MS);
  });

/** A registry that is asked too much is left alone; any other trouble is of this repository, in this round. */
const afterwards = (poller: Poller, watched: Watched, error: RegistryError): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { repository } = watched;
    if (error.reason === "rate-limited") {
      yield* Effect.sleep(Math.max(error.retryAfterMs ?? 0, THROTTLED_MS));
      return true;
    }
    if (error.reason === "repository-unknown" && watched.tags.size > 0) {
      yield* told(poller, [{ _tag: "Changed", repository, reason: "the repository is gone" }]);
      watched.tags.clear();
      return false;
    }
    yield* Effect.logWarning("a repository could not be polled", { repository, why: error.message });
    return false;
  });
