import type { Finding, RegistrySettings } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { awsError } from "./aws-error.ts";
import { openSqs } from "./listen-queue.ts";
import type { EcrOptions } from "./options.ts";

/** Whether the queue is there, without taking a message out of it. Reading and deleting need rights of their own, which only messages show. */
export const examineQueue = (
  settings: Pick<RegistrySettings, "name" | "network" | "url">,
  options: EcrOptions,
): Effect.Effect<ReadonlyArray<Finding>> => {
  const { queue } = options;
  if (queue === undefined) return Effect.succeed([]);
  return Effect.match(
    Effect.tryPromise({
      try: async (abortSignal) => {
        const { GetQueueAttributesCommand } = await import("@aws-sdk/client-sqs");
        const client = await openSqs(settings, queue, options);
        const asked = new GetQueueAttributesCommand({ QueueUrl: queue.href, AttributeNames: ["QueueArn"] });
        try {
          await client.send(asked, { abortSignal });
        } finally {
          client.destroy();
        }
      },
      catch: (cause) =>
        awsError({ registry: settings.name, operation: "GetQueueAttributes", reference: queue.pathname }, cause),
    }),
    {
      onSuccess: () => [],
      onFailure: ({ reason, code = "no answer", detail }): ReadonlyArray<Finding> => [
        reason === "denied"
          ? {
              severity: "unknown",
              key: "notifications.queue",
              what: `whether the queue can be read may not be asked (${code}: ${detail})`,
              mend: "Allow sqs:ReceiveMessage and sqs:DeleteMessage on it; with sqs:GetQueueAttributes it can be looked at",
            }
          : {
              severity: "error",
              key: "notifications.queue",
              what: `the queue cannot be looked at (${code}: ${detail})`,
              mend: "Correct its URL, or create it and let an EventBridge rule fill it",
            },
      ],
    },
  );
};
