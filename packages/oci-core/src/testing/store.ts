import { type Content, discardContent } from "./content.ts";
import type { ManifestDocument } from "./manifest-check.ts";

/** A blob; its content is shared by all repositories that have it. */
export interface StoredBlob {
  readonly digest: string;
  readonly size: number;
  readonly content: Content;
}

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly document: ManifestDocument;
}

export interface StoredRepository {
  readonly name: string;
  readonly blobs: ReadonlyMap<string, StoredBlob>;
  readonly manifests: ReadonlyMap<string, StoredManifest>;
  /** Tag to digest. */
  readonly tags: ReadonlyMap<string, string>;
}

/** What the registry holds. Plain and synchronous, so that a check and the write after it are one step. */
export interface Store {
  readonly repository: (name: string) => StoredRepository | undefined;
  readonly repositoryNames: () => ReadonlyArray<string>;
  readonly tagNames: (name: string) => ReadonlyArray<string>;
  readonly createRepository: (name: string) => void;
  readonly deleteRepository: (name: string) => void;
  readonly putBlob: (name: string, blob: StoredBlob) => void;
  readonly deleteBlob: (name: string, digest: string) => boolean;
  readonly putManifest: (name: string, manifest: StoredManifest) => void;
  /** Removes the manifest and the tags that point to it; these are returned. `undefined`: it was not there. */
  readonly deleteManifest: (name: string, digest: string) => ReadonlyArray<string> | undefined;
  readonly setTag: (name: string, tag: string, digest: string) => void;
  readonly deleteTag: (name: string, tag: string) => boolean;
}

/** The mutable side of a repository. */
interface Shelf extends StoredRepository {
  readonly blobs: Map<string, StoredBlob>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  /** Sorted once and kept until a tag comes or goes: a listing of a million tags asks a thousand times. */
  sortedTags: ReadonlyArray<string> | undefined;
}

export const makeStore = (): Store => {
  const shelves = new Map<string, Shelf>();
  /** All contents by digest, with the number of repositories that have them. */
  const contents = new Map<string, { readonly blob: StoredBlob; links: number }>();
  let sortedNames: ReadonlyArray<string> | undefined;

  const shelf = (name: string): Shelf => {
    const known = shelves.get(name);
    if (known !== undefined) return known;
    const fresh: Shelf = { name, blobs: new Map(), manifests: new Map(), tags: new Map(), sortedTags: undefined };
    shelves.set(name, fresh);
    sortedNames = undefined;
    return fresh;
  };

  const forget = (content: Content): void => {
    // The directory goes with the registry, so a file that could not be removed now is only some bytes kept longer.
    discardContent(content).catch(() => undefined);
  };

  const unlink = (digest: string): void => {
    const entry = contents.get(digest);
    if (entry === undefined) return;
    entry.links -= 1;
    if (entry.links > 0) return;
    contents.delete(digest);
    forget(entry.blob.content);
  };

  return {
    repository: (name) => shelves.get(name),
    repositoryNames: () => {
      sortedNames ??= [...shelves.keys()].sort();
      return sortedNames;
    },
    tagNames: (name) => {
      const known = shelves.get(name);
      if (known === undefined) return [];
      known.sortedTags ??= [...known.tags.keys()].sort();
      return known.sortedTags;
    },
    createRepository: (name) => {
      shelf(name);
    },
    deleteRepository: (name) => {
      const gone = shelves.get(name);
      if (gone === undefined) return;
      shelves.delete(name);
      sortedNames = undefined;
      for (const digest of gone.blobs.keys()) unlink(digest);
    },
    putBlob: (name, blob) => {
      const to = shelf(name);
      const held = contents.get(blob.digest);
      if (held !== undefined && held.blob.content !== blob.content) forget(blob.content);
      const entry = held ?? { blob, links: 0 };
      contents.set(blob.digest, entry);
      if (to.blobs.has(blob.digest)) return;
      entry.links += 1;
      to.blobs.set(blob.digest, entry.blob);
    },
    deleteBlob: (name, digest) => {
      const removed = shelves.get(name)?.blobs.delete(digest) ?? false;
      if (removed) unlink(digest);
      return removed;
    },
    putManifest: (name, manifest) => {
      shelf(name).manifests.set(manifest.digest, manifest);
    },
    deleteManifest: (name, digest) => {
      const from = shelves.get(name);
      if (from?.manifests.delete(digest) !== true) return undefined;
      const tags = [...from.tags].filter(([, held]) => held === digest).map(([tag]) => tag);
      for (const tag of tags) from.tags.delete(tag);
      from.sortedTags = undefined;
      return tags.sort();
    },
    setTag: (name, tag, digest) => {
      const to = shelf(name);
      if (!to.tags.has(tag)) to.sortedTags = undefined;
      to.tags.set(tag, digest);
    },
    deleteTag: (name, tag) => {
      const from = shelves.get(name);
      if (from?.tags.delete(tag) !== true) return false;
      from.sortedTags = undefined;
      return true;
    },
  };
};
