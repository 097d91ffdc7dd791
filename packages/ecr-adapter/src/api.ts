import type { RegistryError, RegistrySettings } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { awsError } from "./aws-error.ts";
import { type ClientSettings, clientSettings } from "./client-settings.ts";
import type { CreateRepositories, EcrOptions } from "./options.ts";
import { privateCalls } from "./private-calls.ts";
import { publicCalls } from "./public-calls.ts";

/** The call that gives tokens: what it refuses, no other token mends. */
export const TOKEN_CALL = "GetAuthorizationToken";

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
  readonly tags: ReadonlyArray<string>;
}

export interface EcrRepository {
  /** Whether some tags, or all, can never be moved. */
  readonly isImmutable: boolean;
}

export type ImageId = { readonly imageDigest: string } | { readonly imageTag: string };
export interface DeleteFailure {
  readonly id: ImageId | undefined;
  readonly code: string;
  readonly reason: string;
}

/** The calls of the AWS API that we need, the same for private and public registries. They throw what the SDK throws. */
export interface EcrCalls {
  readonly token: (signal: AbortSignal) => Promise<EcrToken>;
  readonly repositories: (next: string | undefined, signal: AbortSignal) => Promise<Page<string>>;
  /** One repository; throws where it does not exist. */
  readonly repository: (repository: string, signal: AbortSignal) => Promise<EcrRepository>;
  /** Tagged images alone: what has no tag is no tag of a listing. */
  readonly images: (repository: string, next: string | undefined, signal: AbortSignal) => Promise<Page<EcrImage>>;
  /** `false`: it is there already. */
  readonly create: (repository: string, how: CreateRepositories, signal: AbortSignal) => Promise<boolean>;
  /** What a repository that we have made still lacks. May be called again. */
  readonly finish: (repository: string, how: CreateRepositories, signal: AbortSignal) => Promise<void>;
  /** At most 100 ids. */
  readonly remove: (
    repository: string,
    ids: ReadonlyArray<ImageId>,
    signal: AbortSignal,
  ) => Promise<ReadonlyArray<DeleteFailure>>;
  /** Whether the account has blob mounting switched on. */
  readonly mounts: (signal: AbortSignal) => Promise<boolean>;
  readonly close: () => void;
}

/** The AWS API of one registry. An interruption aborts the call. */
export interface EcrApi {
  readonly call: <A>(
    operation: string,
    reference: string,
    work: (calls: EcrCalls, signal: AbortSignal) => Promise<A>,
  ) => Effect.Effect<A, RegistryError>;
}

/** Opens the API until the scope closes. The SDK is loaded by the first call: whoever has no ECR registry never pays for it. */
export const openEcrApi = (
  settings: Pick<RegistrySettings, "name" | "network" | "url">,
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
          try: async (signal) => {
            opened ??= open().catch((cause: unknown) => {
              // What could not be opened is tried again.
              opened = undefined;
              throw cause;
            });
            return await work(await opened, signal);
          },
          catch: (cause) => awsError({ registry: settings.name, operation, reference }, cause),
        }),
    };
  });
