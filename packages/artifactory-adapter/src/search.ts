import { type Api, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Semaphore from "effect/Semaphore";
import * as Stream from "effect/Stream";
import { type ManifestQuery, manifestsPage } from "./aql.ts";
import { type AqlPage, type AqlRow, readAqlPage } from "./wire.ts";

/** Rows of a page: some 300 bytes each. */
const PAGE_ROWS = 1000;
/** After a search that took too long for the server, no page is asked to be smaller than this. */
const PAGE_ROWS_MIN = 50;
/** Searches at once: an instance runs three by default, for all its users, and others wait 10 s and are refused. Source: facts/artifactory.md 3.3. */
const SEARCHES_AT_ONCE = 1;
/** Tries of one page. */
const TRIES_MAX = 6;
/** First wait after a refusal, doubled each time: no `Retry-After` is documented. All tries together wait about a minute. */
const BACKOFF_MS = 2000;
/** A search that goes on for longer is a loop: the hard limit of the cloud is 500 000 rows. */
const PAGES_MAX = 20_000;

/** Rows that a query found, page by page. */
export interface Page {
  readonly rows: ReadonlyArray<AqlRow>;
  /** Shorter than was asked for: the end, or rows were taken out that we may not see (permissions are applied after the limit). */
  readonly isShort: boolean;
}

/** Searches of one instance. */
export interface Search {
  /** Every page from a row on, up to and with the first one that is empty; `untilShort` ends with the first that is not full. */
  readonly pages: (
    query: ManifestQuery,
    options: { readonly from?: number; readonly untilShort: boolean },
  ) => Stream.Stream<Page, RegistryError>;
}

export interface SearchOptions {
  readonly registry: string;
  /** For tests: milliseconds of the first wait. */
  readonly backoffMs?: number | undefined;
  /** For tests: rows of a page. */
  readonly pageRows?: number | undefined;
}

/**
 * The manifests of an instance by AQL. One search at a time; a refusal (429) is waited out, and a page that took too long (408) is asked for in
 * smaller pieces. An answer that the server cut (`range.notification`) is an error, never the end of a list.
 */
export const openSearch = (api: Api, { registry, ...options }: SearchOptions): Search => {
  const one = Semaphore.makeUnsafe(SEARCHES_AT_ONCE);
  const backoffMs = options.backoffMs ?? BACKOFF_MS;
  let pageRows = options.pageRows ?? PAGE_ROWS;

  const ask = (query: ManifestQuery, offset: number, limit: number): Effect.Effect<AqlPage, RegistryError> =>
    one.withPermit(
      api.call({
        operation: "POST search",
        reference: referenceOf(query),
        method: "POST",
        path: "api/search/aql",
        headers: { "content-type": "text/plain" },
        body: manifestsPage(query, offset, limit),
        read: readAqlPage,
      }),
    );

  const page = (
    query: ManifestQuery,
    offset: number,
    turn = 1,
  ): Effect.Effect<{ readonly page: AqlPage; readonly limit: number }, RegistryError> => {
    const limit = pageRows;
    return ask(query, offset, limit).pipe(
      Effect.map((found) => ({ page: found, limit })),
      Effect.catchIf(
        (error) => error.retryable && error.reason !== "invalid-response" && turn < TRIES_MAX,
        (error) => {
          if (error.status === 408) pageRows = Math.max(Math.min(PAGE_ROWS_MIN, pageRows), Math.floor(limit / 4));
          // 408 is no sign of load of others: the smaller page is asked for at once.
          const waitMs = error.status === 408 ? 0 : (error.retryAfterMs ?? backoffMs * 2 ** (turn - 1));
          return Effect.andThen(Effect.sleep(waitMs), page(query, offset, turn + 1));
        },
      ),
    );
  };

  return {
    pages: (query, { from = 0, untilShort }) =>
      Stream.paginate<{ readonly offset: number; readonly count: number }, Page, RegistryError>(
        { offset: from, count: 1 },
        ({ offset, count }) =>
          Effect.flatMap(page(query, offset), ({ page: found, limit }) => {
            if (found.trimmed !== undefined || count > PAGES_MAX)
              return Effect.fail(trimmed(registry, query, found.trimmed ?? `it did not end within ${PAGES_MAX} pages`));
            const isShort = found.rows.length < limit;
            const isLast = found.rows.length === 0 || (untilShort && isShort);
            const next = isLast ? Option.none() : Option.some({ offset: offset + limit, count: count + 1 });
            return Effect.succeed([[{ rows: found.rows, isShort }], next] as const);
          }),
      ),
  };
};

const trimmed = (registry: string, query: ManifestQuery, detail: string): RegistryError =>
  new RegistryError({
    registry,
    operation: "POST search",
    reference: referenceOf(query),
    reason: "too-large",
    detail: `the search is not complete: ${detail}`.slice(0, 500),
  });

const referenceOf = (query: ManifestQuery): string => {
  switch (query._tag) {
    case "Image":
      return `${query.key}/${query.image}`;
    case "Key":
      return query.key;
    case "Since":
      return `changes since ${query.since.toISOString()}`;
  }
};
