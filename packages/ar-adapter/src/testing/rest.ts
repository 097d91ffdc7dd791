import { type Answer, type Exchange, json, readBody } from "@drayage/oci-core/testing";
import { type Content, childrenOf, tagsByDigest } from "./content.ts";

/** A repository of Artifact Registry. */
export interface HeldRepository {
  readonly immutableTags: boolean;
  /** Default `STANDARD_REPOSITORY`. */
  readonly mode?: string | undefined;
  /** Default `DOCKER`. */
  readonly format?: string | undefined;
  readonly cleanupPolicies?: Readonly<Record<string, unknown>> | undefined;
  /** What `testIamPermissions` gives. Default: all that is asked for. */
  readonly rights?: ReadonlyArray<string> | undefined;
}

export interface RestOptions {
  readonly project: string;
  readonly location: string;
  readonly host: string;
  readonly repositories: Map<string, HeldRepository>;
  /** The name of the images of a repository at `/v2/`, and what of it is the image. */
  readonly prefixOf: (repository: string) => string;
  readonly content: () => Content | undefined;
}

/** A request has a small body. */
const BODY_BYTES_MAX = 64 * 1024;

/** The part of the REST API that the adapter uses. Creating takes one look at the operation. Source: facts/artifact-registry.md 8. */
export const makeRest = ({ project, location, host, repositories, content, prefixOf }: RestOptions) => {
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
    return names.filter((name) => name.startsWith(prefixOf(repository)));
  };

  const imageOf = (repository: string, name: string): string =>
    name.slice(prefixOf(repository).length).replaceAll("/", "%2F");

  const describe = (id: string, { immutableTags, mode, format, cleanupPolicies }: HeldRepository) => ({
    name: `${parent}/repositories/${id}`,
    format: format ?? "DOCKER",
    mode: mode ?? "STANDARD_REPOSITORY",
    ...(immutableTags ? { dockerConfig: { immutableTags } } : {}),
    ...(cleanupPolicies === undefined ? {} : { cleanupPolicies }),
  });

  const rights = async (exchange: Exchange, held: HeldRepository): Promise<Answer> => {
    const body = (await readBody(exchange, BODY_BYTES_MAX)) ?? new Uint8Array();
    const { permissions = [] } = JSON.parse(Buffer.from(body).toString()) as { permissions?: ReadonlyArray<string> };
    const had = permissions.filter((one) => held.rights?.includes(one) ?? true);
    return json(200, had.length === 0 ? {} : { permissions: had });
  };

  const dockerImages = (repository: string): ReadonlyArray<unknown> => {
    const held = content();
    if (held === undefined) return [];
    return imagesOf(repository).flatMap((name) =>
      [...tagsByDigest(held, name)].map(([digest, tags]) => {
        const children = childrenOf(held, name, digest);
        return {
          name: `${parent}/repositories/${repository}/dockerImages/${imageOf(repository, name)}@${digest}`,
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
    const [, id, list, test] =
      new RegExp(`^${parent}/repositories(?:/([^/:]+)(?:/(dockerImages|packages)|(:testIamPermissions))?)?$`).exec(
        path,
      ) ?? [];
    if (!path.startsWith(`${parent}/repositories`)) return failed(404, "NOT_FOUND", "no such resource");
    if (id === undefined) {
      if (exchange.method === "POST") return create(exchange);
      const all = [...repositories].map(([name, one]) => describe(name, one));
      return page(exchange, "repositories", all);
    }
    const held = repositories.get(id);
    if (held === undefined) return failed(404, "NOT_FOUND", `repository ${id} not found`);
    if (test !== undefined) return rights(exchange, held);
    if (list === "dockerImages") return page(exchange, list, dockerImages(id));
    if (list === "packages") {
      const names = imagesOf(id).map((name) => imageOf(id, name));
      return page(
        exchange,
        list,
        names.map((name) => ({ name: `${parent}/repositories/${id}/packages/${name}` })),
      );
    }
    return json(200, describe(id, held));
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
