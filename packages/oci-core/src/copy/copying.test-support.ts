/** What the tests of the engine over registries in memory share. */
import * as Effect from "effect/Effect";
import type { Tag } from "../model/brand.ts";
import { multiPlatform } from "../testing/images.ts";
import type { CopyRequest } from "./copier.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry, repo, tagOf } from "./memory-registry.test-support.ts";

/** Waits of a test are short; everything else is as in production. */
export const limits = { backoffMs: 1, backoffMaxMs: 5 } as const;
export const MIB = 1024 * 1024;

export const request = <E = never>(
  source: MemoryRegistry,
  target: MemoryRegistry,
  more: Partial<CopyRequest<E>> & { repository?: string; tag?: string; to?: Tag | undefined } = {},
): CopyRequest<E> => {
  const repository = repo(more.repository ?? "team/app");
  const tag = tagOf(more.tag ?? "1");
  return {
    source: { registry: source, repository, reference: tag },
    target: { registry: target, repository, tag },
    depth: "tag",
    referrers: "none",
    ...more,
  };
};

export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect);
export const copyOnce = <E>(wanted: CopyRequest<E>) =>
  run(Effect.flatMap(makeCopier({ limits }), (copier) => copier.copy(wanted)));
export const failureOf = <E>(wanted: CopyRequest<E>) =>
  run(Effect.flatMap(makeCopier({ limits }), (copier) => Effect.flip(copier.copy(wanted))));

export const twoSides = async (fixture = multiPlatform({ seed: "app", layers: [2000, 3000] })) => {
  const source = makeMemoryRegistry({ name: "source" });
  const target = makeMemoryRegistry({ name: "target" });
  await source.fill("team/app", "1", fixture);
  return { source, target, fixture };
};
