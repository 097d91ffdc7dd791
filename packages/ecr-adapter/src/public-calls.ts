import type { EcrCalls } from "./api.ts";
import type { ClientSettings } from "./client-settings.ts";
import type { EcrOptions } from "./options.ts";
import { existsAlready, failuresOf } from "./private-calls.ts";

const PAGE = 1000;

/** `<alias>/<image>` of the registry is `<image>` in its API. */
const withoutAlias = (repository: string): string => repository.slice(repository.indexOf("/") + 1);

/** ECR Public. Its API has no mutability, scanning, encryption, policies or account settings. Source: facts/ecr.md 1, 2. */
export const publicCalls = async (settings: ClientSettings, { account }: EcrOptions): Promise<EcrCalls> => {
  const sdk = await import("@aws-sdk/client-ecr-public");
  const client = new sdk.ECRPUBLICClient(settings);
  const registryId = account;
  return {
    token: async (abortSignal) => {
      const { authorizationData } = await client.send(new sdk.GetAuthorizationTokenCommand({}), { abortSignal });
      if (authorizationData?.authorizationToken === undefined) throw new Error("the answer holds no token");
      return { value: authorizationData.authorizationToken, expiresAt: authorizationData.expiresAt ?? new Date(0) };
    },
    repositories: async (nextToken, abortSignal) => {
      const asked = new sdk.DescribeRepositoriesCommand({ registryId, maxResults: PAGE, nextToken });
      const page = await client.send(asked, { abortSignal });
      // The URI is public.ecr.aws/<alias>/<image>: the name that is pulled is told nowhere else.
      const names = (page.repositories ?? []).map(({ repositoryUri = "" }) =>
        repositoryUri.split("/").slice(1).join("/"),
      );
      return { items: names, next: page.nextToken };
    },
    repository: async (repository, abortSignal) => {
      const repositoryNames = [withoutAlias(repository)];
      await client.send(new sdk.DescribeRepositoriesCommand({ registryId, repositoryNames }), { abortSignal });
      return { isImmutable: false };
    },
    images: async (repository, nextToken, abortSignal) => {
      const repositoryName = withoutAlias(repository);
      const asked = new sdk.DescribeImagesCommand({ registryId, repositoryName, maxResults: PAGE, nextToken });
      const page = await client.send(asked, { abortSignal });
      const items = (page.imageDetails ?? []).flatMap(({ imageDigest, imageTags }) =>
        imageDigest === undefined ? [] : [{ digest: imageDigest, tags: imageTags ?? [] }],
      );
      return { items, next: page.nextToken };
    },
    create: (repository, { tags }, abortSignal) =>
      client
        .send(
          new sdk.CreateRepositoryCommand({
            repositoryName: withoutAlias(repository),
            tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
          }),
          { abortSignal },
        )
        .then(() => true, existsAlready),
    finish: () => Promise.resolve(),
    remove: async (repository, ids, abortSignal) => {
      const repositoryName = withoutAlias(repository);
      const asked = new sdk.BatchDeleteImageCommand({ registryId, repositoryName, imageIds: [...ids] });
      return failuresOf(await client.send(asked, { abortSignal }));
    },
    mounts: () => Promise.resolve(false),
    close: () => client.destroy(),
  };
};
