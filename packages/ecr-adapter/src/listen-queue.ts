import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Deliver, NotificationListener, Receipt, RegistryError, RegistrySettings } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { awsError } from "./aws-error.ts";
import { clientSettings } from "./client-settings.ts";
import type { EcrOptions } from "./options.ts";

/** The most that one call brings. */
const MESSAGES_MOST = 10;
/** Long polling: the longest that SQS waits for a message. */
const WAIT_SECONDS = 20;
/** How long a message that we are storing is hidden from others: an append takes milliseconds, an outage of the log minutes. */
const VISIBILITY_SECONDS = 60;

/** A message as the SDK gives it. */
interface QueuedMessage {
  readonly Body?: string | undefined;
  readonly ReceiptHandle?: string | undefined;
}

interface Queue {
  readonly receive: () => Promise<ReadonlyArray<QueuedMessage>>;
  readonly remove: (receiptHandle: string) => Promise<unknown>;
}

/**
 * Reads an SQS queue that an EventBridge rule fills. Each message is the event as it is. What is durable, of no interest or unreadable (its body is
 * kept with us) is removed; what could not be stored comes again after its visibility time. Source: facts/event-sources.md section 9.
 */
export const queueListener = (
  settings: Pick<RegistrySettings, "name" | "network" | "url">,
  queue: URL,
  options: EcrOptions,
): NotificationListener => ({
  name: `queue ${queue.host}${queue.pathname}`,
  exclusive: false,
  run: (deliver) =>
    Effect.gen(function* () {
      const attempt = <A>(operation: string, work: () => Promise<A>): Effect.Effect<A, RegistryError> =>
        Effect.tryPromise({
          try: work,
          catch: (cause) => awsError({ registry: settings.name, operation, reference: queue.pathname }, cause),
        });
      const opened = yield* attempt("open queue", () => openQueue(settings, queue, options));
      const round = Effect.gen(function* () {
        const messages = yield* attempt("ReceiveMessage", opened.receive);
        yield* Effect.forEach(messages, (message) => takeIn(deliver, opened, attempt, message), {
          concurrency: MESSAGES_MOST,
          discard: true,
        });
      });
      return yield* Effect.forever(round);
    }),
});

const takeIn = Effect.fnUntraced(function* (
  deliver: Deliver,
  queue: Queue,
  attempt: <A>(operation: string, work: () => Promise<A>) => Effect.Effect<A, RegistryError>,
  { Body = "", ReceiptHandle }: QueuedMessage,
) {
  const receipt: Receipt = yield* deliver({
    _tag: "Received",
    request: { headers: { "content-type": "application/json" }, body: Buffer.from(Body) },
  });
  if (receipt === "unavailable" || ReceiptHandle === undefined) return;
  yield* attempt("DeleteMessage", () => queue.remove(ReceiptHandle));
});

/** Not the region of the registry: a queue may be in another one. Its host says which. */
export const openSqs = async (
  from: Pick<RegistrySettings, "name" | "network" | "url">,
  url: URL,
  options: EcrOptions,
): Promise<SQSClient> => {
  const sdk = await import("@aws-sdk/client-sqs");
  const settings = await clientSettings(from, { ...options, isPublic: false, api: options.queueApi });
  return new sdk.SQSClient({ ...settings, region: regionOf(url) ?? options.region });
};

const openQueue = async (
  from: Pick<RegistrySettings, "name" | "network" | "url">,
  url: URL,
  options: EcrOptions,
): Promise<Queue> => {
  const sdk = await import("@aws-sdk/client-sqs");
  const client = await openSqs(from, url, options);
  const QueueUrl = url.href;
  return {
    receive: async () => {
      const answer = await client.send(
        new sdk.ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: MESSAGES_MOST,
          WaitTimeSeconds: WAIT_SECONDS,
          VisibilityTimeout: VISIBILITY_SECONDS,
        }),
      );
      return answer.Messages ?? [];
    },
    remove: (ReceiptHandle) => client.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle })),
  };
};

/** `sqs.eu-central-1.amazonaws.com`. */
const regionOf = ({ hostname }: URL): string | undefined => /^sqs\.([a-z0-9-]+)\.amazonaws\./.exec(hostname)?.[1];
