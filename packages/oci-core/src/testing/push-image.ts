import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import { type Dispatcher, request } from "undici";
import { blobsOf, type ImageFixture, manifestsOf } from "./images.ts";
import type { BlobFixture } from "./layers.ts";

/** A push that a registry refused, or that could not reach it. */
export class PushError extends Data.TaggedError("PushError")<{
  readonly operation: string;
  readonly url: string;
  readonly status?: number | undefined;
  readonly detail: string;
}> {
  /** One line: what, where, why. */
  override get message(): string {
    return `${this.operation} ${this.url}: ${this.status ?? "no answer"}: ${this.detail}`;
  }
}

export interface PushOptions {
  /** `Authorization` of every request. */
  readonly authorization?: string | undefined;
  /** Default `drayage-fixtures`. */
  readonly userAgent?: string | undefined;
}

/** What was asked for and what was really sent. */
export interface Pushed {
  readonly blobsSent: number;
  readonly blobsPresent: number;
  readonly bytesSent: number;
}

/**
 * Pushes a fixture to any registry over plain HTTP, apart from our client: so it can judge the client, and fill a real registry.
 * Blobs first, children before parents, the tag last. Without a tag the top is put by its digest.
 */
export const pushImage = (
  registry: URL | string,
  repository: string,
  tag: string | undefined,
  image: ImageFixture,
  options: PushOptions = {},
): Effect.Effect<Pushed, PushError> =>
  Effect.tryPromise({
    try: (signal) => push(new Client(new URL(registry), options, signal), repository, tag, image),
    catch: (cause) =>
      cause instanceof PushError
        ? cause
        : new PushError({
            operation: "push",
            url: `${new URL(registry).origin}/v2/${repository}`,
            detail: String(cause),
          }),
  });

const push = async (
  client: Client,
  repository: string,
  tag: string | undefined,
  image: ImageFixture,
): Promise<Pushed> => {
  let blobsSent = 0;
  let bytesSent = 0;
  const blobs = blobsOf(image);
  for (const blob of blobs) {
    if (!(await pushBlob(client, repository, blob))) continue;
    blobsSent += 1;
    bytesSent += blob.size;
  }
  for (const manifest of manifestsOf(image)) {
    const reference = manifest === image && tag !== undefined ? tag : manifest.digest;
    const headers = { "content-type": manifest.mediaType };
    await client.send("PUT", `/v2/${repository}/manifests/${reference}`, {
      headers,
      body: manifest.bytes,
      expected: [201],
    });
  }
  return { blobsSent, blobsPresent: blobs.length - blobsSent, bytesSent };
};

/** `false`: it was there already. */
const pushBlob = async (client: Client, repository: string, blob: BlobFixture): Promise<boolean> => {
  const held = await client.send("HEAD", `/v2/${repository}/blobs/${blob.digest}`, { expected: [200, 404] });
  if (held.statusCode === 200) return false;
  const opened = await client.send("POST", `/v2/${repository}/blobs/uploads/`, { expected: [202] });
  // As text: what a registry wrote into the query must come back to it unchanged.
  const location = String(opened.headers["location"]);
  const target = `${location}${location.includes("?") ? "&" : "?"}digest=${blob.digest}`;
  const headers = { "content-type": "application/octet-stream", "content-length": String(blob.size) };
  const body = blob.size === 0 ? new Uint8Array(0) : blob.open();
  await client.send("PUT", target, { headers, body, expected: [201] });
  return true;
};

interface Send {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ReturnType<BlobFixture["open"]>;
  readonly expected: ReadonlyArray<number>;
}

class Client {
  readonly base: URL;
  private readonly options: PushOptions;
  private readonly signal: AbortSignal;

  constructor(base: URL, options: PushOptions, signal: AbortSignal) {
    this.base = base;
    this.options = options;
    this.signal = signal;
  }

  async send(method: Dispatcher.HttpMethod, path: string, { headers = {}, body = new Uint8Array(0), expected }: Send) {
    const url = new URL(path, this.base);
    const { authorization, userAgent = "drayage-fixtures" } = this.options;
    const own = { "user-agent": userAgent, ...(authorization === undefined ? {} : { authorization }) };
    const sent = method === "HEAD" ? null : body;
    const answer = await request(url, { method, headers: { ...own, ...headers }, body: sent, signal: this.signal });
    const text = await answer.body.text();
    if (expected.includes(answer.statusCode)) return answer;
    const address = url.origin + url.pathname;
    throw new PushError({ operation: method, url: address, status: answer.statusCode, detail: text.slice(0, 500) });
  }
}
