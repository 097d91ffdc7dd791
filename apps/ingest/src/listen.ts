import type { Config, RegistryConfig } from "@drayage/config";
import { lead } from "@drayage/delivery";
import type { Database } from "@drayage/event-log";
import type { NotificationListener, Receipt, RegistryError } from "@drayage/oci-core";
import { notificationListenersOf, notificationReaderOf } from "@drayage/registries";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { type Intake, type Received, take, takeObserved } from "./take.ts";

/** A listener that failed is begun again: soon after a hiccup, every minute through an outage. */
const BEGIN_AGAIN = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")]).pipe(
  Schedule.jittered,
);

/** A registry whose certificates cannot be read is asked for again so often. */
const AGAIN_AFTER = "1 minute";

export interface ListenOptions {
  readonly config: Pick<Config, "registries">;
  readonly intake: Intake;
  /** Metrics and log of one delivery. */
  readonly tell: (received: Received) => Effect.Effect<void>;
}

/** One registry with what is listened to there. */
interface Listened {
  readonly registry: string;
  readonly settings: RegistryConfig;
  readonly listener: NotificationListener;
}

/**
 * Listens to every registry that has listeners, each by itself and for as long as the scope is open. A registry that cannot be
 * listened to is told in the log and tried again; it stops no other. Of all processes on one database one alone runs what is `exclusive`.
 */
export const listenToRegistries = (options: ListenOptions): Effect.Effect<void, never, Scope.Scope | Database> =>
  Effect.gen(function* () {
    const registries = Object.entries(options.config.registries);
    const first = yield* Effect.forEach(registries, ([registry, settings]) =>
      Effect.option(Effect.map(listenedAt(registry, settings), (listened) => ({ registry, listened }))),
    );
    const ready = new Map(
      first.flatMap((one) => (Option.isSome(one) ? [[one.value.registry, one.value.listened]] : [])),
    );
    // Together, since every call of `lead` holds a connection to the database.
    yield* Effect.forkScoped(listenToAll(options, [...ready.values()].flat()));
    for (const [registry, settings] of registries) {
      if (ready.has(registry)) continue;
      const later = listenedAt(registry, settings).pipe(
        Effect.delay(AGAIN_AFTER),
        Effect.retry(Schedule.forever),
        Effect.orDie,
      );
      yield* Effect.forkScoped(Effect.flatMap(later, (listened) => listenToAll(options, listened)));
    }
  });

/** Fails where files of the configuration cannot be read. */
const listenedAt = (
  registry: string,
  settings: RegistryConfig,
): Effect.Effect<ReadonlyArray<Listened>, RegistryError> =>
  notificationListenersOf(settings).pipe(
    Effect.map((listeners) => listeners.map((listener) => ({ registry, settings, listener }))),
    Effect.tapError((error) => Effect.logError("a registry cannot be listened to", { registry, why: error.message })),
  );

const listenToAll = (options: ListenOptions, all: ReadonlyArray<Listened>): Effect.Effect<void, never, Database> =>
  Effect.all([runAll(options, all), leadAll(options, all)], { concurrency: "unbounded", discard: true });

const runAll = (options: ListenOptions, all: ReadonlyArray<Listened>): Effect.Effect<void> =>
  Effect.forEach(
    all.filter(({ listener }) => !listener.exclusive),
    (each) => listen(options, each),
    { concurrency: "unbounded", discard: true },
  );

/** A process that takes over begins anew: what the other had seen is not known here. */
const leadAll = (options: ListenOptions, all: ReadonlyArray<Listened>): Effect.Effect<void, never, Database> => {
  const exclusive = new Map(
    all
      .filter(({ listener }) => listener.exclusive)
      .map((each) => [`listen/${each.registry}/${each.listener.name}`, each]),
  );
  if (exclusive.size === 0) return Effect.void;
  return lead([...exclusive.keys()], (name) => {
    const each = exclusive.get(name);
    return each === undefined ? Effect.never : listen(options, each);
  });
};

const listen = ({ intake, tell }: ListenOptions, { registry, settings, listener }: Listened): Effect.Effect<never> => {
  const reader = notificationReaderOf(settings);
  const receiptOf = (taken: Promise<Received>): Effect.Effect<Receipt> =>
    Effect.flatMap(
      Effect.promise(() => taken),
      (received) => Effect.as(tell(received), toReceipt(received)),
    );
  return Effect.scoped(
    listener.run((incoming) =>
      Effect.suspend(() =>
        receiptOf(
          incoming._tag === "Received"
            ? take(intake, registry, reader, incoming.request)
            : takeObserved(intake, registry, incoming.notifications),
        ),
      ),
    ),
  ).pipe(
    Effect.tapError((error) =>
      Effect.logWarning("listening to a registry stopped, it is begun again", {
        registry,
        listener: listener.name,
        why: error.message,
      }),
    ),
    Effect.retry(BEGIN_AGAIN),
    Effect.orDie,
  );
};

const toReceipt = (received: Received): Receipt => {
  switch (received._tag) {
    case "Accepted":
      return "stored";
    case "Ignored":
      return received.unparseable ? "unparseable" : "irrelevant";
    case "Gone":
      return "unavailable";
    case "Refused":
      return received.reason === "log-unavailable" ? "unavailable" : "unparseable";
  }
};
