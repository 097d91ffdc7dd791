import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import type { RepositoryName, Tag } from "../model/brand.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import type { RegistryError } from "./errors.ts";
import { apiUrl, type Call, type Context, type Exchange, repositoryScope } from "./exchange.ts";
import { failure, type Place } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { nextLink, nextPage } from "./link.ts";
import { readBody } from "./read-body.ts";
import type { Registry } from "./registry.ts";
import { retried } from "./retry.ts";
import { parseJson, readCatalog, readTags } from "./wire.ts";

/** Some registries ignore `n` and send everything at once: a million tags of 30 characters fit. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A listing that goes on for longer is a loop, or not ours to read. Ten million tags at the usual page size. */
const PAGES_MAX = 10_000;
/** What every registry accepts, for those that refuse our first size. */
const PAGE_SIZE_SMALL = 100;

export type ListingMethods = Pick<Registry, "tags" | "repositories">;

/** What differs between the two lists. */
interface Listing {
  readonly call: Omit<Call, "url">;
  readonly path: string;
  /** The names of a page, or why it is not one. */
  readonly read: (answer: HttpAnswer, context: Context) => Promise<ReadonlyArray<string>>;
}

interface Page {
  readonly names: ReadonlyArray<string>;
  readonly next: URL | undefined;
}

export const makeListing = (base: URL, pageSize: number, exchange: Exchange): ListingMethods => {
  const fetch = (listing: Listing, url: URL): Effect.Effect<Page, RegistryError> =>
    retried(
      exchange.call({ ...listing.call, url }, async (answer, context) => {
        const names = await listing.read(answer, context);
        const link = nextLink(answer.headers("link"));
        if (link === undefined) return { names, next: undefined };
        const next = nextPage(link, url);
        if (next._tag === "Unsafe")
          throw failure(context.place, "unsafe-location", next.detail, { status: answer.status });
        return { names, next: next.url };
      }),
    );

  const pages = <A>(
    listing: Listing,
    parse: (name: string) => A | undefined,
  ): Stream.Stream<ReadonlyArray<A>, RegistryError> => {
    const place: Place = {
      registry: exchange.name,
      operation: listing.call.operation,
      reference: listing.call.reference,
    };
    const first = (n: number): Effect.Effect<Walked, RegistryError> => {
      const url = apiUrl(base, listing.path, { n: String(n) });
      return Effect.map(fetch(listing, url), (page) => advance(undefined, url, page));
    };
    const start = Effect.catchIf(
      first(pageSize),
      (error) => pageSize > PAGE_SIZE_SMALL && refusesPageSize(error),
      () => first(PAGE_SIZE_SMALL),
    );
    const step = (walked: Walked | undefined): Effect.Effect<Walked, RegistryError> => {
      if (walked === undefined) return start;
      const { next } = walked;
      if (walked.count >= PAGES_MAX || next === undefined)
        return Effect.fail(failure(place, "too-large", `the listing did not end within ${PAGES_MAX} pages`));
      return Effect.map(fetch(listing, next), (page) => advance(walked, next, page));
    };
    return Stream.paginate<Walked | undefined, ReadonlyArray<A>, RegistryError>(undefined, (walked) =>
      Effect.map(step(walked), (after) => {
        // Names that break the grammar cannot be asked for: they are left out, and nothing else with them.
        const names = after.fresh.map(parse).filter((parsed) => parsed !== undefined);
        return [[names], after.next === undefined ? Option.none() : Option.some(after)];
      }),
    );
  };

  return {
    tags: (repository) =>
      pages<Tag>(
        {
          path: `${repository}/tags/list`,
          read: readTagPage,
          call: {
            operation: "GET tags",
            reference: repository,
            topic: "tags",
            method: "GET",
            scopes: [repositoryScope(repository, "pull")],
            headers: { accept: "application/json" },
            following: "same-origin",
          },
        },
        parseTag,
      ),
    repositories: () =>
      pages<RepositoryName>(
        {
          path: "_catalog",
          read: readCatalogPage,
          call: {
            operation: "GET catalog",
            reference: "_catalog",
            topic: "catalog",
            method: "GET",
            scopes: ["registry:catalog:*"],
            headers: { accept: "application/json" },
            following: "same-origin",
          },
        },
        parseRepositoryName,
      ),
  };
};

/** How far a listing has come. */
interface Walked {
  readonly count: number;
  /** Names of the page just read that are new; empty when the registry repeats itself. */
  readonly fresh: ReadonlyArray<string>;
  readonly first: string | undefined;
  readonly next: URL | undefined;
  /** Queries that were asked already. */
  readonly asked: Set<string>;
}

/**
 * What comes after a page. A cursor that comes again ends the listing. A full page without a link may be the end, or an old registry that
 * has no links: `last` is asked for once more, and a registry that ignores it sends a page that begins as the one before.
 */
const advance = (before: Walked | undefined, url: URL, page: Page): Walked => {
  const asked = (before?.asked ?? new Set<string>()).add(url.search);
  const [first] = page.names;
  const repeats = first !== undefined && before?.first === first;
  const walked = { count: (before?.count ?? 0) + 1, fresh: repeats ? [] : page.names, first, asked };
  const next = repeats ? undefined : (page.next ?? afterFullPage(url, page.names));
  return { ...walked, next: next === undefined || asked.has(next.search) ? undefined : next };
};

const afterFullPage = (url: URL, names: ReadonlyArray<string>): URL | undefined => {
  const n = Number(/[?&]n=(\d+)/.exec(url.search)?.[1]);
  const last = names.at(-1);
  if (last === undefined || names.length !== n) return undefined;
  const next = new URL(url.href);
  next.search = `n=${n}&last=${encodeURIComponent(last)}`;
  return next;
};

const refusesPageSize = ({ code, status }: RegistryError): boolean =>
  code === "PAGINATION_NUMBER_INVALID" || (code === "UNSUPPORTED" && (status === 400 || status === 405));

const readTagPage = async (answer: HttpAnswer, context: Context): Promise<ReadonlyArray<string>> => {
  if (answer.status !== 200) {
    const error = await context.fail(answer);
    // Artifactory's and others' words for a repository that is there and has no tags.
    if (error.status === 404 && (error.code === "NO_TAGS_FOUND" || error.code === "MANIFEST_UNKNOWN")) return [];
    throw error;
  }
  const names = readTags(parseJson(await readBody(answer.body, PAGE_BYTES_MAX)));
  if (names === undefined)
    throw failure(context.place, "invalid-response", "the answer is no list of tags", { status: 200 });
  return names;
};

const readCatalogPage = async (answer: HttpAnswer, context: Context): Promise<ReadonlyArray<string>> => {
  if (answer.status !== 200) {
    const error = await context.fail(answer);
    const { status, code, detail } = error;
    if (status === 404) throw failure(context.place, "unsupported", `no catalogue: ${detail}`, { status, code });
    if (status === 401)
      throw failure(context.place, "denied", `the catalogue is not for us: ${detail}`, { status, code });
    throw error;
  }
  const names = readCatalog(parseJson(await readBody(answer.body, PAGE_BYTES_MAX)));
  if (names === undefined)
    throw failure(context.place, "invalid-response", "the answer is no list of repositories", { status: 200 });
  return names;
};
