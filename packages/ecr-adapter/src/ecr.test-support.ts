import type { RegistrySettings } from "@drayage/oci-core";
import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { beforeAll } from "vitest";
import { ecrAdapter } from "./adapter.ts";
import type { EcrOptions } from "./options.ts";
import { type Ecr, type EcrPersonality, startEcr } from "./testing/index.ts";

/** The provider chain of AWS begins with the environment: with these it asks no metadata service. */
export const withAwsCredentials = (): void =>
  beforeAll(() => {
    process.env["AWS_ACCESS_KEY_ID"] = "AKIAEXAMPLE";
    process.env["AWS_SECRET_ACCESS_KEY"] = "example";
  });

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("not a name");
  return value;
};
export const repo = (text: string) => must(parseRepositoryName(text));
export const tag = (text: string) => must(parseTag(text));
export const digest = (text: string) => must(parseDigest(text));

export const optionsFor = (ecr: Ecr, more: Partial<EcrOptions> = {}): EcrOptions => ({
  account: ecr.account,
  region: ecr.region,
  isPublic: false,
  auth: {},
  createRepositories: { immutableTags: false, scanOnPush: false, tags: {} },
  secrets: { scheme: "shared-secret", secrets: [] },
  api: ecr.registry.url,
  queueApi: ecr.registry.url,
  ...more,
});
export const settingsFor = (ecr: Ecr): RegistrySettings => ({
  name: "ecr",
  url: ecr.registry.url,
  auth: [],
  traits: {},
});

/** A running ECR and our client on it. */
export const connected = Effect.fnUntraced(function* (
  personality: EcrPersonality = {},
  options: Partial<EcrOptions> = {},
) {
  const ecr = yield* startEcr(personality);
  return { ecr, registry: yield* ecrAdapter.connect(settingsFor(ecr), optionsFor(ecr, options)) };
});
