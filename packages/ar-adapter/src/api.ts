import type { Api, RegistryError, RegistryPowers } from "@drayage/oci-core";
import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { gcrRepository, holderOf, locate, type Place } from "./locate.ts";
import { refusal } from "./refusal.ts";
import {
  type DockerImagesPage,
  type Operation,
  type RepositoryDocument,
  readDockerImages,
  readOperation,
  readPackages,
  readPermissions,
  readRepositories,
  readRepository,
} from "./wire.ts";

/** The most that the API gives at once (facts/artifact-registry.md 8). */
const PAGE_SIZE = 1000;
/** How often a running operation is asked for, and how often in all: two minutes. */
const OPERATION_EVERY_MS = 1000;
const OPERATION_ASKS_MAX = 120;

/** How a repository is made that is missing. */
export interface RepositoryCreation {
  readonly immutableTags?: boolean | undefined;
  /** `projects/p/locations/l/keyRings/r/cryptoKeys/k`; fixed at creation. */
  readonly kmsKey?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What the REST API of Artifact Registry tells and does, by our names. */
export interface ArtifactRegistryApi {
  /** Every image of a repository of Artifact Registry, page by page, with tags and children. */
  readonly images: (repository: string) => Stream.Stream<ReadonlyArray<ListedImage>, RegistryError>;
  readonly repositories: () => Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError>;
  /** Whether the repository of Artifact Registry that holds this name is there. */
  readonly exists: (name: RepositoryName) => Effect.Effect<boolean, RegistryError>;
  /** What a repository of Artifact Registry is set up as. */
  readonly describe: (repository: string) => Effect.Effect<RepositoryDocument, RegistryError>;
  /** Which of these rights we have there. Needs none itself. */
  readonly rights: (
    repository: string,
    wanted: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyArray<string>, RegistryError>;
  readonly create: (
    name: RepositoryName,
    creation: RepositoryCreation,
  ) => ReturnType<NonNullable<RegistryPowers["createRepository"]>>;
}

/** One digest of an image. */
export interface ListedImage {
  readonly name: RepositoryName;
  readonly digest: Digest;
  readonly tags: ReadonlyArray<Tag>;
  readonly children: ReadonlyArray<Digest>;
}

export const makeApi = (api: Api, registry: string, place: Place): ArtifactRegistryApi => {
  const parent = `projects/${place.project}/locations/${place.location}`;
  const pathOf = (repository: string): string => `v1/${parent}/repositories/${encodeURIComponent(repository)}`;

  /** A listing to its end. A token that comes twice would make it endless. */
  const pages = <Page extends { readonly nextPageToken?: string | undefined }>(
    path: string,
    reference: string,
    read: (document: unknown) => Page | undefined,
  ): Stream.Stream<Page, RegistryError> => {
    const ask = (token: string | undefined): Effect.Effect<Page, RegistryError> =>
      api.call({
        operation: `GET ${path.slice(path.lastIndexOf("/") + 1)}`,
        reference,
        method: "GET",
        path: `${path}?pageSize=${PAGE_SIZE}${token === undefined ? "" : `&pageToken=${encodeURIComponent(token)}`}`,
        read: (document) => {
          const page = read(document ?? {});
          return token !== undefined && page?.nextPageToken === token ? undefined : page;
        },
      });
    return Stream.paginate<string | undefined, Page, RegistryError>(undefined, (token) =>
      Effect.map(ask(token), (page) => {
        const next = page.nextPageToken;
        return [[page], next === undefined || next === "" ? Option.none() : Option.some(next)];
      }),
    );
  };

  const packagesOf = (repository: string): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
    Stream.map(pages(`${pathOf(repository)}/packages`, repository, readPackages), (page) =>
      (page.packages ?? []).flatMap(({ name }) => {
        const image = name.slice(name.lastIndexOf("/") + 1).replace(/%2F/gi, "/");
        const parsed = parseRepositoryName(gcrRepository(place.host) === undefined ? `${repository}/${image}` : image);
        return parsed === undefined ? [] : [parsed];
      }),
    );

  const holder = (name: RepositoryName): Effect.Effect<string, RegistryError> => {
    const held = holderOf(place, name);
    return held === undefined
      ? Effect.fail(
          refusal(
            registry,
            "name the repository",
            name,
            "a name begins with a repository of Artifact Registry, e.g. images/app",
          ),
        )
      : Effect.succeed(held.repository);
  };

  const describe = (repository: string): Effect.Effect<RepositoryDocument, RegistryError> =>
    api.call({
      operation: "GET repository",
      reference: repository,
      method: "GET",
      path: pathOf(repository),
      read: readRepository,
    });

  const exists = (repository: string): Effect.Effect<boolean, RegistryError> =>
    Effect.catchIf(
      Effect.as(describe(repository), true),
      ({ reason }: RegistryError) => reason === "not-found",
      () => Effect.succeed(false),
    );

  const finished = (operation: Operation, repository: string, asks = 0): Effect.Effect<void, RegistryError> => {
    if (operation.error !== undefined)
      return Effect.fail(refusal(registry, "create repository", repository, operation.error.message ?? "it failed"));
    if (operation.done === true) return Effect.void;
    if (asks >= OPERATION_ASKS_MAX)
      return Effect.fail(refusal(registry, "create repository", repository, "it takes too long", "unavailable"));
    return api
      .call({
        operation: "GET operation",
        reference: repository,
        method: "GET",
        path: `v1/${operation.name}`,
        read: readOperation,
      })
      .pipe(
        Effect.delay(OPERATION_EVERY_MS),
        Effect.flatMap((now) => finished(now, repository, asks + 1)),
      );
  };

  const create = (repository: string, { immutableTags, kmsKey, labels }: RepositoryCreation) =>
    api
      .call({
        operation: "create repository",
        reference: repository,
        method: "POST",
        path: `v1/${parent}/repositories?repositoryId=${encodeURIComponent(repository)}`,
        body: {
          format: "DOCKER",
          mode: "STANDARD_REPOSITORY",
          ...(immutableTags === undefined ? {} : { dockerConfig: { immutableTags } }),
          ...(kmsKey === undefined ? {} : { kmsKeyName: kmsKey }),
          ...(labels === undefined ? {} : { labels }),
        },
        read: readOperation,
      })
      .pipe(
        Effect.flatMap((operation) => finished(operation, repository)),
        Effect.as(true),
        // Somebody else made it, or is about to: it is there when GET says so.
        Effect.catchIf(
          (error) => error.status === 409 || error.reason === "conflict",
          () => Effect.as(untilThere(repository), false),
        ),
      );

  const untilThere = (repository: string, asks = 0): Effect.Effect<void, RegistryError> =>
    Effect.flatMap(exists(repository), (there) => {
      if (there) return Effect.void;
      if (asks >= OPERATION_ASKS_MAX)
        return Effect.fail(refusal(registry, "create repository", repository, "it takes too long", "unavailable"));
      return Effect.delay(untilThere(repository, asks + 1), OPERATION_EVERY_MS);
    });

  return {
    images: (repository) =>
      Stream.map(pages(`${pathOf(repository)}/dockerImages`, repository, readDockerImages), (page) =>
        imagesOf(place, page),
      ),
    repositories: () => {
      const own = gcrRepository(place.host);
      if (own !== undefined) return packagesOf(own);
      return pages(`v1/${parent}/repositories`, parent, readRepositories).pipe(
        Stream.flatMap((page) =>
          Stream.fromIterable(
            (page.repositories ?? [])
              // A remote or virtual repository shows what others hold; pushes go to standard ones only.
              .filter(
                ({ format, mode }) => format === "DOCKER" && (mode === undefined || mode === "STANDARD_REPOSITORY"),
              )
              .map(({ name }) => name.slice(name.lastIndexOf("/") + 1)),
          ),
        ),
        Stream.flatMap(packagesOf),
      );
    },
    describe,
    rights: (repository, wanted) =>
      api.call({
        operation: "test rights",
        reference: repository,
        method: "POST",
        path: `${pathOf(repository)}:testIamPermissions`,
        body: { permissions: wanted },
        repeatable: true,
        read: readPermissions,
      }),
    exists: (name) => Effect.flatMap(holder(name), exists),
    create: (name, creation) =>
      Effect.flatMap(holder(name), (repository) =>
        Effect.flatMap(exists(repository), (there) => (there ? Effect.succeed(false) : create(repository, creation))),
      ),
  };
};

const imagesOf = (place: Place, page: DockerImagesPage): ReadonlyArray<ListedImage> =>
  (page.dockerImages ?? []).flatMap(({ uri, tags, imageManifests }) => {
    const found = locate(place, uri);
    if (found._tag !== "Here" || found.digest === undefined) return [];
    return [
      {
        name: found.name,
        digest: found.digest,
        tags: (tags ?? []).map(parseTag).filter((one) => one !== undefined),
        children: (imageManifests ?? []).map(({ digest }) => parseDigest(digest)).filter((one) => one !== undefined),
      },
    ];
  });
