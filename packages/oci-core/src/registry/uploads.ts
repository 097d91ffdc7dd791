import type { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import type { Digest, RepositoryName } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { RegistryError, RegistryReason } from "./errors.ts";
import { apiUrl, type Call, type Context, type Exchange, repositoryScope } from "./exchange.ts";
import { failure, type Place } from "./failure.ts";
import { COMMIT_TIMEOUT_MS, type HttpAnswer } from "./http.ts";
import { checkStoredDigest, isStored } from "./manifests.ts";
import type { Registry, UploadStart } from "./registry.ts";
import { retried } from "./retry.ts";
import { type Throttle, ThrottledStream } from "./throttle.ts";
import type { RegistryTraits } from "./traits.ts";
import { watched } from "./watch.ts";

/** A cancelled upload is a courtesy; nobody waits longer for it. */
const CANCEL_TIMEOUT_MS = 10_000;
const OCTETS = { "content-type": "application/octet-stream" } as const;

export type UploadMethods = Pick<Registry, "startUpload" | "upload" | "cancelUpload">;

export const makeUploads = (
  base: URL,
  traits: Pick<RegistryTraits, "upload">,
  exchange: Exchange,
  throttle?: Throttle | undefined,
): UploadMethods => {
  const start = (repository: RepositoryName, mount: Mount | undefined): Effect.Effect<UploadStart, RegistryError> => {
    const query = mount === undefined ? {} : { mount: mount.digest, from: mount.from };
    const scopes = [repositoryScope(repository, "pull,push")]; // the target first, see TokenRequest
    if (mount !== undefined && mount.from !== repository) scopes.push(repositoryScope(mount.from, "pull"));
    const call: Call = {
      operation: mount === undefined ? "POST upload" : "POST mount",
      reference: mount === undefined ? repository : `${repository}@${mount.digest}`,
      topic: "upload",
      method: "POST",
      url: apiUrl(base, `${repository}/blobs/uploads/`, query),
      scopes,
    };
    // Repeating a POST is safe here: at worst a session stays unused and expires.
    return retried(exchange.call(call, (answer, context) => readStart(mount !== undefined, answer, context)));
  };

  const step = (call: Omit<Call, "topic" | "scopes" | "answerTimeoutMs">, repository: RepositoryName): Call => ({
    ...call,
    topic: "upload",
    scopes: [repositoryScope(repository, "pull,push")],
    answerTimeoutMs: COMMIT_TIMEOUT_MS,
  });

  const commit = (
    repository: RepositoryName,
    location: URL,
    descriptor: Descriptor,
    body: Readable | Uint8Array | undefined,
  ) =>
    exchange.call(
      step(
        {
          operation: "PUT blob",
          reference: `${repository}@${descriptor.digest}`,
          method: "PUT",
          url: withDigest(location, descriptor.digest),
          headers: body === undefined ? OCTETS : { ...OCTETS, "content-length": String(descriptor.size) },
          body,
        },
        repository,
      ),
      (answer, context) => readCommit(descriptor.digest, body, answer, context),
    );

  const patch = (repository: RepositoryName, location: URL, descriptor: Descriptor, body: Readable | Uint8Array) =>
    exchange.call(
      step(
        {
          operation: "PATCH blob",
          reference: `${repository}@${descriptor.digest}`,
          method: "PATCH",
          url: location,
          headers: { ...OCTETS, "content-length": String(descriptor.size) },
          body,
        },
        repository,
      ),
      (answer, context) => readPatch(body, answer, context),
    );

  return {
    startUpload: (repository, mount) =>
      mount === undefined
        ? start(repository, undefined)
        : Effect.catchIf(
            start(repository, mount),
            (error) => MOUNT_FAILURES.has(error.reason),
            () => start(repository, undefined),
          ),
    upload: (repository, location, descriptor, body) => {
      const place: Place = {
        registry: exchange.name,
        operation: "upload blob",
        reference: `${repository}@${descriptor.digest}`,
      };
      const wrong = body instanceof Uint8Array ? body.byteLength !== descriptor.size : false;
      if (wrong) return Effect.fail(failure(place, "digest-mismatch", `the body has not ${descriptor.size} bytes`));
      const empty = descriptor.size === 0; // nothing to PATCH: some registries refuse an empty one
      const send = (stream: Readable | Uint8Array) =>
        traits.upload === "put" || empty
          ? commit(repository, location, descriptor, stream)
          : Effect.flatMap(patch(repository, location, descriptor, stream), (next) =>
              commit(repository, next, descriptor, undefined),
            );
      if (body instanceof Uint8Array)
        return throttle === undefined ? send(body) : Effect.andThen(throttle.wait(body.byteLength), send(body));
      return watched(body, place, (stream) =>
        send(throttle === undefined ? stream : new ThrottledStream(stream, throttle)),
      );
    },
    cancelUpload: (repository, location) =>
      exchange
        .call(
          {
            operation: "DELETE upload",
            reference: repository,
            topic: "upload",
            method: "DELETE",
            url: location,
            // docker-registry asks for `delete` here. A scope of its own also keeps that wish away from those of the uploads.
            scopes: [repositoryScope(repository, "pull,push,delete")],
          },
          async () => undefined,
        )
        .pipe(Effect.timeoutOption(CANCEL_TIMEOUT_MS), Effect.ignore),
  };
};

type Mount = { readonly digest: Digest; readonly from: RepositoryName };

/** Failures that may concern the mount alone (an unreadable source repository, a registry that cannot mount): the same POST without it tells. */
const MOUNT_FAILURES: ReadonlySet<RegistryReason> = new Set([
  "not-found",
  "repository-unknown",
  "unauthorized",
  "denied",
  "unavailable",
  "network",
  "invalid-response",
  "invalid-request",
  "unsupported",
  "content-missing",
  "digest-mismatch",
  "conflict",
]);

const readStart = async (mounting: boolean, answer: HttpAnswer, { fail, place }: Context): Promise<UploadStart> => {
  if (answer.status === 201 && mounting) return { _tag: "Mounted" };
  if (answer.status !== 202) throw await fail(answer);
  const location = locationOf(answer);
  if (location === undefined)
    throw failure(place, "invalid-response", "202 without a usable Location", { status: 202 });
  return { _tag: "Opened", location };
};

const readPatch = async (body: Readable | Uint8Array, answer: HttpAnswer, context: Context): Promise<URL> => {
  if (answer.status !== 201 && answer.status !== 202 && answer.status !== 204) throw await lost(body, answer, context);
  return locationOf(answer) ?? answer.url; // some registries keep the session at the same place and do not repeat it
};

const readCommit = async (
  digest: Digest,
  body: Readable | Uint8Array | undefined,
  answer: HttpAnswer,
  context: Context,
): Promise<void> => {
  if (answer.status !== 204 && !isStored(201, digest, answer)) throw await lost(body, answer, context);
  checkStoredDigest(digest, answer, context.place);
};

/** A 401 to a streamed body: the token ran out on the way. It was forgotten, and the bytes are gone, so the upload starts again. */
const lost = async (body: unknown, answer: HttpAnswer, { fail, place }: Context): Promise<RegistryError> => {
  const error = await fail(answer);
  if (error.reason !== "unauthorized" || body === undefined || body instanceof Uint8Array) return error;
  return failure(place, "upload-lost", "the token was refused while the body was sent", {
    status: error.status,
    code: error.code,
  });
};

const locationOf = (answer: HttpAnswer): URL | undefined => {
  const written = answer.header("location");
  return written === undefined ? undefined : (URL.parse(written, answer.url.href) ?? undefined);
};

/** `Location` is opaque: its query stays as it is, in its order and its encoding. */
export const withDigest = (location: URL, digest: Digest): URL => {
  const url = new URL(location.href);
  url.hash = "";
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${digest}`;
  return url;
};
