import type { Digest, RepositoryName, Tag } from "./brand.ts";
import { parseDigest } from "./digest.ts";
import { parseRepositoryName, parseTag, REPOSITORY_NAME_LENGTH_MAX } from "./names.ts";

/** An image as people write it: `host[:port]/repository[:tag][@digest]`. */
export interface ImageReference {
  readonly _tag: "Reference";
  /** As written, in lower case; `docker.io` where none was written. */
  readonly host: string;
  readonly repository: RepositoryName;
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
}

/** Why a text is no reference: the part that is wrong, what is wrong with it, and what to write instead. */
export interface InvalidReference {
  readonly _tag: "InvalidReference";
  readonly part: "reference" | "host" | "repository" | "tag" | "digest";
  /** Where the part starts in the text, in characters from 0. */
  readonly position: number;
  /** The part as it was written, at most 100 characters. */
  readonly text: string;
  readonly problem: string;
  readonly mend: string;
}

/** Docker Hub has one name for people and another for its API. Source: distribution/reference `normalize.go`. */
const DOCKER_HUB = { host: "docker.io", apiHost: "registry-1.docker.io", official: "library/" } as const;
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** A name (255) with host, tag (128) and the longest digest (135) is shorter than this; anything above is no reference. */
const REFERENCE_LENGTH_MAX = 1024;
const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:.]+\])(?::([0-9]{1,5}))?$/;

/** The host to which API requests for a reference's host go: itself, except for Docker Hub. */
export const apiHost = (host: string): string => (DOCKER_HUB_ALIASES.has(host) ? DOCKER_HUB.apiHost : host);

/**
 * Reads a reference by Docker's rules: the first segment is a host if it holds a `.` or a `:` or is `localhost`, else the host
 * is docker.io; a single word on docker.io is below `library/`. No tag is made up. Never throws.
 */
export const parseReference = (text: string): ImageReference | InvalidReference => {
  const invalid = (
    part: InvalidReference["part"],
    position: number,
    found: string,
    problem: string,
    mend: string,
  ): InvalidReference => ({ _tag: "InvalidReference", part, position, text: found.slice(0, 100), problem, mend });

  if (text === "" || text.length > REFERENCE_LENGTH_MAX)
    return invalid("reference", 0, text, text === "" ? "it is empty" : "it is too long", "write host/repository:tag");
  if (text.includes("://"))
    return invalid("reference", 0, text, "it is a URL", `leave out ${text.slice(0, text.indexOf("://") + 3)}`);

  const at = text.indexOf("@");
  const named = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1));
  if (at !== -1 && digest === undefined)
    return invalid(
      "digest",
      at + 1,
      text.slice(at + 1),
      "it is no digest",
      "write @sha256: and 64 lower-case hex digits",
    );

  const slash = named.indexOf("/");
  const first = slash === -1 ? "" : named.slice(0, slash);
  const hasHost = first.includes(".") || first.includes(":") || first.toLowerCase() === "localhost";
  const host = hasHost ? first.toLowerCase() : DOCKER_HUB.host;
  const port = HOST.exec(host);
  if (port === null || Number(port[1] ?? 1) > 65_535 || Number(port[1] ?? 1) === 0)
    return invalid("host", 0, first, "it is no host name", "write host or host:port before the first /");

  const start = hasHost ? slash + 1 : 0;
  const rest = named.slice(start);
  const colon = rest.lastIndexOf(":");
  const tagged = colon > rest.lastIndexOf("/");
  const path = tagged ? rest.slice(0, colon) : rest;
  const tag = tagged ? parseTag(rest.slice(colon + 1)) : undefined;
  if (tagged && tag === undefined)
    return invalid(
      "tag",
      start + colon + 1,
      rest.slice(colon + 1),
      "it is no tag",
      "use at most 128 letters, digits, _ . -",
    );

  const hub = DOCKER_HUB_ALIASES.has(host);
  const repository = parseRepositoryName(hub && !path.includes("/") ? `${DOCKER_HUB.official}${path}` : path);
  if (repository === undefined) return invalid("repository", start, path, ...repositoryProblem(path));
  return { _tag: "Reference", host: hub ? DOCKER_HUB.host : host, repository, tag, digest };
};

const repositoryProblem = (path: string): [problem: string, mend: string] => {
  if (path === "") return ["it is empty", "name a repository after the host"];
  if (path.length > REPOSITORY_NAME_LENGTH_MAX) return ["it is longer than 255 characters", "shorten it"];
  if (/[A-Z]/.test(path)) return ["it has upper-case letters", `write ${path.toLowerCase().slice(0, 100)}`];
  return [
    "it is no repository name",
    "use lower-case letters and digits, with . _ __ or - between them and / between segments",
  ];
};

/** `host/repository[:tag][@digest]`, which `parseReference` reads back to an equal value. */
export const formatReference = (reference: Omit<ImageReference, "_tag">): string => {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.host}/${reference.repository}${tag}${digest}`;
};
