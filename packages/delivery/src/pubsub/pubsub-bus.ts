import type { WorkItem } from "@drayage/domain";
import * as Effect from "effect/Effect";
import * as PubSub from "effect/PubSub";
import * as Stream from "effect/Stream";
import { BusUnavailable, type DeliveryBus, type LeaseLost } from "../bus.ts";
import { type Asking, makeAsking } from "./asking.ts";
import type { PubSubClient } from "./client.ts";
import { type Feed, makeFeed } from "./feed.ts";
import type { Said, Say } from "./message.ts";
import type { BusNames } from "./names.ts";

export interface PubSubBusOptions {
  readonly client: PubSubClient;
  /** Of the targets that this process works for. Others have no work here. */
  readonly names: ReadonlyArray<BusNames>;
  /** Messages of another instance are refused. */
  readonly instance: string;
}

interface Link {
  readonly asking: Asking;
  readonly feed: Feed;
}

/**
 * The bus of a replicator without a database, for the length of the scope: work items come from a subscription, and every word about one is a question to the
 * control side (`pubSubControl`), which holds the books. So all promises of `DeliveryBus` are those of the bus there, and none rests on a
 * clock here, on Pub/Sub's order, or on it delivering once. Without a control side every call ends in `BusUnavailable` after 10 s.
 */
export const makePubSubBus = Effect.fnUntraced(function* ({ client, names, instance }: PubSubBusOptions) {
  const woken = yield* PubSub.sliding<string>(WAKES_KEPT);
  const links = new Map<string, Link>();
  for (const each of names) {
    const asking = yield* makeAsking({ client, names: each, instance });
    const onReady = Effect.asVoid(PubSub.publish(woken, each.target));
    links.set(each.target, { asking, feed: yield* makeFeed({ client, names: each, instance, asking, onReady }) });
  }
  const ask = <T extends Said["_tag"]>(item: WorkItem, say: Say, expected: T, once?: string) =>
    Effect.flatMap(linkOf(links, item), ({ asking }) => asking.ask(item, say, once)).pipe(
      Effect.filterOrFail(
        (said): said is Extract<typeof said, { _tag: T }> => said._tag === expected,
        (said) => new BusUnavailable({ operation: say._tag.toLowerCase(), cause: new Error(`answered ${said._tag}`) }),
      ),
    );
  return {
    claim: ({ target, ...demand }) => links.get(target)?.feed.take(demand) ?? Effect.succeed([]),
    extend: (item, leaseMs) => Effect.map(ask(item, { _tag: "Extend", leaseMs }, "Leased"), ({ until }) => until),
    intend: (item, digest, neededMs) => Effect.asVoid(ask(item, { _tag: "Intend", digest, neededMs }, "Done")),
    report: (item, outcome) => Effect.asVoid(ask(item, { _tag: "Report", outcome }, "Done", `report ${keyOf(item)}`)),
    release: (item, at) => unlessLost(ask(item, { _tag: "Release", at }, "Done")),
    permitDelete: (item, tags, neededMs) =>
      Effect.map(
        ask(item, { _tag: "Permit", tags, neededMs }, "Permit", `permit ${tags} ${keyOf(item)}`),
        ({ permit }) => permit,
      ),
    siblings: (item, digest) =>
      ask(item, { _tag: "Siblings", digest }, "Siblings").pipe(
        Effect.map(({ siblings }) => siblings),
        // It reads and promises nothing; the gates that follow say the same.
        Effect.catchTag("LeaseLost", (cause) => new BusUnavailable({ operation: "siblings", cause })),
      ),
    wakes: (target) =>
      Stream.fromPubSub(woken).pipe(
        Stream.filter((each) => each === target),
        Stream.map(() => undefined),
      ),
  } satisfies DeliveryBus;
});

/** Wakes that a listener has not heard yet; one is as good as many. */
const WAKES_KEPT = 256;

const keyOf = ({ delivery, generation }: WorkItem): string => `${delivery}.${generation}`;

const linkOf = (links: ReadonlyMap<string, Link>, { target }: WorkItem): Effect.Effect<Link, BusUnavailable> => {
  const link = links.get(target);
  return link === undefined
    ? Effect.fail(new BusUnavailable({ operation: "ask", cause: new Error(`no subscriptions for target ${target}`) }))
    : Effect.succeed(link);
};

/** Nothing to hand back. */
const unlessLost = <A>(self: Effect.Effect<A, LeaseLost | BusUnavailable>): Effect.Effect<void, BusUnavailable> =>
  Effect.catchTag(Effect.asVoid(self), "LeaseLost", () => Effect.void);
