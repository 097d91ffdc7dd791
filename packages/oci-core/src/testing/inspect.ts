import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { openContent } from "./content.ts";
import { isDigest } from "./grammar.ts";
import { checkManifest } from "./manifest-check.ts";
import { hasChild } from "./manifests.ts";
import type { Store, StoredRepository } from "./store.ts";

/** A manifest as the registry holds it. */
export interface HeldManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A tag that leads to something that is not there. An empty list of these is invariant 4 of the design. */
export interface DanglingReference {
  readonly repository: string;
  readonly tag: string;
  /** What is missing. */
  readonly digest: string;
  readonly what: "manifest" | "blob";
}

/** Looks into the registry, and changes it by hand: without HTTP, without checks and without notifications. */
export interface Inspection {
  readonly repositories: () => ReadonlyArray<string>;
  /** Sorted; empty for a repository that does not exist. */
  readonly tags: (repository: string) => ReadonlyArray<string>;
  /** By tag or digest. */
  readonly manifest: (repository: string, reference: string) => HeldManifest | undefined;
  /** Digests of all manifests of a repository, tagged or not, sorted. */
  readonly manifests: (repository: string) => ReadonlyArray<string>;
  /** Digests of all blobs of a repository, sorted. */
  readonly blobs: (repository: string) => ReadonlyArray<string>;
  readonly blob: (
    repository: string,
    digest: string,
  ) => { readonly size: number; readonly open: () => Readable } | undefined;
  /** Walks from every tag to every child and blob. */
  readonly danglingReferences: () => ReadonlyArray<DanglingReference>;

  readonly createRepository: (repository: string) => void;
  readonly deleteRepository: (repository: string) => void;
  /** Points a tag at any digest, also at one that is not there. */
  readonly putTag: (repository: string, tag: string, digest: string) => void;
  /** `false`: it was not there. */
  readonly deleteTag: (repository: string, tag: string) => boolean;
  /** Puts a manifest without asking for its content, by tag or digest; returns its digest. Throws where the bytes are no manifest. */
  readonly putManifest: (
    repository: string,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  ) => string;
  readonly deleteManifest: (repository: string, digest: string) => boolean;
  /** Returns the digest. */
  readonly putBlob: (repository: string, bytes: Uint8Array) => string;
  /** Has a blob of one repository in another too, without copying its bytes. `false`: it is not there. */
  readonly shareBlob: (from: string, to: string, digest: string) => boolean;
  readonly deleteBlob: (repository: string, digest: string) => boolean;
}

export const inspect = (store: Store): Inspection => {
  const resolve = (repository: string, reference: string): HeldManifest | undefined => {
    const held = store.repository(repository);
    return held?.manifests.get(isDigest(reference) ? reference : (held.tags.get(reference) ?? ""));
  };
  return {
    repositories: store.repositoryNames,
    tags: store.tagNames,
    manifest: resolve,
    manifests: (repository) => [...(store.repository(repository)?.manifests.keys() ?? [])].sort(),
    blobs: (repository) => [...(store.repository(repository)?.blobs.keys() ?? [])].sort(),
    blob: (repository, digest) => {
      const blob = store.repository(repository)?.blobs.get(digest);
      return blob && { size: blob.size, open: () => openContent(blob.content, 0, blob.size - 1) };
    },
    danglingReferences: () =>
      store.repositoryNames().flatMap((name) => {
        const held = store.repository(name);
        return held === undefined ? [] : [...held.tags].flatMap(([tag, digest]) => dangling(held, tag, digest));
      }),
    createRepository: store.createRepository,
    deleteRepository: store.deleteRepository,
    putTag: store.setTag,
    deleteTag: store.deleteTag,
    putManifest: (repository, reference, { mediaType, bytes }) => {
      const checked = checkManifest(bytes, mediaType);
      if (checked._tag === "Invalid") throw new Error(`cannot put ${repository}/${reference}: ${checked.reason}`);
      const digest = digestOf(bytes);
      store.putManifest(repository, { digest, mediaType, bytes, document: checked.document });
      if (!isDigest(reference)) store.setTag(repository, reference, digest);
      return digest;
    },
    deleteManifest: (repository, digest) => store.deleteManifest(repository, digest) !== undefined,
    putBlob: (repository, bytes) => {
      const digest = digestOf(bytes);
      store.putBlob(repository, { digest, size: bytes.byteLength, content: { _tag: "Memory", bytes } });
      return digest;
    },
    shareBlob: (from, to, digest) => {
      const blob = store.repository(from)?.blobs.get(digest);
      if (blob !== undefined) store.putBlob(to, blob);
      return blob !== undefined;
    },
    deleteBlob: store.deleteBlob,
  };
};

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const dangling = (held: StoredRepository, tag: string, top: string): ReadonlyArray<DanglingReference> => {
  const found: Array<DanglingReference> = [];
  const seen = new Set<string>();
  const waiting = [top];
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    if (seen.has(digest)) continue;
    seen.add(digest);
    const manifest = held.manifests.get(digest);
    if (manifest === undefined) {
      found.push({ repository: held.name, tag, digest, what: "manifest" });
      continue;
    }
    for (const blob of manifest.document.blobs) {
      if (!held.blobs.has(blob.digest)) found.push({ repository: held.name, tag, digest: blob.digest, what: "blob" });
    }
    for (const child of manifest.document.children) {
      const isBlob = !held.manifests.has(child.digest) && hasChild(held, child);
      if (!isBlob) waiting.push(child.digest);
    }
  }
  return found;
};
