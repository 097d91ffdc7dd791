import type { RegistryAuth, RegistryError, Renewable } from "@drayage/oci-core";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Semaphore from "effect/Semaphore";
import { type EcrApi, type EcrToken, TOKEN_CALL } from "./api.ts";
import { isWordless } from "./reauthenticate.ts";

/** A token lives twelve hours; after half of what it has left it is renewed, as AWS's own credential helper does. */
const RENEW_AFTER_PART = 0.5;
/** A token whose end is past or unknown (emulators) is kept for so long, or every request would ask for one. */
const LIFE_MS_MIN = 60_000;
/** While renewing fails, the old one is used, and asked for again after this. */
const RETRY_MS = 30_000;
/** A refusal without words may mean missing rights as well, which every request of a repository meets: so often it is worth a new token. */
const WORDLESS_EVERY_MS = 60_000;

/** Credentials of one registry for the Docker side, for all its requests. */
export interface EcrTokens extends Renewable {
  /** Who we are: asks AWS where there is no token yet, or half of its life is over. */
  readonly auth: Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>;
}

interface Held {
  readonly auth: ReadonlyArray<RegistryAuth>;
  renewAt: number;
  readonly endsAt: number;
}

/**
 * Makes credentials from the AWS API and keeps them. One call at a time; a renewal that fails does no harm while the old token holds.
 * Source: facts/ecr.md section 2.
 */
export const makeTokens = (name: string, api: EcrApi, scheme: "Basic" | "Bearer"): EcrTokens => {
  const one = Semaphore.makeUnsafe(1);
  let held: Held | undefined;
  let generation = 0;
  let wordlessAt = Number.NEGATIVE_INFINITY;

  const renew = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    if (held !== undefined && now < held.renewAt) return held.auth;
    const kept = held !== undefined && now < held.endsAt ? held : undefined;
    const token = api.call(TOKEN_CALL, name, (calls, signal) => calls.token(signal));
    const fresh = yield* kept === undefined ? token : Effect.orElseSucceed(token, () => undefined);
    if (fresh === undefined) {
      if (kept !== undefined) kept.renewAt = now + RETRY_MS;
      return kept?.auth ?? [];
    }
    const life = Math.max(LIFE_MS_MIN, fresh.expiresAt.getTime() - now);
    held = { auth: [authOf(fresh, scheme, name)], renewAt: now + life * RENEW_AFTER_PART, endsAt: now + life };
    generation += 1;
    return held.auth;
  });
  return {
    auth: Effect.flatMap(Clock.currentTimeMillis, (now) =>
      held !== undefined && now < held.renewAt ? Effect.succeed(held.auth) : one.withPermit(renew),
    ),
    generation: () => generation,
    refused: (of, error) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const wordless = isWordless(error);
        if (of !== generation || held === undefined) return true;
        if (wordless && now - wordlessAt < WORDLESS_EVERY_MS) return false;
        if (wordless) wordlessAt = now;
        held = undefined;
        return true;
      }),
  };
};

const authOf = ({ value }: EcrToken, scheme: "Basic" | "Bearer", name: string): RegistryAuth => {
  if (scheme === "Bearer") return { _tag: "Bearer", token: Redacted.make(value, { label: `${name} token` }) };
  const plain = Buffer.from(value, "base64").toString("utf8");
  // At the first colon: a password may have more.
  const colon = plain.indexOf(":");
  return {
    _tag: "Basic",
    username: plain.slice(0, colon),
    password: Redacted.make(plain.slice(colon + 1), { label: `${name} password` }),
  };
};
