import type { RegistryError, RegistrySettings } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { awsError } from "./aws-error.ts";
import { type ClientSettings, clientSettings } from "./client-settings.ts";
import type { CreateRepositories, EcrOptions } from "./options.ts";
import { privateCalls } from "./private-calls.ts";
import { publicCalls } from "./public-calls.ts";

/** Base64 of `AWS:password` (private), or a bearer token (public). */
export interface EcrToken {
  readonly value: string;
  readonly expiresAt: Date;
}

export interface Page<A> {
  readonly items: ReadonlyArray<A>;
  readonly next: string | undefined;
}

export interface EcrImage {
  readonly digest: string;
  /** Empty for an untagged manifest: a child, a referrer. */
  readonly tags: ReadonlyArray<string>;
  /** It cannot be pulled until somebody restores it. */
  readonly isArchived: boolean;
}

export type ImageId = { readonly imageDigest: string } | { readonly imageTag: string };
export interface DeleteFailure {
  readonly id: ImageId | undefined;
  readonly code: string;
  readonly reason: string;
}

/** The calls of the AWS API that we need, the same for private and public registries. They throw what the SDK throws. */
export interface EcrCalls {
  readonly token: () => Promise<EcrToken>;
  readonly repositories: (next: string | undefined) => Promise<Page<string>>;
  readonly images: (repository: string, next: string | undefined) => Promise<Page<EcrImage>>;
  /** `false`: it is there already. */
  readonly create: (repository: string, how: CreateRepositories) => Promise<boolean>;
  /** At most 100 ids. */
  readonly remove: (repository: string, ids: ReadonlyArray<ImageId>) => Promise<ReadonlyArray<DeleteFailure>>;
  /** Whether the account has blob mounting switched on. */
  readonly mounts: () => Promise<boolean>;
  readonly close: () => void;
}

/** The AWS API of one registry. */
export interface EcrApi {
  readonly call: <A>(
    operation: string,
    reference: string,
    work: (calls: EcrCalls) => Promise<A>,
  ) => Effect.Effect<A, RegistryError>;
}

/** Opens the API until the scope closes. The SDK is loaded by the first call: whoever has no ECR registry never pays for it. */
export const openEcrApi = (
  settings: Pick<RegistrySettings, "name" | "network">,
  options: EcrOptions,
): Effect.Effect<EcrApi, never, Scope.Scope> =>
  Effect.gen(function* () {
    let opened: Promise<EcrCalls> | undefined;
    const open = async (): Promise<EcrCalls> => {
      const client: ClientSettings = await clientSettings(settings, options);
      return options.isPublic ? publicCalls(client, options) : privateCalls(client, options);
    };
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        const calls = await opened?.catch(() => undefined);
        calls?.close();
      }),
    );
    return {
      call: (operation, reference, work) =>
        Effect.tryPromise({
          try: async () => {
            opened ??= open();
            return await work(await opened);
          },
          catch: (cause) => awsError({ registry: settings.name, operation, reference }, cause),
        }),
    };
  });
