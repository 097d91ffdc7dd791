import * as Effect from "effect/Effect";
import { googlePubSubClient, openGooglePubSub } from "./google-client.ts";
import { busNames } from "./names.ts";
import { makePubSubBus } from "./pubsub-bus.ts";
import { type PubSubControlOptions, pubSubControl } from "./run-control.ts";

/** Where the bus is, and for which targets. */
export interface PubSubPlace {
  readonly project: string;
  readonly topicPrefix: string;
  readonly endpoint?: string | undefined;
  readonly instance: string;
  readonly targets: ReadonlyArray<string>;
}

const namesOf = ({ project, topicPrefix, targets }: PubSubPlace) =>
  targets.map((target) => busNames(project, topicPrefix, target));

/** The bus of a replicator, over Google's service, for the length of the scope. */
export const openPubSubBus = Effect.fnUntraced(function* (place: PubSubPlace) {
  const client = googlePubSubClient(yield* openGooglePubSub(place));
  return yield* makePubSubBus({ client, names: namesOf(place), instance: place.instance });
});

/** The control side, over Google's service, until interrupted. */
export const openPubSubControl = Effect.fnUntraced(function* (
  place: PubSubPlace,
  books: Pick<PubSubControlOptions, "guard" | "routes">,
) {
  const client = googlePubSubClient(yield* openGooglePubSub(place));
  return yield* pubSubControl({ client, names: namesOf(place), instance: place.instance, ...books });
}, Effect.scoped);
