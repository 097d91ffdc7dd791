/** One entry of a `Link` header. */
interface Link {
  readonly target: string;
  readonly relations: ReadonlyArray<string>;
}

/** Real links are a few hundred characters; opaque cursors of ECR reach 2 KiB. */
const HEADER_LENGTH_MAX = 16 * 1024;

/**
 * The target of `rel="next"` in `Link` headers (RFC 8288), as written; `undefined` where there is none. Several links may
 * stand in one header, targets may hold commas and semicolons, `rel` may list several words with or without quotes.
 */
export const nextLink = (headers: ReadonlyArray<string>): string | undefined =>
  headers.flatMap(parseLinks).find((link) => link.relations.includes("next"))?.target;

const LINK = /\s*<([^>]*)>((?:\s*;\s*[\w*-]+\s*(?:=\s*(?:"[^"]*"|[^",;\s]*))?)*)\s*(?:,|$)/y;
const RELATION = /;\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]*))/i;

const parseLinks = (header: string): ReadonlyArray<Link> => {
  const links: Link[] = [];
  const text = header.slice(0, HEADER_LENGTH_MAX);
  LINK.lastIndex = 0;
  for (let match = LINK.exec(text); match !== null; match = LINK.exec(text)) {
    const relation = RELATION.exec(match[2] ?? "");
    const words = (relation?.[1] ?? relation?.[2] ?? "").toLowerCase().split(/\s+/);
    links.push({ target: match[1] ?? "", relations: words });
    if (LINK.lastIndex === text.length) break;
  }
  return links;
};

export type NextPage =
  | { readonly _tag: "Next"; readonly url: URL }
  | { readonly _tag: "Unsafe"; readonly detail: string };

/**
 * The URL of the next page: the link's query on the path that was asked for. A link to another origin or another path is
 * refused, since it would carry our credentials there; except for a path that only lacks leading segments of the repository, which
 * is a known fault of Artifactory (RTFACT-18971) and is mended by keeping our own path.
 */
export const nextPage = (target: string, current: URL): NextPage => {
  const next = URL.parse(target, current.href);
  if (next === null) return { _tag: "Unsafe", detail: "the link to the next page is no URL" };
  if (next.origin !== current.origin)
    return { _tag: "Unsafe", detail: `the link to the next page leads to ${next.origin}` };
  const [base = "", ours = ""] = splitPath(current.pathname);
  const [theirBase = "", theirs = ""] = splitPath(next.pathname);
  const shortened = ours.endsWith(`/${theirs}`);
  if (next.username !== "" || (ours !== theirs && !shortened) || (base !== theirBase && !base.startsWith(theirBase)))
    return { _tag: "Unsafe", detail: `the link to the next page leads to ${next.pathname.slice(0, 200)}` };
  const url = new URL(current.href);
  url.search = next.search;
  return { _tag: "Next", url };
};

/** What stands before and after `/v2/`. */
const splitPath = (pathname: string): ReadonlyArray<string> => {
  const at = pathname.indexOf("/v2/");
  return at === -1 ? [pathname, ""] : [pathname.slice(0, at), pathname.slice(at + 4)];
};
