import { type Answer, type Exchange, json, readBody } from "@drayage/oci-core/testing";
import { type Content, childrenOf, tagsByDigest } from "./content.ts";

export interface RestOptions {
  readonly project: string;
  readonly location: string;
  readonly host: string;
  readonly repositories: Map<string, { readonly immutableTags: boolean }>;
  readonly content: () => Content | undefined;
}

/** A request has a small body. */
const BODY_BYTES_MAX = 64 * 1024;

/** The part of the REST API that the adapter uses. Creating takes one look at the operation. Source: facts/artifact-registry.md 8. */
export const makeRest = ({ project, location, host, repositories, content }: RestOptions) => {
  const parent = `projects/${project}/locations/${location}`;
  const operations = new Map<string, () => void>();

  const create = async (exchange: Exchange): Promise<Answer> => {
    const id = exchange.url.searchParams.get("repositoryId") ?? "";
    if (!/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/.test(id)) return failed(400, "INVALID_ARGUMENT", "repository_id");
    if (repositories.has(id)) return failed(409, "ALREADY_EXISTS", "the repository already exists");
    const body = (await readBody(exchange, BODY_BYTES_MAX)) ?? new Uint8Array();
    const { format, dockerConfig } = JSON.parse(Buffer.from(body).toString()) as {
      readonly format?: string;
      readonly dockerConfig?: { readonly immutableTags?: boolean };
    };
    if (format !== "DOCKER") return failed(400, "INVALID_ARGUMENT", "format");
    const name = `${parent}/operations/${crypto.randomUUID()}`;
    operations.set(name, () => repositories.set(id, { immutableTags: dockerConfig?.immutableTags ?? false }));
    return json(200, { name });
  };

  const operation = (name: string): Answer => {
    const finish = operations.get(name);
    if (finish === undefined) return failed(404, "NOT_FOUND", "no such operation");
    finish();
    return json(200, { name, done: true, response: {} });
  };

  const imagesOf = (repository: string): ReadonlyArray<string> => {
    const names = content()?.repositories() ?? [];
    return names.filter((name) => name.startsWith(`${project}/${repository}/`));
  };

  const dockerImages = (repository: string): ReadonlyArray<unknown> => {
    const held = content();
    if (held === undefined) return [];
    return imagesOf(repository).flatMap((name) =>
      [...tagsByDigest(held, name)].map(([digest, tags]) => {
        const children = childrenOf(held, name, digest);
        return {
          name: `${parent}/repositories/${repository}/dockerImages/${name.split("/").slice(2).join("%2F")}@${digest}`,
          uri: `${host}/${name}@${digest}`,
          mediaType: held.manifest(name, digest)?.mediaType,
          ...(tags.length === 0 ? {} : { tags }),
          ...(children.length === 0 ? {} : { imageManifests: children.map((one) => ({ digest: one })) }),
        };
      }),
    );
  };

  return async (exchange: Exchange): Promise<Answer> => {
    const path = exchange.url.pathname.slice("/v1/".length);
    if (path.startsWith(`${parent}/operations/`)) return operation(path);
    const [, id, list] =
      new RegExp(`^${parent}/repositories(?:/([^/]+)(?:/(dockerImages|packages))?)?$`).exec(path) ?? [];
    if (!path.startsWith(`${parent}/repositories`)) return failed(404, "NOT_FOUND", "no such resource");
    if (id === undefined) {
      if (exchange.method === "POST") return create(exchange);
      const all = [...repositories.keys()].map((name) => ({
        name: `${parent}/repositories/${name}`,
        format: "DOCKER",
        mode: "STANDARD_REPOSITORY",
      }));
      return page(exchange, "repositories", all);
    }
    if (!repositories.has(id)) return failed(404, "NOT_FOUND", `repository ${id} not found`);
    if (list === "dockerImages") return page(exchange, list, dockerImages(id));
    if (list === "packages") {
      const names = imagesOf(id).map((name) => name.split("/").slice(2).join("%2F"));
      return page(
        exchange,
        list,
        names.map((name) => ({ name: `${parent}/repositories/${id}/packages/${name}` })),
      );
    }
    return json(200, { name: `${parent}/repositories/${id}`, format: "DOCKER", mode: "STANDARD_REPOSITORY" });
  };
};

const page = ({ url }: Exchange, key: string, all: ReadonlyArray<unknown>): Answer => {
  const size = Math.min(1000, Number(url.searchParams.get("pageSize") ?? 100));
  const from = Number(url.searchParams.get("pageToken") ?? 0);
  const to = from + size;
  return json(200, { [key]: all.slice(from, to), ...(to < all.length ? { nextPageToken: String(to) } : {}) });
};

const failed = (code: number, status: string, message: string): Answer =>
  json(code, { error: { code, message, status } });
