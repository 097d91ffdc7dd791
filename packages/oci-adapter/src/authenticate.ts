import { knowsSecret, type NotificationRequest, type NotificationSecrets, signedWithSecret } from "@drayage/oci-core";

/**
 * Whether the request proves a secret. The scheme is configured and never guessed from the request. One sender signs: GitHub, with
 * `hmac-sha256`. All others send what somebody configured, and that is `Authorization`, the one header that each of them can send; Docker
 * Hub can send none, so its secret is in the address. With `shared-secret` no body is read, so that the receiver can ask before it comes.
 */
export const authenticate = (request: NotificationRequest, { scheme, secrets }: NotificationSecrets): boolean =>
  scheme === "hmac-sha256"
    ? signedWithSecret(after(request.headers["x-hub-signature-256"], SIGNATURE), request.body, secrets)
    : [authorized(request.headers["authorization"], secrets), knowsSecret(request.addressSecret, secrets)].includes(
        true,
      );

/** Source: facts/event-sources.md 5. The older `X-Hub-Signature` is SHA-1 and is not looked at. */
const SIGNATURE = "sha256=";

/**
 * In any of three forms: the whole value (Harbor's auth header), after `Bearer ` (zot's token), or as the password of `Basic` (zot's
 * credentials, a user in the URL of a hook of Quay).
 */
const authorized = (value: string | undefined, secrets: NotificationSecrets["secrets"]): boolean =>
  [value, after(value, "bearer ")?.trim(), passwordOf(after(value, "basic "))]
    .map((candidate) => knowsSecret(candidate, secrets))
    .includes(true);

/** Source: RFC 9110 11.1, the scheme is case-insensitive. */
const after = (value: string | undefined, scheme: string): string | undefined =>
  value?.slice(0, scheme.length).toLowerCase() === scheme ? value?.slice(scheme.length) : undefined;

const passwordOf = (credentials: string | undefined): string | undefined => {
  if (credentials === undefined) return undefined;
  const plain = Buffer.from(credentials, "base64").toString("utf8");
  const colon = plain.indexOf(":");
  return colon < 0 ? undefined : plain.slice(colon + 1);
};
