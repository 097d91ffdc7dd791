import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type { Digest, RepositoryName } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";
import { digestAlgorithm, digestOf } from "../model/digest.ts";
import { referrerTag } from "../model/digest-tag.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { MANIFEST_BYTES_MAX, parseManifest } from "../model/parse-manifest.ts";
import { type RegistryError, saysAbsent } from "./errors.ts";
import { apiUrl, type Context, type Exchange, repositoryScope } from "./exchange.ts";
import { failure } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { nextLink, nextPage } from "./link.ts";
import { readBody } from "./read-body.ts";
import type { Registry } from "./registry.ts";
import { retried } from "./retry.ts";
import type { RegistryTraits } from "./traits.ts";

/** One image may be signed and scanned every day for years, and not endlessly. */
const PAGES_MAX = 100;
/** Repository keys of which it is remembered whether they have the API (`traits.repositoryKey`); past it they are asked again. */
const REALMS_MAX = 1000;
/** A registry without the API is asked again after this: it may have been a proxy's 404, or the registry was upgraded. One request an hour. */
const MISSING_MS = 3_600_000;

export type ReferrerMethods = Pick<Registry, "referrers">;

type Api =
  | { readonly _tag: "Listed"; readonly found: ReadonlyArray<Descriptor>; readonly next: URL | undefined }
  | {
      readonly _tag: "Missing";
      /** Whether the 404 came without a registry code: the path itself is unknown there. */
      readonly forGood: boolean;
      /** What the 404 is where it cannot mean that there is no API. */
      readonly error: RegistryError;
    };

export const makeReferrers = (
  base: URL,
  traits: Pick<RegistryTraits, "referrers" | "repositoryKey">,
  exchange: Exchange,
  manifest: Registry["manifest"],
): ReferrerMethods => {
  /** When the API was found missing, by realm, ms; and realms whose API has answered. */
  const missing = new Map<string, number>();
  const present = new Set<string>();
  // Artifactory switches the API on for each repository key apart; elsewhere it is there for all or for none.
  const realm = (repository: RepositoryName): string =>
    traits.repositoryKey ? (repository.split("/", 1)[0] ?? "") : "";

  const page = (repository: RepositoryName, digest: Digest, url: URL): Effect.Effect<Api, RegistryError> =>
    retried(
      exchange.call(
        {
          operation: "GET referrers",
          reference: `${repository}@${digest}`,
          topic: "referrers",
          method: "GET",
          url,
          scopes: [repositoryScope(repository, "pull")],
          headers: { accept: MEDIA_TYPES.ociIndex },
          following: "same-origin",
        },
        (answer, context) => readPage(url, answer, context),
      ),
    );

  const learn = (repository: RepositoryName, api: Api, now: number): void => {
    const key = realm(repository);
    if (api._tag === "Listed") {
      missing.delete(key);
      if (present.size < REALMS_MAX) present.add(key);
    } else if (api.forGood && (missing.has(key) || missing.size < REALMS_MAX)) missing.set(key, now);
  };
  const isMissing = (repository: RepositoryName, now: number): boolean => {
    const at = missing.get(realm(repository));
    return at !== undefined && now - at < MISSING_MS;
  };

  /**
   * One false 404 must not hide the signatures of an image: where the API is known to be there, it is an error. What the registry itself
   * says of one repository is left to the fallback tag, unless the traits vouch for the API.
   */
  const isFalse = (repository: RepositoryName, api: Extract<Api, { readonly _tag: "Missing" }>): boolean =>
    traits.referrers === "api" || (api.forGood && present.has(realm(repository)));

  const byApi = Effect.fnUntraced(function* (repository: RepositoryName, digest: Digest) {
    const all: Descriptor[] = [];
    const asked = new Set<string>();
    let url: URL | undefined = apiUrl(base, `${repository}/referrers/${digest}`);
    while (url !== undefined && !asked.has(url.search)) {
      asked.add(url.search);
      const api: Api = yield* page(repository, digest, url);
      if (api._tag === "Missing" && (asked.size > 1 || isFalse(repository, api))) return yield* api.error;
      learn(repository, api, yield* Clock.currentTimeMillis);
      if (api._tag === "Missing") return undefined;
      all.push(...api.found);
      url = api.next;
      if (url !== undefined && asked.size >= PAGES_MAX)
        return yield* failure(
          { registry: exchange.name, operation: "GET referrers", reference: `${repository}@${digest}` },
          "too-large",
          `the referrers did not end within ${PAGES_MAX} pages`,
        );
    }
    return all;
  });

  const byTag = (repository: RepositoryName, digest: Digest): Effect.Effect<ReadonlyArray<Descriptor>, RegistryError> =>
    manifest(repository, referrerTag(digest)).pipe(
      Effect.map((found) => {
        // GitLab reads the tag as an alias of the digest and sends the image itself (oras-go issue 1396).
        const itself = digestOf(found.bytes, digestAlgorithm(digest)) === digest;
        return found._tag === "Index" && !itself ? found.manifests : [];
      }),
      Effect.catchIf(saysAbsent, () => Effect.succeed([])),
    );

  return {
    referrers: (repository, digest) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (traits.referrers === "tag" || isMissing(repository, now)) return byTag(repository, digest);
        return Effect.filterOrElse(
          byApi(repository, digest),
          (found) => found !== undefined,
          () => byTag(repository, digest),
        );
      }),
  };
};

/** Anything but a list and 404 is an error: a throttled listing must never look like "no signatures". */
const readPage = async (url: URL, answer: HttpAnswer, { fail, place }: Context): Promise<Api> => {
  if (answer.status === 404) {
    const error = await fail(answer);
    return { _tag: "Missing", forGood: error.code === undefined, error };
  }
  if (answer.status !== 200) throw await fail(answer);
  const parsed = parseManifest(await readBody(answer.body, MANIFEST_BYTES_MAX), MEDIA_TYPES.ociIndex);
  if (parsed._tag !== "Index") {
    const detail = parsed._tag === "Refused" ? parsed.detail : "an image";
    throw failure(place, "invalid-response", `the answer is no index of referrers: ${detail}`, { status: 200 });
  }
  const link = nextLink(answer.headers("link"));
  if (link === undefined) return { _tag: "Listed", found: parsed.manifests, next: undefined };
  const next = nextPage(link, url);
  if (next._tag === "Unsafe") throw failure(place, "unsafe-location", next.detail, { status: 200 });
  return { _tag: "Listed", found: parsed.manifests, next: next.url };
};
