/** The distribution client: one interface for every registry, and what differs between them as data. */
export type { Adapter, NotificationSecrets, RegistryAuth, RegistrySettings } from "./adapter.ts";
export { classify, type Topic } from "./classify.ts";
export { type ConnectSettings, connectRegistry } from "./client.ts";
export { DockerConfigError, type DockerConfigOptions, dockerConfigAuth } from "./docker-config.ts";
export { RegistryError, type RegistryReason } from "./errors.ts";
export type { Observation } from "./http.ts";
export { MANIFEST_WRITE_TIMEOUT_MS } from "./manifests.ts";
export type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "./notification.ts";
export type { BlobBody, Registry, Resolved, UploadStart } from "./registry.ts";
export { knowsSecret, signedWithSecret } from "./secret.ts";
export { type RegistryTraits, STANDARD_TRAITS } from "./traits.ts";
export { type VerifiedStream, verified } from "./verify.ts";
