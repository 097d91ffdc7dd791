import {
  type Adapter,
  connectRegistry,
  type NotificationSecrets,
  proofOf,
  type RegistryTraits,
  STANDARD_TRAITS,
} from "@drayage/oci-core";
import { authenticate } from "./authenticate.ts";
import { parseNotifications } from "./parse.ts";
import { type PollOptions, pollListener } from "./poll.ts";

/**
 * What is asked of a registry that nothing is known of. Works with docker-registry 2.8 and distribution 3.x: one whole PUT for a blob,
 * mount and open in one POST, the referrers API asked once. A tag is deleted by its name where that works: 2.8 answers 400
 * DIGEST_INVALID, and then only a digest with all its tags can go. Source: facts/oci.md, section on docker-registry.
 */
const traits: RegistryTraits = { ...STANDARD_TRAITS, tagDelete: "probe" };

/** What only `type: oci` has in the configuration. */
export interface OciOptions {
  readonly secrets: NotificationSecrets;
  /** Default: the registry tells, and is not asked. */
  readonly poll?: PollOptions | undefined;
}

/**
 * Any registry that keeps the OCI distribution specification, with the notifications of CNCF distribution, Harbor, zot, Quay, GHCR, ACR and
 * Docker Hub (docs/reference/notifications.md).
 */
export const ociAdapter: Adapter<OciOptions> = {
  type: "oci",
  traits,
  connect: (settings) => connectRegistry({ ...settings, traits: { ...traits, ...settings.traits } }),
  notifications: ({ secrets }) => ({
    // Distribution with `includereferences` lists every layer or child, zot sends the manifest (facts/event-sources.md 0). All others are small.
    bytesMax: 8 * 1024 * 1024,
    proof: proofOf(secrets),
    scheme: secrets.scheme,
    authenticate: (request) => authenticate(request, secrets),
    parse: parseNotifications,
  }),
  listeners: (settings, { poll }) => {
    if (poll === undefined) return [];
    return [pollListener({ ...settings, traits: { ...traits, ...settings.traits } }, poll)];
  },
};
