import { randomUUID } from "node:crypto";
import type { WorkItem } from "@drayage/domain";
import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import { BusUnavailable, LeaseLost } from "../bus.ts";
import type { PubSubClient, Received } from "./client.ts";
import { AGAIN_MS, ANSWER_MOST_MS, ANSWERED_MOST } from "./limits.ts";
import type { Said, Say } from "./message.ts";
import { ATTRIBUTES, type BusNames } from "./names.ts";
import { decodeAnswer, encodeQuestion } from "./wire.ts";

/** Answers of one pull. */
const ANSWERS_MOST = 32;
/** An answer that belongs to nobody here goes back; a moment, so that it is not we who get it again. */
const AFTER_FOREIGN_MS = 20;
/** An answer that nobody can be waiting for any more is thrown away by whoever finds it. Only by so much, since clocks may differ. */
const FORGOTTEN_MS = 60_000;

type Item = Pick<WorkItem, "delivery" | "generation">;

/** The way of a replicator to the books: it asks, and the control side answers. */
export interface Asking {
  /** `once` names a question that writes or counts. Asked again after no answer came, it is the same one, and the first answer to it holds. */
  readonly ask: (
    item: Item,
    say: Say,
    once?: string,
  ) => Effect.Effect<Exclude<Said, { _tag: "Lost" }>, LeaseLost | BusUnavailable>;
}

export interface AskingOptions {
  readonly client: PubSubClient;
  readonly names: BusNames;
  readonly instance: string;
}

/**
 * All replicators of a target share one subscription for answers, so that none needs the right to make its own. Each pulls only while it waits for one;
 * what belongs to another goes back at once.
 */
export const makeAsking = Effect.fnUntraced(function* ({ client, names, instance }: AskingOptions) {
  const from = randomUUID();
  const waiting = new Map<string, Deferred.Deferred<Said>>();
  const asked = yield* Queue.sliding<void>(1);
  const unanswered = new Map<string, string>();
  const listen = Effect.gen(function* () {
    if (waiting.size === 0) return yield* Queue.take(asked);
    const received = yield* client.pull(names.answers.subscription, ANSWERS_MOST);
    yield* settle({ client, names, instance }, from, waiting, received);
  });
  yield* listen.pipe(
    Effect.catchTag("BusUnavailable", () => Effect.sleep(AGAIN_MS)), // whoever asked is told when its time is up
    Effect.forever,
    Effect.forkScoped,
  );

  const ask: Asking["ask"] = Effect.fnUntraced(function* (item, say, once) {
    const id = unanswered.get(once ?? "") ?? randomUUID();
    if (once !== undefined) remember(unanswered, once, id);
    const answer = yield* Deferred.make<Said>();
    const said = yield* Effect.gen(function* () {
      waiting.set(id, answer);
      yield* Queue.offer(asked, undefined);
      const { delivery, generation } = item;
      const data = encodeQuestion({ id, from, delivery, generation, say });
      yield* client.publish(names.inbox.topic, [{ data, attributes: { [ATTRIBUTES.instance]: instance } }]);
      return yield* Deferred.await(answer);
    }).pipe(
      Effect.timeoutOrElse({ duration: ANSWER_MOST_MS, orElse: () => Effect.fail(noAnswer(say)) }),
      Effect.ensuring(Effect.sync(() => waiting.delete(id))),
    );
    if (once !== undefined) unanswered.delete(once);
    if (said._tag === "Lost") return yield* new LeaseLost({ delivery: item.delivery, generation: item.generation });
    return said;
  });
  return { ask } satisfies Asking;
});

const noAnswer = (say: Say): BusUnavailable =>
  new BusUnavailable({
    operation: say._tag.toLowerCase(),
    cause: new Error(`no answer from the control side within ${ANSWER_MOST_MS} ms: does a dispatcher run?`),
  });

const remember = (unanswered: Map<string, string>, once: string, id: string): void => {
  unanswered.set(once, id);
  const [oldest] = unanswered.keys();
  if (unanswered.size > ANSWERED_MOST && oldest !== undefined) unanswered.delete(oldest);
};

/** Ours are handed to whoever waits; late ones and broken ones are done with; those of others go back. */
const settle = Effect.fnUntraced(function* (
  { client, names, instance }: AskingOptions,
  from: string,
  waiting: ReadonlyMap<string, Deferred.Deferred<Said>>,
  received: ReadonlyArray<Received>,
) {
  const now = yield* Clock.currentTimeMillis;
  const foreign: Array<string> = [];
  const done: Array<string> = [];
  for (const { ackId, data, attributes } of received) {
    const { value } = decodeAnswer(data);
    const waits = value === undefined ? undefined : waiting.get(value.id);
    if (value !== undefined && waits !== undefined) yield* Deferred.succeed(waits, value.said);
    // Ours, also where it comes twice or too late.
    const isOurs = attributes[ATTRIBUTES.to] === from;
    const isStray = value === undefined || attributes[ATTRIBUTES.instance] !== instance;
    (isOurs || isStray || isForgotten(attributes[ATTRIBUTES.until], now) ? done : foreign).push(ackId);
  }
  if (done.length > 0) yield* client.acknowledge(names.answers.subscription, done);
  if (foreign.length === 0) return;
  yield* client.giveBack(names.answers.subscription, foreign);
  yield* Effect.sleep(AFTER_FOREIGN_MS);
});

const isForgotten = (until: string | undefined, now: number): boolean => {
  const at = Date.parse(until ?? "");
  return Number.isNaN(at) || at + FORGOTTEN_MS < now;
};
