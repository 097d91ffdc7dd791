import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import { BusUnavailable } from "../bus.ts";
import type { Outgoing, PubSubClient, Received } from "../pubsub/client.ts";

/** A subscription as `dray bus apply` would make it. */
export interface FakeSubscription {
  readonly topic: string;
  readonly ackDeadlineSeconds: number;
  readonly deadLetter?: { readonly topic: string; readonly maxDeliveryAttempts: number } | undefined;
}

export interface InProcessOptions {
  /** Milliseconds; a test hands in its own clock. */
  readonly now?: (() => number) | undefined;
  /** 0 to 1. Decides which messages are doubled and how they are mixed. Without it nothing is. */
  readonly chance?: (() => number) | undefined;
}

/** What the service may do and a test rarely sees: a message comes twice, and in another order. */
const DOUBLED = 0.2;
/** The longest wait of one pull; the service waits longer. */
const PULL_MOST_MS = 500;

interface Waiting extends Outgoing {
  readonly id: number;
  attempt: number;
  /** Acknowledged with this id until then. */
  lease?: { readonly ackId: string; readonly until: number } | undefined;
}
interface Subscribed extends FakeSubscription {
  readonly messages: Map<number, Waiting>;
  readonly arrived: Latch.Latch;
}

export interface InProcessPubSub {
  readonly client: PubSubClient;
  readonly createTopic: (topic: string) => void;
  readonly createSubscription: (subscription: string, settings: FakeSubscription) => void;
  /** Messages that are not acknowledged. */
  readonly backlog: (subscription: string) => number;
  /** Whatever is asked from now on fails, or works again. */
  readonly setDown: (down: boolean) => void;
}

/**
 * Pub/Sub in one process, as strict as the service: limits, names, ack deadlines, at-least-once, dead letters after so many deliveries; messages to a
 * topic without subscription are lost. Keeps nothing that the service does not promise.
 */
export const makeInProcessPubSub = ({ now = Date.now, chance }: InProcessOptions = {}): InProcessPubSub => {
  const topics = new Set<string>();
  const subscriptions = new Map<string, Subscribed>();
  let counter = 0;
  let down = false;

  const find = (subscription: string): Subscribed => {
    const found = subscriptions.get(subscription);
    if (found === undefined) throw new Error(`NOT_FOUND: ${subscription}`);
    return found;
  };
  const put = (topic: string, message: Outgoing): void => {
    for (const subscribed of subscriptions.values()) {
      if (subscribed.topic !== topic) continue;
      const copies = chance !== undefined && chance() < DOUBLED ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        counter += 1;
        subscribed.messages.set(counter, { ...structuredClone(message), id: counter, attempt: 0 });
      }
      subscribed.arrived.openUnsafe();
    }
  };
  const publish = (topic: string, messages: ReadonlyArray<Outgoing>): void => {
    if (!topics.has(topic)) throw new Error(`NOT_FOUND: ${topic}`);
    checkRequest(messages);
    for (const message of messages) put(topic, message);
  };
  const bury = (subscribed: Subscribed, message: Waiting): boolean => {
    const { deadLetter } = subscribed;
    if (deadLetter === undefined || message.attempt < deadLetter.maxDeliveryAttempts) return false;
    subscribed.messages.delete(message.id);
    const { data, attributes, attempt } = message;
    put(deadLetter.topic, {
      data,
      attributes: { ...attributes, CloudPubSubDeadLetterSourceDeliveryCount: String(attempt) },
    });
    return true;
  };
  const grab = (subscription: string, most: number): ReadonlyArray<Received> => {
    const subscribed = find(subscription);
    const free = [...subscribed.messages.values()].filter(
      (message) => (message.lease === undefined || message.lease.until <= now()) && !bury(subscribed, message),
    );
    const order = chance === undefined ? free : free.toSorted(() => chance() - 0.5);
    return order.slice(0, most).map((message) => {
      message.attempt += 1;
      counter += 1;
      message.lease = { ackId: `ack-${counter}`, until: now() + subscribed.ackDeadlineSeconds * 1000 };
      const { data, attributes, attempt } = message;
      return {
        data,
        attributes,
        ackId: message.lease.ackId,
        attempt: subscribed.deadLetter === undefined ? 0 : attempt,
      };
    });
  };
  /** An id that is not current any more is passed over in silence, as the service does. */
  const end = (subscription: string, ackIds: ReadonlyArray<string>, how: "ack" | "nack"): void => {
    const subscribed = find(subscription);
    for (const message of [...subscribed.messages.values()]) {
      if (message.lease === undefined || !ackIds.includes(message.lease.ackId) || message.lease.until <= now())
        continue;
      if (how === "ack") subscribed.messages.delete(message.id);
      else message.lease = undefined;
    }
    subscribed.arrived.openUnsafe();
  };
  const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, BusUnavailable> =>
    Effect.try({
      try: () => {
        if (down) throw new Error("UNAVAILABLE");
        return run();
      },
      catch: (cause) => new BusUnavailable({ operation, cause }),
    });

  return {
    client: {
      publish: (topic, messages) => attempt(`publish ${topic}`, () => publish(topic, messages)),
      pull: (subscription, most) =>
        Effect.gen(function* () {
          const { arrived } = yield* attempt("pull", () => find(subscription));
          yield* arrived.close; // before we look: what comes after that opens it
          const first = yield* attempt("pull", () => grab(subscription, most));
          if (first.length > 0) return first;
          yield* Effect.ignore(Effect.timeout(arrived.await, PULL_MOST_MS));
          return yield* attempt("pull", () => grab(subscription, most));
        }),
      acknowledge: (subscription, ids) => attempt("acknowledge", () => end(subscription, ids, "ack")),
      giveBack: (subscription, ids) => attempt("give back", () => end(subscription, ids, "nack")),
    },
    createTopic: (topic) => {
      checkName(topic, "topics");
      topics.add(topic);
    },
    createSubscription: (subscription, settings) => {
      checkName(subscription, "subscriptions");
      checkSubscription(settings, topics);
      subscriptions.set(subscription, { ...settings, messages: new Map(), arrived: Latch.makeUnsafe(false) });
    },
    backlog: (subscription) => find(subscription).messages.size,
    setDown: (is) => {
      down = is;
    },
  };
};

const refuse = (why: string): never => {
  throw new Error(`INVALID_ARGUMENT: ${why}`);
};
const NAME = /^projects\/[a-z][a-z0-9-]{4,28}[a-z0-9]\/(topics|subscriptions)\/(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;
const checkName = (name: string, kind: string): void => {
  if (NAME.exec(name)?.[1] !== kind) refuse(`${name} is no name of ${kind}`);
};
const checkSubscription = ({ topic, ackDeadlineSeconds, deadLetter }: FakeSubscription, topics: Set<string>): void => {
  if (ackDeadlineSeconds < 10 || ackDeadlineSeconds > 600) refuse("ackDeadlineSeconds is 10 to 600");
  const attempts = deadLetter?.maxDeliveryAttempts ?? 5;
  if (attempts < 5 || attempts > 100) refuse("maxDeliveryAttempts is 5 to 100");
  for (const each of [topic, deadLetter?.topic]) {
    if (each !== undefined && !topics.has(each)) throw new Error(`NOT_FOUND: ${each}`);
  }
};

const REQUEST = { messages: 1_000, bytes: 10_000_000 };
const ATTRIBUTE = { most: 100, key: 256, value: 1_024 };
const checkRequest = (messages: ReadonlyArray<Outgoing>): void => {
  const weight = messages.reduce((sum, { data }) => sum + data.length, 0);
  if (messages.length === 0 || messages.length > REQUEST.messages || weight > REQUEST.bytes)
    refuse("request too large");
  for (const { data, attributes } of messages) {
    const entries = Object.entries(attributes);
    if (data.length === 0 && entries.length === 0) refuse("an empty message");
    if (entries.length > ATTRIBUTE.most) refuse("too many attributes");
    for (const [key, value] of entries) {
      if (key === "" || key.length > ATTRIBUTE.key || key.startsWith("goog")) refuse(`attribute ${key}`);
      if (value.length > ATTRIBUTE.value) refuse(`value of attribute ${key}`);
    }
  }
};
