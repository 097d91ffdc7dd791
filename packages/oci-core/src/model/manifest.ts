import type { Digest } from "./brand.ts";
import type { Descriptor } from "./descriptor.ts";

/** What all manifests share. `bytes` are the truth: they are moved as they came and never written again. */
interface ManifestBase {
  readonly bytes: Uint8Array;
  /** Computed over `bytes` by us. */
  readonly digest: Digest;
  /** Without parameters. */
  readonly mediaType: string;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** One image (or artefact) of one platform. */
export interface ImageManifest extends ManifestBase {
  readonly _tag: "Image";
  readonly config: Descriptor;
  /** In order; the same digest may be listed twice. */
  readonly layers: ReadonlyArray<Descriptor>;
}

/** A list of manifests, may be nested and may be empty. */
export interface IndexManifest extends ManifestBase {
  readonly _tag: "Index";
  readonly manifests: ReadonlyArray<Descriptor>;
}

export type Manifest = ImageManifest | IndexManifest;
