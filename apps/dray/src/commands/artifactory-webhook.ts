import type { ArtifactoryRegistryConfig, Config } from "@drayage/config";
import { type AppliedWebhook, applyArtifactoryWebhook, WEBHOOK_DOMAINS, type WebhookDomain } from "@drayage/registries";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { type CliError, unable } from "../cli-error.ts";
import { configuration } from "../compose/load.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

export interface WebhookOptions {
  readonly url: string;
  readonly registry?: string;
  readonly domain: ReadonlyArray<string>;
  readonly key: string;
  readonly repositoryKey?: ReadonlyArray<string>;
  readonly tokenEnv?: string;
  readonly dryRun?: boolean;
}

/** Source: facts/artifactory.md 1.2. */
const KEY = /^[a-zA-Z][a-zA-Z0-9_-]{1,180}$/;

/**
 * `dray artifactory webhook apply`: creates or updates the webhooks that tell ingest what happens at an Artifactory, one for each domain. `--dry-run` shows
 * them, and changes nothing.
 */
export const applyWebhooks = Effect.fnUntraced(function* (globals: Globals, options: WebhookOptions) {
  const config = yield* configuration(globals);
  const registry = yield* artifactoryOf(config, options.registry);
  const url = yield* addressOf(options.url, registry.name);
  const domains = yield* Effect.forEach([...new Set(options.domain)], domainOf);
  const identity = yield* tokenOf(options.tokenEnv);
  if (!KEY.test(options.key))
    return yield* unable(`"${options.key}" is no key of a webhook`, "letters, digits, - and _, a letter first");
  if (registry.notifications.secrets.length === 0)
    return yield* unable(
      `registries.${registry.name}.notifications.secret is not configured, so anyone could post to ingest`,
      "set it, and preferably scheme: hmac-sha256",
    );
  const dryRun = options.dryRun === true;
  const applied = yield* Effect.forEach(domains, (domain) =>
    applyArtifactoryWebhook(
      registry,
      {
        key: domain === "docker" ? options.key : `${options.key}-${domain.replaceAll("_", "-")}`,
        domain,
        url,
        repositoryKeys: options.repositoryKey ?? [],
      },
      { dryRun, identity },
    ),
  ).pipe(
    Effect.mapError((error) =>
      unable(
        error.message,
        error.reason === "unauthorized" || error.reason === "denied"
          ? "webhooks are managed with the access token of an administrator: --token-env names the variable that has it"
          : undefined,
      ),
    ),
  );
  process.stdout.write(
    globals.json === true ? json({ dryRun, applied }) : applied.map((one) => shown(one, dryRun)).join(""),
  );
  return ExitCode.ok;
});

const artifactoryOf = (
  config: Config,
  name: string | undefined,
): Effect.Effect<ArtifactoryRegistryConfig, CliError> => {
  const all = Object.values(config.registries).filter((one) => one.type === "artifactory");
  const names = all.map((one) => one.name).join(", ");
  const [first, ...others] = name === undefined ? all : all.filter((one) => one.name === name);
  if (first === undefined)
    return Effect.fail(
      name === undefined
        ? unable("no registry of the configuration has type: artifactory")
        : unable(`there is no Artifactory ${name}`, names === "" ? undefined : `there is ${names}`),
    );
  return others.length === 0
    ? Effect.succeed(first)
    : Effect.fail(unable("there are several Artifactories", `--registry names one of ${names}`));
};

/** The address of ingest with the path for this registry, unless one was given. */
const addressOf = (text: string, registry: string): Effect.Effect<URL, CliError> => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    return Effect.fail(
      unable(
        `--url: "${text}" is no http or https address`,
        "the address of ingest as Artifactory reaches it, e.g. https://drayage.acme.example",
      ),
    );
  if (url.username !== "" || url.password !== "")
    return Effect.fail(
      unable("--url: credentials do not belong in an address", "the secret of the configuration is sent in a header"),
    );
  if (url.pathname === "/") url.pathname = `/notifications/${registry}`;
  return Effect.succeed(url);
};

const domainOf = (domain: string): Effect.Effect<WebhookDomain, CliError> =>
  Object.hasOwn(WEBHOOK_DOMAINS, domain)
    ? Effect.succeed(domain as WebhookDomain)
    : Effect.fail(unable(`--domain: there is no ${domain}`, `known are ${Object.keys(WEBHOOK_DOMAINS).join(", ")}`));

const tokenOf = (name: string | undefined) => {
  if (name === undefined) return Effect.succeed(undefined);
  const token = process.env[name];
  return token === undefined || token === ""
    ? Effect.fail(unable(`--token-env: ${name} is not set`))
    : Effect.succeed({ _tag: "Bearer" as const, token: Redacted.make(token) });
};

const DONE = { created: "created", updated: "updated", unchanged: "is as it should be" } as const;
const WOULD = { created: "would be created", updated: "would be updated", unchanged: "is as it should be" } as const;

const shown = ({ key, action, differences, subscription }: AppliedWebhook, dryRun: boolean): string => {
  const line = `webhook ${key} ${(dryRun ? WOULD : DONE)[action]}`;
  const changes = differences.length === 0 ? "" : `: ${differences.join(", ")}`;
  return `${line}${changes}\n${dryRun ? `${JSON.stringify(subscription, undefined, 2)}\n` : ""}`;
};
