import type { WorkItem } from "@drayage/domain";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import type { Asking } from "./asking.ts";
import type { PubSubClient, Received } from "./client.ts";
import { AGAIN_MS, LOOK_MS, READY_MOST_MS } from "./limits.ts";
import { ATTRIBUTES, type BusNames } from "./names.ts";
import { decodeWork } from "./wire.ts";

/** Items that are ours remember that they are: Pub/Sub may deliver one again although it was acknowledged. Far more than a worker has within a day's retention. */
const REMEMBERED_MOST = 10_000;

/** What a worker has room for. */
export interface Demand {
  readonly worker: string;
  readonly limit: number;
  readonly leaseMs: number;
}

/** Work items of one target on their way to its worker. */
export interface Feed {
  /** What is here, and no more than is asked for; what is missing is fetched, and `onReady` tells when it has come. Never waits. */
  readonly take: (demand: Demand) => Effect.Effect<ReadonlyArray<WorkItem>>;
}

export interface FeedOptions {
  readonly client: PubSubClient;
  readonly names: BusNames;
  readonly instance: string;
  readonly asking: Asking;
  readonly onReady: Effect.Effect<void>;
}

/**
 * Pulls as many messages as the worker has room for, so that no lease is held for work that nobody begins. An item is ours when the control side
 * says so; then the message is acknowledged, and from there on the lease is in the books.
 */
export const makeFeed = Effect.fnUntraced(function* (options: FeedOptions) {
  const { client, names, asking, onReady } = options;
  const ready: Array<{ readonly item: WorkItem; readonly at: number }> = [];
  const ours = new Set<string>();
  const demands = yield* Queue.sliding<void>(1);
  let demand: Demand | undefined;

  const accept = Effect.fnUntraced(function* (item: WorkItem) {
    ready.push({ item, at: yield* Clock.currentTimeMillis });
  });
  const fetch = Effect.gen(function* () {
    const wanted = demand;
    if (wanted === undefined) return yield* Queue.take(demands);
    const received = yield* client.pull(names.work.subscription, wanted.limit);
    if (received.length === 0) return;
    demand = undefined;
    const takes = received.map((message) => takeOne(options, wanted, ours, accept, message));
    // In one piece: what was taken is ready, or a stop in between would leave a lease that nobody holds.
    yield* Effect.uninterruptible(Effect.all(takes, { concurrency: "unbounded", discard: true }));
    yield* onReady;
  });
  const handBack = (least: number) =>
    Effect.suspend(() => {
      const old = ready.filter(({ at }) => at <= least);
      for (const each of old) ready.splice(ready.indexOf(each), 1);
      return Effect.forEach(old, ({ item }) => Effect.ignore(asking.ask(item, { _tag: "Release", at: new Date(0) })), {
        concurrency: "unbounded",
        discard: true,
      });
    });

  yield* fetch.pipe(
    Effect.catchTag("BusUnavailable", (error) =>
      Effect.andThen(Effect.logWarning(`no work can be fetched: ${error.message}`), Effect.sleep(AGAIN_MS)),
    ),
    Effect.forever,
    Effect.forkScoped,
  );
  yield* Effect.flatMap(Clock.currentTimeMillis, (now) => handBack(now - READY_MOST_MS)).pipe(
    Effect.delay(LOOK_MS),
    Effect.forever,
    Effect.forkScoped,
  );
  yield* Effect.addFinalizer(() => Effect.ignore(handBack(Number.MAX_SAFE_INTEGER)));

  const take = (given: Demand): Effect.Effect<ReadonlyArray<WorkItem>> =>
    Effect.gen(function* () {
      const items = ready.splice(0, given.limit).map(({ item }) => item);
      const missing = given.limit - items.length;
      demand = missing > 0 ? { ...given, limit: missing } : undefined;
      if (demand !== undefined) yield* Queue.offer(demands, undefined);
      return items;
    });
  return { take } satisfies Feed;
});

const keyOf = ({ delivery, generation }: WorkItem): string => `${delivery}.${generation}`;

const remember = (ours: Set<string>, key: string): void => {
  ours.add(key);
  const [oldest] = ours;
  if (ours.size > REMEMBERED_MOST && oldest !== undefined) ours.delete(oldest);
};

const takeOne = Effect.fnUntraced(function* (
  { client, names, instance, asking }: FeedOptions,
  { worker, leaseMs }: Demand,
  ours: Set<string>,
  accept: (item: WorkItem) => Effect.Effect<void>,
  { ackId, data, attributes, attempt }: Received,
) {
  const { value: item, why } = decodeWork(data);
  const stranger = attributes[ATTRIBUTES.instance] !== instance;
  if (item === undefined || stranger || item.target !== names.target) {
    yield* Effect.logError("a work item cannot be taken and goes back; after some attempts Pub/Sub gives it up", {
      because: why ?? "it is of another instance or target",
      delivery: attributes[ATTRIBUTES.delivery],
      attempt,
    });
    return yield* Effect.ignore(client.giveBack(names.work.subscription, [ackId]));
  }
  const done = Effect.ignore(client.acknowledge(names.work.subscription, [ackId])); // else it comes again, and is refused
  const key = keyOf(item);
  if (ours.has(key)) return yield* done; // its double, perhaps while we still ask for it
  remember(ours, key);
  const until = yield* mayTake(asking, item, worker, leaseMs);
  if (until !== "unknown" && until !== "refused") yield* accept({ ...item, leaseUntil: until });
  if (until !== "unknown") return yield* done;
  ours.delete(key);
  yield* Effect.ignore(client.giveBack(names.work.subscription, [ackId]));
});

/** The end of the lease; refused where another has it or it is of an older generation. */
const mayTake = (asking: Asking, item: WorkItem, worker: string, leaseMs: number) =>
  asking.ask(item, { _tag: "Take", worker, leaseMs }).pipe(
    Effect.map((said): Date | "refused" | "unknown" => (said._tag === "Leased" ? said.until : "unknown")),
    Effect.catchTags({
      LeaseLost: () => Effect.succeed("refused" as const),
      BusUnavailable: () => Effect.succeed("unknown" as const),
    }),
  );
