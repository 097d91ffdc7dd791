import type { Digest, Manifest, RepositoryName, Tag } from "@drayage/oci-core";
import type { Image } from "./images.ts";

/** What a tag was from a time on. */
interface Version {
  readonly at: number;
  readonly digest: Digest | undefined;
}
export interface Repository {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<Tag, Array<Version>>;
  /** When each digest came, for what asks how long something has been there. */
  readonly since: Map<Digest, number>;
}

/** A tag that changed. */
export interface TagChange {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly before: Digest | undefined;
  readonly now: Digest | undefined;
  /** A process of the installation, or `somebody`. */
  readonly by: string;
}

/** What came within this time is not collected, ms: registries wait longer, since uploads take their time. */
const GARBAGE_GRACE_MS = 120_000;

/** What one registry holds, and what each of its tags has ever been. Faults are not its business. */
export class Store {
  readonly name: string;
  readonly repositories = new Map<RepositoryName, Repository>();
  readonly #now: () => number;
  /** Told of every change of a tag, after it. */
  onChange: (change: TagChange) => void = () => {};

  constructor(name: string, now: () => number) {
    this.name = name;
    this.#now = now;
  }

  repository(name: RepositoryName): Repository {
    const found = this.repositories.get(name);
    if (found !== undefined) return found;
    const made: Repository = { blobs: new Map(), manifests: new Map(), tags: new Map(), since: new Map() };
    this.repositories.set(name, made);
    return made;
  }

  /** As it is, or as it was at a time. */
  tag(repository: RepositoryName, tag: Tag, at = Number.POSITIVE_INFINITY): Digest | undefined {
    const versions = this.repositories.get(repository)?.tags.get(tag) ?? [];
    return versions.findLast((version) => version.at <= at)?.digest;
  }
  /** Names of tags, as they are or were. */
  tags(repository: RepositoryName, at = Number.POSITIVE_INFINITY): ReadonlyArray<Tag> {
    const names = [...(this.repositories.get(repository)?.tags.keys() ?? [])];
    return names.filter((name) => this.tag(repository, name, at) !== undefined);
  }
  everHad(repository: RepositoryName, tag: Tag, digest: Digest): boolean {
    return (
      this.repositories
        .get(repository)
        ?.tags.get(tag)
        ?.some((version) => version.digest === digest) === true
    );
  }
  manifest(repository: RepositoryName, digest: Digest): Manifest | undefined {
    return this.repositories.get(repository)?.manifests.get(digest);
  }

  setTag(repository: RepositoryName, tag: Tag, digest: Digest | undefined, by: string): void {
    const { tags } = this.repository(repository);
    const before = this.tag(repository, tag);
    tags.set(tag, [...(tags.get(tag) ?? []), { at: this.#now(), digest }]);
    this.onChange({ registry: this.name, repository, tag, before, now: digest, by });
  }
  putBlob(repository: RepositoryName, digest: Digest, bytes: Uint8Array): void {
    const held = this.repository(repository);
    held.blobs.set(digest, bytes);
    held.since.set(digest, this.#now());
  }
  putManifest(repository: RepositoryName, manifest: Manifest): void {
    const { manifests, since } = this.repository(repository);
    if (!manifests.has(manifest.digest)) since.set(manifest.digest, this.#now());
    manifests.set(manifest.digest, manifest);
  }
  /** A whole image at once, as somebody's finished push. */
  push(repository: RepositoryName, tag: Tag | undefined, image: Image, by: string): void {
    for (const [digest, bytes] of image.blobs) this.putBlob(repository, digest, bytes);
    for (const manifest of image.manifests) this.putManifest(repository, manifest);
    if (tag !== undefined) this.setTag(repository, tag, image.digest, by);
  }
  /** The manifest, and every tag that points to it. */
  deleteDigest(repository: RepositoryName, digest: Digest, by: string): boolean {
    const held = this.repositories.get(repository);
    if (held?.manifests.delete(digest) !== true) return false;
    for (const tag of this.tags(repository))
      if (this.tag(repository, tag) === digest) this.setTag(repository, tag, undefined, by);
    return true;
  }

  /** What a manifest points to and the repository lacks, one level down. */
  missingOf(repository: RepositoryName, manifest: Manifest): ReadonlyArray<Digest> {
    const held = this.repositories.get(repository);
    return manifest._tag === "Image"
      ? [manifest.config, ...manifest.layers].flatMap(({ digest }) =>
          held?.blobs.has(digest) === true ? [] : [digest],
        )
      : manifest.manifests.flatMap(({ digest }) => (held?.manifests.has(digest) === true ? [] : [digest]));
  }
  /** The same all the way down. */
  lacks(repository: RepositoryName, digest: Digest): ReadonlyArray<Digest> {
    const manifest = this.manifest(repository, digest);
    if (manifest === undefined) return [digest];
    const below = manifest._tag === "Index" ? manifest.manifests.map((child) => child.digest) : [];
    return [
      ...this.missingOf(repository, manifest).filter((missing) => !below.includes(missing)),
      ...below.flatMap((child) => this.lacks(repository, child)),
    ];
  }
  /** Manifests whose subject is the digest. */
  referrersOf(repository: RepositoryName, digest: Digest): ReadonlyArray<Manifest> {
    const manifests = this.repositories.get(repository)?.manifests.values() ?? [];
    return [...manifests].filter(({ subject }) => subject?.digest === digest);
  }

  /** When garbage was last collected. */
  collectedAt = Number.NEGATIVE_INFINITY;
  /** What registries do at night: what no tag leads to, and did not come just now, is gone. */
  collectGarbage(): void {
    this.collectedAt = this.#now();
    const isNew = (held: Repository, digest: Digest): boolean =>
      (held.since.get(digest) ?? 0) > this.#now() - GARBAGE_GRACE_MS;
    for (const [name, held] of this.repositories) {
      const kept = new Set<Digest>();
      const keep = (digest: Digest): void => {
        const manifest = held.manifests.get(digest);
        if (kept.has(digest)) return;
        kept.add(digest);
        if (manifest?._tag === "Index") for (const child of manifest.manifests) keep(child.digest);
        if (manifest?._tag === "Image") for (const blob of [manifest.config, ...manifest.layers]) kept.add(blob.digest);
        for (const referrer of this.referrersOf(name, digest)) keep(referrer.digest);
      };
      for (const tag of this.tags(name)) {
        const digest = this.tag(name, tag);
        if (digest !== undefined) keep(digest);
      }
      for (const digest of held.manifests.keys()) if (isNew(held, digest)) keep(digest);
      for (const digest of held.manifests.keys()) if (!kept.has(digest)) held.manifests.delete(digest);
      for (const digest of held.blobs.keys()) if (!kept.has(digest) && !isNew(held, digest)) held.blobs.delete(digest);
    }
  }
}
