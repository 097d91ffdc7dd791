/**
 * What differs between registries, as data. Each field has a sentence, a default and a consequence, so that no
 * code asks for a registry's name. Source of the values: facts of each registry (docs/reference/registries.md).
 */
export interface RegistryTraits {
  /**
   * How a blob is sent. `put`: POST, then one PUT with the whole body (fewest requests). `patch`: POST, one PATCH with the
   * whole body, closing PUT (what docker does, so what every registry is tested with; ACR and Artifactory want it).
   */
  readonly upload: "put" | "patch";
  /**
   * How we learn that a blob is there before sending it. `mount`: the POST that opens the upload also asks to mount, which is check
   * and open in one. `head`: HEAD first (registries that never mount, or find blobs across repositories).
   */
  readonly presence: "mount" | "head";
  /**
   * Whether `DELETE manifests/<tag>` removes one tag, or only `DELETE manifests/<digest>` with all its tags works. `probe`: not known
   * (docker-registry 2.8 has only the second, 3.x both): the tag is tried first, and `unsupported` leads to the way of `digest`.
   */
  readonly tagDelete: "tag" | "digest" | "probe" | "none";
  /**
   * `api`: GET referrers answers, and a 404 of it is an error. `tag`: only the fallback tag. `unknown`: the API is asked; a 404 leads to the
   * fallback tag and is remembered for an hour, unless the API has answered before: then it is an error.
   */
  readonly referrers: "api" | "tag" | "unknown";
  /**
   * What becomes of an index whose images are not all there, as a choice of platforms leaves it. `refused`: known to be refused, so nothing is sent.
   * `tried`: not known, or a setting of the registry (distribution 3 has `validation.manifests.indexes`); it is put, and a refusal said as what it is.
   */
  readonly sparseIndex: "refused" | "tried";
  /**
   * Whether a tag that is likely to be unchanged may be asked for with `If-None-Match`. `learnt`: once the registry has shown that its entity tags
   * are its digests (docker-registry then answers 304 before it reads and checks the manifest). `never`: its answers to such requests contradict
   * each other.
   */
  readonly conditional: "learnt" | "never";
  /** Largest page asked for in tags/list. */
  readonly tagPageSize: number;
  /** Requests in flight at once, all copies together. */
  readonly concurrency: number;
  /** Requests a second, or undefined for no limit of our own. */
  readonly requestsPerSecond?: number | undefined;
  /** Bytes of blobs a second, to and from the registry together, or undefined for no limit. */
  readonly bandwidth?: number | undefined;
  /** First path segment of a source name is a repository key (Artifactory), see placeholders in DESIGN.md 4.1. */
  readonly repositoryKey: boolean;
}

/** What a registry gets that nothing else is known of: the plain distribution specification. */
export const STANDARD_TRAITS: RegistryTraits = {
  upload: "put",
  presence: "mount",
  tagDelete: "tag",
  referrers: "unknown",
  sparseIndex: "tried",
  conditional: "learnt",
  tagPageSize: 1000,
  concurrency: 32,
  requestsPerSecond: undefined,
  bandwidth: undefined,
  repositoryKey: false,
};
