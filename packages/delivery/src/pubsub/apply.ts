import type { protos } from "@google-cloud/pubsub";
import * as Effect from "effect/Effect";
import type { BusUnavailable } from "../bus.ts";
import { codeOf, failureOf, type GooglePubSub } from "./google-client.ts";
import type { BusResources, BusSubscription } from "./resources.ts";

export interface Step {
  readonly kind: "topic" | "subscription";
  readonly name: string;
  /** `ready`: as it should be. `refused`: it is there and cannot be made so; `why` says what a person can do. */
  readonly action: "create" | "change" | "ready" | "refused";
  /** What differs, in words. */
  readonly why?: string | undefined;
  /** Fields of the API that a change writes. */
  readonly fields?: ReadonlyArray<string> | undefined;
}

type ISubscription = protos.google.pubsub.v1.ISubscription;
const NOT_FOUND = 5;

/** What has to be done so that Pub/Sub is as the bus needs it. Reads only. */
export const planBus = (
  google: GooglePubSub,
  wanted: BusResources,
): Effect.Effect<ReadonlyArray<Step>, BusUnavailable> =>
  Effect.gen(function* () {
    const topics = yield* Effect.forEach(wanted.topics, (name) =>
      Effect.map(
        found(name, () => google.publisher.getTopic({ topic: name })),
        (topic): Step => ({
          kind: "topic",
          name,
          action: topic === undefined ? "create" : "ready",
        }),
      ),
    );
    const subscriptions = yield* Effect.forEach(wanted.subscriptions, (subscription) =>
      Effect.map(
        found(subscription.name, () => google.subscriber.getSubscription({ subscription: subscription.name })),
        (there) => stepOf(subscription, there),
      ),
    );
    return [...topics, ...subscriptions];
  });

/** Carries a plan out, in its order. What is refused is left alone. Two at the same time do no harm: what the other made is ready. */
export const applyBus = (
  google: GooglePubSub,
  wanted: BusResources,
  plan: ReadonlyArray<Step>,
): Effect.Effect<void, BusUnavailable> =>
  Effect.forEach(
    plan,
    ({ kind, name, action, fields = [] }) => {
      const subscription = wanted.subscriptions.find((each) => each.name === name);
      if (action === "create" && kind === "topic") return made(name, () => google.publisher.createTopic({ name }));
      if (subscription === undefined) return Effect.void;
      if (action === "create") return made(name, () => google.subscriber.createSubscription(requestOf(subscription)));
      if (action !== "change") return Effect.void;
      const updateMask = { paths: [...fields] };
      return made(name, () =>
        google.subscriber.updateSubscription({ subscription: requestOf(subscription), updateMask }),
      );
    },
    { discard: true },
  );

const ALREADY_EXISTS = 6;
const made = (name: string, run: () => Promise<unknown>): Effect.Effect<void, BusUnavailable> =>
  Effect.tryPromise({ try: run, catch: (cause) => cause }).pipe(
    Effect.asVoid,
    Effect.catchIf(
      (cause) => codeOf(cause) === ALREADY_EXISTS,
      () => Effect.void,
    ),
    Effect.mapError((cause) => failureOf("make", name, cause)),
  );
const found = <A>(name: string, run: () => Promise<readonly [A, ...ReadonlyArray<unknown>]>) =>
  Effect.tryPromise({ try: run, catch: (cause) => cause }).pipe(
    Effect.map(([there]): A | undefined => there),
    Effect.catchIf(
      (cause) => codeOf(cause) === NOT_FOUND,
      () => Effect.succeed(undefined),
    ),
    Effect.mapError((cause) => failureOf("look at", name, cause)),
  );

/** Both texts of what can be changed: ours, and the field of the API. */
const CHANGEABLE = new Map([
  ["ack deadline", "ack_deadline_seconds"],
  ["retention", "message_retention_duration"],
  ["retry policy", "retry_policy"],
  ["dead-letter policy", "dead_letter_policy"],
  ["expiration", "expiration_policy"],
]);

const requestOf = (wanted: BusSubscription) => ({
  name: wanted.name,
  topic: wanted.topic,
  ackDeadlineSeconds: wanted.ackDeadlineSeconds,
  messageRetentionDuration: { seconds: wanted.retentionSeconds },
  expirationPolicy: {},
  retryPolicy:
    wanted.backoffSeconds === undefined
      ? null
      : {
          minimumBackoff: { seconds: wanted.backoffSeconds.least },
          maximumBackoff: { seconds: wanted.backoffSeconds.most },
        },
  deadLetterPolicy:
    wanted.deadLetter === undefined
      ? null
      : {
          deadLetterTopic: wanted.deadLetter.topic,
          maxDeliveryAttempts: wanted.deadLetter.maxDeliveryAttempts,
        },
});

const stepOf = (wanted: BusSubscription, there: ISubscription | undefined): Step => {
  const step = { kind: "subscription", name: wanted.name } as const;
  if (there === undefined) return { ...step, action: "create" };
  const fixed = fixedDifferences(wanted, there);
  if (fixed.length > 0) {
    const why = `${fixed.join(", ")}: it cannot be changed; delete the subscription when nothing waits in it, and apply again`;
    return { ...step, action: "refused", why };
  }
  const changed = changeable(wanted, there);
  if (changed.length === 0) return { ...step, action: "ready" };
  const fields = changed.flatMap((what) => CHANGEABLE.get(what) ?? []);
  return { ...step, action: "change", why: changed.join(", "), fields };
};

const fixedDifferences = ({ topic }: BusSubscription, there: ISubscription): ReadonlyArray<string> => [
  ...(there.topic === topic ? [] : [`it is of ${there.topic}`]),
  ...((there.filter ?? "") === "" ? [] : ["it has a filter"]),
  ...(there.enableMessageOrdering === true ? ["it keeps messages in order"] : []),
  ...((there.pushConfig?.pushEndpoint ?? "") === "" ? [] : ["it pushes"]),
];

const seconds = (duration: protos.google.protobuf.IDuration | null | undefined): number =>
  Number(duration?.seconds ?? 0);

const changeable = (wanted: BusSubscription, there: ISubscription): ReadonlyArray<string> => {
  const { backoffSeconds: backoff, deadLetter } = wanted;
  const same: Readonly<Record<string, boolean>> = {
    "ack deadline": there.ackDeadlineSeconds === wanted.ackDeadlineSeconds,
    retention: seconds(there.messageRetentionDuration) === wanted.retentionSeconds,
    "retry policy":
      seconds(there.retryPolicy?.minimumBackoff) === (backoff?.least ?? 0) &&
      seconds(there.retryPolicy?.maximumBackoff) === (backoff?.most ?? 0),
    "dead-letter policy":
      (there.deadLetterPolicy?.deadLetterTopic ?? "") === (deadLetter?.topic ?? "") &&
      (there.deadLetterPolicy?.maxDeliveryAttempts ?? 0) === (deadLetter?.maxDeliveryAttempts ?? 0),
    expiration: there.expirationPolicy !== null && seconds(there.expirationPolicy?.ttl) === 0,
  };
  return [...CHANGEABLE.keys()].filter((what) => same[what] === false);
};
