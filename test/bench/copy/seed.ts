import { type ImageFixture, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type { SeededRepository } from "./sets.ts";

const REPOSITORIES_AT_ONCE = 4;

/**
 * Fills a registry with a set, over plain HTTP. One image after the other in each repository: docker-registry reads the link of a blob that a
 * second upload of it is writing as an empty one. A manifest with many tags is pushed once, then tagged.
 */
export const seed = (registry: string, repositories: ReadonlyArray<SeededRepository>): Promise<void> =>
  Effect.runPromise(
    Effect.forEach(repositories, (repository) => fill(registry, repository), {
      concurrency: REPOSITORIES_AT_ONCE,
      discard: true,
    }),
  );

const fill = Effect.fnUntraced(function* (registry: string, { name, tags }: SeededRepository) {
  const pushed = new Set<string>();
  for (const [tag, made] of tags) {
    if (pushed.has(made.digest)) yield* Effect.promise(() => putTag(registry, name, tag, made));
    else yield* pushImage(registry, name, tag, made);
    pushed.add(made.digest);
  }
});

const putTag = async (
  registry: string,
  name: string,
  tag: string,
  { bytes, mediaType }: ImageFixture,
): Promise<void> => {
  const answer = await fetch(`${registry}/v2/${name}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": mediaType },
    body: Buffer.from(bytes),
  });
  if (answer.status !== 201) throw new Error(`PUT ${name}:${tag}: ${answer.status} ${await answer.text()}`);
};
