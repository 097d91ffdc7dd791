import type { ParsedNotifications } from "@drayage/oci-core";
import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { readWebhook } from "./wire.ts";

/** Names are checked by the grammar before they go anywhere; nothing else of the body is used, no host and no URL. */
export const parseAcme = (body: Uint8Array): ParsedNotifications => {
  const webhook = readWebhook(body);
  if (webhook === undefined) return { _tag: "Unparseable", reason: "the body is no webhook of Acme" };
  const repository = parseRepositoryName(webhook.repository);
  if (repository === undefined)
    return { _tag: "Unparseable", reason: `repository: "${webhook.repository}" is no name` };
  const tag = webhook.tag === undefined ? undefined : parseTag(webhook.tag);
  const digest = webhook.digest === undefined ? undefined : parseDigest(webhook.digest);
  const delivery = { id: webhook.id };
  switch (webhook.action) {
    case "push":
      return { _tag: "Parsed", notifications: [{ _tag: "Pushed", repository, tag, digest, delivery }], ignored: [] };
    case "delete":
      return { _tag: "Parsed", notifications: [{ _tag: "Deleted", repository, tag, digest, delivery }], ignored: [] };
    default:
      return { _tag: "Parsed", notifications: [], ignored: [`${webhook.action} of ${repository}`] };
  }
};
