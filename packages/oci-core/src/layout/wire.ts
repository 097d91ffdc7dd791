import * as z from "zod";
import { isDigest } from "../model/digest.ts";

/** `index.json` and `oci-layout` of a directory, read loosely: unknown fields stay. Source: OCI image-spec v1.1, image-layout.md. */

const text = z.string().optional().catch(undefined);
const entry = z.looseObject({
  mediaType: z.string(),
  digest: z.string().refine(isDigest),
  size: z.int().nonnegative(),
  artifactType: text,
  annotations: z.record(z.string(), z.string()).optional().catch(undefined),
});
const indexFile = z.looseObject({ schemaVersion: z.literal(2), manifests: z.array(entry) });
const marker = z.looseObject({ imageLayoutVersion: z.string().regex(/^1\./) });

export type LayoutEntry = z.output<typeof entry>;
export type LayoutIndex = z.output<typeof indexFile>;

export const readLayoutIndex = (document: unknown): LayoutIndex | undefined => indexFile.safeParse(document).data;
export const isLayoutMarker = (document: unknown): boolean => marker.safeParse(document).success;
