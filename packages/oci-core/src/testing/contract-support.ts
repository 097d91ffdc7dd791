import { ok, strictEqual } from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import * as Effect from "effect/Effect";
import {
  type Digest,
  digestOf,
  MANIFEST_ACCEPT,
  type Manifest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "../model/index.ts";
import type { RegistryError, RegistryReason } from "../registry/errors.ts";
import type { Registry } from "../registry/registry.ts";
import type { ImageFixture } from "./images.ts";
import type { BlobFixture } from "./layers.ts";
import { ask } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";

/** What is under test. `traits.tagDelete` of the registry must be what the server does. */
export interface ContractSubject {
  readonly registry: Registry;
  /** Where the server answers plain HTTP. */
  readonly url: string;
  /** `Authorization` for plain HTTP, where the server asks for it. */
  readonly authorization?: string | undefined;
  /** The name of a repository over plain HTTP, where the client under test maps names. Default: the same. */
  readonly plainName?: ((repository: RepositoryName) => string) | undefined;
  readonly capabilities: {
    /** The server has the referrers API. */
    readonly referrersApi: boolean;
    /** A mount from a repository that has the blob succeeds. */
    readonly mounts: boolean;
    readonly catalog: boolean;
  };
}

export const push = (
  to: Pick<ContractSubject, "url" | "authorization" | "plainName">,
  repository: RepositoryName,
  name: string | undefined,
  fixture: ImageFixture,
) => pushImage(to.url, to.plainName?.(repository) ?? repository, name, fixture, { authorization: to.authorization });

export const upload = (
  registry: Registry,
  repository: RepositoryName,
  blob: BlobFixture,
  body: Parameters<Registry["upload"]>[3],
) =>
  Effect.gen(function* () {
    const start = yield* registry.startUpload(repository);
    if (start._tag === "Mounted") throw new Error("mounted without being asked");
    yield* registry.upload(repository, start.location, described(blob), body);
  });

/** Fails the case unless the effect fails, for one of these reasons. */
export const failsWith = <A>(effect: Effect.Effect<A, RegistryError>, ...reasons: ReadonlyArray<RegistryReason>) =>
  Effect.match(effect, {
    onFailure: (error) => ok(reasons.includes(error.reason), `expected ${reasons.join(" or ")}, but: ${error.message}`),
    onSuccess: () => ok(false, `succeeded, expected ${reasons.join(" or ")}`),
  });

const plainGet = (subject: Pick<ContractSubject, "url" | "authorization">, path: string) =>
  Effect.gen(function* () {
    const { url, authorization } = subject;
    const headers = { accept: MANIFEST_ACCEPT, ...(authorization === undefined ? {} : { authorization }) };
    const first = yield* ask({ url }, "GET", path, { headers });
    const location = first.status === 307 || first.status === 302 ? first.headers["location"] : undefined;
    const { status, bytes, ...answer } =
      location === undefined
        ? first
        : yield* ask({ url }, "GET", location, { headers: location.startsWith("/") ? headers : {} });
    strictEqual(status, 200, `GET ${path}: ${status} ${bytes.toString().slice(0, 200)}`);
    return { mediaType: answer.headers["content-type"], bytes };
  });

export const plainManifest = (subject: ContractSubject, repository: RepositoryName, reference: string) =>
  plainGet(subject, `/v2/${subject.plainName?.(repository) ?? repository}/manifests/${reference}`);

export const plainBlob = (
  subject: Pick<ContractSubject, "url" | "authorization" | "plainName">,
  repository: RepositoryName,
  digest: Digest,
) =>
  Effect.map(
    plainGet(subject, `/v2/${subject.plainName?.(repository) ?? repository}/blobs/${digest}`),
    ({ bytes }) => bytes,
  );

export const bytesOf = (blob: BlobFixture) => Effect.promise(() => buffer(blob.open()));

export const described = ({ digest, size }: BlobFixture) => ({ digest, size, mediaType: "application/octet-stream" });

export const children = (manifest: Manifest): ReadonlyArray<Digest> =>
  manifest._tag === "Index" ? manifest.manifests.map(({ digest }) => digest) : [];

export const byDigest = (a: { readonly digest: string }, b: { readonly digest: string }): number =>
  a.digest < b.digest ? -1 : 1;

/** Names of the suite itself: one that breaks the grammar is a defect of the suite. */
const named = <A>(parsed: A | undefined, text: string): A => {
  if (parsed === undefined) throw new Error(`not a valid name: ${text}`);
  return parsed;
};
export const repositoryName = (text: string): RepositoryName => named(parseRepositoryName(text), text);
export const tag = (text: string): Tag => named(parseTag(text), text);
export const ABSENT = digestOf(Buffer.from("nobody ever pushed this"));
