import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import type { Digest, RepositoryName } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { RegistryError } from "./errors.ts";
import { apiUrl, type Call, type Context, type Exchange, repositoryScope } from "./exchange.ts";
import { failure, isPage, type Place } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { MeteredStream } from "./metered.ts";
import type { BlobBody, Registry } from "./registry.ts";
import { retried } from "./retry.ts";
import { type Throttle, ThrottledStream } from "./throttle.ts";

/**
 * A body that nobody reads for this long is closed: its reader is gone, and it holds a connection and a permit. Longer than
 * any wait of a copy between two reads.
 */
const UNREAD_BODY_MS = 900_000;

export type BlobMethods = Pick<Registry, "hasBlob" | "blob">;

export const makeBlobs = (base: URL, exchange: Exchange, throttle?: Throttle | undefined): BlobMethods => {
  const call = (
    method: "GET" | "HEAD",
    repository: RepositoryName,
    digest: Digest,
    headers: Record<string, string>,
  ): Call => ({
    operation: `${method} blob`,
    reference: `${repository}@${digest}`,
    topic: "blob",
    method,
    url: apiUrl(base, `${repository}/blobs/${digest}`),
    scopes: [repositoryScope(repository, "pull")],
    headers,
    following: "anywhere",
  });
  return {
    hasBlob: (repository, digest) =>
      retried(
        exchange.call(call("HEAD", repository, digest, {}), (answer, context) => readPresence(base, answer, context)),
      ),
    blob: (repository, descriptor, from = 0) => {
      if (from > 0 && from >= descriptor.size) return Effect.sync(() => ({ size: 0, stream: Readable.from([]) }));
      const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
      return retried(
        exchange.open(call("GET", repository, descriptor.digest, headers), (answer, context, release) =>
          readBlob(descriptor, from, answer, context, release).then((body) => throttled(body, throttle)),
        ),
      );
    },
  };
};

const throttled = ({ size, stream }: BlobBody, throttle: Throttle | undefined): BlobBody => ({
  size,
  stream: throttle === undefined ? stream : new ThrottledStream(stream, throttle),
});

const readPresence = async (base: URL, answer: HttpAnswer, { fail }: Context): Promise<boolean> => {
  if (answer.status === 200 && !isPage(answer)) return true;
  if (answer.status === 404) return false;
  // Sent on to storage with a URL that is signed for GET only: the registry knew the blob, or it would not have done so.
  if (answer.url.origin !== base.origin && (answer.status === 400 || answer.status === 403 || answer.status === 405))
    return true;
  throw await fail(answer);
};

const readBlob = async (
  descriptor: Descriptor,
  from: number,
  answer: HttpAnswer,
  context: Context,
  release: () => void,
): Promise<BlobBody> => {
  const { place, fail } = context;
  if (answer.status !== 200 && !(answer.status === 206 && from > 0)) throw await fail(answer);
  const wrong = lengthFault(descriptor, from, answer, place);
  if (wrong !== undefined) {
    answer.body.on("error", () => undefined).destroy(); // never read: the connection goes with it
    throw wrong;
  }
  const size = Math.max(0, descriptor.size - from);
  // A server that ignores Range sends the whole blob; what we have already is skipped, since asking again would cost the same.
  const metered = new MeteredStream(answer.body, place, size, answer.status === 200 ? from : 0);
  metered.on("close", release);
  watchUnread(metered, place);
  return { size, stream: metered };
};

/** What the headers already show to be wrong, before a byte is read. */
const lengthFault = (
  descriptor: Descriptor,
  from: number,
  answer: HttpAnswer,
  place: Place,
): RegistryError | undefined => {
  const { status } = answer;
  const range = answer.header("content-range");
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? "") ?? [];
  if (status === 206 && Number(first) !== from)
    return failure(place, "invalid-response", `asked for bytes from ${from}, got ${range ?? "no Content-Range"}`, {
      status,
    });
  const length = answer.header("content-length");
  const whole = status === 200 ? length : total === "*" ? undefined : total;
  if (whole !== undefined && Number(whole) !== descriptor.size)
    return failure(place, "digest-mismatch", `the blob has ${whole} bytes, its descriptor says ${descriptor.size}`, {
      status,
    });
  return undefined;
};

const watchUnread = (stream: MeteredStream, place: Place): void => {
  let before = -1;
  const timer = setInterval(() => {
    if (stream.passed === before) stream.destroy(failure(place, "stalled", "nobody read the body for minutes"));
    before = stream.passed;
  }, UNREAD_BODY_MS);
  timer.unref();
  stream.on("close", () => clearInterval(timer));
};
