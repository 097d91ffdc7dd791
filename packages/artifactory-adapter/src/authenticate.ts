import { knowsSecret, type NotificationRequest, type NotificationSecrets, signedWithSecret } from "@drayage/oci-core";

/**
 * One header in both modes: the secret itself, or (`use_secret_for_signing`) the lower-case hex HMAC-SHA256 of the raw body, without a
 * prefix. The mode is configured and never guessed: a secret can look like a signature. Source: facts/artifactory.md 1.4.
 */
export const authenticateArtifactory = (
  request: NotificationRequest,
  { scheme, secrets }: NotificationSecrets,
): boolean => {
  const given = request.headers["x-jfrog-event-auth"];
  return scheme === "hmac-sha256" ? signedWithSecret(given, request.body, secrets) : knowsSecret(given, secrets);
};
