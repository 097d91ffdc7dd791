import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import * as Redacted from "effect/Redacted";

type Secrets = ReadonlyArray<Redacted.Redacted<string>>;

/**
 * Whether a sender gave one of the secrets. Both sides are hashed first, so that the time tells neither a common prefix nor the length;
 * every secret is compared, so that it does not tell which one matched. An empty text is never a secret.
 */
export const knowsSecret = (given: string | undefined, secrets: Secrets): boolean =>
  given !== undefined && given !== "" && any(secrets, (secret) => sameText(given, secret));

/**
 * Whether `given` is the lower-case hex HMAC-SHA256 of the bytes under one of the secrets (their UTF-8 bytes, not decoded from hex).
 */
export const signedWithSecret = (given: string | undefined, body: Uint8Array, secrets: Secrets): boolean =>
  given !== undefined &&
  SIGNATURE.test(given) &&
  any(secrets, (secret) =>
    timingSafeEqual(Buffer.from(given, "hex"), createHmac("sha256", secret).update(body).digest()),
  );

/** Its length and form are no secret. */
const SIGNATURE = /^[0-9a-f]{64}$/;

const any = (secrets: Secrets, matches: (secret: string) => boolean): boolean =>
  secrets.reduce((found, secret) => {
    const plain = Redacted.value(secret);
    return (plain !== "" && matches(plain)) || found;
  }, false);

const sameText = (a: string, b: string): boolean => timingSafeEqual(hash(a), hash(b));
const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
