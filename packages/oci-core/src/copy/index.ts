/** The copy engine: moves images between registries, children before parents, tag last. */
export { type BlobIndex, type BlobPlace, type MemoryBlobIndex, makeBlobIndex } from "./blob-index.ts";
export type { Copier, CopyProgress, CopyRequest, CopyResult, Depth, WayCount } from "./copier.ts";
export type { RepositoryCopyRequest, RepositoryCopyResult } from "./copy-repository.ts";
export type { ManyTargetsRequest, TargetOutcome } from "./copy-to-many.ts";
export { CopyError, type CopySide, type GraphReason } from "./errors.ts";
export { type CopyLimits, DEFAULT_LIMITS } from "./limits.ts";
export { type CopierOptions, makeCopier } from "./make-copier.ts";
export { type BlobSpool, makeSpool, type SpoolOptions, type SpoolWrite } from "./spool.ts";
export { wantedAtTarget } from "./wanted.ts";
