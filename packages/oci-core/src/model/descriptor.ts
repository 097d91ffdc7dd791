import type { Digest } from "./brand.ts";

/** A typed, sized, content-addressed pointer. Source: OCI image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  /** Where a foreign layer may also be found. Never followed (facts/oci.md section 9). */
  readonly urls?: ReadonlyArray<string> | undefined;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}
