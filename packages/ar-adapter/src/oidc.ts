import type { NotificationRequest } from "@drayage/oci-core";

/** What a push of Pub/Sub must prove: a token of Google for this audience, of this service account. */
export interface PushSettings {
  /** As the subscription has it. */
  readonly audience: string;
  /** The account in whose name the subscription pushes. The audience alone proves nothing: anybody at Google can have a token for it. */
  readonly serviceAccount: string;
  /** Where the keys of the issuer are; default Google's. */
  readonly keys?: URL | undefined;
}

/** Source: facts/pubsub.md 4. */
const ISSUERS = ["https://accounts.google.com", "accounts.google.com"];
/** A token of Google has about 1 KiB. */
const TOKEN_LENGTH_MAX = 8192;
const KEYS_TIMEOUT_MS = 10_000;

/**
 * Whether a push proves its sender by a signed token. Keys are fetched when first needed and kept as long as their issuer says. Keys that cannot
 * be had refuse the push, which then comes again.
 */
export const pushProof = (settings: PushSettings): ((request: NotificationRequest) => Promise<boolean>) => {
  let verifier: Promise<(token: string) => Promise<Claims | undefined>> | undefined;
  return async ({ headers }) => {
    const [, token] = /^Bearer ([\w.-]+)$/i.exec(headers["authorization"] ?? "") ?? [];
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) return false;
    try {
      verifier ??= verifierOf(settings);
      const claims = await (await verifier)(token);
      return claims?.email_verified === true && claims.email === settings.serviceAccount;
    } catch {
      // Not signed by these keys, another audience or issuer, too old, or no keys: all of them are no proof.
      return false;
    }
  };
};

interface Claims {
  readonly email?: string | undefined;
  readonly email_verified?: boolean | undefined;
}

const verifierOf = async ({ audience, keys }: PushSettings) => {
  const { OAuth2Client } = await import("google-auth-library");
  const client = new OAuth2Client({
    transporterOptions: { timeout: KEYS_TIMEOUT_MS },
    issuers: ISSUERS,
    ...(keys === undefined ? {} : { endpoints: { oauth2FederatedSignonPemCertsUrl: keys.href } }),
  });
  return async (idToken: string): Promise<Claims | undefined> =>
    (await client.verifyIdToken({ idToken, audience })).getPayload();
};
