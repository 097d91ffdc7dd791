import { isTestFile } from "./workspaces.ts";

/** Who may import what: DESIGN section "Layout", docs/architecture.md. Patterns are prefixes: a whole name, or up to the next `/`. */
export interface ImportRule {
  readonly why: string;
  /** Files that the rule is about. */
  readonly files: (path: string) => boolean;
  /** Anything else is an error. `node:` stands for all built-ins. */
  readonly only?: ReadonlyArray<string>;
  readonly never?: ReadonlyArray<string>;
  /** What the rule must report, so that a rule with a slip of the pen cannot pass for one that nobody breaks. */
  readonly wrong: string;
}

const below =
  (...folders: ReadonlyArray<string>) =>
  (path: string): boolean =>
    folders.some((folder) => path.startsWith(`${folder}/`)) && !isTestFile(path);

const ADAPTERS = [
  "packages/ar-adapter",
  "packages/artifactory-adapter",
  "packages/ecr-adapter",
  "packages/oci-adapter",
];
/** What a vendor offers to reach its own API. */
const GOOGLE = ["google-auth-library", "@google-cloud/pubsub"];
const VENDORS = [...GOOGLE, "@aws-sdk"];
/** Each app, and the command that composes them. */
export const COMPOSER = "apps/dray";
export const APPS = ["ingest", "dispatcher", "replicator", "reconciler", "admin"];

export const IMPORT_RULES: ReadonlyArray<ImportRule> = [
  {
    why: "the model is pure: plain functions over bytes and text",
    files: below("packages/oci-core/src/model"),
    only: ["packages/oci-core/src/model", "zod", "node:crypto"],
    wrong: "effect/Effect",
  },
  {
    why: "oci-core knows images and registries, and never hears of events",
    files: below("packages/oci-core/src"),
    only: ["packages/oci-core/src", "effect", "zod", "undici", "node:"],
    wrong: "@drayage/domain",
  },
  {
    why: "the domain decides without a clock, I/O or chance: what it needs comes as an argument",
    files: below("packages/domain/src"),
    only: ["packages/domain/src", "@drayage/oci-core/model", "zod", "picomatch", "semver"],
    wrong: "node:fs",
  },
  {
    why: "an adapter knows its registry and oci-core; not events, and no other adapter",
    files: below(...ADAPTERS.map((folder) => `${folder}/src`)),
    only: [...ADAPTERS.map((folder) => `${folder}/src`), "@drayage/oci-core", ...VENDORS, "effect", "zod", "node:"],
    wrong: "@drayage/domain",
  },
  {
    why: "Google's libraries are known to their adapter and to the bus alone, and are loaded when they are needed",
    files: (path) =>
      !isTestFile(path) &&
      !path.startsWith("packages/ar-adapter/") &&
      !path.startsWith("packages/delivery/src/pubsub/"),
    never: GOOGLE,
    wrong: "google-auth-library",
  },
  {
    why: "whether an image is signed is asked of registries and of Sigstore's libraries, which nobody else knows",
    files: below("packages/signatures/src"),
    only: ["packages/signatures/src", "@drayage/oci-core", "@sigstore", "effect", "zod", "node:"],
    wrong: "@drayage/domain",
  },
  {
    why: "Sigstore's libraries are known to one package alone",
    files: (path) => !isTestFile(path) && !path.startsWith("packages/signatures/"),
    never: ["@sigstore"],
    wrong: "@sigstore/verify",
  },
  {
    why: "the log keeps any event type: it knows none of ours",
    files: below("packages/event-log/src"),
    never: ["@drayage"],
    wrong: "@drayage/domain",
  },
  {
    why: "runtime starts any app on a configuration and a log: it knows neither registries nor what happens to images",
    files: below("packages/runtime/src"),
    only: ["packages/runtime/src", "@drayage/config", "@drayage/event-log", "effect", "@effect/platform-node", "node:"],
    wrong: "@drayage/domain",
  },
  {
    why: "packages do not know the apps that use them",
    files: (path) => path.startsWith("packages/"),
    never: [...APPS, "dray"].map((app) => `@drayage/${app}`),
    wrong: "@drayage/replicator",
  },
  {
    why: "an app never imports another app: only apps/dray composes them",
    files: (path) => path.startsWith("apps/") && !path.startsWith(`${COMPOSER}/`),
    never: [...APPS, "dray"].map((app) => `@drayage/${app}`),
    wrong: "@drayage/ingest",
  },
  {
    why: "the whole of effect costs start-up time: import effect/<Module>",
    files: (path) => !isTestFile(path),
    never: ["=effect"],
    wrong: "effect",
  },
  {
    why: "what is offered to tests stays out of the product, but for the demo's registries",
    files: (path) => !isTestFile(path) && !path.startsWith(`${COMPOSER}/src/demo/`) && !path.endsWith("/demo.ts"),
    never: [
      "@drayage/oci-core/testing",
      "@drayage/ar-adapter/testing",
      "@drayage/artifactory-adapter/testing",
      "@drayage/event-log/testing",
      "@drayage/delivery/testing",
      "@drayage/ecr-adapter/testing",
      "vitest",
      "fast-check",
    ],
    wrong: "@drayage/oci-core/testing",
  },
];

/** `zod` and `zod/v4` match `zod`; `zodiac` does not. `node:` matches every built-in, `=effect` only `effect` itself. */
const matches = (pattern: string, specifier: string): boolean => {
  if (pattern.startsWith("=")) return specifier === pattern.slice(1);
  if (pattern === "node:") return specifier.startsWith("node:");
  return specifier === pattern || specifier.startsWith(`${pattern}/`);
};

/** Whether the rule lets a file of its own import this. */
export const isAllowed = ({ only, never = [] }: ImportRule, specifier: string): boolean =>
  !never.some((pattern) => matches(pattern, specifier)) &&
  (only === undefined || only.some((pattern) => matches(pattern, specifier)));
