import { type BlobBody, type Registry, RegistryError } from "@drayage/oci-core";
import { type Descriptor, digestAlgorithm, digestOf, type RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";

/** A small blob, whole and verified. `undefined`: larger than what is read of a signature. */
export const readSmallBlob = (
  registry: Registry,
  repository: RepositoryName,
  blob: Descriptor,
  bytesMax: number,
): Effect.Effect<Uint8Array | undefined, RegistryError> => {
  if (blob.size > bytesMax) return Effect.undefined;
  return Effect.acquireUseRelease(
    registry.blob(repository, blob),
    (body) => collect(registry, repository, blob, body),
    ({ stream }) => Effect.sync(() => stream.destroy()),
  );
};

const collect = (registry: Registry, repository: RepositoryName, blob: Descriptor, { stream }: BlobBody) =>
  Effect.tryPromise({
    try: async () => {
      const pieces: Array<Uint8Array> = [];
      let size = 0;
      for await (const piece of stream) {
        if (!(piece instanceof Uint8Array)) throw new TypeError("no bytes");
        size += piece.byteLength;
        if (size > blob.size) break;
        // Copied: the client may use its buffer again.
        pieces.push(Uint8Array.from(piece));
      }
      const bytes = Buffer.concat(pieces);
      if (size !== blob.size || digestOf(bytes, digestAlgorithm(blob.digest)) !== blob.digest)
        throw wrong(registry, repository, blob, "digest-mismatch", "the bytes have another digest");
      return bytes;
    },
    catch: (cause) =>
      cause instanceof RegistryError ? cause : wrong(registry, repository, blob, "network", String(cause)),
  });

const wrong = (
  registry: Registry,
  repository: RepositoryName,
  blob: Descriptor,
  reason: "network" | "digest-mismatch",
  detail: string,
): RegistryError =>
  new RegistryError({
    registry: registry.name,
    operation: "GET blob",
    reference: `${repository}@${blob.digest}`,
    reason,
    detail,
  });
