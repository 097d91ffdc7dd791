import * as Stream from "effect/Stream";
import type { RepositoryName } from "../model/brand.ts";
import type { Registry } from "./registry.ts";

/** How the names that the rest of Drayage uses stand to those of the registry's API. */
export interface Renaming {
  /** The registry's own name: `images/app` is `acme-prod/images/app` at Artifact Registry. */
  readonly outward: (name: RepositoryName) => RepositoryName;
  /** Our name for one of the registry's; `undefined` for what is none of ours, which listings then leave out. */
  readonly inward: (name: RepositoryName) => RepositoryName | undefined;
}

/** The same registry under other repository names. Errors keep the registry's own names: those are what its operator looks for. */
export const renamed = (registry: Registry, { outward, inward }: Renaming): Registry => ({
  ...registry,
  resolve: (repository, reference, known) => registry.resolve(outward(repository), reference, known),
  manifest: (repository, reference) => registry.manifest(outward(repository), reference),
  putManifest: (repository, reference, manifest) => registry.putManifest(outward(repository), reference, manifest),
  hasBlob: (repository, digest) => registry.hasBlob(outward(repository), digest),
  blob: (repository, descriptor, from) => registry.blob(outward(repository), descriptor, from),
  startUpload: (repository, mount) =>
    registry.startUpload(outward(repository), mount && { digest: mount.digest, from: outward(mount.from) }),
  upload: (repository, location, descriptor, body) => registry.upload(outward(repository), location, descriptor, body),
  cancelUpload: (repository, location) => registry.cancelUpload(outward(repository), location),
  tags: (repository) => registry.tags(outward(repository)),
  repositories: () =>
    Stream.map(registry.repositories(), (page) => page.map(inward).filter((name) => name !== undefined)),
  referrers: (repository, digest) => registry.referrers(outward(repository), digest),
  deleteManifest: (repository, reference) => registry.deleteManifest(outward(repository), reference),
});
