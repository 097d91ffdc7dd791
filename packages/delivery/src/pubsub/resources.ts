import type { BusNames } from "./names.ts";

/** A subscription as the bus needs it. Pull, without filter, without ordering, never expiring: a target that is paused for a month must not lose it. */
export interface BusSubscription {
  readonly name: string;
  readonly topic: string;
  readonly ackDeadlineSeconds: number;
  /** How long a message waits for somebody who pulls. */
  readonly retentionSeconds: number;
  /** After a message was given back. Absent: at once. */
  readonly backoffSeconds?: { readonly least: number; readonly most: number } | undefined;
  readonly deadLetter?: { readonly topic: string; readonly maxDeliveryAttempts: number } | undefined;
}
export interface BusResources {
  readonly topics: ReadonlyArray<string>;
  readonly subscriptions: ReadonlyArray<BusSubscription>;
}

/** Taking an item is three calls; one that died over it holds it up for no longer. */
const ACK_SECONDS = 30;
/** A question is asked anew after 10 s, the least that Pub/Sub knows. */
const ANSWER_ACK_SECONDS = 10;
/** The least that Pub/Sub knows. Nobody waits for an answer for longer than seconds, and a work item goes out anew after this time. */
const SHORT_SECONDS = 600;
/** What a replicator said is kept for a week in which no control side listens: the longest that needs no fee and no other setting. */
const INBOX_SECONDS = 7 * 86_400;
/** An item that is refused comes again after 1 s, 2 s, …; five refusals take some fifteen seconds, and innocent ones do not happen: an outage is no refusal. */
const BACKOFF_SECONDS = { least: 1, most: 60 };
const DELIVERIES_MOST = 5;

/** All that one target needs. */
export const busResources = ({ work, inbox, answers, dead }: BusNames): BusResources => ({
  topics: [dead, work, inbox, answers].map(({ topic }) => topic),
  subscriptions: [
    { ...named(dead), ackDeadlineSeconds: ACK_SECONDS, retentionSeconds: INBOX_SECONDS },
    {
      ...named(work),
      ackDeadlineSeconds: ACK_SECONDS,
      retentionSeconds: SHORT_SECONDS,
      backoffSeconds: BACKOFF_SECONDS,
      deadLetter: { topic: dead.topic, maxDeliveryAttempts: DELIVERIES_MOST },
    },
    { ...named(inbox), ackDeadlineSeconds: ACK_SECONDS, retentionSeconds: INBOX_SECONDS },
    { ...named(answers), ackDeadlineSeconds: ANSWER_ACK_SECONDS, retentionSeconds: SHORT_SECONDS },
  ],
});

const named = ({ topic, subscription }: { readonly topic: string; readonly subscription: string }) => ({
  name: subscription,
  topic,
});
