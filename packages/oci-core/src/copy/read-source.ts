import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, digestOf } from "../model/digest.ts";
import { RegistryError, type RegistryReason } from "../registry/errors.ts";
import type { BlobBody } from "../registry/registry.ts";
import type { RelayStream } from "../registry/relay.ts";
import { pause } from "./backoff.ts";
import { CopyError, onSide } from "./errors.ts";
import { digestReference, type Job } from "./job.ts";
import { RESUME_PROGRESS_BYTES } from "./limits.ts";
import { type PieceSink, type PumpEnd, pump } from "./pump.ts";

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

const readFrom = (job: Job, blob: Descriptor, from: number, into: PieceSink, onBytes: (bytes: number) => void) =>
  withBody(job, blob, from, (body) =>
    Effect.promise((signal) => pump(body.stream, into, { onBytes, stallMs: job.shared.limits.stallMs, signal })),
  );

/** Opens the blob at the source and closes it in every case. Opening can be interrupted: a source may take its time. */
const withBody = <A>(job: Job, blob: Descriptor, from: number, use: (body: BlobBody) => Effect.Effect<A, CopyError>) =>
  Effect.uninterruptibleMask((restore) =>
    restore(job.source.registry.blob(job.source.repository, blob, from === 0 ? undefined : from)).pipe(
      Effect.mapError(onSide("source")),
      Effect.flatMap((body) => {
        // A stream without a listener for errors would end the process when it is destroyed at a bad moment.
        body.stream.on("error", () => {});
        return Effect.ensuring(
          restore(use(body)),
          Effect.sync(() => body.stream.destroy()),
        );
      }),
    ),
  );

/** What a pump that did not reach the end means. `undefined`: the receiver is gone, and the upload will say why. */
const broken = (job: Job, blob: Descriptor, position: number, end: PumpEnd): CopyError | undefined => {
  const at = `at ${position} of ${blob.size} bytes`;
  if (end._tag === "SinkBroke") return undefined;
  if (end._tag === "Drained") return sourceError(job, blob, "network", `the body ended ${at}`);
  const { error } = end;
  if (error instanceof RegistryError) return sourceError(job, blob, error.reason, `${error.detail} ${at}`);
  return sourceError(job, blob, end.stalled ? "stalled" : "network", `${end.detail} ${at}`);
};

export const mismatch = (job: Job, blob: Descriptor, detail: string): CopyError =>
  sourceError(job, blob, "digest-mismatch", detail);

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
