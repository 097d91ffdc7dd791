import { MEDIA_TYPES } from "../model/index.ts";
import { type Answer, json, refusal } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { isDigest } from "./grammar.ts";
import type { RegistryState } from "./state.ts";
import type { StoredRepository } from "./store.ts";

/** tags/list (end-8): in lexical order, page by page. */
export const listTags = (state: RegistryState, exchange: Exchange, repository: string): Answer => {
  if (state.store.repository(repository) === undefined) {
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name: repository });
  }
  const names = state.store.tagNames(repository).filter((tag) => {
    const late = state.lag.instead(repository, tag);
    return late === undefined || late.before !== undefined;
  });
  const page = takePage(state, exchange, names);
  return page._tag === "Refused" ? page.answer : json(200, { name: repository, tags: page.names }, page.headers);
};

/** _catalog (Docker only). */
export const listRepositories = (state: RegistryState, exchange: Exchange): Answer => {
  if (!state.rules().catalog) return refusal(404, "UNSUPPORTED", "this registry has no catalog");
  const page = takePage(state, exchange, state.store.repositoryNames());
  return page._tag === "Refused" ? page.answer : json(200, { repositories: page.names }, page.headers);
};

/** Referrers (end-12): an index of the manifests of this repository whose subject is `digest`. Without the API: 404 in text, as a router says it. */
export const listReferrers = (state: RegistryState, exchange: Exchange, repository: string, digest: string): Answer => {
  const { referrers, referrersPageSize } = state.rules();
  if (referrers === "none") {
    return { status: 404, headers: { "Content-Type": "text/plain" }, body: Buffer.from("404 page not found\n") };
  }
  if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "provided digest is malformed", { digest });
  const artifactType = exchange.url.searchParams.get("artifactType");
  const all = referrersOf(state.store.repository(repository), digest).filter(
    (descriptor) => artifactType === null || descriptor.artifactType === artifactType,
  );
  const start = Number(exchange.url.searchParams.get("start") ?? 0);
  const next = start + referrersPageSize;
  const headers = {
    "Content-Type": MEDIA_TYPES.ociIndex,
    ...(artifactType === null ? {} : { "OCI-Filters-Applied": "artifactType" }),
    ...(next < all.length ? link(exchange, { start: String(next) }) : {}),
  };
  return json(200, { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: all.slice(start, next) }, headers);
};

const referrersOf = (held: StoredRepository | undefined, subject: string) =>
  [...(held?.manifests.values() ?? [])]
    .filter(({ document }) => document.subject?.digest === subject)
    .map(({ digest, mediaType, bytes, document }) => ({
      mediaType,
      digest,
      size: bytes.byteLength,
      artifactType: document.artifactType,
      annotations: document.annotations,
    }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));

type Page =
  | { readonly _tag: "Page"; readonly names: ReadonlyArray<string>; readonly headers: Readonly<Record<string, string>> }
  | { readonly _tag: "Refused"; readonly answer: Answer };

/** `last` is exclusive and need not exist any more; `n=0` is an empty page. */
const takePage = (state: RegistryState, exchange: Exchange, sorted: ReadonlyArray<string>): Page => {
  const asked = exchange.url.searchParams.get("n");
  if (asked !== null && !/^\d{1,9}$/.test(asked)) {
    const answer = refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", { n: asked });
    return { _tag: "Refused", answer };
  }
  const most = state.rules().listPageMax;
  const size = Math.min(asked === null ? most : Number(asked), most);
  const last = exchange.url.searchParams.get("last");
  const start = last === null ? 0 : firstAfter(sorted, last);
  const names = sorted.slice(start, start + size);
  const end = names.at(-1);
  const more = end !== undefined && start + size < sorted.length;
  return { _tag: "Page", names, headers: more ? link(exchange, { n: String(size), last: end }) : {} };
};

/** Binary search: a listing of a million tags is asked for in a thousand pages. */
const firstAfter = (sorted: ReadonlyArray<string>, last: string): number => {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") > last) high = middle;
    else low = middle + 1;
  }
  return low;
};

const link = (exchange: Exchange, set: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const query = new URLSearchParams(exchange.url.searchParams);
  for (const [name, value] of Object.entries(set)) query.set(name, value);
  return { Link: `<${exchange.url.pathname}?${query}>; rel="next"` };
};
