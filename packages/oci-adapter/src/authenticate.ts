import { knowsSecret, type NotificationRequest, type NotificationSecrets } from "@drayage/oci-core";

/**
 * Distribution signs nothing: it sends the headers that its `endpoints[].headers` say. So the secret is what stands in `Authorization`,
 * in any of three forms: the whole value, after `Bearer `, or as the password of `Basic`. The scheme `hmac-sha256` is never met.
 */
export const authenticateDistribution = (request: NotificationRequest, secrets: NotificationSecrets): boolean => {
  if (secrets.scheme !== "shared-secret") return false;
  const value = request.headers["authorization"];
  if (value === undefined) return false;
  return [value, after(value, "bearer "), passwordOf(after(value, "basic "))]
    .map((candidate) => knowsSecret(candidate, secrets.secrets))
    .includes(true);
};

/** Source: RFC 9110 11.1, the scheme is case-insensitive. */
const after = (value: string, scheme: string): string | undefined =>
  value.slice(0, scheme.length).toLowerCase() === scheme ? value.slice(scheme.length).trim() : undefined;

const passwordOf = (credentials: string | undefined): string | undefined => {
  if (credentials === undefined) return undefined;
  const plain = Buffer.from(credentials, "base64").toString("utf8");
  const colon = plain.indexOf(":");
  return colon < 0 ? undefined : plain.slice(colon + 1);
};
