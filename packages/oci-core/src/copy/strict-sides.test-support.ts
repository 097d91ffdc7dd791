/** What the tests of the engine between strict registries share. */
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { expect } from "vitest";
import type { RegistryAuth } from "../registry/adapter.ts";
import { connectRegistry } from "../registry/client.ts";
import type { RegistryTraits } from "../registry/traits.ts";
import {
  type ImageFixture,
  manifestsOf,
  type StrictAuth,
  type StrictRegistryOptions,
  startStrictRegistry,
} from "../testing/index.ts";
import type { CopyRequest } from "./copier.ts";
import { makeCopier } from "./make-copier.ts";
import { repo, tagOf } from "./memory-registry.test-support.ts";

export const MIB = 1024 * 1024;
export const limits = { backoffMs: 1, backoffMaxMs: 20 } as const;
export const app = repo("team/app");
export const one = tagOf("1");

export interface SideOptions extends StrictRegistryOptions {
  readonly traits?: Partial<RegistryTraits>;
}

/** The first user of a registry that asks who we are. */
const identities = (auth: StrictAuth | undefined): ReadonlyArray<RegistryAuth> =>
  auth === undefined || auth._tag === "Anonymous"
    ? []
    : auth.users.slice(0, 1).map(({ name, password }) => ({
        _tag: "Basic",
        username: name,
        password: Redacted.make(password),
      }));

export const startSide = Effect.fnUntraced(function* (name: string, { traits, ...options }: SideOptions = {}) {
  const server = yield* startStrictRegistry(options);
  const client = yield* connectRegistry({
    name,
    url: server.url,
    auth: identities(options.auth),
    traits: traits ?? {},
  });
  return { server, client };
});

export const startBoth = Effect.fnUntraced(function* (
  options: { readonly source?: SideOptions; readonly target?: SideOptions } = {},
) {
  const source = yield* startSide("source", options.source);
  const target = yield* startSide("target", options.target);
  const copier = yield* makeCopier({ limits });
  const request = (more: Partial<CopyRequest> = {}): CopyRequest => ({
    source: { registry: source.client, repository: app, reference: one },
    target: { registry: target.client, repository: app, tag: one },
    depth: "tag",
    referrers: "all",
    ...more,
  });
  const forget = (): void => {
    source.server.requests.reset();
    target.server.requests.reset();
  };
  return { source, target, copier, request, forget };
});

export const expectEqual = (
  server: { manifest: (repository: string, reference: string) => unknown },
  top: ImageFixture,
): void => {
  for (const { digest, bytes, mediaType } of manifestsOf(top)) {
    expect(server.manifest("team/app", digest)).toMatchObject({ digest, mediaType, bytes: Buffer.from(bytes) });
  }
};
