/** Small makers for tests: names that pass the grammar, routes with defaults. */
import {
  type Digest,
  digestOf,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";
import type { SourceTag } from "./event.ts";
import type { Route } from "./route.ts";
import type { RegistryLookup } from "./select.ts";

export const repo = (text: string): RepositoryName => {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new Error(`not a repository name: ${text}`);
  return name;
};
export const tagged = (text: string): Tag => {
  const tag = parseTag(text);
  if (tag === undefined) throw new Error(`not a tag: ${text}`);
  return tag;
};
export const digest = (seed: string): Digest => digestOf(Buffer.from(seed));
/** `registry/repository:tag`. */
export const source = (text: string): SourceTag => {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/(.+):([^:]+)$/.exec(text) ?? [];
  return { registry, repository: repo(repository), tag: tagged(tag) };
};
export const route = (fields: Partial<Route> & { readonly name?: string }): Route => ({
  name: "r",
  from: "lab",
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: [{ registry: "prod", repository: "{repository}", tag: "{tag}" }],
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
  ...fields,
});
export const to = (registry: string, repository: string, tag = "{tag}") => ({ registry, repository, tag });
export const globs = (...list: ReadonlyArray<string>) => ({ _tag: "Globs", globs: list }) as const;
/** `jfrog` and `jfrog2` have repository keys, nothing else has. */
export const lookup: RegistryLookup = (registry) => ({ repositoryKey: registry.startsWith("jfrog") });
