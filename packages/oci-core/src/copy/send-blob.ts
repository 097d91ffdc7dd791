import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Semaphore from "effect/Semaphore";
import type { Descriptor } from "../model/descriptor.ts";
import { RegistryError } from "../registry/errors.ts";
import type { UploadStart } from "../registry/registry.ts";
import { RelayStream } from "../registry/relay.ts";
import { pause } from "./backoff.ts";
import { CopyError, onSide } from "./errors.ts";
import type { Job } from "./job.ts";
import { CANCEL_MS_MAX, LARGE_BLOB_BYTES, WHOLE_BLOB_BYTES_MAX, WHOLE_BLOB_UNIT_BYTES } from "./limits.ts";
import { feed, mismatch, readWhole } from "./read-source.ts";
import type { Way } from "./tally.ts";

/**
 * Sends a blob from the source to the target: the one owner of retries of a blob, since only here source and target can
 * both be begun again. What the client repeats itself (opening a read or an upload) is not repeated once more. A try
 * that fails leaves no session behind. `session` is an upload that a refused mount has opened.
 */
export const sendBlob = Effect.fnUntraced(function* (job: Job, blob: Descriptor, session?: URL | undefined) {
  const { target } = job;
  const { limits } = job.shared;
  let open = session;
  for (let attempt = 1; ; attempt += 1) {
    const sent: Result.Result<Way, CopyError> = yield* sendOnce(job, blob, open);
    if (Result.isSuccess(sent)) return sent.success;
    const failure = sent.failure;
    const isAnswer = failure.side === "source" && failure.cause !== undefined;
    if (!failure.retryable || isAnswer || attempt >= limits.blobTries) return yield* failure;
    open = undefined;
    yield* pause(attempt, limits, failure.retryAfterMs);
    // An answer that was lost after the last byte leaves the blob in place. If this question fails too, the next try
    // tells.
    const landed =
      failure.side === "target" &&
      (yield* Effect.orElseSucceed(target.registry.hasBlob(target.repository, blob.digest), () => false));
    if (landed) return "copied" satisfies Way;
  }
});

/** One try. The failure that may be tried again is in the result; that of opening the upload is the error. */
const sendOnce = Effect.fnUntraced(function* (job: Job, blob: Descriptor, session: URL | undefined) {
  job.report({ _tag: "BlobStarted", digest: blob.digest, size: blob.size });
  if (blob.size > WHOLE_BLOB_BYTES_MAX) {
    const sending = withSession(job, session, (location) => stream(job, blob, location));
    const isLarge = blob.size > LARGE_BLOB_BYTES;
    return yield* isLarge ? job.shared.largeStreams.pass(job.target.registry.name, sending) : sending;
  }
  // Room is taken before anything else is waited for, and whoever has it never waits for more of it.
  const units = Math.max(1, Math.ceil(blob.size / WHOLE_BLOB_UNIT_BYTES));
  return yield* Semaphore.withPermits(job.shared.room, units, sendWhole(job, blob, session));
});

const sendWhole = Effect.fnUntraced(function* (job: Job, blob: Descriptor, session: URL | undefined) {
  if (session !== undefined) {
    return yield* withSession(job, session, (location) =>
      Effect.flatMap(readWhole(job, blob), (bytes) => upload(job, blob, location, bytes)),
    );
  }
  // Read before the session is opened: a source that fails then costs the target nothing.
  const read = yield* Effect.result(readWhole(job, blob));
  if (Result.isFailure(read)) return Result.fail(read.failure);
  return yield* withSession(job, undefined, (location) => upload(job, blob, location, read.success));
});

/** Gives `use` an open session and cancels it when it was not used up. */
const withSession = (
  job: Job,
  session: URL | undefined,
  use: (location: URL) => Effect.Effect<void, CopyError>,
): Effect.Effect<Result.Result<Way, CopyError>, CopyError> => {
  const { registry, repository } = job.target;
  const start: Effect.Effect<UploadStart, RegistryError> =
    session === undefined ? registry.startUpload(repository) : Effect.succeed({ _tag: "Opened", location: session });
  return Effect.uninterruptibleMask((restore) =>
    restore(start).pipe(
      Effect.mapError(onSide("target")),
      Effect.flatMap((begun) =>
        begun._tag === "Mounted"
          ? Effect.succeed(Result.succeed<Way>("mounted"))
          : restore(use(begun.location)).pipe(
              Effect.onError(() => cancel(job, begun.location)),
              Effect.as<Way>("copied"),
              Effect.result,
            ),
      ),
    ),
  );
};

/** Gives up an upload. Bounded, because it also runs while a copy is being interrupted. */
export const cancel = (job: Job, location: URL): Effect.Effect<void> =>
  job.target.registry
    .cancelUpload(job.target.repository, location)
    .pipe(Effect.timeoutOption(CANCEL_MS_MAX), Effect.asVoid);

const upload = (job: Job, blob: Descriptor, location: URL, body: Parameters<Job["target"]["registry"]["upload"]>[3]) =>
  Effect.mapError(job.target.registry.upload(job.target.repository, location, blob, body), onSide("target"));

/**
 * Reads and sends at the same time. The first to fail ends the other. What the verifying stream says wins over what the
 * target says of the body that ended too early: the second is only the echo of the first. An upload that stood still
 * breaks the stream too, and stays a failure of the target.
 */
const stream = (job: Job, blob: Descriptor, location: URL): Effect.Effect<void, CopyError> =>
  Effect.suspend(() => {
    const { name } = job.source.registry;
    const body = new RelayStream(blob, {
      registry: name,
      operation: "GET blob",
      reference: `${job.source.repository}@${blob.digest}`,
    });
    const echo = (error: CopyError): CopyError =>
      body.errored instanceof RegistryError && body.errored.reason === "digest-mismatch"
        ? mismatch(job, blob, body.errored.detail)
        : error;
    const reading = Effect.andThen(feed(job, blob, body), Effect.never);
    return Effect.raceFirst(upload(job, blob, location, body), reading).pipe(
      Effect.mapError(echo),
      Effect.andThen(Effect.suspend(() => (body.isWhole ? Effect.void : Effect.fail(answeredEarly(job, blob))))),
      Effect.ensuring(Effect.sync(() => body.destroy())),
    );
  });

const answeredEarly = (job: Job, blob: Descriptor): CopyError =>
  new CopyError({
    side: "target",
    operation: "upload",
    reference: `${job.target.registry.name}/${job.target.repository}@${blob.digest}`,
    reason: "invalid-response",
    detail: "the upload was answered as done before its last byte was sent",
    retryable: true,
  });
