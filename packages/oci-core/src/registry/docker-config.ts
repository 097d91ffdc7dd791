import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as z from "zod";
import type { RegistryAuth } from "./adapter.ts";
import { IDENTITY_TOKEN_USER } from "./identity.ts";
import { dockerConfigDocument, helperDocument, parseJson } from "./wire.ts";

/** Helpers may ask a keychain or a cloud; one that waits for a person would wait forever. */
const HELPER_TIMEOUT_MS = 15_000;
/** Tokens of clouds are a few KiB. */
const HELPER_OUTPUT_BYTES_MAX = 256 * 1024;
/** The name becomes part of a program's name: nothing that leads elsewhere. */
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** What helpers print when they have nothing. Source: docker-credential-helpers, credentials/error.go. */
const NOTHING_KEPT = /credentials not found/i;

/** Docker's credentials could not be read: which file or helper, and what is wrong with it. Never holds a secret. */
export class DockerConfigError extends Data.TaggedError("DockerConfigError")<{
  /** Path of the file, or name of the helper. */
  readonly source: string;
  readonly detail: string;
  readonly cause?: unknown;
}> {
  override get message(): string {
    return `Docker credentials from ${this.source}: ${this.detail}`;
  }
}

export interface DockerConfigOptions {
  /** The file. Default: `config.json` in `$DOCKER_CONFIG`, else in `~/.docker`. */
  readonly path?: string | undefined;
  /** Environment of helpers, and where `DOCKER_CONFIG` is looked up. Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

type DockerConfig = z.infer<typeof dockerConfigDocument>;

/**
 * What `docker login` keeps for a host (`host` or `host:port`; `docker.io` for Docker Hub). As docker does: a helper for the
 * host, else the common helper, else the file. No file and no entry give an empty list; an unreadable file or a helper that fails is an error.
 */
export const dockerConfigAuth = (
  host: string,
  options: DockerConfigOptions = {},
): Effect.Effect<ReadonlyArray<RegistryAuth>, DockerConfigError> =>
  Effect.gen(function* () {
    const env = options.env ?? process.env;
    const path = options.path ?? join(env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json");
    const config = yield* readConfig(path);
    if (config === undefined) return [];
    const keys = serverKeys(host);
    const own = keys.find((key) => config.credHelpers?.[key] !== undefined);
    const helper = own === undefined ? config.credsStore : config.credHelpers?.[own];
    if (helper === undefined || helper === "") return fromFile(config, keys);
    const kept = yield* askHelper(helper, own ?? keys[0] ?? host, env);
    // The common helper may lack what an older `docker login` wrote into the file.
    return kept.length === 0 && own === undefined ? fromFile(config, keys) : kept;
  });

/** The names under which a host may stand in the file; Docker Hub's is a URL for historic reasons. */
const serverKeys = (host: string): ReadonlyArray<string> => {
  const hub = host === "docker.io" || host === "index.docker.io" || host === "registry-1.docker.io";
  return hub
    ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]
    : [host, `https://${host}`, `https://${host}/`, `https://${host}/v1/`, `https://${host}/v2/`, `http://${host}`];
};

const readConfig = (path: string): Effect.Effect<DockerConfig | undefined, DockerConfigError> =>
  Effect.gen(function* () {
    const bytes = yield* Effect.tryPromise({
      try: async (signal) => {
        try {
          return await readFile(path, { signal });
        } catch (cause) {
          if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
          throw cause;
        }
      },
      catch: (cause) => new DockerConfigError({ source: path, detail: "the file cannot be read", cause }),
    });
    if (bytes === undefined) return undefined;
    const wire = dockerConfigDocument.safeParse(parseJson(bytes));
    if (!wire.success)
      return yield* new DockerConfigError({ source: path, detail: "the file is no Docker configuration" });
    return wire.data;
  });

const fromFile = (config: DockerConfig, keys: ReadonlyArray<string>): ReadonlyArray<RegistryAuth> => {
  const entry = keys.map((key) => config.auths?.[key]).find((found) => found !== undefined);
  if (entry === undefined) return [];
  if (entry.registrytoken) return [{ _tag: "Bearer", token: Redacted.make(entry.registrytoken) }];
  const decoded = entry.auth === undefined ? "" : Buffer.from(entry.auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const username = entry.username ?? (colon === -1 ? "" : decoded.slice(0, colon));
  const password = entry.password ?? (colon === -1 ? "" : decoded.slice(colon + 1).replace(/\0+$/, ""));
  if (entry.identitytoken) return [basic(IDENTITY_TOKEN_USER, entry.identitytoken)];
  return username === "" && password === "" ? [] : [basic(username, password)];
};

const basic = (username: string, password: string): RegistryAuth => ({
  _tag: "Basic",
  username,
  password: Redacted.make(password),
});

const askHelper = (
  helper: string,
  server: string,
  env: Readonly<Record<string, string | undefined>>,
): Effect.Effect<ReadonlyArray<RegistryAuth>, DockerConfigError> => {
  const program = `docker-credential-${helper}`;
  if (!HELPER_NAME.test(helper))
    return Effect.fail(
      new DockerConfigError({ source: program.slice(0, 80), detail: "the helper's name is not a plain word" }),
    );
  return Effect.flatMap(run(program, server, env), (output) => {
    if (NOTHING_KEPT.test(output.text)) return Effect.succeed([]);
    const wire = output.ok ? helperDocument.safeParse(parseJson(Buffer.from(output.text))) : undefined;
    // Neither its output nor its errors are shown: they may hold the secret.
    if (wire?.success !== true)
      return Effect.fail(
        new DockerConfigError({
          source: program,
          detail: `${output.failure} for ${server}: run it by hand to see why`,
        }),
      );
    const { Username, Secret } = wire.data;
    return Effect.succeed(Secret === "" ? [] : [basic(Username, Secret)]);
  });
};

interface HelperOutput {
  readonly ok: boolean;
  readonly text: string;
  readonly failure: string;
}

const run = (
  program: string,
  server: string,
  env: Readonly<Record<string, string | undefined>>,
): Effect.Effect<HelperOutput> =>
  Effect.callback<HelperOutput>((resume, signal) => {
    const limits = { timeout: HELPER_TIMEOUT_MS, maxBuffer: HELPER_OUTPUT_BYTES_MAX, signal, env: { ...env } };
    // Loaded here, since most commands start no helper.
    const { execFile } = process.getBuiltinModule("node:child_process");
    const child = execFile(program, ["get"], limits, (error, stdout) => {
      const failure = error?.code === "ENOENT" ? "the helper is not installed" : "the helper gave no usable answer";
      resume(Effect.succeed({ ok: error === null, text: stdout, failure }));
    });
    child.stdin?.on("error", () => undefined); // a helper that ends without reading is reported by its exit
    child.stdin?.end(server);
  });
