import type { RegistryAuth, RegistryError } from "@drayage/oci-core";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Semaphore from "effect/Semaphore";
import type { EcrApi, EcrToken } from "./api.ts";

/** A token lives twelve hours; after half of what it has left it is renewed, as AWS's own credential helper does. */
const RENEW_AFTER_PART = 0.5;
/** A token whose end is past or unknown (emulators) is kept for so long, or every request would ask for one. */
const LIFE_MS_MIN = 60_000;
/** While renewing fails, the old one is used, and asked for again after this. */
const RETRY_MS = 30_000;

/**
 * Credentials for the Docker side, made from the AWS API and kept. One call at a time; a renewal that fails does no harm while the old
 * token holds. Source: facts/ecr.md section 2.
 */
export const tokenAuth = (
  name: string,
  api: EcrApi,
  scheme: "Basic" | "Bearer",
): Effect.Effect<Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>> =>
  Effect.gen(function* () {
    const one = yield* Semaphore.make(1);
    let held: { readonly auth: ReadonlyArray<RegistryAuth>; renewAt: number; readonly endsAt: number } | undefined;

    const renew = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis;
      if (held !== undefined && now < held.renewAt) return held.auth;
      const kept = held !== undefined && now < held.endsAt ? held : undefined;
      const token = api.call("GetAuthorizationToken", name, (calls) => calls.token());
      const fresh = yield* kept === undefined ? token : Effect.orElseSucceed(token, () => undefined);
      if (fresh === undefined) {
        if (kept !== undefined) kept.renewAt = now + RETRY_MS;
        return kept?.auth ?? [];
      }
      const life = Math.max(LIFE_MS_MIN, fresh.expiresAt.getTime() - now);
      held = { auth: [authOf(fresh, scheme, name)], renewAt: now + life * RENEW_AFTER_PART, endsAt: now + life };
      return held.auth;
    });
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      held !== undefined && now < held.renewAt ? Effect.succeed(held.auth) : one.withPermit(renew),
    );
  });

const authOf = ({ value }: EcrToken, scheme: "Basic" | "Bearer", name: string): RegistryAuth => {
  if (scheme === "Bearer") return { _tag: "Bearer", token: Redacted.make(value, { label: `${name} token` }) };
  const plain = Buffer.from(value, "base64").toString("utf8");
  const colon = plain.indexOf(":");
  return {
    _tag: "Basic",
    username: plain.slice(0, colon),
    password: Redacted.make(plain.slice(colon + 1), { label: `${name} password` }),
  };
};
