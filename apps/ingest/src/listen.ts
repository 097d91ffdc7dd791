import type { Config } from "@drayage/config";
import type { NotificationListener, Receipt } from "@drayage/oci-core";
import { notificationListenersOf, notificationReaderOf } from "@drayage/registries";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { type Intake, type Received, take, takeObserved } from "./take.ts";

/** A listener that failed is begun again: soon after a hiccup, every minute through an outage. */
const BEGIN_AGAIN = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")]).pipe(
  Schedule.jittered,
);

export interface ListenOptions {
  readonly config: Pick<Config, "registries">;
  readonly intake: Intake;
  /** Metrics and log of one delivery. */
  readonly tell: (received: Received) => Effect.Effect<void>;
}

/**
 * Listens to every registry that has listeners, each by itself and for as long as the scope is open. A registry that cannot be
 * listened to is told in the log and tried again; it stops no other.
 */
export const listenToRegistries = ({ config, ...rest }: ListenOptions): Effect.Effect<void, never, Scope.Scope> =>
  Effect.forEach(
    Object.entries(config.registries),
    ([registry, settings]) => {
      const reader = notificationReaderOf(settings);
      const receiptOf = (taken: Promise<Received>): Effect.Effect<Receipt> =>
        Effect.flatMap(
          Effect.promise(() => taken),
          (received) => Effect.as(rest.tell(received), toReceipt(received)),
        );
      const listen = (listener: NotificationListener): Effect.Effect<never> =>
        Effect.scoped(
          listener.run((incoming) =>
            receiptOf(
              incoming._tag === "Received"
                ? take(rest.intake, registry, reader, incoming.request)
                : takeObserved(rest.intake, registry, incoming.notifications),
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
      return Effect.forkScoped(
        Effect.flatMap(
          notificationListenersOf(settings).pipe(
            Effect.tapError((error) =>
              Effect.logError("a registry cannot be listened to", { registry, why: error.message }),
            ),
            Effect.retry(Schedule.spaced(Duration.minutes(1))),
            Effect.orDie,
          ),
          (listeners) => Effect.forEach(listeners, listen, { concurrency: "unbounded", discard: true }),
        ),
      );
    },
    { discard: true },
  );

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
