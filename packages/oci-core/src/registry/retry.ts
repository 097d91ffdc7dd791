import * as Effect from "effect/Effect";
import type { RegistryError, RegistryReason } from "./errors.ts";

/** Tries of one idempotent request. Deliveries retry for days; this only bridges a hiccup. */
export const TRIES_MAX = 3;
/** Full jitter between 0 and this, doubled with each try. */
const BACKOFF_MS = 500;
/** A registry that asks for more time is not waited for here: the error tells the caller how long. */
export const RETRY_AFTER_MS_MAX = 60_000;

/**
 * What a repeated request may mend within seconds. Every other reason belongs to somebody else: bytes and uploads to the copy
 * engine, rights and odd answers to the delivery. `RegistryError.retryable` is the wider table of those.
 */
const HICCUPS: ReadonlySet<RegistryReason> = new Set(["rate-limited", "unavailable", "network", "stalled"]);

/**
 * The one owner of retries in the client. Only for requests that may be repeated: never for one that carries the bytes of a
 * blob. A body that was cut is read again by who reads it.
 */
export const retried = <A>(
  request: Effect.Effect<A, RegistryError>,
  tries = TRIES_MAX,
): Effect.Effect<A, RegistryError> => attempt(request, 1, tries);

const attempt = <A>(
  request: Effect.Effect<A, RegistryError>,
  number: number,
  tries: number,
): Effect.Effect<A, RegistryError> =>
  Effect.catch(request, (error) => {
    const delay = delayMs(error, number, tries, Math.random());
    if (delay === undefined) return Effect.fail(error);
    return Effect.andThen(Effect.sleep(delay), attempt(request, number + 1, tries));
  });

/** Milliseconds until try `number + 1`, or `undefined` when there is none. `random` in [0, 1). A server's wish is a floor for the jitter. */
export const delayMs = (error: RegistryError, number: number, tries: number, random: number): number | undefined => {
  if (number >= tries || !HICCUPS.has(error.reason)) return undefined;
  const asked = error.retryAfterMs ?? 0;
  if (asked > RETRY_AFTER_MS_MAX) return undefined;
  return asked + random * BACKOFF_MS * 2 ** (number - 1);
};
