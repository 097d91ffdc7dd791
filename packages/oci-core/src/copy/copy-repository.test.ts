import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Stream from "effect/Stream";
import { describe, expect, it } from "vitest";
import { image } from "../testing/images.ts";
import type { RepositoryCopyRequest } from "./copy-repository.ts";
import { limits, run } from "./copying.test-support.ts";
import { makeCopier } from "./make-copier.ts";
import {
  type MemoryOptions,
  type MemoryRegistry,
  makeMemoryRegistry,
  repo,
  tagOf,
} from "./memory-registry.test-support.ts";

const repository = repo("team/app");

const sides = async (tags: number, options: MemoryOptions = {}) => {
  const source = makeMemoryRegistry({ name: "source" });
  const target = makeMemoryRegistry({ ...options, name: "target" });
  for (let n = 0; n < tags; n += 1) await source.fill("team/app", `v${n}`, image({ seed: `image ${n % 3}` }));
  return { source, target };
};

const copyAll = async (source: MemoryRegistry, target: MemoryRegistry, more: Partial<RepositoryCopyRequest> = {}) => {
  const outcomes = new Map<string, string>();
  const result = await run(
    Effect.flatMap(makeCopier({ limits }), (copier) =>
      copier.copyRepository({
        source: { registry: source, repository },
        target: { registry: target, repository },
        depth: "tag",
        referrers: "none",
        onTag: (tag, outcome) =>
          outcomes.set(tag, Result.isFailure(outcome) ? outcome.failure.reason : outcome.success.action),
        ...more,
      }),
    ),
  );
  return { result, outcomes };
};

const asked = (registry: MemoryRegistry) => ({ heads: registry.count("resolve"), lists: registry.count("tags") });

describe("all tags of a repository", () => {
  it("that the target lacks cost it one question, a list before and a list after", async () => {
    const { source, target } = await sides(9);
    const { result, outcomes } = await copyAll(source, target);
    expect(result).toEqual({ tags: 9, copied: 9, unchanged: 0, failed: 0 });
    expect([...outcomes.values()]).toEqual(Array.from({ length: 9 }, () => "copied"));
    expect(new Map(target.repositoryOf("team/app").tags)).toEqual(source.repositoryOf("team/app").tags);
    expect(asked(target)).toEqual({ heads: 1, lists: 2 });
    // Each document is read once, and no HEAD goes before it.
    expect(asked(source)).toEqual({ heads: 0, lists: 1 });
    expect(source.count("manifest")).toBe(9);
    expect(target.dangling()).toEqual([]);
  });

  it("that the target has cost one question at each side", async () => {
    const { source, target } = await sides(9);
    await copyAll(source, target);
    source.calls.length = 0;
    target.calls.length = 0;
    expect((await copyAll(source, target)).result).toEqual({ tags: 9, copied: 0, unchanged: 9, failed: 0 });
    expect(asked(source)).toEqual({ heads: 9, lists: 1 });
    expect(asked(target)).toEqual({ heads: 9, lists: 0 });
    expect([...source.calls, ...target.calls]).toHaveLength(19);
  });

  it("are asked for one by one where the target does not name what it took", async () => {
    const { source, target } = await sides(5, { names: false });
    expect((await copyAll(source, target)).result.copied).toBe(5);
    expect(asked(target)).toEqual({ heads: 6, lists: 1 });
  });

  it("are asked for one by one where the target's list lacks them, or cannot be had", async () => {
    const { source, target } = await sides(5);
    const empty: MemoryRegistry = { ...target, tags: () => Stream.make([]) };
    expect((await copyAll(source, empty)).result.copied).toBe(5);
    expect(asked(target).heads).toBe(6);
    const other = await sides(5);
    const silent: MemoryRegistry = {
      ...other.target,
      tags: () => Stream.fail(other.target.error("unsupported")),
    };
    expect((await copyAll(other.source, silent)).result.copied).toBe(5);
    expect(other.target.dangling()).toEqual([]);
  });

  it("that a target takes and does not show are failures, and those of the others are not", async () => {
    const { source, target } = await sides(4);
    const liar: MemoryRegistry = {
      ...target,
      tags: (name) => Stream.map(target.tags(name), (page) => page.filter((tag) => tag !== "v2")),
      resolve: (name, reference) => (reference === "v2" ? Effect.undefined : target.resolve(name, reference)),
    };
    const { result, outcomes } = await copyAll(source, liar);
    expect(result).toEqual({ tags: 4, copied: 3, unchanged: 0, failed: 1 });
    expect(outcomes.get("v2")).toBe("invalid-response");
  });

  it("may be some of them", async () => {
    const { source, target } = await sides(5);
    const tags = [tagOf("v0"), tagOf("v1")];
    expect((await copyAll(source, target, { tags })).result.tags).toBe(2);
    expect(asked(source).lists).toBe(0);
  });

  it("fail together only when the source cannot be listed", async () => {
    const { source, target } = await sides(1);
    const hidden: MemoryRegistry = { ...source, tags: () => Stream.fail(source.error("denied")) };
    await expect(copyAll(hidden, target)).rejects.toMatchObject({ side: "source", reason: "denied" });
  });
});
