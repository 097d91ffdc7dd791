import * as z from "zod";

/** Acme's documents, read loosely: unknown fields are left alone. Source: Acme's handbook, "Webhooks" and "API". */
const webhook = z.object({
  action: z.string(),
  repository: z.string(),
  tag: z.string().optional(),
  digest: z.string().optional(),
  id: z.string().optional(),
});
const account = z.object({ quotaLeftBytes: z.number() });

export type Webhook = z.output<typeof webhook>;

/** `undefined` where it is not what it should be. */
export const readWebhook = (body: Uint8Array): Webhook | undefined => {
  try {
    return webhook.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body))).data;
  } catch {
    return undefined;
  }
};

export const readAccount = (document: unknown) => account.safeParse(document).data;
