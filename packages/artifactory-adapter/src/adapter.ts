import {
  type Adapter,
  connectRegistry,
  type NotificationSecrets,
  proofOf,
  type RegistryTraits,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { authenticateArtifactory } from "./authenticate.ts";
import { repositoriesOf } from "./catalog.ts";
import { parseArtifactory } from "./parse.ts";

/** Source of each value: facts/artifactory.md, the section named. */
const traits: RegistryTraits = {
  ...STANDARD_TRAITS,
  /** 2.6: one whole PUT is said to be unreliable (RTFACT-19344); Harbor always does POST, PATCH, PUT. */
  upload: "patch",
  /** 2.4, 2.6: no evidence that it ever mounts, and HEAD finds a blob anywhere in the repository key. */
  presence: "head",
  /**
   * 3.7: by digest every tag of it goes, also those that we may not see (2.5: lists are filtered by permission). By tag works on current
   * versions; an old one that refuses it answers `unsupported`, and then the way of `digest` with its checks is taken.
   */
  tagDelete: "probe",
  /** 2.7: there since 7.90.1, unless the repository has it switched off. */
  referrers: "unknown",
  /** 2.5: without a size all tags come in one answer. */
  tagPageSize: 1000,
  /** 3.8: cloud instances have unpublished limits, and other clients need the instance too. */
  concurrency: 16,
  repositoryKey: true,
};

/** What only `type: artifactory` has in the configuration. */
export interface ArtifactoryOptions {
  readonly secrets: NotificationSecrets;
}

/**
 * JFrog Artifactory by repository path: `https://host/v2/<key>/<image>`. Manifests, blobs and tags are the standard client's, which keeps its
 * own path where the `Link` of Artifactory lacks the key (RTFACT-18971).
 */
export const artifactoryAdapter: Adapter<ArtifactoryOptions> = {
  type: "artifactory",
  traits,
  connect: (settings) =>
    connectRegistry({ ...settings, url: new URL(settings.url.origin), traits: { ...traits, ...settings.traits } }).pipe(
      Effect.map((registry) => ({ ...registry, repositories: () => repositoriesOf(settings) })),
    ),
  notifications: ({ secrets }) => ({
    // Captured bodies are below 1 KiB, a custom template at most 50 KiB (facts/artifactory.md 1.3).
    bytesMax: 256 * 1024,
    proof: proofOf(secrets),
    scheme: secrets.scheme,
    authenticate: (request) => authenticateArtifactory(request, secrets),
    parse: parseArtifactory,
  }),
};
