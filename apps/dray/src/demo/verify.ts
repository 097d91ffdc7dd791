import type { StrictRegistry } from "@drayage/oci-core/testing";
import type { Stage } from "./stage.ts";

/** What a comparison of the targets with their source found. */
export interface Verified {
  /** Manifests, signatures included, that were compared at each target. */
  readonly manifests: number;
  readonly blobs: number;
  /** One line each; empty is what the demo promises. */
  readonly differences: ReadonlyArray<string>;
}

/**
 * Compares what the targets hold with the source, byte by byte, without any of Drayage's own code: every tag, every manifest that the source
 * has (children of an index, signatures), and every blob by its size. A registry has checked a blob's digest when it took it.
 */
export const verify = (
  stage: Stage,
  repositories: ReadonlyArray<{
    readonly from: "hub" | "factory";
    readonly source: string;
    readonly target: string;
  }>,
): Verified => {
  const differences: Array<string> = [];
  let manifests = 0;
  let blobs = 0;
  for (const { from, source, target } of repositories) {
    const [origin, ...copies] = [stage[from], stage.europe, stage.america];
    const tags = origin.tags(source);
    manifests += origin.manifests(source).length;
    blobs += origin.blobs(source).length;
    for (const [n, copy] of copies.entries()) {
      const name = `${n === 0 ? "europe" : "america"}/${target}`;
      if (tags.join() !== copy.tags(target).join())
        differences.push(`${name} has the tags ${copy.tags(target).join(", ")}, the source ${tags.join(", ")}`);
      for (const reference of [...tags, ...origin.manifests(source)]) {
        if (!sameManifest(origin, source, copy, target, reference))
          differences.push(`${name}: ${reference} is not what the source has`);
      }
      for (const digest of origin.blobs(source)) {
        if (origin.blob(source, digest)?.size !== copy.blob(target, digest)?.size)
          differences.push(`${name}: blob ${digest} is not there`);
      }
      for (const { tag, digest } of copy.danglingReferences().filter(({ repository }) => repository === target))
        differences.push(`${name}:${tag} needs ${digest}, which is not there`);
    }
  }
  return { manifests, blobs, differences };
};

const sameManifest = (
  origin: StrictRegistry,
  source: string,
  copy: StrictRegistry,
  target: string,
  reference: string,
): boolean => {
  const [wanted, held] = [origin.manifest(source, reference), copy.manifest(target, reference)];
  if (wanted === undefined || held === undefined) return false;
  return wanted.mediaType === held.mediaType && Buffer.compare(wanted.bytes, held.bytes) === 0;
};
