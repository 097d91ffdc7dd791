import { type Answer, type Exchange, empty, json, readBody, text } from "@drayage/oci-core/testing";
import { restRefusal } from "./access.ts";
import { type AqlLimits, answerAql, type Row } from "./aql.ts";
import { type Content, childrenOf, filesOf, imagesOf } from "./content.ts";
import type { TestKeys } from "./keys.ts";

export interface RestOptions {
  readonly keys: TestKeys;
  readonly content: () => Content;
  readonly version: string;
  /** Whether searching by AQL is for this user, or answered with 403. */
  readonly maysearch: () => boolean;
  readonly limits: AqlLimits;
  /** When a file was written, and by whom. */
  readonly written: (repo: string, path: string) => { readonly at: Date; readonly by: string };
  readonly promote: (exchange: Exchange, key: string, body: Promotion) => Answer;
  /** Removes a tag with its folder. */
  readonly removeTag: (exchange: Exchange, name: string, tag: string) => void;
}

/** The body of a promotion. Source: facts/artifactory.md 3.6. */
export interface Promotion {
  readonly targetRepo?: string | undefined;
  readonly dockerRepository?: string | undefined;
  readonly targetDockerRepository?: string | undefined;
  readonly tag?: string | null | undefined;
  readonly targetTag?: string | undefined;
  readonly copy?: boolean | undefined;
}

const BASE = "/artifactory/";
const BODY_BYTES_MAX = 256 * 1024;

/** The part of the REST API that clients of images use. `undefined`: no path of it. Source: facts/artifactory.md section 3. */
export const makeRest = (options: RestOptions) => {
  const { keys, content } = options;

  const rowsOf = (key: string): ReadonlyArray<Row> =>
    (keys.storedIn(key) ?? []).flatMap((stored) =>
      filesOf(content(), stored).map((file) => {
        const { at, by } = options.written(file.repo, file.path);
        return { ...file, modified: at.toISOString(), modified_by: by };
      }),
    );

  const checksum = (exchange: Exchange): Answer => {
    const wanted = exchange.url.searchParams.get("sha256");
    const stored = [...keys.all.keys()].flatMap((key) =>
      keys.all.get(key)?.kind === "virtual" ? [] : (keys.storedIn(key) ?? []),
    );
    const found = stored.flatMap((key) => filesOf(content(), key)).filter(({ sha256 }) => sha256 === wanted);
    const results = found.map(({ repo, path, name }) => ({
      uri: `${exchange.url.origin}/artifactory/api/storage/${repo}/${path}/${name}`,
    }));
    return json(200, { results });
  };

  const parents = (key: string, { dockerRepository: image = "", tag }: Promotion): Answer => {
    const name = `${key}/${image}`;
    const wanted = content().manifest(name, tag ?? "")?.digest;
    if (wanted === undefined) return restRefusal(404, `Could not find ${image}:${tag}`);
    const parentManifestLists = content()
      .manifests(name)
      .filter((digest) => childrenOf(content().manifest(name, digest)?.bytes ?? new Uint8Array()).includes(wanted))
      .map((digest) => ({
        dockerRepository: image,
        digest,
        tags: content()
          .tags(name)
          .filter((one) => content().manifest(name, one)?.digest === digest),
      }));
    return json(200, { parentManifestLists });
  };

  const folder = (exchange: Exchange, path: string): Answer => {
    const [key = "", ...below] = path.split("/");
    const inside = filesOf(content(), key).flatMap((file) => {
      const whole = `${file.path}/${file.name}`;
      const prefix = `${below.join("/")}/`;
      return whole.startsWith(prefix) ? [whole.slice(prefix.length)] : [];
    });
    if (inside.length === 0) return restRefusal(404, "Unable to find item");
    const children = [...new Set(inside.map((file) => file.split("/")[0] ?? ""))].map((uri) => ({
      uri: `/${uri}`,
      folder: !inside.includes(uri),
    }));
    return json(200, { repo: key, path: `/${below.join("/")}`, children, uri: exchange.url.href });
  };

  const removeFolder = (exchange: Exchange, path: string): Answer => {
    const [key = "", ...below] = path.split("/");
    const name = `${key}/${below.slice(0, -1).join("/")}`;
    const tag = below.at(-1) ?? "";
    if (!content().tags(name).includes(tag)) return restRefusal(404, "Could not locate artifact");
    options.removeTag(exchange, name, tag);
    return empty(204);
  };

  const listed = (url: URL): Answer => {
    const { searchParams } = url;
    const all = [...keys.all].map(([key, { kind }]) => ({
      key,
      type: kind.toUpperCase(),
      packageType: PACKAGE_NAMES[keys.packageTypeOf(key)] ?? "Docker",
      url: `${url.origin}/artifactory/${key}`,
    }));
    const is = (name: "type" | "packageType") => (one: (typeof all)[number]) =>
      !searchParams.has(name) || one[name].toLowerCase() === searchParams.get(name)?.toLowerCase();
    return json(200, all.filter(is("type")).filter(is("packageType")));
  };

  const configuration = (key: string): Answer => {
    const kind = keys.all.get(key);
    if (kind === undefined) return restRefusal(400, `Bad Request: ${key}`);
    const members =
      kind.kind === "virtual"
        ? {
            repositories: kind.members,
            defaultDeploymentRepo: kind.deployTo ?? "",
            resolveDockerTagsByTimestamp: kind.byTimestamp ?? false,
          }
        : {};
    return json(200, {
      key,
      rclass: kind.kind,
      packageType: keys.packageTypeOf(key),
      dockerApiVersion: "V2",
      ...members,
    });
  };

  return async (exchange: Exchange): Promise<Answer | undefined> => {
    const path = decodeURIComponent(exchange.url.pathname);
    if (!path.startsWith(BASE)) return undefined;
    const below = path.slice(BASE.length);
    const call = `${exchange.method} ${below}`;
    if (call === "GET api/system/ping") return text(200, "OK", "text/plain");
    if (call === "GET api/system/version") return json(200, { version: options.version, revision: "1", addons: [] });
    if (call === "GET api/repositories") return listed(exchange.url);
    if (call.startsWith("GET api/repositories/")) return configuration(below.slice("api/repositories/".length));
    if (call === "GET api/search/checksum") return checksum(exchange);
    if (call.startsWith("GET api/storage/")) return folder(exchange, below.slice("api/storage/".length));
    if (call === "POST api/search/aql") {
      if (!options.maysearch()) return restRefusal(403, "Forbidden");
      const stored = [...keys.all.keys()].filter((key) => keys.all.get(key)?.kind !== "virtual");
      return answerAql(await bodyText(exchange), rowsOf, stored, options.limits);
    }
    const [, key = "", what] = /^POST api\/docker\/([^/]+)\/v2\/(promote|parentManifests)$/.exec(call) ?? [];
    if (what !== undefined) {
      const body = JSON.parse(await bodyText(exchange)) as Promotion;
      return what === "promote" ? options.promote(exchange, key, body) : parents(key, body);
    }
    if (exchange.method === "DELETE" && !below.startsWith("api/")) return removeFolder(exchange, below);
    return restRefusal(404, "File not found.");
  };
};

const PACKAGE_NAMES: Readonly<Record<string, string>> = { docker: "Docker", oci: "Oci", helmoci: "HelmOCI" };

const bodyText = async (exchange: Exchange): Promise<string> =>
  Buffer.from((await readBody(exchange, BODY_BYTES_MAX)) ?? new Uint8Array()).toString();

/** `_catalog` of one key: names without the key. Source: facts/artifactory.md 2.5. */
export const catalogOf = (content: Content, stored: ReadonlyArray<string>, url: URL): Answer => {
  const all = [...new Set(stored.flatMap((key) => imagesOf(content, key)))].sort();
  return pageOf(url, "repositories", all, url.pathname);
};

/** Everything without `n`; with it a `Link`, whose path is given. */
export const pageOf = (
  url: URL,
  field: string,
  all: ReadonlyArray<string>,
  path: string,
  more: object = {},
): Answer => {
  const size = Number(url.searchParams.get("n") ?? 0);
  const last = url.searchParams.get("last") ?? "";
  const after = all.filter((one) => one > last);
  const page = size > 0 ? after.slice(0, size) : after;
  const end = page.at(-1);
  const link =
    end !== undefined && page.length < after.length
      ? { Link: `<${path}?last=${encodeURIComponent(end)}&n=${size}>; rel="next"` }
      : {};
  return json(200, { ...more, [field]: page }, link);
};
