import type { protos, v1 } from "@google-cloud/pubsub";
import * as Effect from "effect/Effect";
import { BusUnavailable } from "../bus.ts";
import type { PubSubClient, Received } from "./client.ts";

export interface GoogleOptions {
  readonly project: string;
  /** `europe-west4-pubsub.googleapis.com`; without it Google chooses, and `PUBSUB_EMULATOR_HOST` is heard. */
  readonly endpoint?: string | undefined;
}

/** Both halves of Google's API, for the length of the scope: what a replicator and the control side use, and what `dray bus apply` makes topics with. */
export interface GooglePubSub {
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
}

/** A pull comes back by then, if need be with nothing. */
const PULL_MOST_MS = 60_000;
/** Every other call, its repetitions included: a question waits 10 s for its answer. By default the library tries for ten minutes. */
const CALL_MOST_MS = 8_000;
const ONE_TRY_MS = 3_000;
/** Codes of gRPC that pass: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const PASSING = [1, 2, 4, 8, 10, 13, 14];
const DEADLINE_EXCEEDED = 4;

/** We try again ourselves, and say so: the library would be silent about an outage until the end of the pull. */
const PULL = {
  timeout: PULL_MOST_MS,
  retry: {
    retryCodes: [],
    backoffSettings: {
      initialRetryDelayMillis: 100,
      retryDelayMultiplier: 1,
      maxRetryDelayMillis: 100,
      initialRpcTimeoutMillis: PULL_MOST_MS,
      rpcTimeoutMultiplier: 1,
      maxRpcTimeoutMillis: PULL_MOST_MS,
      totalTimeoutMillis: PULL_MOST_MS,
    },
  },
};
const CALL = {
  timeout: CALL_MOST_MS,
  retry: {
    retryCodes: PASSING,
    backoffSettings: {
      initialRetryDelayMillis: 100,
      retryDelayMultiplier: 2,
      maxRetryDelayMillis: 1_000,
      initialRpcTimeoutMillis: ONE_TRY_MS,
      rpcTimeoutMultiplier: 1,
      maxRpcTimeoutMillis: ONE_TRY_MS,
      totalTimeoutMillis: CALL_MOST_MS,
    },
  },
};

/** Google's clients with the credentials of this machine (application default credentials). Loaded here and nowhere else: they take a fifth of a second. */
export const openGooglePubSub = ({ project, endpoint }: GoogleOptions) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async (): Promise<GooglePubSub> => {
        const { PubSub, v1 } = await import("@google-cloud/pubsub");
        const settings = new PubSub({
          projectId: project,
          ...(endpoint === undefined ? {} : { apiEndpoint: endpoint }),
        });
        const config = await settings.getClientConfig();
        // Its type is that of another release of the same library.
        const options = config as ConstructorParameters<typeof v1.PublisherClient>[0];
        return { publisher: new v1.PublisherClient(options), subscriber: new v1.SubscriberClient(options) };
      },
      catch: (cause) => new BusUnavailable({ operation: "open Pub/Sub", cause }),
    }),
    ({ publisher, subscriber }) =>
      Effect.promise(() => Promise.all([publisher.close(), subscriber.close()])).pipe(Effect.ignore),
  );

export const googlePubSubClient = ({ publisher, subscriber }: GooglePubSub): PubSubClient => ({
  publish: (topic, messages) =>
    call("publish", topic, () =>
      publisher.publish({ topic, messages: messages.map(({ data, attributes }) => ({ data, attributes })) }, CALL),
    ),
  pull: (subscription, most) =>
    Effect.tryPromise({
      try: () => subscriber.pull({ subscription, maxMessages: most }, PULL),
      catch: (cause) => cause,
    }).pipe(
      Effect.map(([{ receivedMessages }]) => (receivedMessages ?? []).map(toReceived)),
      Effect.catchIf(
        (cause) => codeOf(cause) === DEADLINE_EXCEEDED,
        () => Effect.succeed([]),
      ),
      Effect.mapError((cause) => failureOf("pull", subscription, cause)),
    ),
  acknowledge: (subscription, ackIds) =>
    call("acknowledge", subscription, () => subscriber.acknowledge({ subscription, ackIds: [...ackIds] }, CALL)),
  giveBack: (subscription, ackIds) =>
    call("give back", subscription, () =>
      subscriber.modifyAckDeadline({ subscription, ackIds: [...ackIds], ackDeadlineSeconds: 0 }, CALL),
    ),
});

type Message = protos.google.pubsub.v1.IReceivedMessage;

const toReceived = ({ ackId, message, deliveryAttempt }: Message): Received => ({
  ackId: ackId ?? "",
  data: typeof message?.data === "string" ? Buffer.from(message.data, "base64") : (message?.data ?? new Uint8Array()),
  attributes: message?.attributes ?? {},
  attempt: deliveryAttempt ?? 0,
});

const call = (operation: string, name: string, run: () => Promise<unknown>): Effect.Effect<void, BusUnavailable> =>
  Effect.asVoid(Effect.tryPromise({ try: run, catch: (cause) => failureOf(operation, name, cause) }));

/** What a person can do about codes of gRPC that another try does not mend. */
const MEND: Readonly<Record<number, string>> = {
  5: "; run dray bus apply",
  7: "; grant this identity roles/pubsub.publisher on the topic and roles/pubsub.subscriber on the subscription",
  16: "; check the Google credentials of this machine (GOOGLE_APPLICATION_CREDENTIALS)",
};
export const codeOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "number" ? cause.code : undefined;

const TEXT_CHARACTERS = 300;
export const failureOf = (operation: string, name: string, cause: unknown): BusUnavailable => {
  const said = (cause instanceof Error ? cause.message : String(cause))
    .replaceAll(/\s+/g, " ")
    .slice(0, TEXT_CHARACTERS);
  const mend = MEND[codeOf(cause) ?? 0] ?? "";
  return new BusUnavailable({ operation: `${operation} ${name}`, cause: new Error(`${said}${mend}`, { cause }) });
};
