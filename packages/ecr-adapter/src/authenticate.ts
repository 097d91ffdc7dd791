import { knowsSecret, type NotificationRequest, type NotificationSecrets } from "@drayage/oci-core";

/**
 * An EventBridge API destination sends what its connection holds in a header that is chosen there: `Authorization` (whole, or as the password
 * of `Basic`), or `X-Api-Key`. EventBridge signs nothing. Source: facts/event-sources.md section 9.
 */
export const authenticateEventBridge = (
  { headers }: NotificationRequest,
  { scheme, secrets }: NotificationSecrets,
): boolean =>
  scheme === "shared-secret" &&
  [
    headers["x-api-key"],
    headers["authorization"],
    basicPassword(headers["authorization"]),
    bearer(headers["authorization"]),
  ]
    .map((given) => knowsSecret(given, secrets))
    .includes(true);

const bearer = (value: string | undefined): string | undefined =>
  value !== undefined && /^bearer /i.test(value) ? value.slice("bearer ".length).trim() : undefined;

const basicPassword = (value: string | undefined): string | undefined => {
  if (value === undefined || !/^basic /i.test(value)) return undefined;
  const plain = Buffer.from(value.slice("basic ".length), "base64").toString("utf8");
  const colon = plain.indexOf(":");
  return colon < 0 ? undefined : plain.slice(colon + 1);
};
