import {
  connectRegistry,
  type RegistryAuth,
  RegistryError,
  type RegistryReason,
  type RegistrySettings,
} from "@drayage/oci-core";
import { parseRepositoryName, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import { type RepositoryKey, readRepositories } from "./wire.ts";

/** One unpaged answer, some 300 bytes for each repository: fifty thousand of them. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** Everything that holds OCI content, in the API's words. */
const PACKAGE_TYPES: ReadonlySet<string> = new Set(["docker", "oci", "helmoci"]);
/**
 * What is stored here. A virtual key shows the same images under a second name, which would make each of them a conflict of its own; a
 * remote key shows what its upstream has. Notifications name neither (facts/artifactory.md 1.6).
 */
const TYPES: ReadonlySet<string> = new Set(["local", "federated"]);

/**
 * All repositories below all keys, one page at a time. `/v2/_catalog` of the platform host has no repository (facts/artifactory.md 2.5): the
 * keys come from the REST API, and each key's catalogue from the direct API, whose names lack the key.
 */
export const repositoriesOf = (
  settings: RegistrySettings,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  Stream.fromEffect(repositoryKeys(settings)).pipe(
    Stream.flatMap((keys) => Stream.fromIterable(keys)),
    Stream.flatMap((key) => catalogOf(settings, key)),
  );

const catalogOf = (
  settings: RegistrySettings,
  { key, packageType }: RepositoryKey,
): Stream.Stream<ReadonlyArray<RepositoryName>, RegistryError> =>
  Stream.unwrap(
    Effect.map(
      connectRegistry({ ...settings, url: new URL(`${artifactoryBase(settings.url)}/api/${packageType}/${key}`) }),
      (registry) => registry.repositories(),
    ),
  ).pipe(
    Stream.map((page) =>
      page.map((name) => parseRepositoryName(`${key}/${name}`)).filter((name) => name !== undefined),
    ),
  );

/** The keys that hold images and whose name can stand in a reference. Identities are tried in order, as the client does. */
const repositoryKeys = (settings: RegistrySettings): Effect.Effect<ReadonlyArray<RepositoryKey>, RegistryError> =>
  Effect.flatMap(Effect.isEffect(settings.auth) ? settings.auth : Effect.succeed(settings.auth), (identities) => {
    const [first = askForKeys(settings, { _tag: "Anonymous" }), ...others] = identities.map((auth) =>
      askForKeys(settings, auth),
    );
    const refused = (error: RegistryError): boolean => error.reason === "unauthorized";
    return others.reduce((tried, next) => Effect.catchIf(tried, refused, () => next), first);
  });

const askForKeys = (
  settings: RegistrySettings,
  auth: RegistryAuth,
): Effect.Effect<ReadonlyArray<RepositoryKey>, RegistryError> => {
  const failed = (reason: RegistryReason, detail: string, more: { status?: number; cause?: unknown } = {}) =>
    new RegistryError({
      registry: settings.name,
      operation: "GET repositories",
      reference: "api/repositories",
      reason,
      detail,
      ...more,
    });
  return Effect.tryPromise({
    try: async (signal) => {
      const answer = await fetch(`${artifactoryBase(settings.url)}/api/repositories`, {
        headers: { accept: "application/json", "user-agent": "drayage", ...authorization(auth) },
        // A redirect would carry the credential to a host that nobody configured.
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw failed(reasonOf(answer.status), "the list of repository keys was refused", { status: answer.status });
      }
      const keys = readRepositories(JSON.parse(await boundedText(answer)));
      if (keys === undefined) throw failed("invalid-response", "the answer is no list of repositories");
      return keys.filter(
        ({ key, type, packageType }) =>
          PACKAGE_TYPES.has(packageType) && TYPES.has(type) && parseRepositoryName(key) !== undefined,
      );
    },
    catch: (cause) => {
      if (cause instanceof RegistryError) return cause;
      const detail = cause instanceof Error ? cause.message : String(cause);
      return failed(cause instanceof SyntaxError ? "invalid-response" : "network", detail, { cause });
    },
  });
};

const boundedText = async (answer: Response): Promise<string> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > ANSWER_BYTES_MAX)
      throw new SyntaxError(`the list of repository keys is larger than ${ANSWER_BYTES_MAX} bytes`);
  }
  return text + decoder.decode();
};

/** Basic and Bearer both work on the REST API without an exchange (facts/artifactory.md 2.2). */
const authorization = (auth: RegistryAuth): Readonly<Record<string, string>> => {
  switch (auth._tag) {
    case "Anonymous":
      return {};
    case "Basic": {
      const pair = `${auth.username}:${Redacted.value(auth.password)}`;
      return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
    }
    case "Bearer":
      return { authorization: `Bearer ${Redacted.value(auth.token)}` };
  }
};

const reasonOf = (status: number): RegistryReason => {
  if (status === 401) return "unauthorized";
  if (status === 403) return "denied";
  if (status === 429) return "rate-limited";
  return status >= 500 ? "unavailable" : "invalid-response";
};

/** The base of the REST API. Where a proxy drops the context, or renames it, the configured URL has the path that holds. */
export const artifactoryBase = (url: URL): string => {
  const path = url.pathname.replace(/\/+$/, "");
  return `${url.origin}${path === "" ? "/artifactory" : path}`;
};
