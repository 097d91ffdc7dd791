import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, digestOf } from "../model/digest.ts";
import { RegistryError, type RegistryReason } from "../registry/errors.ts";
import { RelayStream } from "../registry/relay.ts";
import { pause } from "./backoff.ts";
import { CopyError } from "./errors.ts";
import { digestReference, type Job } from "./job.ts";
import { RESUME_PROGRESS_BYTES } from "./limits.ts";
import { avoid, type OpenBody, openNearest } from "./open-blob.ts";
import { type PieceSink, type PumpEnd, pump } from "./pump.ts";
import type { SpoolWrite } from "./spool.ts";

/**
 * Reads a blob from the source into `into` and ends it, resuming with Range where a connection broke: `into` has hashed
 * what came before, so nothing is read twice. Gives up after `resumeTries` breaks without 8 MiB of progress in between.
 * Does not end when `into` is broken from outside, because whoever broke it knows why.
 */
export const feed = Effect.fnUntraced(function* (job: Job, blob: Descriptor, into: RelayStream) {
  const { limits } = job.shared;
  let position = 0;
  let mark = 0;
  let breaks = 0;
  const count = (bytes: number): void => {
    position += bytes;
    job.report({ _tag: "BlobBytes", digest: blob.digest, bytes });
  };
  for (;;) {
    const sink: PieceSink = { accept: (piece, done) => into.accept(piece, done), gone: into };
    const end = yield* Effect.result(readFrom(job, blob, position, sink, count));
    // A body that broke after its last byte is whole: the digest decides, not the manner of the goodbye.
    if (position >= blob.size) {
      into.end();
      return;
    }
    const failure = Result.isFailure(end) ? end.failure : broken(job, blob, position, end.success);
    if (failure === undefined) return yield* Effect.never;
    // Nothing is gained by then, and the client has tried to open it again already.
    if (position === 0 && Result.isFailure(end)) return yield* failure;
    if (position - mark >= RESUME_PROGRESS_BYTES) breaks = 0;
    mark = position;
    breaks += 1;
    if (!failure.retryable || failure.reason === "digest-mismatch" || breaks > limits.resumeTries)
      return yield* failure;
    yield* pause(breaks, limits, failure.retryAfterMs);
  }
});

/** Reads a small blob whole and verifies it. The buffer is allocated by the size promised and never grows. */
export const readWhole = Effect.fnUntraced(function* (job: Job, blob: Descriptor) {
  const bytes = Buffer.allocUnsafe(blob.size);
  let position = 0;
  const accept = (piece: Buffer, done: () => void): void => {
    if (position + piece.byteLength <= blob.size) bytes.set(piece, position);
    position += piece.byteLength;
    done();
  };
  const count = (pieceBytes: number): void => job.report({ _tag: "BlobBytes", digest: blob.digest, bytes: pieceBytes });
  const end = yield* readFrom(job, blob, 0, { accept }, count);
  const failure = position < blob.size ? broken(job, blob, position, end) : undefined;
  if (failure !== undefined) return yield* failure;
  if (position > blob.size) return yield* mismatch(job, blob, `more than the ${blob.size} bytes promised`);
  if (digestOf(bytes, digestAlgorithm(blob.digest)) !== blob.digest)
    return yield* mismatch(job, blob, "the bytes have another digest");
  return bytes;
});

const readFrom = (
  job: Job,
  blob: Descriptor,
  from: number,
  into: PieceSink,
  onBytes: (bytes: number) => void,
): Effect.Effect<PumpEnd, CopyError> =>
  withBody(openBody(job, blob, from), ({ body, place }) =>
    Effect.promise(async (signal) => {
      let passed = 0;
      const count = (bytes: number): void => {
        passed += bytes;
        onBytes(bytes);
      };
      const end = await pump(body.stream, into, { onBytes: count, stallMs: job.shared.limits.stallMs, signal });
      const isShort = end._tag !== "SinkBroke" && passed < blob.size - from;
      if (isShort && place !== undefined) avoid(job, blob, place);
      return end;
    }),
  );

/** Opens the blob and closes it in every case. Opening can be interrupted: a source may take its time. */
const withBody = <A>(open: Effect.Effect<OpenBody, CopyError>, use: (open: OpenBody) => Effect.Effect<A, CopyError>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(open), (opened) => {
      const { stream } = opened.body;
      // A stream without a listener for errors would end the process when it is destroyed at a bad moment.
      stream.on("error", () => {});
      return Effect.ensuring(
        restore(use(opened)),
        Effect.sync(() => stream.destroy()),
      );
    }),
  );

/** What a pump that did not reach the end means. `undefined`: the receiver is gone, and the upload will say why. */
const broken = (job: Job, blob: Descriptor, position: number, end: PumpEnd): CopyError | undefined => {
  const at = `at ${position} of ${blob.size} bytes`;
  if (end._tag === "SinkBroke") return undefined;
  if (end._tag === "Drained") return sourceError(job, blob, "network", `the body ended ${at}`);
  const { error } = end;
  // The one read for several targets has failed, and was resumed as often as it may be.
  if (error instanceof CopyError) return error;
  if (error instanceof RegistryError) return sourceError(job, blob, error.reason, `${error.detail} ${at}`);
  return sourceError(job, blob, end.stalled ? "stalled" : "network", `${end.detail} ${at}`);
};

export const mismatch = (job: Job, blob: Descriptor, detail: string): CopyError => {
  // Whoever of them gave the bytes: the next try takes the source's own.
  for (const place of job.bytesFrom) avoid(job, blob, place);
  return sourceError(job, blob, "digest-mismatch", detail);
};

/** A body that broke, as against an answer of the registry: it has no `cause`, and reading again is up to us. */
const sourceError = (job: Job, blob: Descriptor, reason: RegistryReason, detail: string): CopyError =>
  new CopyError({
    side: "source",
    operation: "GET blob",
    reference: digestReference(job.source, blob.digest),
    reason,
    detail,
    retryable: true,
  });

/** Through the spool where other targets want the same bytes; else from the nearest place that has them. */
const openBody = (job: Job, blob: Descriptor, from: number): Effect.Effect<OpenBody, CopyError> => {
  const { spool } = job.shared;
  if (!job.isShared || spool === undefined) return openNearest(job, blob, from);
  return Effect.flatMap(Effect.context<never>(), (context) => {
    const run = Effect.runPromiseWith(context);
    const stream = spool.follow(blob, from, (write, signal) =>
      run(fill({ ...job, isShared: false }, blob, write), { signal }),
    );
    if (stream === undefined) return openNearest(job, blob, from);
    return Effect.succeed<OpenBody>({ body: { size: blob.size - from, stream }, place: undefined });
  });
};

/** Reads the blob into the spool, resuming and verifying as any other read does. */
const fill = (job: Job, blob: Descriptor, write: SpoolWrite): Effect.Effect<void, CopyError> =>
  Effect.suspend(() => {
    const { name } = job.source.registry;
    const reference = `${job.source.repository}@${blob.digest}`;
    const relay = new RelayStream(blob, { registry: name, operation: "GET blob", reference });
    const written = Effect.callback<void, CopyError>((resume) => {
      const fail = (error: Error): void =>
        resume(
          Effect.fail(
            error instanceof RegistryError
              ? mismatch(job, blob, error.detail)
              : sourceError(job, blob, "network", `the spool could not be written: ${error.message}`),
          ),
        );
      relay.lend({
        piece: (piece, done) =>
          write(piece, (error) => {
            if (error !== undefined) relay.destroy(error);
            done();
          }),
        end: () => resume(Effect.void),
        fail,
      });
    });
    return Effect.raceFirst(written, Effect.andThen(feed(job, blob, relay), Effect.never)).pipe(
      Effect.ensuring(Effect.sync(() => relay.destroy())),
    );
  });
