import type { RegistryAuth } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";
import * as z from "zod";
import type { ArtifactoryRegistryConfig } from "../model.ts";
import { checked, duration, matching } from "../text.ts";
import {
  type BuildContext,
  buildAuth,
  buildCommon,
  buildSecrets,
  commonKeys,
  credentials,
  registryUrl,
  secretNotifications,
} from "./common.ts";

/** Legacy API keys have a header of their own. Source: facts/artifactory.md 2.2. */
const API_KEY_HEADER = "x-jfrog-art-api";
/** More often than this is no faster than a webhook, and each look is a search that other users wait for. */
const POLL_MS_MIN = 10_000;

const key = matching(
  /^[a-z0-9][a-z0-9._-]{0,63}$/,
  "not a repository key",
  "Use the key as it stands in references: lower-case letters, digits, dots, hyphens and underscores",
);

const identity = z.union([
  ...credentials.options,
  z.strictObject({
    apiKey: z
      .string()
      .min(1)
      .describe("Legacy API key, sent as `X-JFrog-Art-Api`. Prefer an access token: JFrog phases them out."),
  }),
]);

const port = z.int().min(1).max(65_535);

/** `type: artifactory`: JFrog Artifactory. */
export const artifactorySchema = z.strictObject({
  type: z.literal("artifactory").describe("JFrog Artifactory."),
  url: registryUrl.describe("Scheme, host and port."),
  access: z
    .union([
      z.enum(["repository-path", "subdomain", "hyphen", "direct"]),
      z.strictObject({ ports: z.record(key, port).describe("The port of each repository key.") }),
    ])
    .prefault("repository-path")
    .describe(
      "How repositories are addressed: `repository-path` (`host/<key>/<image>`), `subdomain` (`<key>.host/<image>`), `hyphen` (`acme-<key>.jfrog.io/<image>`), `{ ports: { <key>: 5001 } }`, or `direct` (the API behind them all). Names are `<key>/<image>` in every form.",
    ),
  api: checked(
    readApi,
    "not the address of the REST API",
    "Write scheme, host and path, e.g. https://art.example.com/artifactory",
  )
    .optional()
    .describe(
      "Base of the REST API, where a proxy has it elsewhere. Gets the credentials. Default: `/artifactory` at `url`.",
    ),
  auth: z
    .union([z.enum(["anonymous", "docker-config"]), identity, z.array(identity).min(1)])
    .prefault("anonymous")
    .describe(
      "How we prove who we are: `anonymous`, `docker-config` (~/.docker/config.json and its helpers), `{ username, password }` with a password, an access token, an identity token or a reference token, `{ token }`, `{ apiKey }`, or a list of these that is tried in order (rotation).",
    ),
  repositories: z
    .record(
      key,
      z.union([
        z.enum(["local", "remote"]),
        z.strictObject({ virtual: z.array(key).min(1).max(1000).describe("Keys of its members.") }),
      ]),
    )
    .prefault({})
    .describe(
      "Repository keys that routes read and that are not local: `remote` (a cache) or `{ virtual: [<member>, …] }`. An event of a member or of a cache is then one of the key that shows it, and deletions are mirrored only where all members are local. `local` says so where Artifactory does not tell. Default: as Artifactory says.",
    ),
  poll: z
    .strictObject({
      every: duration
        .refine(
          (ms) => ms >= POLL_MS_MIN,
          "at least 10s: every look is a search that other users of the instance wait for",
        )
        .describe("Time between two looks, at least 10s."),
    })
    .optional()
    .describe(
      "Looks for changes by outbound requests alone (a search by time), beside webhooks or without them. Deletions are not seen: reconciliation finds them. Default: none.",
    ),
  notifications: secretNotifications,
  ...commonKeys,
});

function readApi(text: string): URL | undefined {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) return undefined;
  return parsed.search === "" && parsed.hash === "" && parsed.username === "" && parsed.password === ""
    ? parsed
    : undefined;
}

type KeyKind = NonNullable<ArtifactoryRegistryConfig["repositories"]>[string];
type Wire = z.infer<typeof artifactorySchema>;

export const buildArtifactory = (wire: Wire, context: BuildContext): ArtifactoryRegistryConfig => ({
  ...buildCommon(wire, wire.url, context),
  type: "artifactory",
  access: wire.access,
  ...(wire.api === undefined ? {} : { api: wire.api }),
  auth: buildIdentities(context.name, wire.auth),
  repositories: Object.fromEntries(Object.entries(wire.repositories).map(([name, kind]) => [name, buildKind(kind)])),
  ...(wire.poll === undefined ? {} : { pollEveryMs: wire.poll.every }),
  notifications: buildSecrets(context.name, wire.notifications),
});

const buildKind = (kind: Wire["repositories"][string]): KeyKind =>
  typeof kind === "object"
    ? { _tag: "Virtual", members: kind.virtual }
    : { _tag: kind === "remote" ? "Remote" : "Local" };

const buildIdentities = (name: string, wire: Wire["auth"]): ArtifactoryRegistryConfig["auth"] => {
  if (typeof wire === "string") return buildAuth(name, wire);
  return (Array.isArray(wire) ? wire : [wire]).flatMap((one): ReadonlyArray<RegistryAuth> => {
    if ("apiKey" in one)
      return [{ _tag: "Header", header: API_KEY_HEADER, key: Redacted.make(one.apiKey, { label: `${name} API key` }) }];
    const built = buildAuth(name, one);
    return built === "docker-config" ? [] : built;
  });
};
