import { type Answer, type Inspection, json, refusal } from "@drayage/oci-core/testing";

/** What the personality looks at of the strict registry. */
export type Content = Pick<Inspection, "repositories" | "tags" | "manifest" | "manifests">;

/** Tags of each digest of an image. */
export const tagsByDigest = (content: Content, name: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>(content.manifests(name).map((digest) => [digest, []]));
  for (const tag of content.tags(name)) found.get(content.manifest(name, tag)?.digest ?? "")?.push(tag);
  return found;
};

interface Document {
  readonly manifests?: ReadonlyArray<{ readonly digest: string }>;
  readonly subject?: { readonly digest: string };
}

/** Digests that a manifest lists. */
export const childrenOf = (content: Content, name: string, digest: string): ReadonlyArray<string> =>
  (documentOf(content, name, digest).manifests ?? []).map((one) => one.digest);

const documentOf = (content: Content, name: string, digest: string): Document => {
  const held = content.manifest(name, digest);
  return held === undefined ? {} : (JSON.parse(Buffer.from(held.bytes).toString()) as Document);
};

/** tags/list with every digest, tags and digests each cut at `n` without a word. Source: facts/artifact-registry.md 4. */
export const extendedTags = (content: Content, name: string, url: URL): Answer => {
  const n = Math.min(10_000, Number(url.searchParams.get("n") ?? 10_000));
  const below = content.repositories().filter((other) => other.startsWith(`${name}/`));
  const child = [...new Set(below.map((other) => other.slice(name.length + 1).split("/")[0] ?? ""))];
  if (!content.repositories().includes(name) && child.length === 0)
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name });
  const manifest = Object.fromEntries(
    [...tagsByDigest(content, name)].slice(0, n).map(([digest, tag]) => [
      digest,
      {
        imageSizeBytes: "1",
        layerId: "",
        mediaType: content.manifest(name, digest)?.mediaType,
        tag,
        timeCreatedMs: "0",
        timeUploadedMs: "1597767277119",
      },
    ]),
  );
  return json(200, { child, manifest, name, tags: content.tags(name).slice(0, n) });
};

/** A digest that something points to cannot be deleted. Source: facts/artifact-registry.md 5.2. */
export const deletionRefusal = (content: Content, name: string, reference: string): Answer | undefined => {
  if (!reference.includes(":")) return undefined;
  if ((tagsByDigest(content, name).get(reference) ?? []).length > 0)
    return refusal(400, "GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by one or more tags");
  const isHeld = content
    .manifests(name)
    .some(
      (digest) =>
        childrenOf(content, name, digest).includes(reference) ||
        documentOf(content, name, digest).subject?.digest === reference,
    );
  return isHeld
    ? refusal(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "Manifest is still referenced by one or more parent images")
    : undefined;
};

/** A tag that can never be moved can never be deleted either. Source: facts/artifact-registry.md 5.3. */
export const immutableRefusal = (content: Content, name: string, reference: string): Answer | undefined =>
  content.tags(name).includes(reference)
    ? refusal(400, "MANIFEST_INVALID", `cannot delete tag ${reference}. The repository has enabled tag immutability`)
    : undefined;
