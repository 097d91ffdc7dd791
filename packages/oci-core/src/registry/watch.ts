import { PassThrough, type Readable } from "node:stream";
import * as Effect from "effect/Effect";
import type { RegistryError } from "./errors.ts";
import { failure, type Place } from "./failure.ts";
import { RelayStream } from "./relay.ts";
import { LendingStream } from "./transport/lending.ts";
import { connect, VerifiedStream } from "./verify.ts";

/**
 * An upload whose body does not move for this long is given up. Longer than a source may take to be read again after a stall, so that only
 * a copy that really stands still (also two that wait for each other's permits) is ended.
 */
export const UPLOAD_IDLE_MS = 180_000;
const LOOKS_PER_IDLE = 6;

/** Runs an upload of `body` and ends it with `stalled` when no byte moves while bytes are still to come. Errors of the body itself are passed on as they are. */
export const watched = <A>(
  body: Readable,
  place: Place,
  send: (body: Readable) => Effect.Effect<A, RegistryError>,
  idleMs = UPLOAD_IDLE_MS,
): Effect.Effect<A, RegistryError> =>
  Effect.suspend(() => {
    const { stream, seen } = counted(body);
    // An error that comes while nobody listens yet must not end the process: the request will see it.
    stream.on("error", () => undefined);
    let before = -1;
    let still = 0;
    const watch = setInterval(() => {
      const now = seen();
      // Until the request takes the body it waits for a permit, which is not standing still.
      still = now === before && isTaken(stream) && !stream.readableEnded ? still + 1 : 0;
      before = now;
      if (still >= LOOKS_PER_IDLE)
        stream.destroy(failure(place, "stalled", `no byte of the upload moved for ${idleMs / 1000} s`));
    }, idleMs / LOOKS_PER_IDLE);
    watch.unref();
    const ended = Effect.sync(() => {
      clearInterval(watch);
      // Whatever became of the request, nobody reads the rest of the body.
      if (!stream.readableEnded) stream.destroy();
    });
    return Effect.ensuring(send(stream), ended);
  });

const isTaken = (stream: Readable): boolean =>
  stream instanceof LendingStream ? stream.isBorrowed : stream.readableFlowing !== null;

/** The verifying streams count already; any other stream goes through one that does. */
const counted = (body: Readable): { readonly stream: Readable; readonly seen: () => number } => {
  if (body instanceof VerifiedStream || body instanceof RelayStream) return { stream: body, seen: () => body.seen };
  const through = new PassThrough();
  let seen = 0;
  connect(body, through, (error) => error);
  body.on("data", (chunk: Uint8Array) => {
    seen += chunk.byteLength;
  });
  return { stream: through, seen: () => seen };
};
