import { type RegistryAuth, RegistryError, type Renewable } from "@drayage/oci-core";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { readServiceAccountKey, type ServiceAccountKey } from "./wire.ts";

/** Who we are at Google. */
export type GoogleIdentity =
  /** Application default credentials: a key or federation file, gcloud's own, or the metadata server of the machine. */
  | { readonly _tag: "Default" }
  /** The JSON text of a key of a service account. */
  | { readonly _tag: "ServiceAccountKey"; readonly key: Redacted.Redacted<string> }
  /** An access token that somebody else renews. */
  | { readonly _tag: "AccessToken"; readonly token: Redacted.Redacted<string> };

/** The scope that both Artifact Registry and Pub/Sub take; rights are those of the account. */
export const GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** Asks for an access token; what it returns is kept and renewed by Google's library five minutes before it runs out. */
export type AskToken = () => Promise<string | null | undefined>;

/** A new token that is refused as well: it is not its age. So often it is worth another, which costs an exchange with Google. */
const RENEW_EVERY_MS = 60_000;

/** The bearer of every request, and how to have another before its time. */
export interface GoogleTokens extends Renewable {
  readonly auth: Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>;
}

/**
 * Google's library is loaded when a request first needs it. A token given by the configuration is used as it is, and nothing renews it. `makeAsk`: where
 * tokens come from instead, for tests; called again where a token was refused, since what it has made keeps its tokens.
 */
export const googleTokens = (
  registry: string,
  identity: GoogleIdentity,
  makeAsk: () => AskToken = () => askerOf(registry, identity),
): GoogleTokens => {
  if (identity._tag === "AccessToken") {
    const auth = Effect.succeed([{ _tag: "Bearer", token: identity.token } as const]);
    return { auth, generation: () => 0, refused: () => Effect.succeed(false) };
  }
  let ask = makeAsk();
  let generation = 0;
  let held: { readonly text: string; readonly auth: ReadonlyArray<RegistryAuth> } | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const auth = Effect.map(
    Effect.tryPromise({
      try: async () => {
        const token = await ask();
        if (token === null || token === undefined || token === "") throw new Error("Google gave no access token");
        return token;
      },
      catch: (cause) => (cause instanceof RegistryError ? cause : noToken(registry, cause)),
    }),
    (text) => {
      if (held?.text !== text) {
        held = { text, auth: [{ _tag: "Bearer", token: Redacted.make(text, { label: `${registry} access token` }) }] };
        generation += 1;
      }
      return held.auth;
    },
  );
  return {
    auth,
    generation: () => generation,
    refused: (of) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (of !== generation || held === undefined) return true;
        if (now - renewedAt < RENEW_EVERY_MS) return false;
        renewedAt = now;
        held = undefined;
        ask = makeAsk();
        return true;
      }),
  };
};

/** The key of a service account, or why the text is none. */
export const keyOf = (registry: string, key: Redacted.Redacted<string>): ServiceAccountKey => {
  const read = readServiceAccountKey(Redacted.value(key));
  if (read === undefined)
    throw new RegistryError({
      registry,
      operation: "read credentials",
      reference: "serviceAccountKey",
      reason: "unauthorized",
      detail: `registries.${registry}.auth.serviceAccountKey: no key of a service account; give the text of its JSON file, e.g. \${file:key.json}`,
    });
  return read;
};

const askerOf = (registry: string, identity: GoogleIdentity): AskToken => {
  let client: Promise<{ readonly getAccessToken: AskToken }> | undefined;
  return async () => {
    client ??= clientOf(registry, identity);
    try {
      return await (await client).getAccessToken();
    } catch (error) {
      // A machine that has just come up may have no credentials yet.
      client = undefined;
      throw error;
    }
  };
};

const clientOf = async (registry: string, identity: GoogleIdentity) => {
  const { GoogleAuth } = await import("google-auth-library");
  const credentials = identity._tag === "ServiceAccountKey" ? keyOf(registry, identity.key) : undefined;
  const auth = new GoogleAuth({ scopes: GOOGLE_SCOPE, ...(credentials === undefined ? {} : { credentials }) });
  return { getAccessToken: () => auth.getAccessToken() };
};

const noToken = (registry: string, cause: unknown): RegistryError => {
  const detail = cause instanceof Error ? cause.message : String(cause);
  const isHiccup = /ETIMEDOUT|ECONN|ENOTFOUND|EAI_AGAIN|socket|network|timeout|50[0-9]/i.test(detail);
  return new RegistryError({
    registry,
    operation: "get an access token of Google",
    reference: "auth",
    reason: isHiccup ? "network" : "unauthorized",
    detail: detail.replace(/\s+/g, " ").slice(0, 300),
    cause,
  });
};
