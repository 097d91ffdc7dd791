import { type Api, type FoundContent, type NativePromotion, RegistryError } from "@drayage/oci-core";
import { type Digest, parseDigest, parseTag, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { joinName, splitName } from "./access.ts";
import { BY_DIGEST, MANIFEST_FILES } from "./stored.ts";
import { readFoundFiles, readParents } from "./wire.ts";

/** A manifest has a handful of tags; a search for more than these has lost its way. */
const PLACES_MAX = 100;

const refused = (registry: string, operation: string, reference: string, detail: string): RegistryError =>
  new RegistryError({ registry, operation, reference, reason: "invalid-request", detail });

/** `POST api/docker/<key>/v2/promote`: `copy: false` moves. Without a tag the whole image with all its tags. Source: facts/artifactory.md 3.6. */
export const promoteBy =
  (api: Api, registry: string) =>
  ({ from, to, mode }: NativePromotion): Effect.Effect<void, RegistryError> => {
    const [source, target] = [splitName(from.repository), splitName(to.repository)];
    const reference = `${from.repository}${from.tag === undefined ? "" : `:${from.tag}`}`;
    if (source === undefined || target === undefined)
      return Effect.fail(
        refused(registry, "POST promote", reference, "names of Artifactory are <repository key>/<image>"),
      );
    if (from.tag === undefined && to.tag !== undefined)
      return Effect.fail(refused(registry, "POST promote", reference, "a whole image cannot be promoted to one tag"));
    return api.call({
      operation: "POST promote",
      reference,
      method: "POST",
      path: `api/docker/${source.key}/v2/promote`,
      body: {
        targetRepo: target.key,
        dockerRepository: source.image,
        targetDockerRepository: target.image,
        // Always sent: one page of the documentation takes a missing tag for `latest`, another for all of them.
        tag: from.tag ?? null,
        ...(from.tag === undefined ? {} : { targetTag: to.tag ?? from.tag }),
        copy: mode === "copy",
      },
      // The answer is a sentence.
      accept: [200],
      read: () => true,
    });
  };

/** Where a digest is, by checksum. The search may be cut at a thousand (facts/artifactory.md 3.5): a place that is not named is not proven empty. */
export const findBy =
  (api: Api) =>
  (digest: Digest): Effect.Effect<ReadonlyArray<FoundContent>, RegistryError> =>
    api.call({
      operation: "GET search by checksum",
      reference: digest,
      method: "GET",
      path: `api/search/checksum?sha256=${digest.slice("sha256:".length)}`,
      read: (document) => readFoundFiles(document)?.flatMap((file) => foundContent(file) ?? []),
    });

/** `<key>/<image>/<tag>/<file>` as a place. */
const foundContent = (file: string): FoundContent | undefined => {
  const [key = "", ...segments] = file.split("/");
  const repository = joinName(key, segments.slice(0, -2).join("/"));
  if (repository === undefined) return undefined;
  const reference = segments.at(-2) ?? "";
  const isTagged = MANIFEST_FILES.has(segments.at(-1) ?? "") && !BY_DIGEST.test(reference);
  return { repository, ...(isTagged ? { tag: parseTag(reference) } : {}) };
};

/**
 * Indexes that list a manifest, by `parentManifests` of 7.119 and later, which takes tags: it is asked for each name that the manifest has in
 * the repository. That it takes the name of one stored by digest is not documented, so no answer proves that there is no index.
 */
export const parentsBy =
  (api: Api, registry: string, find: (digest: Digest) => Effect.Effect<ReadonlyArray<FoundContent>, RegistryError>) =>
  (repository: RepositoryName, digest: Digest): Effect.Effect<ReadonlyArray<Digest>, RegistryError> => {
    const name = splitName(repository);
    const reference = `${repository}@${digest}`;
    if (name === undefined)
      return Effect.fail(
        refused(registry, "POST parentManifests", reference, "names of Artifactory are <repository key>/<image>"),
      );
    const ask = (tag: string) =>
      api.call({
        operation: "POST parentManifests",
        reference,
        method: "POST",
        path: `api/docker/${name.key}/v2/parentManifests`,
        body: { dockerRepository: name.image, tag },
        repeatable: true,
        read: readParents,
      });
    return find(digest).pipe(
      Effect.map((places) => [
        ...new Set(places.filter((place) => place.repository === repository).map(({ tag }) => tag ?? digest)),
      ]),
      Effect.flatMap((names) => Effect.forEach(names.slice(0, PLACES_MAX), ask)),
      Effect.map((answers) => [...new Set(answers.flat())].flatMap((one) => parseDigest(one) ?? [])),
    );
  };
