import type { BatchDeleteImageCommandOutput, ImageDetail } from "@aws-sdk/client-ecr";
import type { DeleteFailure, EcrCalls, EcrImage } from "./api.ts";
import type { ClientSettings } from "./client-settings.ts";
import type { EcrOptions } from "./options.ts";

/** The largest page of the API. */
const PAGE = 1000;

/** The private registry of an account in one region. Source: facts/ecr.md 3.2. */
export const privateCalls = async (settings: ClientSettings, { account }: EcrOptions): Promise<EcrCalls> => {
  const sdk = await import("@aws-sdk/client-ecr");
  const client = new sdk.ECRClient(settings);
  const registryId = account;
  return {
    token: async (abortSignal) => {
      const { authorizationData } = await client.send(new sdk.GetAuthorizationTokenCommand({}), { abortSignal });
      const first = authorizationData?.[0];
      if (first?.authorizationToken === undefined) throw new Error("the answer holds no token");
      // An answer without a time is used for as short a time as one whose time is past.
      return { value: first.authorizationToken, expiresAt: first.expiresAt ?? new Date(0) };
    },
    repositories: async (nextToken, abortSignal) => {
      const asked = new sdk.DescribeRepositoriesCommand({ registryId, maxResults: PAGE, nextToken });
      const page = await client.send(asked, { abortSignal });
      return { items: (page.repositories ?? []).map((one) => one.repositoryName ?? ""), next: page.nextToken };
    },
    repository: async (repositoryName, abortSignal) => {
      const asked = new sdk.DescribeRepositoriesCommand({ registryId, repositoryNames: [repositoryName] });
      const { repositories } = await client.send(asked, { abortSignal });
      const { imageTagMutability = "MUTABLE" } = repositories?.[0] ?? {};
      return { isImmutable: imageTagMutability !== "MUTABLE" };
    },
    images: async (repositoryName, nextToken, abortSignal) => {
      const page = await client.send(
        new sdk.DescribeImagesCommand({
          registryId,
          repositoryName,
          maxResults: PAGE,
          nextToken,
          // Archived ones are hidden from the default, and would look as if they had been deleted.
          filter: { tagStatus: "TAGGED", imageStatus: "ANY" },
        }),
        { abortSignal },
      );
      return { items: (page.imageDetails ?? []).flatMap(imageOf), next: page.nextToken };
    },
    create: (repositoryName, { immutableTags, scanOnPush, kmsKey, tags }, abortSignal) =>
      client
        .send(
          new sdk.CreateRepositoryCommand({
            registryId,
            repositoryName,
            imageTagMutability: immutableTags ? "IMMUTABLE_WITH_EXCLUSION" : "MUTABLE",
            // Fallback tags of referrers move with every signature (facts/ecr.md 4.2).
            ...(immutableTags
              ? { imageTagMutabilityExclusionFilters: [{ filterType: "WILDCARD" as const, filter: "sha256-*" }] }
              : {}),
            imageScanningConfiguration: { scanOnPush },
            encryptionConfiguration:
              kmsKey === undefined ? { encryptionType: "AES256" } : { encryptionType: "KMS", kmsKey },
            tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
          }),
          { abortSignal },
        )
        .then(() => true, existsAlready),
    finish: async (repositoryName, { lifecyclePolicy: lifecyclePolicyText }, abortSignal) => {
      if (lifecyclePolicyText === undefined) return;
      const asked = new sdk.PutLifecyclePolicyCommand({ registryId, repositoryName, lifecyclePolicyText });
      await client.send(asked, { abortSignal });
    },
    remove: async (repositoryName, ids, abortSignal) => {
      const asked = new sdk.BatchDeleteImageCommand({ registryId, repositoryName, imageIds: [...ids] });
      return failuresOf(await client.send(asked, { abortSignal }));
    },
    mounts: async (abortSignal) => {
      const asked = new sdk.GetAccountSettingCommand({ name: "BLOB_MOUNTING" });
      const { value } = await client.send(asked, { abortSignal });
      return value === "ENABLED";
    },
    close: () => client.destroy(),
  };
};

const imageOf = ({ imageDigest, imageTags }: ImageDetail): ReadonlyArray<EcrImage> =>
  imageDigest === undefined ? [] : [{ digest: imageDigest, tags: imageTags ?? [] }];

/** Two of us may make it at once: the second is told so, and that is a success. */
export const existsAlready = (cause: unknown): false => {
  if (cause instanceof Error && cause.name === "RepositoryAlreadyExistsException") return false;
  throw cause;
};

export const failuresOf = ({
  failures,
}: Pick<BatchDeleteImageCommandOutput, "failures">): ReadonlyArray<DeleteFailure> =>
  (failures ?? []).map(({ imageId, failureCode, failureReason }) => ({
    id:
      imageId?.imageTag !== undefined
        ? { imageTag: imageId.imageTag }
        : imageId?.imageDigest === undefined
          ? undefined
          : { imageDigest: imageId.imageDigest },
    code: failureCode ?? "unknown",
    reason: failureReason ?? "no reason was given",
  }));
