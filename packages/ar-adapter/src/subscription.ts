import { type Deliver, type Finding, type NotificationListener, RegistryError } from "@drayage/oci-core";
import type { Message as PubSubMessage } from "@google-cloud/pubsub";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { GOOGLE_SCOPE, type GoogleIdentity, keyOf } from "./credentials.ts";

/** `projects/acme-prod/subscriptions/drayage-gcr`, of the topic `gcr`; it may be of another project than the topic. */
export interface SubscriptionSettings {
  readonly registry: string;
  readonly subscription: string;
  readonly identity: GoogleIdentity;
}

/** Messages are stored in milliseconds; these are what may wait for the database at once. */
const MESSAGES_MAX = 100;
/** A message is acknowledged when it is durable; what takes longer than this is delivered again. */
const EXTENSION_SECONDS = 300;
/** How long storing may take when we stop; what is not acknowledged then comes again. */
const CLOSE_SECONDS = 10;

/**
 * Pulls the subscription. A message is acknowledged when it is durable or can never be of use, and given back when it could not be stored.
 * Several processes may share a subscription: each gets a part. The client reconnects by itself; what it gives up (no rights, no such
 * subscription) ends the listener with an error.
 */
export const subscriptionListener = (settings: SubscriptionSettings): NotificationListener => ({
  name: `subscription ${settings.subscription}`,
  exclusive: false,
  run: (deliver) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<never, RegistryError>();
      const run = Effect.runPromiseWith(yield* Effect.context<never>());
      const open = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => openSubscription(settings), catch: (cause) => failureOf(settings, cause) }),
        ({ close }) => Effect.promise(close),
      );
      const fail = (cause: unknown): void => {
        Deferred.doneUnsafe(ended, Effect.fail(failureOf(settings, cause)));
      };
      open.subscription.on("message", (message) => {
        run(settle(deliver, message)).catch(fail);
      });
      open.subscription.on("error", fail);
      open.subscription.on("close", () => fail(new Error("the subscription was closed")));
      return yield* Deferred.await(ended);
    }),
});

/**
 * Whether the subscription is there and may be pulled, without pulling: the question for rights needs none itself. Source: facts/pubsub.md 6.
 */
export const examineSubscription = (settings: SubscriptionSettings): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.match(
    Effect.scoped(
      Effect.flatMap(
        Effect.acquireRelease(
          Effect.tryPromise({ try: () => openSubscription(settings), catch: (cause) => failureOf(settings, cause) }),
          ({ close }) => Effect.promise(close),
        ),
        ({ subscription }) =>
          Effect.tryPromise({
            try: async () => (await subscription.iam.testPermissions([CONSUME]))[0],
            catch: (cause) => failureOf(settings, cause),
          }),
      ),
    ),
    {
      onSuccess: (held): ReadonlyArray<Finding> =>
        held[CONSUME] === true
          ? []
          : [
              {
                severity: "error",
                key: KEY,
                what: `${settings.subscription} may not be pulled`,
                mend: "Grant roles/pubsub.subscriber on it",
              },
            ],
      onFailure: ({ reason, detail }): ReadonlyArray<Finding> => [
        reason === "not-found" || reason === "denied" || reason === "unauthorized"
          ? {
              severity: "error",
              key: KEY,
              what: `${settings.subscription} cannot be pulled (${detail})`,
              mend: "Create it on the topic gcr of the project, and grant roles/pubsub.subscriber on it",
            }
          : {
              severity: "unknown",
              key: KEY,
              what: `whether ${settings.subscription} can be pulled could not be asked (${detail})`,
              mend: "Look at name server, proxy and firewall: Pub/Sub is pulled from pubsub.googleapis.com",
            },
      ],
    },
  );
const CONSUME = "pubsub.subscriptions.consume";
const KEY = "notifications.subscription";

const settle = (deliver: Deliver, message: PubSubMessage): Effect.Effect<void> =>
  Effect.flatMap(deliver({ _tag: "Received", request: { headers: {}, body: envelopeOf(message) } }), (receipt) =>
    Effect.sync(() => {
      if (receipt === "unavailable") message.nack();
      else message.ack();
    }),
  );

/** The form in which push delivers it, so that one reader reads both. */
const envelopeOf = ({ data, id, publishTime }: Pick<PubSubMessage, "data" | "id" | "publishTime">): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      message: { data: data.toString("base64"), messageId: id, publishTime: publishTime.toISOString() },
    }),
  );

const openSubscription = async ({ registry, subscription, identity }: SubscriptionSettings) => {
  const { PubSub, Duration, SubscriptionCloseBehaviors } = await import("@google-cloud/pubsub");
  const projectId = subscription.split("/")[1] ?? "";
  const client = new PubSub({ projectId, ...(await credentialsOf(registry, identity)) });
  const opened = client.subscription(subscription, {
    flowControl: { maxMessages: MESSAGES_MAX, allowExcessMessages: false },
    streamingOptions: { maxStreams: 1 },
    maxExtensionTime: Duration.from({ seconds: EXTENSION_SECONDS }),
    closeOptions: {
      behavior: SubscriptionCloseBehaviors.WaitForProcessing,
      timeout: Duration.from({ seconds: CLOSE_SECONDS }),
    },
  });
  return {
    subscription: opened,
    close: async (): Promise<void> => {
      opened.removeAllListeners();
      // An error that comes while it closes has nobody to be told to.
      opened.on("error", () => undefined);
      await opened.close();
      await client.close();
    },
  };
};

const credentialsOf = async (registry: string, identity: GoogleIdentity) => {
  if (identity._tag === "Default") return { scopes: [GOOGLE_SCOPE] };
  if (identity._tag === "ServiceAccountKey") return { credentials: keyOf(registry, identity.key) };
  const { OAuth2Client } = await import("google-auth-library");
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: Redacted.value(identity.token) });
  return { authClient };
};

/** Codes of gRPC that another configuration mends, with what to do. */
const PERMANENT: Readonly<Record<number, string>> = {
  5: "create it on the topic gcr of the project",
  7: "grant roles/pubsub.subscriber on it",
  16: "check auth",
};

const failureOf = ({ registry, subscription }: SubscriptionSettings, cause: unknown): RegistryError => {
  if (cause instanceof RegistryError) return cause;
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "number" ? cause.code : undefined;
  const said = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ").slice(0, 300);
  const mend = code === undefined ? undefined : PERMANENT[code];
  return new RegistryError({
    registry,
    operation: "pull subscription",
    reference: subscription,
    reason: code === 5 ? "not-found" : code === 7 ? "denied" : code === 16 ? "unauthorized" : "network",
    detail: mend === undefined ? said : `${said}; ${mend}`,
    cause,
  });
};
