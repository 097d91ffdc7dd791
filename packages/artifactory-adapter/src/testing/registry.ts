import { type Answer, type Around, type Exchange, refusal } from "@drayage/oci-core/testing";
import { restRefusal } from "./access.ts";
import type { Addressed } from "./address.ts";
import { blobsOf, type Content, gatherBlobs } from "./content.ts";
import type { TestKeys } from "./keys.ts";
import { catalogOf, pageOf } from "./rest.ts";

export interface RegistryOptions {
  readonly keys: TestKeys;
  readonly content: () => Content;
  /** Whether tags can be deleted by the registry API, or only digests (old versions). */
  readonly tagDeletion: boolean;
  /** Whether the path in `Link` lacks the key under repository-path access (RTFACT-18971). */
  readonly linkLacksKey: boolean;
  readonly hidden: (name: string, reference: string) => boolean;
  /** When a tag was written: for virtual keys that resolve by time. */
  readonly writtenAt: (name: string, tag: string) => number;
}

const ENDPOINT = /^(.+?)\/(manifests|blobs|tags|referrers)\/(.+)$/;
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

/** The registry API of all keys, over a registry whose names are `<stored key>/<image>`. Source: facts/artifactory.md section 2. */
export const makeRegistryApi = (options: RegistryOptions) => {
  const { keys, content } = options;

  /** Where what is asked for is; the first place that has it, or the first of all. */
  const placeOf = (
    stored: ReadonlyArray<string>,
    image: string,
    kind: string,
    reference: string,
    key: string,
  ): string => {
    const names = stored.map((one) => `${one}/${image}`);
    const having = names.filter((name) => holds(content(), name, kind, reference));
    const declared = keys.all.get(key);
    if (declared?.kind === "virtual" && declared.byTimestamp === true && kind === "manifests" && having.length > 1)
      having.sort((a, b) => options.writtenAt(b, reference) - options.writtenAt(a, reference));
    return having[0] ?? names[0] ?? image;
  };

  const listTags = (
    exchange: Exchange,
    { inForm, key }: Addressed,
    stored: ReadonlyArray<string>,
    image: string,
  ): Answer => {
    const names = stored.map((one) => `${one}/${image}`);
    const all = [
      ...new Set(
        names.flatMap((name) =>
          content()
            .tags(name)
            .filter((tag) => !options.hidden(name, tag)),
        ),
      ),
    ];
    if (!names.some((name) => content().repositories().includes(name)))
      return refusal(404, "NAME_UNKNOWN", "Repository name not known", { name: image });
    if (all.length === 0) return refusal(404, "NO_TAGS_FOUND", "No tags found", { name: image });
    const path = options.linkLacksKey ? `/v2/${image}/tags/list` : inForm(`/v2/${key}/${image}/tags/list`);
    return pageOf(exchange.url, "tags", all.sort(), path, { name: image });
  };

  const write = async (
    exchange: Exchange,
    addressed: Addressed,
    image: string,
    tail: string,
    next: Parameters<Around>[1],
  ): Promise<Answer> => {
    const taken = keys.takenBy(addressed.key);
    if (taken === undefined) return restRefusal(400, `Pushing to ${addressed.key} is not possible`);
    const isManifest = tail.startsWith("manifests/");
    const body = isManifest && exchange.method === "PUT" ? await whole(exchange) : undefined;
    if (body !== undefined) gatherBlobs(content(), `${taken}/${image}`, blobsOf(body));
    if (isManifest && exchange.method === "DELETE" && !options.tagDeletion && !tail.includes(":"))
      return refusal(405, "UNSUPPORTED", "The operation is unsupported.");
    const answer = await next({
      ...at(exchange, `/v2/${taken}/${image}/${tail}`),
      ...(body === undefined ? {} : { body: once(body) }),
    });
    return inClientsWords(answer, addressed, taken);
  };

  return async (exchange: Exchange, addressed: Addressed, next: Parameters<Around>[1]): Promise<Answer> => {
    const { key, rest } = addressed;
    if (rest === "") return key === "" ? next(exchange) : { status: 200, headers: VERSION, body: Buffer.from("{}") };
    const stored = keys.storedIn(key);
    if (stored === undefined) return restRefusal(404, `No such repository: ${key}`);
    if (rest === "_catalog") return catalogOf(content(), stored, exchange.url);
    const [, image = "", kind = "", reference = ""] = ENDPOINT.exec(rest) ?? [];
    if (image === "") return restRefusal(404, "File not found.");
    const isRead = exchange.method === "GET" || exchange.method === "HEAD";
    if (kind === "tags") return listTags(exchange, addressed, stored, image);
    if (!isRead) return write(exchange, addressed, image, `${kind}/${reference}`, next);
    // There is no standard status of an upload: a broken one begins anew.
    if (reference.startsWith("uploads/")) return restRefusal(404, "Not Found");
    const place = placeOf(stored, image, kind, reference, key);
    if (kind === "manifests" && options.hidden(place, reference)) return restRefusal(403, "Forbidden");
    if (kind === "blobs") gatherBlobs(content(), place, [reference]);
    return inClientsWords(
      await next(at(exchange, `/v2/${place}/${kind}/${reference}`)),
      addressed,
      place.split("/")[0] ?? "",
    );
  };
};

const VERSION = {
  "X-JFrog-Version": "Artifactory/7.161.20 86120900",
  "Docker-Distribution-Api-Version": "registry/2.0",
};

const holds = (content: Content, name: string, kind: string, reference: string): boolean =>
  kind === "blobs" ? content.blobs(name).includes(reference) : content.manifest(name, reference) !== undefined;

const at = (exchange: Exchange, path: string): Exchange => {
  const url = new URL(exchange.url.href);
  url.pathname = path;
  return { ...exchange, url };
};

const whole = async ({ body }: Exchange): Promise<Uint8Array> => {
  const pieces: Array<Uint8Array> = [];
  let size = 0;
  for await (const piece of body) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size > MANIFEST_BYTES_MAX) break;
  }
  return Buffer.concat(pieces);
};

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** Addresses as the client asks for them, `.patch` behind the id of an upload, no `Range` in answers to uploads, and manifests that lack something as Artifactory says it. */
const inClientsWords = (answer: Answer, { inForm, key }: Addressed, stored: string): Answer => {
  const { Range: _, ...headers } = answer.headers;
  const location = headers["Location"];
  const isOurs = location?.startsWith(`/v2/${stored}/`) === true;
  const uuid = headers["Docker-Upload-UUID"];
  return {
    ...answer,
    headers: {
      ...headers,
      ...VERSION,
      ...(isOurs ? { Location: inForm(location.replace(`/v2/${stored}/`, `/v2/${key}/`)) } : {}),
      ...(uuid === undefined ? {} : { "Docker-Upload-UUID": `${uuid}.patch` }),
    },
  };
};
